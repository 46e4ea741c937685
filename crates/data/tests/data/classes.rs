//! Which class each row of a file gets, as the writers of such files mean it.

use std::fs;

use lockstep_data::{
    Corpus, CorpusSource, DataError, DataRemedy, LabelMap, Labels, OnBadRow, RawCorpus, Renames,
};

/// A file that was read, before its labels are looked at.
fn raw(file: &str, content: &str, on_bad_row: OnBadRow) -> Result<RawCorpus, DataError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(file);
    fs::write(&path, content).unwrap();
    RawCorpus::read(&CorpusSource { on_bad_row, ..path.into() })
}

fn tsv(labels: &[&str]) -> String {
    let rows = labels.iter().zip('a'..).map(|(label, text)| format!("{text}\t{label}\n"));
    "text\tlabel\n".to_owned() + &rows.collect::<String>()
}

fn jsonl(labels: &[&str]) -> String {
    let row = |(label, text)| format!("{{\"text\": \"{text}\", \"label\": {label}}}\n");
    labels.iter().zip('a'..).map(row).collect()
}

fn model(names: &[&str]) -> LabelMap {
    LabelMap::of_model(names.iter().map(|&name| name.to_owned()).collect()).unwrap()
}

/// The classes, the class of each usable row, and the account of the others.
fn told(corpus: Result<Corpus, DataError>) -> String {
    let corpus = match corpus {
        Ok(corpus) => corpus,
        Err(error) => return error.to_string().lines().next().unwrap_or_default().to_owned(),
    };
    let ids: Vec<String> = corpus.texts_and_labels().map(|(_, id)| id.to_string()).collect();
    let skipped = corpus.skipped().to_string();
    let skipped = if skipped.is_empty() { skipped } else { format!("; {skipped}") };
    format!("{}: {}{skipped}", corpus.labels().names().join(","), ids.join(" "))
}

fn inferred(file: &str, content: &str) -> String {
    told(raw(file, content, OnBadRow::Skip).and_then(|raw| raw.labelled(Labels::Infer)))
}

#[test]
fn one_value_is_one_class_whatever_the_writer_and_the_format() {
    let check = |content: &[&str], expected: &str| {
        assert_eq!(inferred("a.tsv", &tsv(content)), expected, "{content:?}");
        let csv = tsv(content).replace('\t', ",");
        assert_eq!(inferred("a.csv", &csv), expected, "{content:?}");
    };
    check(&["1.0", "0.0", "1.0"], "0,1: 1 0 1");
    check(&["1", "0.0", "1.0"], "0,1: 1 0 1");
    check(&["True", "false", "TRUE"], "TRUE,false: 0 1 0");
    check(&["4.5", "3.0", "4.5"], "3,4.5: 1 0 1");
    let typed = |content: &[&str], expected: &str| {
        assert_eq!(inferred("a.jsonl", &jsonl(content)), expected, "{content:?}");
    };
    typed(&["1.0", "0.0", "1.0"], "0,1: 1 0 1");
    typed(&["1", "0.0", "\"1\""], "0,1: 1 0 1");
    typed(&["1e0", "0", "1"], "0,1: 1 0 1");
    typed(&["1", "0", "0.5"], "0,1: 1 0; wrong type (1)");
    let train = raw("a.tsv", &tsv(&["1.0", "0.0"]), OnBadRow::Fail).unwrap();
    let train = train.labelled(Labels::Infer).unwrap();
    for (file, content) in [
        ("b.tsv", tsv(&["1", "0", "1.0"])),
        ("b.jsonl", jsonl(&["1", "0", "1.0"])),
        ("b.jsonl", jsonl(&["\"1\"", "\"0.0\"", "1.0"])),
    ] {
        let held = raw(file, &content, OnBadRow::Fail).unwrap();
        let held = held.labelled(Labels::Known(train.labels()));
        assert_eq!(told(held), "0,1: 1 0 1", "{content}");
    }
}

#[test]
fn marks_of_no_label_are_bad_rows_and_the_ids_stay() {
    let check = |labels: &[&str], expected: &str| {
        assert_eq!(inferred("a.tsv", &tsv(labels)), expected, "{labels:?}");
    };
    check(&["0", "1", "-1", "2", "2"], "0,1,2: 0 1 2 2; marked as unlabelled (1)");
    check(&["0.0", "1.0", "-1.0", ""], "0,1: 0 1; marked as unlabelled (1), missing label (1)");
    // Without it there would be nothing to tell apart, or it is one of several below zero.
    check(&["-1", "1", "1"], "-1,1: 0 1 1");
    check(&["-1", "-2", "0", "0"], "-2,-1,0: 1 0 2 2");
    check(&["-1", "a", "b", "a"], "-1,a,b: 0 1 2 1");
    let typed = jsonl(&["0", "1", "-1", "null", "1"]);
    let expected = "0,1: 0 1 1; marked as unlabelled (1), missing label (1)";
    assert_eq!(inferred("a.jsonl", &typed), expected);
    let held = |map: &LabelMap| {
        let held = raw("a.tsv", &tsv(&["-1", "0", "1"]), OnBadRow::Skip).unwrap();
        told(held.labelled(Labels::Known(map)))
    };
    assert_eq!(held(&model(&["0", "1"])), "0,1: 0 1; marked as unlabelled (1)");
    assert_eq!(held(&model(&["neg", "pos"])), "neg,pos: 0 1; marked as unlabelled (1)");
    assert_eq!(held(&model(&["-1", "0", "1"])), "-1,0,1: 0 1 2");
    let refused = raw("a.tsv", &tsv(&["-1", "0", "1"]), OnBadRow::Fail).unwrap();
    let refused = refused.labelled(Labels::Infer).unwrap_err();
    assert!(refused.to_string().contains("1 of 3 rows cannot be used"), "{refused}");
    assert!(matches!(refused.remedy(), Some(DataRemedy::MapMarkOr(_))), "{refused}");
}

#[test]
fn a_class_is_the_models_entry_of_that_name() {
    let check = |names: &[&str], labels: &[&str], expected: &str| {
        let corpus = raw("a.tsv", &tsv(labels), OnBadRow::Fail).unwrap();
        let told = told(corpus.labelled(Labels::Offered(&model(names))));
        assert_eq!(told, expected, "{names:?} {labels:?}");
    };
    let unnamed: Vec<String> = (0..12).map(|id| format!("LABEL_{id}")).collect();
    let unnamed: Vec<&str> = unnamed.iter().map(String::as_str).collect();
    let all = unnamed.join(",");
    check(&unnamed, &["LABEL_2", "LABEL_10", "LABEL_1", "LABEL_2"], &format!("{all}: 2 10 1 2"));
    check(&unnamed, &["2", "10", "1", "2"], &format!("{all}: 2 10 1 2"));
    check(&["pos", "neg"], &["neg", "pos"], "pos,neg: 1 0");
    check(&["calm", "glad", "sad"], &["sad", "glad", "sad"], "calm,glad,sad: 2 1 2");
    check(&["NEGATIVE", "POSITIVE"], &["1", "0", "1.0"], "NEGATIVE,POSITIVE: 1 0 1");
    check(&["1 star", "2 stars"], &["1", "0", "1"], "1 star,2 stars: 1 0 1");
    check(&["10", "9"], &["9", "10"], "10,9: 1 0");
    // Another set of classes is the file's own, for the message that names both.
    check(&["NEGATIVE", "POSITIVE"], &["1", "2", "2"], "1,2: 0 1 1");
    check(&["1", "2"], &["0", "1", "1"], "0,1: 0 1 1");
    check(&["LABEL_0", "LABEL_1"], &["neg", "pos"], "neg,pos: 0 1");
}

#[test]
fn labels_that_are_numbers_of_classes_are_counted() {
    let count = |labels: &[&str]| {
        let corpus = raw("a.tsv", &tsv(labels), OnBadRow::Fail).unwrap();
        corpus.labelled(Labels::Known(&model(&["NEG", "POS"]))).unwrap().numbered()
    };
    assert_eq!(count(&["0", "1", "1"]), 3);
    assert_eq!(count(&["0", "POS"]), 1);
    assert_eq!(count(&["NEG", "POS"]), 0);
}

#[test]
fn a_label_map_gives_the_labels_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.json");
    let renames = |content: &str| {
        fs::write(&path, content).unwrap();
        Renames::read(&path)
    };
    let check = |map: &str, labels: &[&str], expected: &str| {
        let corpus = raw("a.tsv", &tsv(labels), OnBadRow::Skip).unwrap();
        let renamed = corpus.renamed(&renames(map).unwrap());
        assert_eq!(told(renamed.labelled(Labels::Infer)), expected, "{map}");
    };
    let three = "{\"-1\": \"neg\", \"0\": \"none\", \"1\": \"pos\"}";
    check(three, &["-1", "0", "1.0", "1"], "neg,none,pos: 0 1 2 2");
    check(three, &["-1", "0", "7"], "neg,none: 0 1; label outside of the label map (1)");
    check(
        "{\"4\": \"good\", \"5\": \"good\", \"1\": \"bad\"}",
        &["4", "5", "1"],
        "bad,good: 1 1 0",
    );
    for (content, part) in [
        ("[]", "not a JSON object"),
        ("{\"a\": 1", "not a JSON object"),
        ("{\"a\": []}", "it gives `a` an array"),
        ("{\"a\": \" \"}", "it gives `a` a string"),
        ("{\"1\": \"a\", \"1.0\": \"b\"}", "two entries"),
    ] {
        let error = renames(content).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("hint: "), "{error}");
    }
    assert!(Renames::read(folder.path()).is_err());
}

#[test]
fn columns_are_looked_for_over_the_objects() {
    let check = |content: &str, expected: &str| {
        assert_eq!(inferred("a.jsonl", content), expected, "{content}");
    };
    let rows = "{\"text\": \"a\", \"label\": \"x\"}\n{\"text\": \"b\", \"label\": \"y\"}\n";
    check(&format!("{{\"text\": \"no label\"}}\n{rows}"), "x,y: 0 1; missing label (1)");
    check(&format!("{{\"label\": \"x\"}}\n{rows}"), "x,y: 0 1; missing text (1)");
    check(&format!("{{}}\n{{\"id\": 1}}\n{rows}"), "x,y: 0 1; missing text (2)");
    check(&format!("{rows}{{\"text\": \"no label\"}}\n"), "x,y: 0 1; missing label (1)");
    // The label is found in one object and the text in another, and no row has both.
    let apart = raw("a.jsonl", "{\"text\": \"a\"}\n{\"label\": \"x\"}\n", OnBadRow::Skip).unwrap();
    let error = apart.labelled(Labels::Infer).unwrap_err().to_string();
    assert!(error.contains("no row can be used"), "{error}");
    let nowhere = raw("a.jsonl", "{\"text\": \"a\", \"gold\": 1}\n", OnBadRow::Skip).unwrap_err();
    assert!(nowhere.to_string().contains("cannot tell which column holds the label"), "{nowhere}");
    let strict = raw("a.jsonl", &format!("{{\"text\": \"?\"}}\n{rows}"), OnBadRow::Fail).unwrap();
    let strict = strict.labelled(Labels::Infer).unwrap_err().to_string();
    assert!(strict.contains("line 1: the label is missing: `label` is null"), "{strict}");
}

#[test]
fn lines_that_end_in_a_lone_return_are_read_or_refused_by_name() {
    let old = |file: &str, content: &str| inferred(file, &content.replace('\n', "\r"));
    assert_eq!(old("a.tsv", &tsv(&["x", "y", "x"])), "x,y: 0 1 0");
    assert_eq!(old("a.csv", &tsv(&["x", "y"]).replace('\t', ",")), "x,y: 0 1");
    assert_eq!(old("a.jsonl", &jsonl(&["1", "0"])), "0,1: 1 0");
    let mixed = "text\tlabel\ra\tx\rb\ty\nc\tx\n";
    let error = raw("a.tsv", mixed, OnBadRow::Skip).unwrap_err().to_string();
    assert!(error.contains("carriage return (CR)") && error.contains("tr "), "{error}");
}

#[test]
fn quotes_around_texts_of_a_tsv_are_told_and_no_others() {
    let doubts = |file: &str, separator: &str| {
        let rows = ["text,label", "\"a \"\"good\"\" one\",1", "\"all\",0", "\"\"\"no\"\"\",0"];
        let rows: String = rows.iter().map(|row| row.replace(',', separator) + "\n").collect();
        let corpus = raw(file, &rows, OnBadRow::Fail).unwrap().labelled(Labels::Infer).unwrap();
        corpus.doubts_of_reading().map(|doubt| doubt.to_string()).collect::<Vec<_>>()
    };
    let told = doubts("a.tsv", "\t");
    assert_eq!(told.len(), 1, "{told:?}");
    let begin =
        "2 texts are quoted as pandas writes them, the first in line 2 (`\"a \"\"good\"\" one\"`)";
    assert!(told[0].starts_with(begin), "{told:?}");
    assert_eq!(doubts("a.csv", ","), Vec::<String>::new());
}
