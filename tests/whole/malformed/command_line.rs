//! Command lines with faults.

use super::case::Case;
use super::files::Files;

/// All cases.
pub(super) fn cases() -> Vec<Case> {
    [commands(), flags(), settings(), places()].into_iter().flatten().collect()
}

fn commands() -> Vec<Case> {
    vec![
        Case::new("a mistyped command", "trian"),
        Case::new("a command that never was", "serve"),
        Case::new("an empty command", "").word(""),
        Case::new("a configuration behind evaluate", "evaluate run.toml"),
        Case::new("evaluate without anything", "evaluate"),
        Case::new(
            "predict with a training flag",
            "predict --checkpoint <reference>/tiny-hf --seed 3",
        ),
        Case::new("evaluate with predict's flag", "evaluate --checkpoint a --data b.tsv --input c"),
        Case::new("two commands", "plan train"),
        Case::new("a plan of a faulty configuration", "plan --train-file a.tsv --seed x"),
        Case::new(
            "a plan of data that is not there",
            "plan --model <reference>/tiny --train-file a.tsv",
        ),
    ]
}

fn flags() -> Vec<Case> {
    let train = |name, further: &str| {
        Case::new(name, &format!("train --train-file train.tsv {further}"))
            .file("train.tsv", "text\tlabel\na\tx\nb\ty\n")
    };
    vec![
        train("an unknown flag with a known one near", "--learning-rat 1e-5"),
        train("an unknown flag with none near", "--local_rank=0"),
        train("a flag without its value", "--seed"),
        train("a flag before another flag", "--output-dir --seed 3"),
        train("one dash", "-seed 3"),
        train("a word too many", "train.tsv dev.tsv"),
        train("an empty value", "--output-dir="),
        train("a value out of range", "--max-seq-length 2 --per-device-train-batch-size 0"),
        train("a switch with a wrong value", "--no-shuffle=maybe"),
        train("control characters in a flag", "").word("--se\u{7}ed\n").word("\u{1b}[31m3"),
        train("a flag that is not UTF-8 text but an emoji", "--🚀"),
        train("many unknown flags", "--a 1 --b 2 --c 3 --d 4 --e 5 --f 6"),
    ]
}

fn settings() -> Vec<Case> {
    let set = |name, word| Case::new(name, "train --train-file train.tsv --set").word(word);
    vec![
        Case::new("--set at the end", "train --train-file train.tsv --set"),
        set("--set without =", "seed"),
        set("--set without a key", "=7"),
        set("--set of an unknown key", "optim.lerning_rate=1"),
        set("--set in the wrong table", "train.learning_rate=1e-5"),
        set("--set of a bad value", "train.seed=-1"),
    ]
}

fn places() -> Vec<Case> {
    let train = |name, further: &str| {
        let line = "train --model <reference>/tiny --train-file <reference>/golden/rows.tsv";
        Case::new(name, &format!("{line} --max-steps 1 {further}"))
    };
    vec![
        train("an output directory that is not empty", "--output-dir out")
            .file("out/notes.txt", "!"),
        train("an output directory with a run without a checkpoint", "--output-dir out")
            .file("out/run.toml", "[record]\n"),
        train("an output directory with a run and its checkpoint", "--output-dir out")
            .file("out/run.toml", "[record]\n")
            .file("out/checkpoint-5/config.json", "{}"),
        train("an output directory that is a file", "--output-dir out").file("out", ""),
        train("an output directory below a file", "--output-dir notes.txt/out")
            .file("notes.txt", ""),
        train(
            "a checkpoint to go on from that is not there",
            "--output-dir out --resume out/checkpoint-9",
        ),
        train("replacing a file", "--output-dir out --overwrite-output-dir").file("out", ""),
        train("a model that is not there", "--model ./distilbert"),
        train("a hub id without network", "--model distilbert-base-uncased"),
        train("a hub id that is none", "--model a/b/c"),
        train("a model that is a file", "--model model.safetensors").file("model.safetensors", ""),
        train("a directory that is no model", "--model data")
            .files(Files::default().with("data/a", "")),
        train("a model that is not built in", "--model builtin:large"),
    ]
}
