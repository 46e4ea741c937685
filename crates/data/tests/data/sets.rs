//! Sets of several files, files without a header, in a named encoding, and labels in front of texts.

use std::fs;
use std::path::Path;

use lockstep_data::{
    ColumnChoice, Corpus, CorpusSource, Delimiter, Dialect, FileSet, Header, Labels, OnBadRow,
    TextEncoding, TextReader, TextSource,
};

/// A folder with these files.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

/// The files that `name` means in `folder`.
fn source(folder: &Path, name: &str) -> CorpusSource {
    FileSet::find(&folder.join(name)).unwrap().into()
}

fn named(column: &str) -> ColumnChoice {
    ColumnChoice::Named(column.to_owned())
}

/// What was read, a row a text with its class; or the message.
fn told(folder: &Path, source: &CorpusSource) -> Result<Vec<String>, String> {
    let corpus = Corpus::read(source, Labels::Infer)
        .map_err(|error| error.to_string().replace(&format!("{}/", folder.display()), ""))?;
    let row = |(text, label)| format!("{text}={}", corpus.labels().name(label).unwrap());
    Ok(corpus.texts_and_labels().map(row).collect())
}

fn check(folder: &Path, source: &CorpusSource, expected: &[&str]) {
    assert_eq!(told(folder, source).unwrap(), expected, "{}", source.files.name.display());
}

#[test]
fn several_files_are_one_set_whatever_their_formats() {
    let folder = folder(&[
        ("a.csv", b"text,label\nfine,1\n"),
        ("b.tsv", b"label\ttext\n0\tbleak\n"),
        ("c.jsonl", b"{\"text\": \"warm\", \"label\": 1}\n"),
        ("empty.csv", b"text,label\n"),
    ]);
    let folder = folder.path();
    check(folder, &source(folder, "*"), &["fine=1", "bleak=0", "warm=1"]);
}

#[test]
fn bad_rows_are_named_with_their_file() {
    let folder = folder(&[
        ("a.csv", b"text,label\nfine,1\n,0\n"),
        ("b.jsonl", b"{\"text\": \"warm\", \"label\": 1}\n{\"text\": null, \"label\": 1}\n"),
        ("c.csv", b"sentence,label\nfine,1\n"),
    ]);
    let folder = folder.path();
    let message = told(folder, &source(folder, "[ab].*")).unwrap_err();
    assert!(message.contains("a.csv, line 3: the text is empty or blank"), "{message}");
    assert!(message.contains("b.jsonl, line 2: the text is missing"), "{message}");
    let message = told(folder, &source(folder, "*.csv")).unwrap_err();
    let first = "c.csv: there is not a column `text`, in which a.csv has the text; it has: \
                 `sentence`, `label`";
    assert_eq!(message.lines().next().unwrap(), first);
}

#[test]
fn columns_are_numbered_where_there_is_no_header() {
    let ag_news = "\"3\",\"Title, one\",\"A text\"\n\"4\",\"Title two\",\"Another\"\n";
    let folder = folder(&[
        ("ag.csv", ag_news.as_bytes()),
        ("SMSSpamCollection", b"ham\tGo \"until\" then\nspam\tFree; entry\n"),
        ("bars.csv", b"1|fine\n0|bleak\n"),
    ]);
    let folder = folder.path();
    let numbered = |name: &str, text: &str, delimiter: Option<&str>| {
        let delimiter = delimiter.map(|name| Delimiter::named(name).unwrap());
        let dialect = Dialect { header: Header::Absent, delimiter, encoding: None };
        let (text_column, label_column) = (named(text), named("1"));
        CorpusSource { text_column, label_column, dialect, ..source(folder, name) }
    };
    check(folder, &numbered("ag.csv", "3", None), &["A text=3", "Another=4"]);
    check(folder, &numbered("ag.csv", "2", None), &["Title, one=3", "Title two=4"]);
    check(
        folder,
        &numbered("SMSSpamCollection", "2", Some("tab")),
        &["Go \"until\" then=ham", "Free; entry=spam"],
    );
    check(folder, &numbered("bars.csv", "2", None), &["fine=1", "bleak=0"]);
    check(folder, &numbered("bars.csv", "2", Some("|")), &["fine=1", "bleak=0"]);
    let message = told(folder, &numbered("ag.csv", "0", None)).unwrap_err();
    assert!(message.contains("columns are counted from 1"), "{message}");
    assert!(message.contains("column `2` begins with `Title, one`"), "{message}");
}

#[test]
fn a_named_encoding_is_read() {
    let folder = folder(&[("a.csv", b"text,label\ncaf\xE9,1\nno\xEBl,0\n")]);
    let folder = folder.path();
    let encoding = TextEncoding::named("latin-1");
    let dialect = Dialect { encoding, ..Dialect::default() };
    check(folder, &CorpusSource { dialect, ..source(folder, "a.csv") }, &["café=1", "noël=0"]);
    assert!(told(folder, &source(folder, "a.csv")).unwrap_err().contains("WINDOWS-1252"));
}

#[test]
fn labels_in_front_of_texts_are_recognised() {
    let folder = folder(&[
        ("cooking.train", b"__label__sauce How much?\n__label__bread Why so?\n"),
        ("train_5500.label", b"DESC:manner How did it end ?\nNUM:dist How far ?\n"),
        ("several.txt", b"__label__a __label__b x\n__label__a y\n"),
    ]);
    let folder = folder.path();
    check(folder, &source(folder, "cooking.train"), &["How much?=sauce", "Why so?=bread"]);
    let trec = source(folder, "train_5500.label");
    check(folder, &trec, &["How did it end ?=DESC", "How far ?=NUM"]);
    let fine = CorpusSource { label_column: named("fine_label"), ..trec };
    check(folder, &fine, &["How did it end ?=DESC:manner", "How far ?=NUM:dist"]);
    let message = told(folder, &source(folder, "several.txt")).unwrap_err();
    assert!(message.contains("line 1: the line has 2 labels"), "{message}");
    let texts = TextSource {
        format: Some(lockstep_data::Format::FastText),
        ..folder.join("cooking.train").into()
    };
    let texts: Vec<_> = TextReader::open(texts).unwrap().map(|row| row.unwrap().text).collect();
    assert_eq!(texts, [Ok("How much?".to_owned()), Ok("Why so?".to_owned())]);
}

#[test]
fn folders_are_classes_and_their_files_texts() {
    let folder = folder(&[
        ("train/pos/0_9.txt", b"fine\n"),
        ("train/pos/1_7.txt", b"warm\nand long\n"),
        ("train/neg/0_1.txt", b"bleak"),
        ("train/unsup/0_0.txt", b"?"),
        ("train/urls_pos.txt", b"http://"),
        ("bad/a/1.txt", b" \n"),
        ("bad/b/2.txt", b"fine"),
    ]);
    let folder = folder.path();
    let train = source(folder, "train");
    check(folder, &train, &["bleak=neg", "fine=pos", "warm\nand long=pos"]);
    let doubts = Corpus::read(&train, Labels::Infer).unwrap().doubts();
    assert!(doubts.iter().any(|doubt| doubt.to_string().contains("`unsup`")), "{doubts:?}");
    let message = told(folder, &source(folder, "bad")).unwrap_err();
    assert!(message.contains("\n  bad/a/1.txt: the text is empty or blank"), "{message}");
    let whole = told(folder, &source(folder, "")).unwrap_err();
    assert!(whole.contains("give the folder whose folders are the classes"), "{whole}");
}

#[test]
fn a_data_set_that_was_saved_to_disk_is_its_files() {
    let arrow = Path::new(env!("CARGO_MANIFEST_DIR")).join("../columnar/tests/fixtures");
    let arrow = fs::read(arrow.join("datasets.arrow")).unwrap();
    let state = |files: &str| format!("{{\"_data_files\": [{files}], \"_split\": null}}");
    let one = state("{\"filename\": \"data-00000-of-00001.arrow\"}");
    let outside = state("{\"filename\": \"../x.arrow\"}");
    let folder = folder(&[
        ("train/data-00000-of-00001.arrow", &arrow),
        ("train/state.json", one.as_bytes()),
        ("train/dataset_info.json", b"{}"),
        ("outside/state.json", outside.as_bytes()),
        ("dataset_dict.json", b"{\"splits\": [\"train\"]}"),
    ]);
    let folder = folder.path();
    let skip = CorpusSource { on_bad_row: OnBadRow::Skip, ..source(folder, "train") };
    let rows = ["a warm day=pos", "dull, and “long”=neg", "two\nlines=pos"];
    check(folder, &skip, &rows);
    let refused = |name: &str| FileSet::find(&folder.join(name)).unwrap_err().to_string();
    assert!(refused("outside").contains("`../x.arrow` is not a file of the directory"));
    assert!(refused("").contains("this directory holds several data sets"));
}
