//! Finished models that cannot be used, and texts and files for `evaluate` and `predict`.

use serde_json::json;

use super::case::Case;
use super::files::Files;
use super::tensor_files::without_numbers;

const ROWS: &str = "text\tlabel\na warm day\tglad\na bleak one\tsad\n";

/// All cases.
pub(super) fn cases() -> Vec<Case> {
    [
        models(),
        usages(),
        calibrations(),
        typed(),
        sets(),
        flags(),
        evaluations(),
        evaluated(),
        inputs(),
        disguises(),
        outputs(),
    ]
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

/// A calibration.json that cannot be used, and examples that none comes of.
fn calibrations() -> Vec<Case> {
    let file = |temperature: &str| {
        format!(
            "{{\"temperature\": {temperature}, \"fitted_on\": \"dev.tsv\", \"examples\": 2, \
             \"weights\": \"xxh3:0\"}}"
        )
    };
    let calibrate = |name, rows: &str| {
        let line = "evaluate --checkpoint model --data held.tsv --calibrate";
        let files = Files::of_reference("tiny-hf").inside("model");
        Case::new(name, line).file("held.tsv", rows).files(files)
    };
    vec![
        model("a calibration that is damaged", |files| files.with("calibration.json", "{")),
        model("a calibration with a temperature of 0", |files| {
            files.with("calibration.json", file("0"))
        }),
        model("a calibration of other weights", |files| {
            files.with("calibration.json", file("1.5"))
        }),
        calibrate("a calibration on an example that is right", "text\tlabel\na warm day\tcalm\n"),
        calibrate("a calibration on an example that is wrong", "text\tlabel\na warm day\tglad\n"),
        calibrate("a calibration on texts without labels", "text\na warm day\n"),
        Case::new(
            "a calibration with a temperature",
            "evaluate --checkpoint a --data b.tsv --calibrate --temperature 2",
        ),
    ]
}

/// Texts on the command line.
fn typed() -> Vec<Case> {
    let predict = |name, further: &str| {
        Case::new(name, &format!("predict --checkpoint <reference>/tiny-hf {further}"))
    };
    let pairs = |name| {
        let usage = json!({
            "max_seq_length": 32, "text_column": "premise", "text_pair_column": "hypothesis",
        });
        let files = Files::of_reference("tiny-hf").with("lockstep.json", usage.to_string());
        Case::new(name, "predict --checkpoint model").files(files.inside("model"))
    };
    vec![
        predict("a file that is taken for a text", "texts.txt").file("texts.txt", "a warm day\n"),
        predict("a table that is not there taken for a text", "reviews.csv"),
        Case::new("a checkpoint that is taken for a text", "predict <reference>/tiny-hf"),
        Case::new("a text without a checkpoint", "predict").word("a warm day"),
        predict("a text without letters", "").word("  \t"),
        predict("an empty text", "").word("a warm day").word(""),
        predict("a sentence without quotes", "a warm day").accepted(""),
        predict("a text that begins with a dash", "").word("-5 degrees and snow"),
        predict("the same behind two dashes", "--").word("-5 degrees and snow").accepted(""),
        predict("texts beside files", "--input texts.txt").word("a warm day"),
        predict("a flag for a text", "--text").word("a warm day"),
        pairs("one text of a pair").word("a man sleeps"),
        pairs("three texts for pairs").word("a").word("man").word("a man sleeps"),
        pairs("two texts of a pair").word("a man sleeps").word("he is asleep").accepted(""),
        pairs("a line without the second text of a pair")
            .word("--input")
            .word("texts.txt")
            .file("texts.txt", "a man sleeps\n"),
        pairs("a table without the second text of a pair")
            .word("--input")
            .word("texts.csv")
            .file("texts.csv", "premise\na man sleeps\n"),
    ]
}

/// Sets of files.
fn sets() -> Vec<Case> {
    let predict = |name, further: &str| {
        Case::new(name, &format!("predict --checkpoint <reference>/tiny-hf {further}"))
    };
    vec![
        predict("a pattern without files", "--input texts/*.csv").folder("texts"),
        predict("a list with a file that is not there", "--input a.txt,b.txt")
            .file("a.txt", "a warm day\n"),
        predict("a file that is named twice", "--input a.txt,a.txt").file("a.txt", "a warm day\n"),
        predict("a second file without the column", "--input a.csv,b.csv")
            .file("a.csv", "text\na warm day\n")
            .file("b.csv", "words\na bleak one\n"),
        predict("a data set that is not in the cache", "--input hub:owner/reviews:test"),
        predict("a data set without its split", "--input hub:owner/reviews"),
        predict("a column that is not there", "--input a.csv --text-column body")
            .file("a.csv", "id,text\n1,a warm day\n"),
        predict("answers over one of several files", "--input a.txt,b.tsv --output b.tsv")
            .file("a.txt", "a warm day\n")
            .file("b.tsv", "text\na bleak one\n"),
    ]
}

/// Flags with a value that is not valid.
fn flags() -> Vec<Case> {
    let predict = |name, further: &str| {
        Case::new(name, &format!("predict --checkpoint <reference>/tiny-hf {further}"))
            .word("a warm day")
    };
    vec![
        predict("no label", "--top-k 0"),
        predict("all labels in words", "--top-k all"),
        predict("a threshold of three classes", "--threshold 0.3"),
        predict("a threshold in percent", "--threshold 30"),
        predict("a temperature of 0", "--temperature 0"),
        predict("batches of nothing", "--max-tokens-per-batch 0"),
        predict("a batch size", "--batch-size 32"),
        predict("answers as JSON", "--format json"),
        predict("evaluate's flag for JSON", "--json"),
        predict("evaluate's flag for data", "--data texts.txt"),
        Case::new(
            "a threshold of three classes to evaluate with",
            "evaluate --checkpoint <reference>/tiny-hf --data held.tsv --threshold 0.5",
        )
        .file("held.tsv", ROWS),
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
        evaluate("blank texts to evaluate on", "tiny-hf", "text\tlabel\n \tglad\na day\tsad\n"),
        evaluate("labels that are missing", "tiny-hf", "text\tlabel\na\tglad\nb\t\n"),
        evaluate("numbers of classes there are not", "tiny-hf", "text\tlabel\na\t0\nb\t3\n"),
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

/// Other ways to name what is evaluated on.
fn evaluated() -> Vec<Case> {
    vec![
        Case::new("nothing to evaluate on", "evaluate --checkpoint <reference>/tiny-hf"),
        Case::new(
            "a bare file to evaluate on",
            "evaluate --checkpoint <reference>/tiny-hf held.tsv",
        )
        .file("held.tsv", ROWS),
        Case::new(
            "a text to evaluate on",
            "evaluate --checkpoint <reference>/tiny-hf --data held.tsv good",
        )
        .file("held.tsv", ROWS),
        Case::new(
            "standard input to evaluate on",
            "evaluate --checkpoint <reference>/tiny-hf --data -",
        ),
        Case::new(
            "texts in Windows-1252 to evaluate on",
            "evaluate --checkpoint <reference>/tiny-hf --data held.tsv",
        )
        .file("held.tsv", b"text\tlabel\nsch\xf6n\tglad\nf\xfcr\tsad\n"),
        Case::new(
            "a page in a directory that is not there",
            "evaluate --checkpoint <reference>/tiny-hf --data held.tsv --report pages/held.html",
        )
        .file("held.tsv", ROWS),
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
        predict("an answer under the name of another format", "--output answers.parquet"),
    ]
}
