//! Finished models that cannot be used, and texts and files for `evaluate` and `predict`.

use serde_json::json;

use super::case::Case;
use super::files::Files;
use super::tensor_files::without_numbers;

const ROWS: &str = "text\tlabel\na warm day\tglad\na bleak one\tsad\n";

/// All cases.
pub(super) fn cases() -> Vec<Case> {
    [models(), usages(), evaluations(), inputs(), disguises(), outputs()]
        .into_iter()
        .flatten()
        .collect()
}

/// Texts for the reference's finished model, whose files are changed.
fn model(name: &'static str, change: impl FnOnce(Files) -> Files) -> Case {
    Case::new(name, "predict --checkpoint model --input texts.txt")
        .file("texts.txt", "a warm day\n")
        .files(change(Files::of_reference("tiny-mlp")).inside("model"))
}

fn models() -> Vec<Case> {
    vec![
        Case::new("a model that is not there", "predict --checkpoint models/mine"),
        Case::new("a hub id to predict with", "predict --checkpoint distilbert-base-uncased"),
        Case::new("a file to predict with", "predict --checkpoint <reference>/tiny/config.json"),
        Case::new("an empty directory to predict with", "predict --checkpoint model")
            .folder("model"),
        Case::new("a bare encoder to predict with", "predict --checkpoint <reference>/tiny"),
        model("a head without its second layer", |files| {
            files.edited("model.safetensors", |file| {
                super::tensor_files::with_header(file, |header| {
                    super::tensor_files::rename(
                        header,
                        "classifier.3.weight",
                        "classifier.9.weight",
                    );
                })
            })
        }),
        model("names for other classes than the head has", |files| {
            files.edited_json("config.json", |json| json["id2label"] = json!({"0": "a", "1": "b"}))
        }),
        model("names that are no texts", |files| {
            files.edited_json("config.json", |json| json["id2label"] = json!({"0": 1, "7": [2]}))
        }),
        model("two classes of one name", |files| {
            let names = json!({"0": "glad", "1": "sad", "2": "sad"});
            files.edited_json("config.json", |json| json["id2label"] = names)
        }),
        model("weights that are no numbers", |files| {
            files.edited("model.safetensors", without_numbers)
        }),
        model("no tokenizer", |files| files.without("tokenizer.json")),
        model("a run.toml that is damaged", |files| {
            files.with("run.toml", "[data]\nmax_seq_length = \"a")
        })
        .accepted("line"),
    ]
}

/// What the run that wrote a model says of its use.
fn usages() -> Vec<Case> {
    vec![
        model("a lockstep.json that is damaged", |files| {
            files.with("lockstep.json", "{\"max_seq_length\": ")
        }),
        model("a lockstep.json with a length of nothing", |files| {
            files.with("lockstep.json", "{\"max_seq_length\": 1}")
        }),
        model("a lockstep.json that asks for more positions than there are", |files| {
            files.with("lockstep.json", "{\"max_seq_length\": 4096}")
        }),
    ]
}

fn evaluations() -> Vec<Case> {
    let evaluate = |name, model: &str, content: &str| {
        let line = format!("evaluate --checkpoint <reference>/{model} --data held.tsv");
        Case::new(name, &line).file("held.tsv", content)
    };
    vec![
        evaluate("a bare encoder to evaluate", "tiny", ROWS),
        evaluate("labels the model does not know", "tiny-hf", &ROWS.replace("sad", "gloomy")),
        evaluate("an empty file to evaluate on", "tiny-hf", ""),
        evaluate("texts without labels to evaluate on", "tiny-hf", "text\na\nb\n"),
        Case::new(
            "a file to evaluate on that is not there",
            "evaluate --checkpoint <reference>/tiny-hf --data held.tsv",
        ),
        Case::new(
            "a built-in corpus with other classes",
            "evaluate --checkpoint <reference>/tiny-hf --data builtin:reviews",
        ),
        Case::new(
            "a GPU to evaluate on",
            "evaluate --checkpoint <reference>/tiny-hf --data a.tsv --device cuda",
        ),
    ]
}

fn inputs() -> Vec<Case> {
    let predict = |name, further: &str| {
        Case::new(name, &format!("predict --checkpoint <reference>/tiny-hf {further}"))
    };
    let answers = |name, content: &[u8]| {
        predict(name, "--input texts.txt").file("texts.txt", content).accepted("")
    };
    vec![
        predict("nothing on standard input", "").accepted(""),
        answers("an empty file of texts", b""),
        predict("nothing but bad lines", "--input texts.txt")
            .file("texts.txt", b"\n \t\n\xff\nnul\0\n"),
        predict("one endless line", "--input texts.txt").file("texts.txt", vec![b'x'; 2 << 20]),
        predict("texts that are not there", "--input texts.txt"),
        predict("a directory of texts", "--input texts").folder("texts"),
        predict("a table without a text", "--input texts.tsv")
            .file("texts.tsv", "id\tscore\n1\t2\n"),
        predict("an empty table", "--input texts.csv").file("texts.csv", "").accepted(""),
        predict("texts as Parquet", "--input texts.parquet").file("texts.parquet", "PAR1\0"),
        predict("bad rows of a table", "--input texts.jsonl")
            .file("texts.jsonl", "{\"text\": null}\n[]\n{\"text\"\n{\"text\": 5}\n\n"),
    ]
}

/// Texts under names and in forms that are not what they seem.
fn disguises() -> Vec<Case> {
    let predict = |name, further: &str| {
        Case::new(name, &format!("predict --checkpoint <reference>/tiny-hf {further}"))
    };
    vec![
        predict("a JSON array of texts that was cut short", "--input texts.json")
            .file("texts.json", "[{\"text\": \"a warm day\"}, "),
        predict("compressed texts", "--input texts.tsv.gz").file("texts.tsv.gz", b"\x1f\x8b\x08\0"),
        predict("compressed texts without a name for it", "--input texts")
            .file("texts", b"\x1f\x8b\x08\0\0\0\xff"),
        predict("texts in Windows-1252", "--input texts.txt")
            .file("texts.txt", b"das w\xe4re sch\xf6n\nf\xfcr \xa35\n"),
        predict("objects as texts", "--input texts.txt")
            .file("texts.txt", "{\"text\": \"a warm day\"}\n"),
        predict("a document as texts", "--input texts.txt")
            .file("texts.txt", "[\n{\"text\": \"a warm day\"}\n]\n"),
        predict("a table as texts", "--input texts.txt")
            .file("texts.txt", "id,text\n1,a warm day\n"),
        predict("texts that look like objects", "--input texts.txt --input-format text")
            .file("texts.txt", "{\"text\": \"a warm day\"}\n")
            .accepted(""),
        predict("objects under another name", "--input texts.log --input-format jsonl")
            .file("texts.log", "{\"text\": \"a warm day\"}\n")
            .accepted(""),
        predict("a format of texts that is not read", "--input texts.txt --input-format xml")
            .file("texts.txt", "a warm day\n"),
    ]
}

fn outputs() -> Vec<Case> {
    let predict = |name, further: &str| {
        let line = "predict --checkpoint <reference>/tiny-hf --input texts.txt";
        Case::new(name, &format!("{line} {further}")).file("texts.txt", "a warm day\n")
    };
    vec![
        predict("an answer in a directory that is not there", "--output answers/a.tsv"),
        predict("an answer where a directory is", "--output answers").folder("answers"),
        predict("an answer over its own question", "--output texts.txt"),
        predict("an answer on a full disk", "--output /dev/full"),
        predict("an answer in an unknown format", "--format xml"),
        predict("an answer under the name of another format", "--output answers.csv"),
    ]
}
