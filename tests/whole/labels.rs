//! Labels of files and classes of models: each label meets its own row of the head.

use std::fs;

use candle_core::Device;
use lockstep_model::{Classifier, Dropouts, HeadKind, ModelRequest};
use lockstep_testkit::{golden_texts, reference};
use lockstep_world::Seed;
use serde_json::Value;

use crate::program::Workplace;

const TRAIN: [&str; 14] = [
    "train",
    "--train-file",
    "rows.tsv",
    "--validation-file",
    "rows.tsv",
    "--max-steps",
    "1",
    "--learning-rate",
    "0",
    "--head-learning-rate",
    "0",
    "--output-dir",
    "out",
    "--model",
];

/// A model of the given classes with random weights, in the directory `model`.
fn save(place: &Workplace, names: &[String]) {
    let request = ModelRequest {
        head: HeadKind::Hf,
        labels: names.to_vec(),
        dropouts: Dropouts::default(),
        seed: Seed(3),
        device: Device::Cpu,
    };
    let (model, _) = Classifier::load(&reference("tiny"), &request).unwrap();
    fs::create_dir_all(place.path("model")).unwrap();
    model.save(&place.path("model")).unwrap();
    for file in ["tokenizer.json", "tokenizer_config.json"] {
        fs::copy(reference("tiny").join(file), place.path("model").join(file)).unwrap();
    }
}

/// The texts with the class that the model finds for each.
fn found(place: &Workplace) -> Vec<(String, usize)> {
    let texts: Vec<String> = golden_texts().into_iter().map(|text| text.text).collect();
    fs::write(place.path("texts.txt"), texts.join("\n") + "\n").unwrap();
    let words = ["predict", "--checkpoint", "model", "--input", "texts.txt", "--format", "jsonl"];
    let output = place.succeed(&words);
    let lines = std::str::from_utf8(&output.stdout).unwrap().lines();
    let best = |line| {
        let answer: Value = serde_json::from_str(line).unwrap();
        let logits: Vec<f64> = serde_json::from_value(answer["logits"].clone()).unwrap();
        (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b])).unwrap()
    };
    texts.into_iter().zip(lines.map(best)).collect()
}

/// The accuracy after a training that changes nothing, on what the model itself found.
fn accuracy(place: &Workplace, rows: &[(String, usize)], label: &dyn Fn(usize) -> String) -> Value {
    let rows = rows.iter().map(|(text, class)| format!("{text}\t{}\n", label(*class)));
    fs::write(place.path("rows.tsv"), "text\tlabel\n".to_owned() + &rows.collect::<String>())
        .unwrap();
    let words = [&TRAIN[..], &["model", "--head", "hf", "--overwrite-output-dir"]].concat();
    place.succeed(&words);
    let evaluated =
        place.succeed(&["evaluate", "--checkpoint", "out", "--data", "rows.tsv", "--json"]);
    let evaluated: Value = serde_json::from_slice(&evaluated.stdout).unwrap();
    let trained = place.json("out/all_results.json")["eval_accuracy"].clone();
    assert_eq!(evaluated["accuracy"], trained);
    trained
}

#[test]
fn a_row_of_the_head_stays_with_its_class() {
    let unnamed: Vec<String> = (0..12).map(|id| format!("LABEL_{id}")).collect();
    let named: Vec<String> = (0..12).map(|id| format!("class {}", (id * 5) % 12)).collect();
    for names in [unnamed, named] {
        let place = Workplace::new();
        save(&place, &names);
        let rows = found(&place);
        let mut classes: Vec<usize> = rows.iter().map(|(_, class)| *class).collect();
        classes.sort_unstable();
        classes.dedup();
        assert!(classes.len() > 1, "{classes:?}");
        assert_eq!(accuracy(&place, &rows, &|class| names[class].clone()), 1.0);
        assert_eq!(accuracy(&place, &rows, &|class| class.to_string()), 1.0);
        assert_eq!(accuracy(&place, &rows, &|class| format!("{class}.0")), 1.0);
        let written = place.json("out/config.json");
        for (id, name) in names.iter().enumerate() {
            assert_eq!(written["id2label"][id.to_string()], name.as_str());
        }
    }
}

#[test]
fn a_head_for_other_classes_is_named_with_the_data_and_can_be_made_afresh() {
    let place = Workplace::new();
    save(&place, &(0..12).map(|id| format!("LABEL_{id}")).collect::<Vec<_>>());
    fs::write(place.path("rows.tsv"), "text\tlabel\na\tneg\nb\tpos\n").unwrap();
    fs::write(place.path("map.json"), "{\"neg\": \"LABEL_3\", \"pos\": \"LABEL_9\"}").unwrap();
    let run = |further: &[&str]| {
        let words = [&TRAIN[..], &["model", "--head", "hf", "--overwrite-output-dir"], further];
        let output = place.trainer(&words.concat()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    let (code, told) = run(&[]);
    assert_eq!(code, Some(6), "{told}");
    for part in ["12 classes `LABEL_0`", "2 classes `neg`, `pos`", "--ignore-mismatched-sizes"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let (code, told) = run(&["--ignore-mismatched-sizes"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("initialised at random (pre_classifier.weight"), "{told}");
    assert_eq!(place.json("out/config.json")["id2label"]["1"], "pos");
    let (code, told) = run(&["--label-map", "map.json"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(!told.contains("initialised"), "{told}");
    assert_eq!(place.json("out/config.json")["id2label"]["11"], "LABEL_11");
    // Ids are said to be ids.
    fs::write(place.path("rows.tsv"), "text\tlabel\na\t3\nb\t9\n").unwrap();
    let (_, told) = run(&[]);
    assert!(told.contains("2 labels read as class ids of the model: 0 is LABEL_0"), "{told}");
}

#[test]
fn classes_are_counted_and_doubts_are_said() {
    let place = Workplace::new();
    let rows = "text\tlabel\na\tPositive\nb\tpositive\nc\tpositive\nd\tnan\ne\tnan\nf\tPositive\n";
    fs::write(place.path("rows.tsv"), rows).unwrap();
    let model = reference("tiny").canonicalize().unwrap().display().to_string();
    let output = place.succeed(&[&TRAIN[..], &[&model]].concat());
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("3 classes: Positive (2), nan (2), positive (2)"), "{told}");
    let warned = String::from_utf8_lossy(&output.stderr).into_owned();
    for part in ["`Positive`, `positive` differ only in capitals", "`nan` of 2 examples looks like"]
    {
        assert!(warned.contains(part), "{part}: {warned}");
    }
}

#[test]
fn counts_are_bounded_and_classes_that_training_lacks_are_said() {
    let place = Workplace::new();
    let names: Vec<String> = (0..12).map(|id| format!("LABEL_{id}")).collect();
    save(&place, &names);
    let rows: String = (0..9).map(|id| format!("a\tLABEL_{id}\n").repeat(id + 1)).collect();
    fs::write(place.path("rows.tsv"), "text\tlabel\n".to_owned() + &rows).unwrap();
    fs::write(place.path("held.tsv"), "text\tlabel\n\"a \"\"b\"\"\"\tLABEL_11\nb\t3\n").unwrap();
    let mut words = [&TRAIN[..], &["model", "--head", "hf"]].concat();
    words[4] = "held.tsv";
    let output = place.succeed(&words);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let counts = "12 classes: LABEL_8 (9), LABEL_7 (8), LABEL_6 (7), LABEL_5 (6), LABEL_4 (5), \
                  LABEL_3 (4) and 6 more";
    assert!(told.contains(counts), "{told}");
    let warned = String::from_utf8_lossy(&output.stderr).into_owned();
    for part in [
        "warning: held.tsv: 1 example of classes without a training example",
        "`LABEL_11`",
        "warning: held.tsv: 1 text is quoted as pandas writes them, the first in line 2",
        "warning: rows.tsv: 1 class with only one example: `LABEL_0`",
    ] {
        assert!(warned.contains(part), "{part}: {warned}");
    }
    let evaluate = ["evaluate", "--checkpoint", "out", "--data", "held.tsv"];
    let json = place.succeed(&[&evaluate[..], &["--json"]].concat());
    assert!(String::from_utf8_lossy(&json.stderr).contains("quoted as pandas"), "{json:?}");
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["labels_read_as_ids"], 1);
    assert_eq!(json["counts"], serde_json::json!([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]));
    let table = place.succeed(&evaluate);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(table.contains("12 classes: LABEL_3 (1), LABEL_11 (1), LABEL_0 (0)"), "{table}");
    assert!(table.contains("1 label read as class ids of the model"), "{table}");
}

#[test]
fn plan_refuses_the_classes_that_train_refuses() {
    let place = Workplace::new();
    save(&place, &(0..12).map(|id| format!("LABEL_{id}")).collect::<Vec<_>>());
    let plan = |labels: [&str; 2], further: &[&str]| {
        let rows = format!("text\tlabel\na\t{}\nb\t{}\n", labels[0], labels[1]);
        fs::write(place.path("rows.tsv"), rows).unwrap();
        let words = [&["plan"], &TRAIN[1..], &["model", "--head", "hf"], further].concat();
        let output = place.trainer(&words).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    for further in [&[][..], &["--json"], &["--program"]] {
        let (code, told) = plan(["neg", "pos"], further);
        assert_eq!(code, Some(6), "{told}");
        for part in ["12 classes `LABEL_0`", "2 classes `neg`, `pos`"] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }
    let (code, told) = plan(["neg", "pos"], &["--ignore-mismatched-sizes"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("2 classes: neg (1), pos (1)"), "{told}");
    // The head's classes are those of the data too, and its ids will do.
    let (code, told) = plan(["LABEL_9", "3"], &["--json"]);
    assert_eq!(code, Some(0), "{told}");
    let json: Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
    assert_eq!(json["classes"].as_object().unwrap().len(), 12);
    assert_eq!((&json["classes"]["LABEL_3"], &json["classes"]["LABEL_0"]), (&1.into(), &0.into()));
}

#[test]
fn no_input_is_answered_with_nothing() {
    let place = Workplace::new();
    let model = reference("tiny-hf").canonicalize().unwrap().display().to_string();
    let predict = |file: &str, content: &str| {
        fs::write(place.path(file), content).unwrap();
        let words = ["predict", "--checkpoint", &model, "--input", file];
        let output = place.trainer(&words).output().unwrap();
        let answers = String::from_utf8_lossy(&output.stdout).lines().count();
        // The first line is the header of the answers.
        (output.status.code(), answers.saturating_sub(1))
    };
    assert_eq!(predict("a.csv", "id,text\r1,a red cat\r2,the last horse\r"), (Some(0), 2));
    assert_eq!(predict("a.tsv", "id\ttext\r1\ta red cat\r"), (Some(0), 1));
    assert_eq!(predict("a.txt", "a red cat\rthe last horse\r\rred"), (Some(0), 4));
    assert_eq!(predict("a.jsonl", "{\"text\": \"a\"}\r{\"text\": \"b\"}"), (Some(0), 2));
    assert_eq!(predict("a.csv", "id,text\r1,a\r2,b\n3,c\n"), (Some(3), 0));
    assert_eq!(predict("a.csv", "id,text\n"), (Some(3), 0));
    assert_eq!(predict("a.csv", "\n\n"), (Some(3), 0));
    // The row is answered with an error before the columns are known to be none.
    assert_eq!(predict("a.jsonl", "{\"words\": \"a\"}\n"), (Some(3), 1));
    assert_eq!(predict("a.csv", ""), (Some(0), 0));
}
