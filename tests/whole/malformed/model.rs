//! Models to start from whose config.json or weights cannot be used.

use serde_json::{Value, json};

use super::case::Case;
use super::files::Files;
use super::tensor_files::{rename, with_header, with_header_length, without_numbers};

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";

/// All cases.
pub(super) fn cases() -> Vec<Case> {
    [configs(), sizes(), weights(), tensors(), values()].into_iter().flatten().collect()
}

/// A training from the reference model, whose files are changed.
fn model(name: &'static str, change: impl FnOnce(Files) -> Files) -> Case {
    let line = "train --model model --train-file <reference>/golden/rows.tsv --max-steps 1 \
                --output-dir out";
    Case::new(name, line).files(change(Files::of_reference("tiny")).inside("model"))
}

fn with_config(name: &'static str, changes: Value) -> Case {
    model(name, |files| {
        files.edited_json(CONFIG, |config| {
            for (key, value) in changes.as_object().unwrap() {
                config[key] = value.clone();
            }
        })
    })
}

fn with_tensors(name: &'static str, edit: impl FnOnce(&mut Value)) -> Case {
    model(name, |files| files.edited(WEIGHTS, |file| with_header(file, edit)))
}

fn configs() -> Vec<Case> {
    vec![
        model("no config.json", |files| files.without(CONFIG)),
        model("a config.json cut short", |files| files.halved(CONFIG)),
        model("an empty config.json", |files| files.with(CONFIG, "")),
        model("a config.json that is a list", |files| files.with(CONFIG, "[1, 2]")),
        model("a config.json without its sizes", |files| files.with(CONFIG, "{}")),
        model("a config.json of a hundred thousand brackets", |files| {
            files.with(CONFIG, format!("{{\"dim\": {}", "[".repeat(100_000)))
        }),
        with_config("a model of another kind", json!({"model_type": "electra"})),
        with_config("another activation", json!({"activation": "gelu_new"})),
        with_config("sizes that are none", json!({"dim": "wide", "n_layers": 0, "n_heads": 2.5})),
        with_config("rates that are none", json!({"dropout": 1.0, "attention_dropout": -0.1})),
        with_config("a width that the heads do not divide", json!({"n_heads": 5})),
    ]
}

fn sizes() -> Vec<Case> {
    vec![
        with_config(
            "sizes beyond all limits",
            json!({"vocab_size": 1_000_000_000_000_000_u64, "n_layers": u64::MAX}),
        ),
        with_config("the largest width", json!({"dim": 65_536, "n_heads": 1})),
        with_config(
            "the largest sizes",
            json!({
                "vocab_size": 10_000_000, "dim": 65_536, "hidden_dim": 1_048_576, "n_layers": 1000,
                "max_position_embeddings": 65_536, "n_heads": 1,
            }),
        ),
        with_config("more blocks than the file has", json!({"n_layers": 4})),
        with_config("fewer blocks than the file has", json!({"n_layers": 2})),
        with_config("a smaller vocabulary than the tokenizer's", json!({"vocab_size": 200})),
        with_config(
            "fewer positions than --max-seq-length",
            json!({"max_position_embeddings": 64}),
        ),
    ]
}

fn weights() -> Vec<Case> {
    let length = |name, length| {
        model(name, |files| files.edited(WEIGHTS, |file| with_header_length(file, length)))
    };
    vec![
        model("no weights", |files| files.without(WEIGHTS)),
        model("weights cut short", |files| files.halved(WEIGHTS)),
        model("empty weights", |files| files.with(WEIGHTS, "")),
        model("a pointer of Git LFS", |files| {
            files.with(WEIGHTS, "version https://git-lfs.github.com/spec/v1\noid sha256:00\n")
        }),
        length("a header longer than the file", 1 << 40),
        length("a header of the largest length", u64::MAX),
        length("a header of no length", 0),
        model("weights that are a directory", |files| {
            files.without(WEIGHTS).with("model.safetensors/a", "")
        }),
        with_tensors("values beyond the end of the file", |header| {
            header["transformer.layer.0.ffn.lin1.weight"]["data_offsets"] = json!([0, 1_u64 << 50]);
        }),
        with_tensors("a shape larger than its values", |header| {
            header["transformer.layer.0.ffn.lin1.weight"]["shape"] = json!([1_u64 << 40, 1 << 22]);
        }),
    ]
}

fn tensors() -> Vec<Case> {
    vec![
        with_tensors("a tensor that is missing", |header| {
            rename(header, "transformer.layer.1.attention.q_lin.weight", "unrelated.weight");
        }),
        with_tensors("a tensor of another shape", |header| {
            header["transformer.layer.0.ffn.lin1.weight"]["shape"] = json!([32, 64]);
        }),
        with_tensors("a tensor of whole numbers", |header| {
            header["transformer.layer.0.ffn.lin1.weight"]["dtype"] = json!("I32");
        }),
        with_tensors("a tensor that is left over", |header| {
            let name = "transformer.layer.2.ffn.lin2.bias";
            rename(header, name, "transformer.layer.9.ffn.lin2.bias");
        }),
        with_tensors("a tensor of an unknown type", |header| {
            header["transformer.layer.0.ffn.lin1.weight"]["dtype"] = json!("F128");
        }),
        with_tensors("the tensors of something else", |header| {
            let tensors = std::mem::take(header.as_object_mut().unwrap());
            let others = tensors.into_iter().filter(|(name, _)| name != "__metadata__");
            let renamed = others.map(|(name, tensor)| (format!("gpt.{name}"), tensor));
            *header = Value::Object(renamed.collect());
        }),
    ]
}

fn values() -> Vec<Case> {
    vec![
        model("weights that are no numbers", |files| files.edited(WEIGHTS, without_numbers)),
        Case::new(
            "a model with other classes",
            "train --model <reference>/tiny-mlp --train-file train.tsv --output-dir out",
        )
        .file("train.tsv", "text\tlabel\na\tx\nb\ty\n"),
        Case::new(
            "a model with the other head and other classes",
            "train --model <reference>/tiny-hf --head mlp --train-file train.tsv --output-dir out",
        )
        .file("train.tsv", "text\tlabel\na\tx\nb\ty\n")
        .accepted("model "),
    ]
}
