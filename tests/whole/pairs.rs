//! Pairs of texts and a weighted loss, from the training to the last prediction.

use std::fs;

use serde_json::Value;

use crate::program::Workplace;

/// Whether the second text says the first one's colour.
fn rows(header: &str, separator: &str) -> String {
    let colours = ["red", "green", "blue", "grey"];
    let row = |i: usize| {
        let (said, shown) = (colours[i % 4], colours[(i * i / 4) % 4]);
        let label = if said == shown { "same" } else { "other" };
        let first = format!("the door is {said} {i}");
        [first, format!("it looks {shown}"), label.to_owned()].join(separator) + "\n"
    };
    header.replace(',', separator) + "\n" + &(0..40).map(row).collect::<String>()
}

fn trained(place: &Workplace) {
    fs::write(place.path("train.tsv"), rows("sentence1,sentence2,label", "\t")).unwrap();
    let words = "train --model builtin:tiny --train-file train.tsv --validation-file train.tsv \
                 --max-steps 3 --class-weights balanced --label-smoothing-factor 0.1 --output-dir out";
    let output = place.succeed(&words.split_whitespace().collect::<Vec<_>>());
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("text columns `sentence1` and `sentence2`"), "{told}");
    assert!(told.contains("loss       cross-entropy with class weights other "), "{told}");
    assert!(told.contains("; label smoothing 0.1"), "{told}");
}

#[test]
fn a_model_of_pairs_is_evaluated_on_pairs() {
    let place = Workplace::new();
    trained(&place);
    let usage = place.json("out/lockstep.json");
    assert_eq!(usage["text_column"], "sentence1");
    assert_eq!(usage["text_pair_column"], "sentence2");
    let card = fs::read_to_string(place.path("out/README.md")).unwrap();
    assert!(card.contains("\"text_pair\": \"another text\""), "{card}");
    fs::write(place.path("held.csv"), rows("a,b,label", ",")).unwrap();
    let evaluate = |further: &[&str]| {
        let words = ["evaluate", "--checkpoint", "out", "--data", "held.csv", "--json"];
        place.trainer(&[&words[..], further].concat()).output().unwrap()
    };
    let json: Value = serde_json::from_slice(&evaluate(&["--text-column", "a,b"]).stdout).unwrap();
    assert_eq!(json["accuracy"], place.json("out/all_results.json")["eval_accuracy"]);
    // The training's loss is weighted and smoothed, this one is not.
    assert_ne!(json["loss"], place.json("out/all_results.json")["eval_loss"]);
    for (further, part) in [
        (&["--text-column", "a"][..], "trained on pairs of texts"),
        (&[][..], "the model was trained with `sentence1,sentence2`"),
    ] {
        let output = evaluate(further);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(part), "{further:?}: {told}");
    }
}

#[test]
fn pairs_in_lines_have_the_answers_of_a_table() {
    let place = Workplace::new();
    trained(&place);
    let table = rows("sentence1,sentence2,label", "\t");
    let line = |row: &str| row.rsplit_once('\t').map(|(pair, _)| format!("{pair}\n"));
    let lines: String = table.lines().skip(1).filter_map(line).collect();
    fs::write(place.path("lines.txt"), lines).unwrap();
    let predict = |input: &str| {
        let words = ["predict", "--checkpoint", "out", "--format", "jsonl", "--input", input];
        let found = place.succeed(&words);
        let found = String::from_utf8(found.stdout).unwrap();
        let value = |line: &str| serde_json::from_str::<Value>(line).unwrap()["logits"].clone();
        found.lines().map(value).collect::<Vec<_>>()
    };
    let found = predict("lines.txt");
    assert_eq!((found.len(), &found), (40, &predict("train.tsv")));
    fs::write(place.path("lines.txt"), "a door\tred\none text alone\na\tb\tc\n").unwrap();
    let words = ["predict", "--checkpoint", "out", "--input", "lines.txt"];
    let output = String::from_utf8(place.succeed(&words).stdout).unwrap();
    let faults: Vec<&str> =
        output.lines().skip(2).filter_map(|line| line.rsplit('\t').next()).collect();
    let fault =
        |texts: &str| format!("the line has {texts}, but a pair is two with a tab between them");
    assert_eq!(faults, [fault("1 text"), fault("3 texts")]);
}

#[test]
fn pairs_and_single_texts_are_not_mixed_and_weights_fit_the_classes() {
    let place = Workplace::new();
    fs::write(place.path("pairs.csv"), rows("premise,hypothesis,label", ",")).unwrap();
    fs::write(place.path("single.csv"), "text,label\na door,same\na wall,other\n").unwrap();
    let check = |words: &str, code: i32, part: &str| {
        let words = format!("train --model builtin:tiny --max-steps 1 --output-dir out {words}");
        let output = place.trainer(&words.split(' ').collect::<Vec<_>>()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), told.contains(part)), (Some(code), true), "{told}");
    };
    let mixed = "--train-file pairs.csv --validation-file single.csv";
    check(mixed, 3, "single.csv: it has single texts, but the training data have pairs of texts");
    check(
        "--train-file pairs.csv --max-seq-length 4",
        3,
        "a pair of texts needs at least 5 tokens",
    );
    let weights = |weights: &str| format!("--train-file single.csv --class-weights {weights}");
    check(&weights("1,2,3"), 2, "3 weights for 2 classes");
    check(&weights("{\"wall\":2}"), 2, "the data have no class `wall`");
    check(&weights("0,1"), 2, "valid: balanced, numbers from 1e-6 to 1e6");
}
