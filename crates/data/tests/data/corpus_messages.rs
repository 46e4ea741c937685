//! Every message about a malformed corpus, as a user sees it.
//!
//! `UPDATE_EXPECT=1` rewrites the expected texts; read them as a tired user would before committing.

use std::fs;
use std::path::Path;

use expect_test::{Expect, expect};
use lockstep_data::{
    Corpus, CorpusSource, DataError, Example, LabelMap, Labels, OnBadRow, RowPlace, TextReader,
};

/// A file and how it is read.
struct Case<'a> {
    file: &'a str,
    content: &'a [u8],
    columns: (Option<&'a str>, Option<&'a str>),
    on_bad_row: OnBadRow,
    known: Option<&'a [&'a str]>,
}

impl<'a> Case<'a> {
    fn of(file: &'a str, content: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        let content = content.as_ref();
        Self { file, content, columns: (None, None), on_bad_row: OnBadRow::Fail, known: None }
    }

    fn columns(self, text: Option<&'a str>, label: Option<&'a str>) -> Self {
        Self { columns: (text, label), ..self }
    }

    fn skip(self) -> Self {
        Self { on_bad_row: OnBadRow::Skip, ..self }
    }

    fn known(self, names: &'a [&'a str]) -> Self {
        Self { known: Some(names), ..self }
    }

    fn check(self, expected: Expect) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(self.file);
        fs::write(&path, self.content).unwrap();
        let source = CorpusSource {
            text_column: self.columns.0.map(str::to_owned).into(),
            label_column: self.columns.1.map(str::to_owned).into(),
            on_bad_row: self.on_bad_row,
            ..path.into()
        };
        let outcome = match self.known {
            None => Corpus::read(&source, Labels::Infer),
            Some(names) => Corpus::read(&source, Labels::Known(&of_model(names))),
        };
        expected.assert_eq(&told(outcome, folder.path()));
    }
}

fn map(names: &[&str]) -> LabelMap {
    LabelMap::new(names.iter().map(|&name| name.to_owned()).collect()).unwrap()
}

fn of_model(names: &[&str]) -> LabelMap {
    LabelMap::of_model(names.iter().map(|&name| name.to_owned()).collect()).unwrap()
}

/// The error's message, or for a corpus what was read of it.
fn told(outcome: Result<Corpus, DataError>, folder: &Path) -> String {
    match outcome {
        Ok(corpus) => {
            let examples = corpus.texts_and_labels().map(|(text, label)| format!("{text}={label}"));
            let examples: Vec<String> = examples.collect();
            format!("read: {}; skipped: {}", examples.join(" "), corpus.skipped())
        }
        Err(error) => message(&error).replace(&format!("{}/", folder.display()), ""),
    }
}

/// The message, and the remedy that the command line spells.
fn message(error: &DataError) -> String {
    match error.remedy() {
        Some(remedy) => format!("{error}\n  remedy: {remedy:?}"),
        None => error.to_string(),
    }
}

/// A path in a folder that holds `train.tsv`, `dev.csv`, `notes.txt` and the folder `more`.
fn check_path(path: &str, expected: Expect) {
    let folder = tempfile::tempdir().unwrap();
    for name in ["train.tsv", "dev.csv", "notes.txt"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    fs::create_dir(folder.path().join("more")).unwrap();
    let source = CorpusSource::from(folder.path().join(path));
    expected.assert_eq(&told(Corpus::read(&source, Labels::Infer), folder.path()));
}

#[test]
fn a_path_that_leads_to_no_file() {
    check_path(
        "trian.tsv",
        expect![[r#"
            trian.tsv: the file does not exist
              similar files: `train.tsv`, `dev.csv`
              hint: correct the path; a relative path starts at the working directory"#]],
    );
    check_path(
        "more/train.tsv",
        expect![[r#"
            more/train.tsv: the file does not exist
              hint: correct the path; a relative path starts at the working directory"#]],
    );
    check_path(
        "nowhere/train.tsv",
        expect![[r#"
            nowhere/train.tsv: the file does not exist, because there is no folder nowhere
              hint: correct the path; a relative path starts at the working directory"#]],
    );
    check_path(
        "train.tsv/x.tsv",
        expect![[r#"
            train.tsv/x.tsv: the file does not exist, because there is no folder train.tsv
              hint: correct the path; a relative path starts at the working directory"#]],
    );
}

#[test]
fn a_path_that_leads_to_something_else() {
    check_path(
        "more",
        expect![[r#"
            more: this is a directory, not a file
              hint: give one data file"#]],
    );
    check_path(
        "notes.txt",
        expect![[r#"
            notes.txt: the format .txt is not supported
              remedy: Do("rename or convert it; supported formats are .tsv, .csv, .jsonl (one JSON object per line) and .json, also with .gz or .zst behind, .parquet and .arrow")"#]],
    );
    check_path(
        "./",
        expect![[r#"
            ./: this is a directory, not a file
              data files in it: `dev.csv`, `train.tsv`
              hint: give one data file"#]],
    );
}

#[test]
fn a_name_that_does_not_tell_the_format() {
    Case::of("train", "text\tlabel\n").check(expect![[r#"
        train: the name has no extension, so its format is unknown
          remedy: Do("rename or convert it; supported formats are .tsv, .csv, .jsonl (one JSON object per line) and .json, also with .gz or .zst behind, .parquet and .arrow")"#]]);
    Case::of("train.parquet", "PAR1").check(expect![[r#"
        train.parquet: cannot be read as Parquet: EOF: Parquet file too small. Size is 4 but need 8
          hint: check that the file is complete: copy or write it again"#]]);
    Case::of("train.json", "[]").check(expect![[r#"
        train.json: the file is empty
          hint: check that it was written completely"#]]);
}

#[test]
fn a_file_with_nothing_in_it() {
    Case::of("a.tsv", "").check(expect![[r#"
        a.tsv: the file is empty
          hint: check that it was written completely"#]]);
    Case::of("a.csv", "\u{feff}").check(expect![[r#"
        a.csv: the file is empty
          hint: check that it was written completely"#]]);
    Case::of("a.jsonl", "\n\n").check(expect![[r#"
        a.jsonl: the file is empty
          hint: check that it was written completely"#]]);
    Case::of("a.tsv", "text\tlabel\n").check(expect![[r#"
        a.tsv: the file has a header (text `text`, label `label`) but no rows
          hint: check that it was written completely"#]]);
    Case::of("a.csv", "\n\ntext,label\r\n\r\n").check(expect![[r#"
        a.csv: the file has a header (text `text`, label `label`) but no rows
          hint: check that it was written completely"#]]);
}

#[test]
fn a_header_that_does_not_show_the_columns() {
    Case::of("a.tsv", "it 's a charming journey .\t1\nbleak\t0\n").check(expect![[r#"
        a.tsv: cannot tell which column holds the text
          line 1 has: `it 's a charming journey .`, `1`
          recognised names: text, sentence, review, content, comment, message, tweet, document, body, utterance, question, query, sentence1 with sentence2, premise with hypothesis, question1 with question2, text1 with text2, sentence_1 with sentence_2, text_1 with text_2, sentence_a with sentence_b, text_a with text_b
          column `it 's a charming journey .` begins with `bleak`
          column `1` begins with `0`
          remedy: NameColumn { role: Text, header: Some(1) }"#]]);
    Case::of("a.csv", "id,body,stars,label\n").check(expect![[r#"
        a.csv: several columns in line 1 could hold the label: `stars`, `label`
          remedy: NameOneColumn(Label)"#]]);
    Case::of("a.csv", "title,text,kind\n").check(expect![[r#"
        a.csv: cannot tell which column holds the label
          line 1 has: `title`, `text`, `kind`
          recognised names: label, labels, class index, category, class, sentiment, target, intent, topic, rating, stars
          remedy: NameColumn { role: Label, header: Some(1) }"#]]);
}

#[test]
fn columns_that_cannot_be_told_apart() {
    Case::of("a.csv", "text,sentence,label\n").check(expect![[r#"
        a.csv: several columns in line 1 could hold the text: `text`, `sentence`
          remedy: NameOneColumn(Text)"#]]);
    Case::of("a.csv", "text,text,label\n").check(expect![[r#"
        a.csv: several columns in line 1 could hold the text: `text`, `text`
          remedy: NameOneColumn(Text)"#]]);
    Case::of("a.csv", "text,label\n").columns(Some("Text"), None).check(expect![[r#"
        a.csv: the file has a header (text `text`, label `label`) but no rows
          hint: check that it was written completely"#]]);
    Case::of("a.csv", "text,label\n").columns(Some("label"), None).check(expect![[r#"
        a.csv: the column `label` in line 1 is named for both the text and the label
          remedy: NameTwoColumns"#]]);
}

#[test]
fn a_header_that_cannot_be_read() {
    Case::of("a.tsv", b"te\xFFxt\tlabel\n").check(expect![[r#"
        a.tsv: the header in line 1 cannot be read: the line is not valid UTF-8
          the file is not UTF-8: its bytes look like WINDOWS-1252 (Latin-1, Western European)
          remedy: NameEncoding("WINDOWS-1252")"#]]);
    Case::of("a.tsv", b"\xFF\xFEt\0e\0x\0t\0\n\0").check(expect![[r#"
        a.tsv: cannot tell which column holds the label
          line 1 has: `text` (one column; check that tabs separate the cells)
          recognised names: label, labels, class index, category, class, sentiment, target, intent, topic, rating, stars
          remedy: NameColumn { role: Label, header: Some(1) }"#]]);
    Case::of("a.csv", "text,\"label\na,0\n").check(expect![[r#"
        a.csv: the header in line 1 cannot be read: a quote opens here and is never closed
          remedy: Do("save the file as UTF-8 text whose first line names the columns")"#]]);
}

#[test]
fn a_header_of_another_kind() {
    Case::of("a.tsv", "words,kind\na,0\n").check(expect![[r#"
        a.tsv: cannot tell which column holds the text
          line 1 has: `words,kind` (one column; check that tabs separate the cells)
          recognised names: text, sentence, review, content, comment, message, tweet, document, body, utterance, question, query, sentence1 with sentence2, premise with hypothesis, question1 with question2, text1 with text2, sentence_1 with sentence_2, text_1 with text_2, sentence_a with sentence_b, text_a with text_b
          column `words,kind` begins with `a,0`
          remedy: NameColumn { role: Text, header: Some(1) }"#]]);
    Case::of("a.csv", "words;kind\na;0\n").check(expect![[r#"
        a.csv: cannot tell which column holds the text
          line 1 has: `words;kind` (one column; check that commas separate the cells)
          recognised names: text, sentence, review, content, comment, message, tweet, document, body, utterance, question, query, sentence1 with sentence2, premise with hypothesis, question1 with question2, text1 with text2, sentence_1 with sentence_2, text_1 with text_2, sentence_a with sentence_b, text_a with text_b
          column `words;kind` begins with `a;0`
          remedy: NameColumn { role: Text, header: Some(1) }"#]]);
    Case::of("a.jsonl", "{\"q\": \"a\", \"y\": 1}\n").check(expect![[r#"
        a.jsonl: cannot tell which column holds the text
          line 1 has: `q`, `y`
          recognised names: text, sentence, review, content, comment, message, tweet, document, body, utterance, question, query, sentence1 with sentence2, premise with hypothesis, question1 with question2, text1 with text2, sentence_1 with sentence_2, text_1 with text_2, sentence_a with sentence_b, text_a with text_b
          column `q` begins with `a`
          column `y` begins with `1`
          remedy: NameColumn { role: Text, header: None }"#]]);
    Case::of("a.tsv", &vec!["x".repeat(50); 20].join("\t")).check(expect![[r#"
        a.tsv: cannot tell which column holds the text
          line 1 has: `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…`, `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…`, `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…`, `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…`, `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…`, `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` and 14 more
          recognised names: text, sentence, review, content, comment, message, tweet, document, body, utterance, question, query, sentence1 with sentence2, premise with hypothesis, question1 with question2, text1 with text2, sentence_1 with sentence_2, text_1 with text_2, sentence_a with sentence_b, text_a with text_b
          remedy: NameColumn { role: Text, header: Some(1) }"#]]);
}

#[test]
fn rows_that_cannot_be_used() {
    let tsv = "text\tlabel\na\t0\n\t1\n \t1\nb\nc\t1\t\n\nd\t\nd\0\t1\n";
    Case::of("a.tsv", tsv).check(expect![[r#"
        a.tsv: 7 of 8 rows cannot be used
          line 3: the text is empty or blank
          line 4: the text is empty or blank
          line 5: the row has 1 column, but the header has 2
          line 6: the row has 3 columns, but the header has 2
          line 7: the line is empty
          line 8: the label is missing: `label` is null, absent or blank
          line 9: the line holds a NUL byte
          remedy: FixFile(Dropped { bad: 7, rows: 8 })"#]]);
    Case::of("a.tsv", tsv).skip().check(expect![[r#"
        a.tsv: the only label is `0`, in 1 example; a classifier needs at least two classes
          skipped 7 rows: NUL byte (1), empty line (1), empty text (2), missing label (1), wrong number of columns (2)
          remedy: CheckFileAndLabelColumn"#]]);
    Case::of("a.tsv", b"text\tlabel\nok\t0\n\xC3(\t1\n").check(expect![[r#"
        a.tsv: 1 of 2 rows cannot be used
          the file is not UTF-8: its bytes look like WINDOWS-1250 (Central European)
          line 3: the line is not valid UTF-8
          remedy: NameEncoding("WINDOWS-1250")"#]]);
    Case::of("a.csv", "text,label\n\"a\nb\",0\n\"c,1\nd,0\n").check(expect![[r#"
        a.csv: 1 of 2 rows cannot be used
          line 4: a quote opens here and is never closed
          remedy: Do("close the quote, and write a quote inside of a quoted field twice; all that follows an open quote is in one field")"#]]);
}

#[test]
fn a_file_in_another_encoding_is_named_and_never_thinned_out() {
    // A third of the rows is not ASCII, as in a German file that Windows wrote.
    let rows = |row: &[u8]| {
        [&b"text\tlabel\n"[..], &[row, b"ja\t1\nnein\t0\n"].concat().repeat(4)].concat()
    };
    let german = rows(b"das w\xE4re sch\xF6n f\xFCr \xA35\t1\n");
    Case::of("a.tsv", &german).check(expect![[r#"
        a.tsv: 4 of 12 rows cannot be used
          the file is not UTF-8: its bytes look like WINDOWS-1252 (Latin-1, Western European)
          line 2: the line is not valid UTF-8
          line 5: the line is not valid UTF-8
          line 8: the line is not valid UTF-8
          line 11: the line is not valid UTF-8
          remedy: NameEncoding("WINDOWS-1252")"#]]);
    Case::of("a.tsv", &german).skip().check(expect![
        "read: ja=1 nein=0 ja=1 nein=0 ja=1 nein=0 ja=1 nein=0; skipped: invalid UTF-8 (4)"
    ]);
    let mixed = [&german[..], "außerdem schön\t1\n".as_bytes()].concat();
    Case::of("my texts.tsv", &mixed).check(expect![[r#"
        my texts.tsv: 4 of 13 rows cannot be used
          the file is partly UTF-8, and the rest looks like WINDOWS-1252 (Latin-1, Western European)
          line 2: the line is not valid UTF-8
          line 5: the line is not valid UTF-8
          line 8: the line is not valid UTF-8
          line 11: the line is not valid UTF-8
          remedy: ConvertOrSkipRows { conversion: "the file seems to be made of files in two encodings; convert those that are not UTF-8 first: `iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW.tsv`", dropped: Dropped { bad: 4, rows: 13 } }"#]]);
}

#[test]
fn utf_16_is_named() {
    let utf16: Vec<u8> =
        "text,label\na,0\nb,1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    Case::of("a.csv", &utf16).check(expect![[r#"
        a.csv: the header in line 1 cannot be read: the line holds a NUL byte
          the file is not UTF-8: its bytes look like UTF-16LE
          remedy: NameEncoding("UTF-16LE")"#]]);
    Case::of("a.jsonl", &utf16).check(expect![[r#"
        a.jsonl: 4 of 4 rows cannot be used
          the file is not UTF-8: its bytes look like UTF-16LE
          line 1: the line holds a NUL byte
          line 2: the line holds a NUL byte
          line 3: the line holds a NUL byte
          line 4: the line holds a NUL byte
          remedy: NameEncoding("UTF-16LE")"#]]);
}

#[test]
fn a_table_with_tabs_that_is_quoted_as_pandas_writes_it() {
    let tsv = "text\tlabel\n\"a\nb\"\t0\nc\t1\nd\t1\ne\t0\nf\t0\n";
    Case::of("a.tsv", tsv).check(expect![[r#"
        a.tsv: 1 of 6 rows cannot be used
          the file is quoted as pandas writes tables; quotes are ordinary characters in a .tsv, so a text with a line break is split
          line 2: the row has 1 column, but the header has 2
          remedy: Do("convert it: `python -c \"import pandas; pandas.read_csv('a.tsv', sep='\\t').to_csv('NEW.csv', index=False)\"`")"#]]);
    Case::of("a.tsv", "\"text\"\t\"label\"\n\"a\"\t0\n").check(expect![[r#"
        a.tsv: cannot tell which column holds the text
          line 1 has: `"text"`, `"label"` (quotes are ordinary characters in a .tsv; remove them, or save it as .csv)
          recognised names: text, sentence, review, content, comment, message, tweet, document, body, utterance, question, query, sentence1 with sentence2, premise with hypothesis, question1 with question2, text1 with text2, sentence_1 with sentence_2, text_1 with text_2, sentence_a with sentence_b, text_a with text_b
          column `"text"` begins with `"a"`
          column `"label"` begins with `0`
          remedy: NameColumn { role: Text, header: Some(1) }"#]]);
    // A quote is an ordinary character, and there is no warning where all rows fit.
    Case::of("a.tsv", "text\tlabel\n\"a\t0\nb\t1\n")
        .check(expect![[r#"read: "a=0 b=1; skipped: "#]]);
    Case::of("a.tsv", "text\tlabel\n\"a\t0\n\t1\nb\t1\nc\t1\n").check(expect![[r#"
        a.tsv: 1 of 4 rows cannot be used
          line 3: the text is empty or blank
          remedy: FixOrSkipRows(Dropped { bad: 1, rows: 4 })"#]]);
}

#[test]
fn objects_that_cannot_be_used() {
    let jsonl = concat!(
        "{\"text\": \"a\", \"label\": \"x\"}\n{\"text\": null, \"label\": 1}\n{\"label\": 1}\n",
        "{\"text\": 5, \"label\": 1}\n{\"text\": \"b\", \"label\": 0.5}\n{\"text\": \"b\"}\n",
        "{\"text\": \"b\", \"label\": [1]}\n{\"text\": \"b\", \"label\": \" \"}\n[\"b\", 1]\n",
        "{\"text\": \"b\", \"label\": 1\n{\"text\": \"\\ud800\", \"label\": 1}\n",
        "{\"text\": \"\\u0000\", \"label\": 1}\n"
    );
    Case::of("a.jsonl", jsonl).check(expect![[r#"
        a.jsonl: 11 of 12 rows cannot be used
          line 2: the text is missing: `text` is null or absent
          line 3: the text is missing: `text` is null or absent
          line 4: `text` holds a number, not a string
          line 5: `label` holds a number with a fraction, not a string, an integer or a boolean
          line 6: the label is missing: `label` is null, absent or blank
          line 7: `label` holds an array, not a string, an integer or a boolean
          line 8: the label is missing: `label` is null, absent or blank
          line 9: the line holds an array, not an object like {"text": …, "label": …}
          line 10: the line is not valid JSON at column 24: EOF while parsing an object
          line 11: the line is not valid JSON at column 17: unexpected end of hex escape
          … and 1 more; in total: NUL byte (1), invalid JSON (2), missing label (2), missing text (2), not an object (1), wrong type (3)
          remedy: FixFile(Dropped { bad: 11, rows: 12 })"#]]);
    Case::of("a.jsonl", "[\n  {\"text\": \"a\", \"label\": 1}\n]\n").check(expect![[r#"
        a.jsonl: 2 of 3 rows cannot be used
          line 1: the line holds the start of an array, not an object like {"text": …, "label": …}
          line 3: the line is not valid JSON at column 1: expected value
          remedy: FixFile(Dropped { bad: 2, rows: 3 })"#]]);
}

#[test]
fn a_row_beyond_the_limit() {
    let long = format!("text\tlabel\na\t0\n{}\t1\n", "x".repeat(2 << 20));
    Case::of("a.tsv", &long).check(expect![[r#"
        a.tsv: 1 of 2 rows cannot be used
          line 3: the row has more than 1 MiB
          remedy: FixFile(Dropped { bad: 1, rows: 2 })"#]]);
}

#[test]
fn many_bad_rows_are_counted() {
    let rows: String = (0..30).map(|row| if row % 3 == 0 { "a\t1\n" } else { "\t1\n" }).collect();
    Case::of("a.tsv", &format!("text\tlabel\n{rows}x\n")).check(expect![[r#"
        a.tsv: 21 of 31 rows cannot be used
          line 3: the text is empty or blank
          line 4: the text is empty or blank
          line 6: the text is empty or blank
          line 7: the text is empty or blank
          line 9: the text is empty or blank
          line 10: the text is empty or blank
          line 12: the text is empty or blank
          line 13: the text is empty or blank
          line 15: the text is empty or blank
          line 16: the text is empty or blank
          … and 11 more; in total: empty text (20), wrong number of columns (1)
          remedy: FixFile(Dropped { bad: 21, rows: 31 })"#]]);
}

#[test]
fn no_usable_row() {
    Case::of("a.tsv", "text\tlabel\n\t1\nb\n").check(expect![[r#"
        a.tsv: 2 of 2 rows cannot be used
          line 2: the text is empty or blank
          line 3: the row has 1 column, but the header has 2
          remedy: FixOrNameColumns"#]]);
    Case::of("a.tsv", "text\tlabel\n\t1\nb\n").skip().check(expect![[r#"
        a.tsv: no row can be used (2 rows read)
          line 2: the text is empty or blank
          line 3: the row has 1 column, but the header has 2
          remedy: FixOrNameColumns"#]]);
    Case::of("a.jsonl", "text label\n").skip().check(expect![[r#"
        a.jsonl: no row can be used (1 row read)
          line 1: the line is not valid JSON at column 2: expected ident
          remedy: Do("write one JSON object on each line")"#]]);
}

#[test]
fn labels_that_cannot_be_learned_from() {
    Case::of("a.tsv", "text\tlabel\na\t1\nb\t1\n").check(expect![[r#"
        a.tsv: the only label is `1`, in 2 examples; a classifier needs at least two classes
          remedy: CheckFileAndLabelColumn"#]]);
    Case::of("a.tsv", "text\tlabel\na\t1\nb\t\n").skip().check(expect![[r#"
        a.tsv: the only label is `1`, in 1 example; a classifier needs at least two classes
          skipped 1 row: missing label (1)
          remedy: CheckFileAndLabelColumn"#]]);
    Case::of("a.csv", "text,label\na,1\nb,2\nc,3\n").check(expect![[r#"
        a.csv: each of the 3 examples has a different label, such as `1`; the column looks like an identifier or a text
          remedy: NameLabelColumn"#]]);
    Case::of("a.csv", "text,label\na,1\nb,2\n").check(expect!["read: a=0 b=1; skipped: "]);
}

#[test]
fn labels_that_are_not_known() {
    let tsv = "text\tlabel\na\tpos\nb\tneutral\nc\tPos\n";
    Case::of("a.tsv", tsv).known(&["neg", "pos"]).check(expect![[r#"
        a.tsv: 2 of 3 rows cannot be used
          line 3: the label `neutral` is unknown
          line 4: the label `Pos` is unknown
          known labels: `neg`, `pos`
          remedy: FixFile(Dropped { bad: 2, rows: 3 })"#]]);
    Case::of("a.tsv", tsv)
        .known(&["neg", "pos"])
        .skip()
        .check(expect!["read: a=1; skipped: unknown label (2)"]);
    Case::of("a.tsv", "text\tlabel\na\t-1\n").known(&["0", "1"]).skip().check(expect![[r#"
        a.tsv: no row can be used (1 row read)
          line 2: the label `-1` marks a row without a label
          remedy: MapMarkOr(UseLabelled)"#]]);
    Case::of("a.tsv", "text\tlabel\na\t1\n")
        .known(&["0", "1"])
        .check(expect!["read: a=1; skipped: "]);
    Case::of("a.jsonl", "{\"text\": \"a\", \"label\": 1}")
        .known(&["LABEL_0", "LABEL_1"])
        .check(expect!["read: a=1; skipped: "]);
    Case::of("a.jsonl", "{\"text\": \"a\", \"label\": true}\n{\"text\": \"b\", \"label\": false}")
        .check(expect!["read: a=1 b=0; skipped: "]);
}

#[test]
fn what_is_tolerated() {
    Case::of("a.TSV", "\u{feff}Sentence\tLabel\r\na \"b\t 0 \r\nc\t1\r\n\r\n\r\n")
        .check(expect![[r#"read: a "b=0 c=1; skipped: "#]]);
    Case::of("a.csv", "\u{feff}\"text\",\"label\"\n\"a, \"\"b\"\"\",0\nc,1")
        .check(expect![[r#"read: a, "b"=0 c=1; skipped: "#]]);
    Case::of("a.csv", "text,label\na,10\nb,9\nb,9\n")
        .check(expect!["read: a=1 b=0 b=0; skipped: "]);
}

#[test]
fn examples_that_do_not_fit_their_labels() {
    let check = |labels: &[u32], names: &[&str], expected: Expect| {
        let example =
            |&label: &u32| Example { text: "a".to_owned(), label, place: RowPlace::line(1) };
        let examples = labels.iter().map(example).collect();
        let outcome = Corpus::from_examples(examples, map(names));
        expected.assert_eq(&outcome.map(|_| ()).unwrap_err().to_string());
    };
    check(
        &[0, 2, 1],
        &["a", "b"],
        expect!["example 1 has class 2, but there are 2 classes, counted from 0"],
    );
    check(
        &[0, 0],
        &["a"],
        expect!["the only label is `a`, in 2 examples; a classifier needs at least two classes"],
    );
    check(
        &[0],
        &["a", "b"],
        expect![
            "there are 2 classes but only 1 example; each class needs at least one example; give more data"
        ],
    );
}

#[test]
fn names_that_make_no_map() {
    let names = |names: &[&str], expected: Expect| {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        expected.assert_eq(&LabelMap::new(names).unwrap_err().to_string());
    };
    names(&[], expect!["there are no labels; a classifier needs at least two classes"]);
    names(
        &["a", ""],
        expect!["class 1 has a blank name; give each class a name (id2label in config.json)"],
    );
    names(
        &["a", "b", "a"],
        expect![
            "classes 0 and 2 are both named `a`; give each class a different name (id2label in config.json)"
        ],
    );
}

#[test]
fn texts_to_classify_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.csv"), "id,words\n1,a\n").unwrap();
    let check = |file: &str, expected: Expect| {
        let name = folder.path().join(file);
        let error = TextReader::open(name.into());
        let error = error.unwrap_err();
        expected
            .assert_eq(&error.to_string().replace(&format!("{}/", folder.path().display()), ""));
    };
    check(
        "a.csv",
        expect![[r#"
            a.csv: cannot tell which column holds the text
              line 1 has: `id`, `words`
              recognised names: text, sentence, review, content, comment, message, tweet, document, body, utterance, question, query, sentence1 with sentence2, premise with hypothesis, question1 with question2, text1 with text2, sentence_1 with sentence_2, text_1 with text_2, sentence_a with sentence_b, text_a with text_b
              column `id` begins with `1`
              column `words` begins with `a`"#]],
    );
    check(
        "b.txt",
        expect![[r#"
            b.txt: the file does not exist
              similar files: `a.csv`
              hint: correct the path; a relative path starts at the working directory"#]],
    );
}
