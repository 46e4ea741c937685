//! Training files that are not there, not what their name says, or without a usable header.

use super::case::Case;

/// All cases.
pub(super) fn cases() -> Vec<Case> {
    [paths(), formats(), headers(), labels()].into_iter().flatten().collect()
}

fn train_from(name: &'static str, path: &str) -> Case {
    let line = "train --model <reference>/tiny --output-dir out --max-steps 1 --train-file";
    Case::new(name, line).word(path)
}

fn train_on(name: &'static str, path: &str, content: impl AsRef<[u8]>) -> Case {
    train_from(name, path).file(path, content)
}

fn paths() -> Vec<Case> {
    vec![
        train_from("a file that is not there, with a similar one beside", "data/trian.tsv")
            .file("data/train.tsv", "text\tlabel\na\tx\nb\ty\n"),
        train_from("a file in a folder that is not there", "dta/train.tsv"),
        train_from("a path through a file", "train.tsv/train.tsv").file("train.tsv", ""),
        train_from("a directory instead of a file", "data").file("data/train.csv", "text,label\n"),
        train_from("a directory named like a file", "train.tsv").folder("train.tsv"),
        train_from("a model directory as training data", "<reference>/tiny"),
    ]
}

fn formats() -> Vec<Case> {
    let table = "text\tlabel\nfine\tglad\nbleak\tsad\n";
    vec![
        train_on("an extension that is not read", "train.xlsx", table),
        train_on("a JSON array without an end", "train.json", "[{\"text\": \"a\", \"label\": 1}"),
        train_on("columns of two lengths", "train.json", "{\"text\": [\"a\"], \"label\": []}"),
        train_on("Parquet that was cut short", "train.parquet", "PAR1\0"),
        train_on("Arrow that was cut short", "train.arrow", "ARROW1\0\0"),
        train_on("a name with no format inside", "train.gz", table),
        train_on("no extension", "train", table),
        train_on("an archive", "train.tsv.gz", b"\x1f\x8b\x08\0\0\0\0\0"),
        train_on("an archive under a text's name", "train.tsv", b"\x1f\x8b\x08\0\0\0\0\0\0\xFF"),
        train_on("UTF-16", "train.csv", b"\xFF\xFEt\0e\0x\0t\0,\0l\0a\0b\0e\0l\0\n\0"),
        train_on("an array over several lines", "train.jsonl", "[\n{\"text\": \"a\"}\n]\n"),
        train_on("a web page", "train.jsonl", "<!doctype html>\n<html>\n<body>404</body>\n"),
    ]
}

fn headers() -> Vec<Case> {
    vec![
        train_on("an empty file", "train.tsv", ""),
        train_on("only a byte order mark", "train.csv", "\u{feff}"),
        train_on("blank lines alone", "train.jsonl", "\n\n\n"),
        train_on("a header alone", "train.csv", "text,label\r\n"),
        train_on("no header", "train.tsv", "a warm day\tglad\na cold day\tsad\n"),
        train_on("commas in a .tsv", "train.tsv", "words,kind\nfine,glad\nbleak,sad\n"),
        train_on("two columns that may be the text", "train.csv", "text,review,label\na,b,x\n"),
        train_on("two columns of one name", "train.csv", "text,label,label\na,x,y\n"),
        train_on("no column that may be the label", "train.csv", "text,author\na,b\n"),
        train_on("a column that is not there", "train.csv", "text,label\na,x\n")
            .word("--text-column=Text"),
        train_on("one column for both", "train.csv", "text,label\na,x\n")
            .word("--text-column=label"),
        train_on("objects without a usable key", "train.jsonl", "{\"q\": \"a\", \"a\": \"b\"}\n"),
        train_on("a quote in the header", "train.csv", "\"text,label\nfine,glad\n"),
    ]
}

fn labels() -> Vec<Case> {
    vec![
        train_on("a single class", "train.tsv", "text\tlabel\na\tx\nb\tx\nc\tx\n"),
        train_on("one example", "train.tsv", "text\tlabel\na\tx\n"),
        train_on("texts in the label's column", "train.csv", every_text_its_own_class())
            .word("--label-column=text")
            .word("--text-column=label"),
        train_on(
            "an identifier for each row",
            "train.tsv",
            "text\tlabel\na\t1\nb\t2\nc\t3\nd\t4\n",
        ),
        train_on(
            "a byte order mark and CRLF",
            "train.tsv",
            "\u{feff}text\tlabel\r\na\tx\r\nb\ty\r\n",
        )
        .accepted("train "),
    ]
}

fn every_text_its_own_class() -> String {
    let rows = (0..3000).map(|row| format!("text number {row},{}\n", row % 2));
    "text,label\n".to_owned() + &rows.collect::<String>()
}
