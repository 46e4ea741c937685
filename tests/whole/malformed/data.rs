//! Rows that cannot be used, in the training file and in the files that are judged by its labels.

use std::fs;

use lockstep_testkit::reference;

use super::case::Case;
use super::files::Files;

/// All cases.
pub(super) fn cases() -> Vec<Case> {
    let groups = [tables(), objects(), sizes(), skipped(), held_out(), unlabelled(), pairs()];
    groups.into_iter().flatten().collect()
}

fn train_on(name: &'static str, path: &str, content: impl AsRef<[u8]>) -> Case {
    let line = "train --model <reference>/tiny --output-dir out --max-steps 1 --train-file";
    Case::new(name, line).word(path).file(path, content)
}

fn tables() -> Vec<Case> {
    vec![
        train_on(
            "blank texts",
            "train.tsv",
            "text\tlabel\nfine\tglad\n\tsad\n \t sad\nbleak\tsad\n",
        ),
        train_on("missing labels", "train.tsv", "text\tlabel\nfine\tglad\nbleak\t\nwarm\t  \n"),
        train_on(
            "blank lines between rows",
            "train.tsv",
            "text\tlabel\nfine\tglad\n\nbleak\tsad\n",
        ),
        train_on("too few and too many columns", "train.tsv", "text\tlabel\na\tx\nb\nc\ty\tz\n"),
        train_on(
            "commas without quotes",
            "train.csv",
            "text,label\nfine, really,glad\nbleak,sad\n",
        ),
        train_on("a quote that is never closed", "train.csv", "text,label\na,x\n\"b,y\nc,x\n"),
        train_on("invalid UTF-8", "train.tsv", b"text\tlabel\ncaf\xe9\tglad\nbleak\tsad\n"),
        train_on("NUL bytes", "train.tsv", b"text\tlabel\nfine\0\tglad\nbleak\tsad\n"),
        train_on(
            "every row bad in another way",
            "train.tsv",
            b"text\tlabel\n\tx\na\t\nb\n\xff\tx\n",
        ),
        train_on("the whole text of a book", "train.tsv", many_bad_rows()),
    ]
}

fn objects() -> Vec<Case> {
    let object = |name, second: &str| {
        let first = "{\"text\": \"fine\", \"label\": \"glad\"}\n";
        train_on(name, "train.jsonl", format!("{first}{second}\n"))
    };
    vec![
        object("a text that is null", "{\"text\": null, \"label\": \"sad\"}"),
        object("a text that is a number", "{\"text\": 5, \"label\": \"sad\"}"),
        object("a label that is absent", "{\"text\": \"bleak\"}"),
        object("a label that is a list", "{\"text\": \"bleak\", \"label\": [\"sad\", \"calm\"]}"),
        object("a label that is a fraction", "{\"text\": \"bleak\", \"label\": 0.5}"),
        object("a line that is cut", "{\"text\": \"bleak\", \"lab"),
        object("a line that is an array", "[\"bleak\", \"sad\"]"),
        object("an escape that is no character", "{\"text\": \"\\ud800\", \"label\": \"sad\"}"),
        object("a line of a hundred thousand brackets", &"[".repeat(100_000)),
        object("an object over two lines", "{\"text\": \"bleak\",\n\"label\": \"sad\"}"),
    ]
}

fn sizes() -> Vec<Case> {
    let endless = "x".repeat(2 << 20);
    vec![
        train_on("one endless line", "train.tsv", &endless),
        train_on("one endless row", "train.tsv", format!("text\tlabel\na\tx\n{endless}\ty\n")),
        train_on("one endless object", "train.jsonl", format!("{{\"text\": \"{endless}\"}}\n")),
        train_on(
            "one endless cell",
            "train.csv",
            format!("text,label\na,x\n\"{endless}\n\n\",y\n"),
        ),
        train_on("an endless header", "train.csv", vec!["column"; 300_000].join(",")),
    ]
}

fn skipped() -> Vec<Case> {
    let skip = |name, content: &str| {
        train_on(name, "train.tsv", content).word("--on-bad-row").word("skip")
    };
    vec![
        skip("all rows bad, bad rows skipped", "text\tlabel\n\tx\n\ty\na\n"),
        skip("one class left after skipping", "text\tlabel\na\tx\n\ty\n"),
        skip("bad rows skipped and counted", "text\tlabel\na\tx\n\ty\nb\ty\nc\n\td\te\n")
            .accepted("train "),
    ]
}

fn held_out() -> Vec<Case> {
    let held = |name, flag: &str, content: &str| {
        train_on(name, "train.tsv", "text\tlabel\nfine\tglad\nbleak\tsad\n")
            .word(flag)
            .word("held.tsv")
            .file("held.tsv", content)
    };
    let validated = |name, content| held(name, "--validation-file", content);
    vec![
        validated(
            "an unknown label in the validation file",
            "text\tlabel\nwarm\tGlad\ncold\tsad\n",
        ),
        validated("numbers instead of names in the validation file", "text\tlabel\nwarm\t1\n"),
        validated("an empty validation file", ""),
        validated("other columns in the validation file", "sentence\tgold\nwarm\tglad\n"),
        held("a test file without labels", "--test-file", "text\nwarm\ncold\n"),
        validated("unknown labels skipped, and nothing left", "text\tlabel\nwarm\tx\ncold\ty\n")
            .word("--on-bad-row=skip"),
    ]
}

/// Test splits of benchmarks, whose labels are withheld.
fn unlabelled() -> Vec<Case> {
    let split = reference("golden/hub_set/default/test/0000.parquet");
    let split = fs::read(split).unwrap();
    vec![
        train_on("a split without labels", "test.parquet", &split),
        train_on("a table without labels", "test.tsv", "text\tlabel\nfine\t-1\nbleak\t-1\n"),
        Case::new("an evaluation on a split without labels", "evaluate --checkpoint")
            .word("<reference>/tiny-hf")
            .word("--data")
            .word("test.parquet")
            .file("test.parquet", &split),
        train_on("some rows without labels", "train.tsv", "text\tlabel\na\t0\nb\t1\nc\t-1\n"),
    ]
}

/// Pairs of texts for a model of single ones.
fn pairs() -> Vec<Case> {
    let usage = r#"{"max_seq_length": 32, "text_column": "text", "label_column": "label"}"#;
    let rows = "a,b,label\nfine,warm,calm\nbleak,cold,sad\n";
    let of = |name, line: &str| {
        let model = Files::of_reference("tiny-hf").with("lockstep.json", usage).inside("model");
        Case::new(name, line).files(model).file("pairs.csv", rows)
    };
    vec![
        of(
            "an evaluation of a model of single texts on pairs",
            "evaluate --checkpoint model --data pairs.csv --text-column a,b",
        ),
        of(
            "answers of a model of single texts to pairs",
            "predict --checkpoint model --input pairs.csv --text-column a,b",
        ),
    ]
}

fn many_bad_rows() -> String {
    let lines = (0..5000).map(|line| format!("line {line} of a book\n"));
    "text\tlabel\n".to_owned() + &lines.collect::<String>()
}
