//! `predict` and `evaluate` as people use them: texts on the command line, sets of files, batches,
//! thresholds and calibration.

use std::fs;
use std::process::Output;

use expect_test::expect;
use lockstep_testkit::reference;
use serde_json::{Value, json};

use crate::program::{Workplace, tiny_run};

fn path(name: &str) -> String {
    reference(name).canonicalize().unwrap().display().to_string()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Answers of the reference's finished model.
fn predict(place: &Workplace, further: &[&str]) -> Output {
    let model = path("tiny-hf");
    place.succeed(&[&["predict", "--checkpoint", &model], further].concat())
}

fn json_lines(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The texts of the reference's rows.
fn rows() -> Vec<String> {
    let rows = fs::read_to_string(path("golden/rows.tsv")).unwrap();
    rows.lines().skip(1).map(|row| row.split('\t').next().unwrap().to_owned()).collect()
}

#[test]
fn texts_on_the_command_line_are_answered() {
    let place = Workplace::new();
    let texts = ["a warm day", "the last, bleak horse"];
    let one = predict(&place, &texts);
    expect![[r#"
        calm  0.4488  a warm day
        sad   0.6400  the last, bleak horse
    "#]]
    .assert_eq(&text(&one.stdout));
    assert_eq!(text(&one.stderr), "");
    let two = predict(&place, &[&["--top-k", "2"], &texts[..1]].concat());
    expect![[r#"
        a warm day
          0.4488  calm
          0.4242  sad
    "#]]
    .assert_eq(&text(&two.stdout));
    let table = predict(
        &place,
        &[&["--format", "csv", "--top-k", "1", "--show-text"], &texts[..]].concat(),
    );
    expect![[r#"
        line,label,confidence,text,error
        1,calm,0.448813,a warm day,
        2,sad,0.639968,"the last, bleak horse",
    "#]]
    .assert_eq(&text(&table.stdout));
    let answers = predict(&place, &["--output", "a.jsonl", "--confidence", texts[0]]);
    assert_eq!(text(&answers.stdout), "");
    let answer: Value = place.json("a.jsonl");
    let (label, confidence) = (answer["label"].as_str().unwrap(), &answer["confidence"]);
    assert_eq!(&answer["probabilities"][label], confidence);
    assert_eq!(answer["line"], 1);
}

#[test]
fn the_texts_of_a_set_are_answered_in_order_with_their_files() {
    let place = Workplace::new();
    fs::create_dir(place.path("texts")).unwrap();
    fs::write(place.path("texts/b.csv"), "label,text\nx,a warm day\nx,\n").unwrap();
    fs::write(place.path("texts/a.jsonl"), "{\"text\": \"a bleak one\"}\n").unwrap();
    let answers = json_lines(&predict(&place, &["--input", "texts/*", "--format", "jsonl"]));
    let places: Vec<(Value, Value, bool)> = answers
        .iter()
        .map(|answer| (answer["file"].clone(), answer["line"].clone(), answer["label"].is_string()))
        .collect();
    let expected = [
        (json!("texts/a.jsonl"), json!(1), true),
        (json!("texts/b.csv"), json!(2), true),
        (json!("texts/b.csv"), json!(3), false),
    ];
    assert_eq!(places, expected);
    let header = text(&predict(&place, &["--input", "texts/a.jsonl,texts/b.csv"]).stdout);
    assert!(header.starts_with("file\tline\tlabel\tprobability:"), "{header}");
    let one = text(&predict(&place, &["--input", "texts/a.jsonl"]).stdout);
    assert!(one.starts_with("line\tlabel\tprobability:"), "{one}");
    let table = format!("{}/tests/whole/tables/pandas.parquet", env!("CARGO_MANIFEST_DIR"));
    assert_eq!(json_lines(&predict(&place, &["--input", &table, "--format", "jsonl"])).len(), 8);
}

#[test]
fn neither_batches_nor_order_change_an_answer_beyond_rounding() {
    // Of logits up to 10; the largest difference on SST-2 with a model of 22 million weights was 1.2e-6.
    const ROUNDING: f64 = 1e-5;
    let place = Workplace::new();
    let mut texts = rows();
    let answers = |texts: &[String], further: &[&str]| {
        fs::write(place.path("texts.txt"), texts.join("\n")).unwrap();
        let words = ["--input", "texts.txt", "--format", "jsonl", "--show-text"];
        let answers = json_lines(&predict(&place, &[&words[..], further].concat()));
        let shown: Vec<&str> =
            answers.iter().map(|answer| answer["text"].as_str().unwrap()).collect();
        assert_eq!(shown, texts);
        answers
    };
    let check = |found: &[Value], expected: &[Value], what: &str| {
        for (found, expected) in found.iter().zip(expected) {
            for class in 0..3 {
                let logit = |answer: &Value| answer["logits"][class].as_f64().unwrap();
                let gap = (logit(found) - logit(expected)).abs();
                assert!(gap < ROUNDING, "{what}: {found} {expected}");
            }
        }
    };
    let expected = answers(&texts, &[]);
    assert_eq!(expected, answers(&texts, &[]));
    for tokens in ["1", "40", "300", "100000"] {
        check(&answers(&texts, &["--max-tokens-per-batch", tokens]), &expected, tokens);
    }
    texts.reverse();
    let mut turned = answers(&texts, &[]);
    turned.reverse();
    check(&turned, &expected, "turned");
}

#[test]
fn two_texts_on_the_command_line_are_a_pair() {
    let place = Workplace::new();
    let rows: String = (0..8).map(|i| format!("a door {i}\tit is {i}\t{}\n", i % 2)).collect();
    fs::write(place.path("train.tsv"), format!("sentence1\tsentence2\tlabel\n{rows}")).unwrap();
    let train = "train --model builtin:tiny --train-file train.tsv --max-steps 2 --output-dir out";
    place.succeed(&train.split(' ').collect::<Vec<_>>());
    let words = ["predict", "--checkpoint", "out", "--format", "jsonl", "--show-text"];
    let pairs = ["a door 1", "it is 1", "a door 2", "it is 3"];
    let typed = json_lines(&place.succeed(&[&words[..], &pairs].concat()));
    assert_eq!(
        (&typed[1]["text"], &typed[1]["text_pair"]),
        (&json!("a door 2"), &json!("it is 3"))
    );
    fs::write(place.path("pairs.txt"), "a door 1\tit is 1\na door 2\tit is 3\n").unwrap();
    let lines = json_lines(&place.succeed(&[&words[..], &["--input", "pairs.txt"]].concat()));
    assert_eq!(typed, lines);
}

/// A model of two classes that answers about two thirds of its texts right.
fn trained(place: &Workplace) {
    let row = |i: usize| {
        let word = ["warm", "bleak"][(i + usize::from(i % 3 == 0)) % 2];
        format!("a {word} day {}\t{}\n", i % 5, ["sad", "glad"][i % 2])
    };
    let rows: String = (0..60).map(row).collect();
    fs::write(place.path("held.tsv"), format!("text\tlabel\n{rows}")).unwrap();
    let train = "train --model builtin:tiny --train-file held.tsv --validation-file held.tsv \
                 --learning-rate 1e-2 --head-learning-rate 1e-2 --num-train-epochs 6 --output-dir out";
    place.succeed(&train.split_whitespace().collect::<Vec<_>>());
}

fn evaluate(place: &Workplace, further: &[&str]) -> Value {
    let words = ["evaluate", "--checkpoint", "out", "--data", "held.tsv", "--json"];
    serde_json::from_slice(&place.succeed(&[&words[..], further].concat()).stdout).unwrap()
}

#[test]
fn evaluate_tells_more_than_accuracy_and_training_says_the_same() {
    let place = Workplace::new();
    trained(&place);
    let found = evaluate(&place, &[]);
    let results = place.json("out/all_results.json");
    for key in ["auroc", "average_precision", "baseline_accuracy"] {
        assert!(found[key].is_number(), "{key}: {found}");
        assert_eq!(found[key], results[format!("eval_{key}")], "{key}");
        assert_eq!(found[key], place.metrics("out", "evaluation").pop().unwrap()[key], "{key}");
    }
    assert_eq!(found["baseline_accuracy"], 0.5);
    assert_eq!(
        (&found["positive_class"], &found["majority_class"]),
        (&found["labels"][1], &found["labels"][0])
    );
    assert_eq!(found["per_class"][1]["label"], found["labels"][1]);
    assert_eq!(found["per_class"][1]["support"], 30);
    // What predict answers with a threshold is what evaluate counts, and the best one gives its F1.
    let best = &found["best_threshold"];
    let threshold = best["threshold"].to_string();
    let judged = evaluate(&place, &["--threshold", &threshold]);
    let f1 = |value: &Value| value["per_class"][1]["f1"].as_f64().unwrap();
    assert!((f1(&judged) - best["f1"].as_f64().unwrap()).abs() < 1e-12, "{judged}");
    assert!(f1(&judged) >= f1(&found), "{judged}");
    let words = ["predict", "--checkpoint", "out", "--input", "held.tsv", "--format", "jsonl"];
    let answers = json_lines(&place.succeed(&[&words[..], &["--threshold", &threshold]].concat()));
    let positive = found["labels"][1].clone();
    let count = answers.iter().filter(|answer| answer["label"] == positive).count() as u64;
    let column = |row: usize| judged["confusion"][row][1].as_u64().unwrap();
    assert_eq!(count, column(0) + column(1));
}

#[test]
fn a_calibration_is_kept_used_named_and_refused_for_other_weights() {
    let place = Workplace::new();
    trained(&place);
    let plain = evaluate(&place, &[]);
    let fitted = evaluate(&place, &["--calibrate"]);
    let kept = place.json("out/calibration.json");
    assert_eq!(kept["temperature"], fitted["temperature"]);
    assert_eq!((&kept["fitted_on"], &kept["examples"]), (&json!("held.tsv"), &json!(60)));
    let loss = |value: &Value| value["loss"].as_f64().unwrap();
    assert!(loss(&fitted) <= loss(&plain), "{fitted} {plain}");
    assert_eq!(fitted["calibration"]["loss_before"], plain["loss"]);
    // The order of the answers is as before, so what follows from it is too.
    for key in ["accuracy", "confusion", "auroc", "average_precision"] {
        assert_eq!(fitted[key], plain[key], "{key}");
    }
    let again = evaluate(&place, &[]);
    assert_eq!((&again["loss"], &again["temperature"]), (&fitted["loss"], &fitted["temperature"]));
    assert_eq!(evaluate(&place, &["--temperature", "1"])["loss"], plain["loss"]);
    // predict uses and names it.
    let words = ["predict", "--checkpoint", "out", "--format", "jsonl", "a warm day"];
    let answer = place.succeed(&words);
    let told = text(&answer.stderr);
    assert!(told.contains("of out/calibration.json, fitted on held.tsv"), "{told}");
    let answer = &json_lines(&answer)[0];
    let (logits, temperature) = (&answer["logits"], fitted["temperature"].as_f64().unwrap());
    let gap = (logits[0].as_f64().unwrap() - logits[1].as_f64().unwrap()) / temperature;
    let expected = 1.0 / (1.0 + gap.exp());
    let name = plain["labels"][1].as_str().unwrap();
    assert!((answer["probabilities"][name].as_f64().unwrap() - expected).abs() < 1e-6, "{answer}");
    // Other weights in the same directory.
    fs::copy(place.path("out/calibration.json"), place.path("kept.json")).unwrap();
    place.succeed(&tiny_run("tiny", &["--max-steps", "1", "--output-dir", "other"]));
    fs::copy(place.path("kept.json"), place.path("other/calibration.json")).unwrap();
    let output = place.trainer(&["predict", "--checkpoint", "other", "a day"]).output().unwrap();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{told}");
    assert!(told.contains("was fitted to other weights"), "{told}");
}

#[test]
fn a_table_and_a_page_have_what_was_found() {
    let place = Workplace::new();
    trained(&place);
    evaluate(&place, &["--calibrate"]);
    let words = ["evaluate", "--checkpoint", "out", "--data", "held.tsv", "--report", "page.html"];
    let told = text(&place.succeed(&words).stdout);
    for part in [
        "\nbaseline   0.5000  if `",
        "\nAUROC      ",
        "\nAP         ",
        "\nbest F1    ",
        "\nECE        ",
        "\ncalibrated temperature ",
        "\nclass  precision",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let page = fs::read_to_string(place.path("page.html")).unwrap();
    for part in ["<dt>AUROC</dt>", "<dt>Temperature</dt>", "<dt>Majority class</dt>"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn a_run_that_replaces_another_removes_its_calibration() {
    let place = Workplace::new();
    trained(&place);
    evaluate(&place, &["--calibrate"]);
    let train = "train --model builtin:tiny --train-file held.tsv --max-steps 1 --output-dir out \
                 --overwrite-output-dir";
    place.succeed(&train.split_whitespace().collect::<Vec<_>>());
    assert!(!place.path("out/calibration.json").exists());
}
