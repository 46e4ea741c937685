//! What is seen before data is read: all of it together, and by `plan` as by `train`.

use std::fs;

use lockstep_testkit::reference;

use crate::program::Workplace;

/// A place with rows, a model of 512 positions, a finished run in `done`, and a folder of notes.
fn place() -> Workplace {
    let place = Workplace::new();
    fs::copy(reference("golden/rows.tsv"), place.path("rows.tsv")).unwrap();
    fs::create_dir(place.path("model")).unwrap();
    for file in fs::read_dir(reference("tiny")).unwrap().map(|entry| entry.unwrap().path()) {
        fs::copy(&file, place.path("model").join(file.file_name().unwrap())).unwrap();
    }
    fs::create_dir(place.path("notes")).unwrap();
    fs::write(place.path("notes/todo.txt"), "").unwrap();
    fs::write(place.path("file"), "").unwrap();
    fs::write(place.path("map.json"), "[]").unwrap();
    fs::create_dir(place.path("broken")).unwrap();
    fs::write(place.path("broken/config.json"), "{\"dim\": 0}").unwrap();
    place.succeed(&["train", "--train-file", "rows.tsv", "--model", "model", "--max-steps", "1"]);
    fs::rename(place.path("runs/rows"), place.path("done")).unwrap();
    place
}

/// How a command ends, and what it says.
fn told(place: &Workplace, command: &str, words: &[&str]) -> (i32, String) {
    let mut command = place.trainer(&[&[command], words].concat());
    let output = command.env("HF_HOME", place.path("home")).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// A command line behind `--train-file rows.tsv --model model`, the code, and parts of what is said.
type Row = (&'static str, i32, &'static [&'static str]);

const TABLE: &[Row] = &[
    ("--learning-rate 50", 2, &["--learning-rate 50"]),
    ("--output-dir done", 2, &["holds a finished model", "--model done and another --output-dir"]),
    ("--output-dir notes", 2, &["is not empty"]),
    ("--output-dir notes --overwrite-output-dir", 2, &["is not a run of lockstep"]),
    ("--output-dir file/out", 2, &["`file` is a file"]),
    ("--output-dir out --resume nowhere", 2, &["--resume nowhere"]),
    ("--validation-file missing.tsv", 3, &["missing.tsv: the file does not exist"]),
    ("--test-file away/missing.tsv", 3, &["there is no folder away"]),
    ("--validation-file notes", 3, &["this is a directory"]),
    ("--validation-file notes/todo.txt", 3, &["is not supported"]),
    ("--label-map map.json", 3, &["map.json"]),
    ("--max-seq-length 513", 2, &["the model has 128 position embeddings"]),
    ("--model nowhere/model", 6, &["nowhere/model"]),
    ("--model file", 6, &["`file` is a file"]),
    ("--model owner/unknown", 6, &["owner/unknown", "HF_HUB_OFFLINE"]),
    ("--model broken", 6, &["broken/config.json", "`dim` is 0", "`vocab_size` is missing"]),
    // All together.
    (
        "--learning-rate 50 --output-dir done --validation-file missing.tsv --max-seq-length 512",
        2,
        &["3 faults", "--learning-rate 50", "--output-dir done", "128 position", "missing.tsv"],
    ),
    (
        "--validation-file missing.tsv --test-file lost.tsv --label-map map.json",
        3,
        &["missing.tsv", "lost.tsv", "map.json"],
    ),
    (
        "--model broken --validation-file missing.tsv --output-dir notes",
        2,
        &["one fault", "missing.tsv", "broken/config.json"],
    ),
    ("--seed x --model file", 2, &["--seed x", "`file` is a file"]),
];

#[test]
fn plan_and_train_see_the_same_before_data_is_read() {
    let place = place();
    // Data that must not be read.
    fs::write(place.path("rows.tsv"), b"\xff\xfe\x00").unwrap();
    for (line, code, parts) in TABLE {
        let fixed = ["--train-file", "rows.tsv", "--model", "model"];
        let mut words: Vec<&str> = line.split(' ').collect();
        if line.contains("--model") {
            words.extend(["--train-file", "rows.tsv"]);
        } else {
            words.extend(fixed);
        }
        let trained = told(&place, "train", &words);
        for part in *parts {
            assert!(trained.1.contains(part), "{line}: no {part:?} in {}", trained.1);
        }
        assert_eq!(trained.0, *code, "{line}: {}", trained.1);
        assert_eq!(told(&place, "plan", &words), trained, "{line}");
    }
}

#[test]
fn what_plan_lets_pass_train_carries_out() {
    let place = place();
    for line in [
        "--output-dir new",
        "--output-dir done --overwrite-output-dir",
        "--output-dir done --resume auto",
        "--output-dir done --overwrite-output-dir --resume auto",
        "--max-seq-length 128 --overwrite-output-dir --output-dir new",
    ] {
        let fixed = ["--train-file", "rows.tsv", "--model", "model", "--max-steps", "1"];
        let words = [&line.split(' ').collect::<Vec<_>>()[..], &fixed[..]].concat();
        for command in ["plan", "train"] {
            let (code, told) = told(&place, command, &words);
            assert_eq!(code, 0, "{command} {line}: {told}");
        }
    }
}
