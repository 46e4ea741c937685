//! Texts for `predict`, as people have them: by name, by flag, and on the standard input.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use lockstep_testkit::reference;
use serde_json::Value;

use crate::program::Workplace;

fn with_input(place: &Workplace, further: &[&str], input: &[u8]) -> Output {
    let model = reference("tiny-hf").canonicalize().unwrap().display().to_string();
    let words = [&["predict", "--checkpoint", &model], further].concat();
    let mut child = place.trainer(&words).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The exit code, and how many lines came under the header.
fn outcome(output: &Output) -> (Option<i32>, usize) {
    let lines = String::from_utf8_lossy(&output.stdout).lines().count();
    (output.status.code(), lines.saturating_sub(1))
}

#[test]
fn the_standard_input_is_texts_unless_a_flag_says_otherwise() {
    let place = Workplace::new();
    let check = |further: &[&str], input: &str, expected: (i32, usize), part: &str| {
        let output = with_input(&place, further, input.as_bytes());
        let expected = (Some(expected.0), expected.1);
        assert_eq!(outcome(&output), expected, "{further:?} {input}: {}", told(&output));
        assert!(told(&output).contains(part), "{further:?} {input}: {}", told(&output));
    };
    let json = "{\"text\": \"a warm day\"}\n{\"text\": \"a bleak one\"}\n";
    let csv = "id,text\n1,a warm day\n2,\"bleak, grey\"\n";
    check(&[], "a warm day\nbleak, grey\n", (0, 2), "2 texts classified");
    check(&[], json, (3, 0), "standard input: line 1 looks like a JSON object");
    check(&[], json, (3, 0), "--input-format jsonl");
    check(&["--input-format", "jsonl"], json, (0, 2), "");
    check(&["--input-format", "text"], json, (0, 2), "");
    check(&[], csv, (3, 0), "--input-format csv");
    check(&["--input-format", "csv"], csv, (0, 2), "");
    check(&["--input-format", "tsv"], "a\ttext\n1\tfine\n", (0, 1), "");
    check(&[], "a\ttext\n1\tfine\n", (3, 0), "--input-format tsv");
    check(&[], "text\na warm day\n", (0, 2), "warning: line 1 looks like the header");
    check(&["--input-format", "text"], "text\na\n", (0, 2), "2 texts");
    check(&[], "\n \n", (3, 2), "no text can be read (2 rows");
    check(
        &["--input-format", "csv"],
        "id,words\n1,a\n",
        (3, 0),
        "cannot tell which column holds the text",
    );
}

#[test]
fn rows_that_are_lost_are_explained_at_the_end() {
    let place = Workplace::new();
    let answer = |name: &str, content: &[u8]| {
        fs::write(place.path(name), content).unwrap();
        let output = with_input(&place, &["--input", name], b"");
        (outcome(&output), told(&output))
    };
    let (outcome, told) = answer("a.txt", b"fine\nsch\xF6n f\xFCr alle\nfine\n");
    assert_eq!(outcome, (Some(0), 3), "{told}");
    for part in ["1 row with errors", "1 row was skipped", "pass --encoding windows-1252"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let (outcome, told) = answer("a.tsv", b"id\ttext\n1\t\"a \"\"good\"\" one\"\n2\tfine\n");
    assert_eq!(outcome, (Some(0), 2), "{told}");
    assert!(told.contains("warning: 1 text is quoted as pandas writes them"), "{told}");
    let (outcome, told) = answer("a.csv", b"id,text\n1,\"a \"\"good\"\" one\"\n2,fine\n");
    assert_eq!((outcome, told.contains("warning")), ((Some(0), 2), false), "{told}");
}

#[test]
fn names_that_tell_no_format_are_refused_and_a_flag_helps() {
    let place = Workplace::new();
    for name in ["a.xlsx", "a.log", "a.bak", "a.json", "a.parquet", "a.csv.gz"] {
        fs::write(place.path(name), "a warm day\n").unwrap();
        let words = ["--input", name, "--input-format", "text"];
        assert_eq!(outcome(&with_input(&place, &words, b"")), (Some(0), 1), "{name}");
    }
    for name in ["a.xlsx", "a.log", "a.bak"] {
        let refused = with_input(&place, &["--input", name], b"");
        assert_eq!(outcome(&refused), (Some(3), 0), "{name}: {}", told(&refused));
        assert!(told(&refused).contains("--input-format"), "{name}: {}", told(&refused));
    }
    for name in ["texts", "a.TXT"] {
        fs::write(place.path(name), "a warm day\n").unwrap();
        assert_eq!(outcome(&with_input(&place, &["--input", name], b"")), (Some(0), 1), "{name}");
    }
}

/// Runs the lines that a training printed under `What to run next:`, as a user who types them.
fn next_lines_work(place: &Workplace, training: &Output) -> Vec<String> {
    let printed = String::from_utf8_lossy(&training.stdout).into_owned();
    let (_, next) = printed.split_once("What to run next:\n").unwrap();
    let lines: Vec<String> = next.lines().map(|line| line.trim().to_owned()).collect();
    let programs = Path::new(env!("CARGO_BIN_EXE_trainer")).parent().unwrap();
    for line in &lines {
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).current_dir(place.path(""));
        shell.env_clear().env("PATH", format!("{}:/usr/bin:/bin", programs.display()));
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{line}\n{}", told(&output));
    }
    lines
}

/// A training with columns that only a flag can tell, labels that only a map can, rows that only a
/// flag lets pass, and a directory with a space.
fn particular(place: &Workplace) -> Output {
    let rows = "id\ttitle\tkind\ttext\tlabel\n1\ta red cat\t7\tx\ty\n2\tthe last horse\t9\tx\tz\n\
                3\t\t9\tx\ty\n4\ta warm day\t7\tx\ty\n";
    fs::write(place.path("my rows.tsv"), rows).unwrap();
    fs::write(place.path("map.json"), "{\"7\": \"calm\", \"9\": \"sad\"}").unwrap();
    let rows = ["--train-file", "my rows.tsv", "--validation-file", "my rows.tsv"];
    let columns = ["--text-column", "title", "--label-column", "kind", "--label-map", "map.json"];
    let others = ["--on-bad-row", "skip", "--output-dir", "my run", "--max-seq-length", "12"];
    let model = reference("tiny").canonicalize().unwrap().display().to_string();
    let length = ["--max-steps", "2", "--model", &model];
    let words = [&["train"], &rows[..], &columns, &others, &length].concat();
    let output = place.succeed(&words);
    fs::remove_file(place.path("map.json")).unwrap();
    output
}

#[test]
fn the_next_lines_that_a_run_prints_are_right_as_they_stand() {
    let place = Workplace::new();
    let lines = next_lines_work(&place, &particular(&place));
    assert_eq!(lines.len(), 2, "{lines:?}");
    let words = ["evaluate", "--checkpoint", "my run", "--data", "my rows.tsv", "--json"];
    let json = place.succeed(&[&words[..], &["--on-bad-row", "skip"]].concat());
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["accuracy"], place.json("my run/all_results.json")["eval_accuracy"]);
    assert_eq!((&json["examples"], &json["max_seq_length"]), (&3.into(), &12.into()));
}

#[test]
fn a_model_remembers_how_its_files_were_read_and_flags_count_more() {
    let place = Workplace::new();
    particular(&place);
    let check = |name: &str, content: &str, further: &[&str], expected: Option<u64>| {
        fs::write(place.path(name), content).unwrap();
        let words = ["evaluate", "--checkpoint", "my run", "--json", "--data", name];
        let output = place.trainer(&[&words[..], further].concat()).output().unwrap();
        let json: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        assert_eq!(json["examples"].as_u64(), expected, "{content}: {}", told(&output));
    };
    check("a.csv", "title,kind,text,label\na,7,x,y\nb,9.0,x,y\n", &[], Some(2));
    // Names of the classes do as they are, and numbers that the map lacks are nothing.
    check("a.csv", "title,kind\na,calm\nb,sad\n", &[], Some(2));
    check("a.csv", "title,kind\na,0\nb,1\n", &[], None);
    // A file without these columns is read by the usual names.
    check("a.csv", "text,label\na,7\n", &[], Some(1));
    check("a.csv", "words,kind\na,7\n", &[], None);
    let columns = ["--text-column", "text", "--label-column", "label"];
    check("a.csv", "title,kind,text,label\n,,a,sad\n", &columns, Some(1));
    fs::write(place.path("other.json"), "{\"1\": \"calm\"}").unwrap();
    check("a.csv", "title,kind\na,1\n", &["--label-map", "other.json"], Some(1));
    // predict too.
    fs::write(place.path("b.jsonl"), "{\"title\": \"a red cat\", \"text\": 5}\n").unwrap();
    let output = place.succeed(&["predict", "--checkpoint", "my run", "--input", "b.jsonl"]);
    assert_eq!(outcome(&output), (Some(0), 1), "{}", told(&output));
    assert!(told(&output).contains("truncated to 12 tokens"), "{}", told(&output));
    let words = ["predict", "--checkpoint", "my run", "--input", "b.jsonl", "--text-column"];
    let output = place.trainer(&[&words[..], &["text"]].concat()).output().unwrap();
    assert_eq!(outcome(&output), (Some(3), 1), "{}", told(&output));
}
