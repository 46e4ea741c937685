//! Runs to go on with whose checkpoints are broken or belong to another run.

use std::sync::OnceLock;

use lockstep_params::Digest;
use serde_json::{Value, json};

use super::case::Case;
use super::files::Files;
use super::tensor_files::{rename, with_header};
use crate::program::{Workplace, tiny_run};

/// A run of four updates.
pub(super) const RUN: &str = "train --model <reference>/tiny --train-file <reference>/golden/rows.tsv \
                   --output-dir out --max-steps 4 --save-strategy steps --save-steps 2";

/// All cases.
pub(super) fn cases() -> Vec<Case> {
    [cut(), manifests(), damaged(), other_runs(), all_broken(), as_models(), replaced_sources()]
        .into_iter()
        .flatten()
        .collect()
}

/// Going on from a checkpoint of the run, whose files are changed.
fn resumed(name: &'static str, change: impl FnOnce(Files) -> Files) -> Case {
    let files = change(whole()).inside("out/checkpoint-2");
    Case::new(name, &format!("{RUN} --resume out/checkpoint-2")).files(files)
}

/// The files of a checkpoint after two updates.
pub(super) fn whole() -> Files {
    static WHOLE: OnceLock<Files> = OnceLock::new();
    let train = || {
        let place = Workplace::new();
        let steps = ["--max-steps", "4", "--save-strategy", "steps", "--save-steps", "2"];
        place.succeed(&tiny_run("tiny", &steps));
        Files::read(&place.path("out/checkpoint-2"))
    };
    WHOLE.get_or_init(train).clone()
}

fn cut() -> Vec<Case> {
    let file = |name, file: &'static str| resumed(name, move |files| files.halved(file));
    vec![
        file("weights cut short", "model.safetensors"),
        file("moments cut short", "optimizer.safetensors"),
        file("a manifest cut short", "MANIFEST.json"),
        file("a configuration cut short", "config.json"),
        resumed("moments missing", |files| files.without("optimizer.safetensors")),
        resumed("a state missing", |files| files.without("trainer_state.json")),
        resumed("a manifest missing", |files| files.without("MANIFEST.json")),
    ]
}

fn manifests() -> Vec<Case> {
    let manifest = |name, edit: fn(&mut serde_json::Value)| {
        resumed(name, |files| files.edited_json("MANIFEST.json", edit))
    };
    vec![
        manifest("a manifest of a later version", |json| json["version"] = json!(3)),
        manifest("a manifest without files", |json| {
            json.as_object_mut().unwrap().remove("files").unwrap();
        }),
        manifest("a manifest that names no file", |json| json["files"] = json!({})),
        resumed("a manifest that is a list", |files| files.with("MANIFEST.json", "[]")),
    ]
}

const STATE: &str = "trainer_state.json";
const STEP_2: &str = "\"global_step\": 2";

/// Damage that leaves every file its size, without and with a manifest that fits it.
fn damaged() -> Vec<Case> {
    let flipped = |name, file: &'static str, from: &'static str, to: &'static str| {
        resumed(name, move |files| files.edited(file, |content| replaced(content, from, to)))
    };
    let damage = |name, file: &'static str, from: &'static str, to: &'static str| {
        resumed(name, move |files| {
            let content = replaced(files.content(file), from, to);
            rewritten(files, file, &content)
        })
    };
    vec![
        flipped("another byte in the weights", "model.safetensors", "lin1.bias", "lin7.bias"),
        flipped("another byte in the moments", "optimizer.safetensors", "\"F32\"", "\"I32\""),
        flipped("another byte in the tokenizer", "tokenizer.json", "[CLS]", "[CLT]"),
        flipped("another byte in the state", STATE, STEP_2, "\"global_step\": 3"),
        flipped("another byte in the manifest", "MANIFEST.json", "\"step\": 2", "\"step\": 4"),
        damage("an earlier step in the state", STATE, STEP_2, "\"global_step\": 1"),
        resumed("a file of another model added", |files| files.with("added_tokens.json", "{}")),
        damage("a brace in the state", "trainer_state.json", "\"identity\": {", "\"identity\": ["),
        damage("a word for a number in the state", STATE, STEP_2, "\"global_step\":\"2"),
        damage("another step in the state", STATE, STEP_2, "\"global_step\": 9"),
        damage("a tensor's name in the weights", "model.safetensors", "lin1.bias", "lin7.bias"),
        damage("a tensor's type in the moments", "optimizer.safetensors", "\"F32\"", "\"I32\""),
        damage("a brace in the weights", "model.safetensors", "{\"", "[\""),
        resumed("moments of another model", |files| {
            let name = "exp_avg.classifier.0.bias";
            let moments = with_header(files.content("optimizer.safetensors"), |header| {
                rename(header, name, "exp_avg.classifier.9.bias");
            });
            rewritten(files, "optimizer.safetensors", &moments)
        }),
        resumed("an optimizer where the weights belong", |files| {
            let moments = files.content("optimizer.safetensors").to_vec();
            rewritten(files, "model.safetensors", &moments)
        }),
        resumed("a state that was never written to its end", |files| {
            rewritten(files, "trainer_state.json", b"{\n  \"global_step\": 2,\n  \"epoch\": 0.15")
        }),
    ]
}

fn other_runs() -> Vec<Case> {
    let other = |name, flags: &str| {
        let line = format!("{RUN} --resume out/checkpoint-2 {flags}");
        Case::new(name, &line).files(whole().inside("out/checkpoint-2"))
    };
    vec![
        other("another seed", "--set seed=7"),
        other("another learning rate", "--learning-rate 1e-3"),
        other(
            "another batch, decay and dropout",
            "--global-batch-size 8 --weight-decay 0 --dropout 0",
        ),
        other("another length", "--set max_steps=8"),
        other("another head", "--head hf"),
        other("another training file", "--set data.train_file=train.tsv")
            .file("train.tsv", "text\tlabel\nfine\tglad\nbleak\tsad\nstill\tcalm\nwarm\tglad\n"),
        other("other classes", "--set data.train_file=train.tsv")
            .file("train.tsv", "text\tlabel\nfine\tgood\nbleak\tbad\n"),
    ]
}

fn all_broken() -> Vec<Case> {
    let newest = |name, files: Files| Case::new(name, &format!("{RUN} --resume auto")).files(files);
    let broken = |step| {
        let cut = whole().halved("model.safetensors");
        cut.inside(&format!("out/checkpoint-{step}"))
    };
    vec![
        newest("every checkpoint broken", broken(2).and(broken(4))),
        newest("the newest checkpoint broken, an older one whole", {
            whole().inside("out/checkpoint-2").and(broken(4))
        })
        .accepted("schedule "),
        newest("the checkpoint of another step", whole().inside("out/checkpoint-4")),
        newest("a file named like a checkpoint", Files::default().with("out/checkpoint-7", "")),
        Case::new("a run without --resume", RUN).files(whole().inside("out/checkpoint-2")),
        Case::new("an empty directory to go on from", &format!("{RUN} --resume before"))
            .folder("before"),
        Case::new("a model that is no checkpoint", &format!("{RUN} --resume <reference>/tiny-mlp")),
    ]
}

/// Checkpoints whose model is used.
fn as_models() -> Vec<Case> {
    const EVALUATE: &str =
        "evaluate --checkpoint out/checkpoint-2 --data <reference>/golden/rows.tsv --json";
    let changed = |name, file: &'static str, from: &'static str, to: &'static str| {
        let files = whole().edited(file, |content| replaced(content, from, to));
        Case::new(name, EVALUATE).files(files.inside("out/checkpoint-2"))
    };
    vec![
        changed("a model with another byte in its weights", "model.safetensors", "lin1", "lin7"),
        changed("a model with other classes", "config.json", "id2label", "id3label"),
        changed("a model with another limit", "lockstep.json", "max_seq", "min_seq"),
    ]
}

/// Runs that read what they would remove.
fn replaced_sources() -> Vec<Case> {
    const END: &str = "--train-file <reference>/golden/rows.tsv --output-dir out \
                       --overwrite-output-dir --max-steps 4";
    let files = || whole().inside("out/checkpoint-2").and(whole().inside("out"));
    let run = |name, model: &str| {
        let line = format!("train --model {model} {END}");
        Case::new(name, &line).files(files().with("out/run.toml", "[record]\n"))
    };
    vec![
        run("a model in the directory that is replaced", "out"),
        run("a checkpoint in the directory that is replaced", "out/checkpoint-2"),
    ]
}

/// A checkpoint with a file that its manifest knows as it is now.
fn rewritten(files: Files, name: &str, content: &[u8]) -> Files {
    let mut manifest: Value = serde_json::from_slice(files.content("MANIFEST.json")).unwrap();
    let hash = Digest::of(content).to_string();
    manifest["files"][name] = json!({ "bytes": content.len(), "xxh3_128": hash });
    manifest["xxh3_128"] = json!("");
    let text = |manifest: &Value| serde_json::to_string_pretty(manifest).unwrap() + "\n";
    manifest["xxh3_128"] = json!(Digest::of(text(&manifest).as_bytes()).to_string());
    files.with(name, content).with("MANIFEST.json", text(&manifest))
}

fn replaced(content: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "the size would tell");
    let places: Vec<usize> =
        (0..content.len()).filter(|&place| content[place..].starts_with(from.as_bytes())).collect();
    let mut content = content.to_vec();
    let place = places[0];
    content[place..place + to.len()].copy_from_slice(to.as_bytes());
    content
}
