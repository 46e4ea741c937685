//! Going on where something of the run is no longer as it was.

use std::fs;
use std::path::Path;

use lockstep_testkit::reference;

use crate::program::{Workplace, succeed, tiny_run};

const STEPS: [&str; 4] = ["--save-strategy", "steps", "--save-steps", "2"];

/// A copy of the reference's encoder, and the flags of a run of four updates from it.
fn copied(place: &Workplace, further: &[&str]) -> Vec<String> {
    fs::create_dir_all(place.path("base")).unwrap();
    for file in fs::read_dir(reference("tiny")).unwrap().map(|entry| entry.unwrap().path()) {
        fs::copy(&file, place.path("base").join(file.file_name().unwrap())).unwrap();
    }
    let rows = reference("golden/rows.tsv").canonicalize().unwrap().display().to_string();
    let fixed = ["train", "--model", "base", "--train-file", &rows, "--output-dir", "out"];
    let words = [&fixed[..], &["--max-steps", "4"], &STEPS, further].concat();
    words.into_iter().map(str::to_owned).collect()
}

/// Takes the end of a run away, so that it can be made again from its first checkpoint.
fn interrupt(place: &Workplace) {
    for name in ["model.safetensors", "config.json", "all_results.json", "README.md"] {
        fs::remove_file(place.path("out").join(name)).unwrap();
    }
    fs::remove_dir_all(place.path("out/checkpoint-4")).unwrap();
}

fn weights(place: &Workplace) -> Vec<u8> {
    fs::read(place.path("out/model.safetensors")).unwrap()
}

#[test]
fn a_run_goes_on_although_its_base_is_gone() {
    for (head, gone) in [("mlp", true), ("hf", true), ("mlp", false)] {
        let place = Workplace::new();
        let run = copied(&place, &["--head", head]);
        place.succeed(&run);
        let whole = weights(&place);
        interrupt(&place);
        match gone {
            true => fs::remove_dir_all(place.path("base")).unwrap(),
            false => fs::write(place.path("base/config.json"), "{").unwrap(),
        }
        let output = place.succeed(&[&run[..], &["--resume".to_owned(), "auto".into()]].concat());
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(
            told.contains("the run continues without it: out/checkpoint-2 has the whole"),
            "{told}"
        );
        assert!(weights(&place) == whole, "{head}: other weights than without a stop");
        // Without a checkpoint there is nothing to go on from.
        let run = run.iter().map(|word| if word == "out" { "new" } else { word });
        let output = place.trainer(&run.collect::<Vec<_>>()).output().unwrap();
        assert_eq!(output.status.code(), Some(6));
    }
}

#[test]
fn the_way_to_train_longer_is_named_and_works() {
    let place = Workplace::new();
    let run = |further: &[&str]| {
        let words = [&["--num-train-epochs", "1", "--head", "hf"], further].concat();
        place.trainer(&tiny_run("tiny", &words)).output().unwrap()
    };
    assert!(run(&[]).status.success());
    for (further, code) in [
        (&["--num-train-epochs", "2", "--resume", "auto"][..], 6),
        (&["--num-train-epochs", "2"], 2),
    ] {
        let output = run(further);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(told.contains("pass --model out and another --output-dir"), "{told}");
    }
    let output = run(&["--seed", "7", "--resume", "auto", "--num-train-epochs", "2"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!told.contains("to train its model further"), "{told}");
    let output = run(&["--set", "model.model=out", "--output-dir", "further"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_same_command_goes_on_although_it_was_to_replace_an_earlier_run() {
    let place = Workplace::new();
    let run = copied(&place, &["--overwrite-output-dir"]);
    place.succeed(&run);
    let whole = weights(&place);
    interrupt(&place);
    place.succeed(&[&run[..], &["--resume".to_owned(), "auto".into()]].concat());
    assert!(weights(&place) == whole, "other weights than without a stop");
    let lines = place.metrics("out", "update").len();
    assert_eq!(lines, 4, "the first updates were made again");
}

#[test]
fn only_a_checkpoint_that_is_there_is_named_as_the_best() {
    let rows = reference("golden/rows.tsv").canonicalize().unwrap().display().to_string();
    let every = ["--eval-strategy", "steps", "--eval-steps", "2", "--max-steps", "6"];
    for (saving, is_named) in [
        (&["--save-strategy", "no"][..], false),
        (&["--save-strategy", "steps", "--save-steps", "2"], true),
        (&["--save-strategy", "steps", "--save-steps", "2", "--save-total-limit", "1"], true),
    ] {
        let place = Workplace::new();
        let words = [&["--validation-file", &rows], &every[..], saving].concat();
        place.succeed(&tiny_run("tiny", &words));
        let state = place.json("out/trainer_state.json");
        let named = state["best_model_checkpoint"].as_str();
        let step = state["best_global_step"].as_u64().unwrap();
        let expected = is_named.then(|| format!("out/checkpoint-{step}"));
        assert_eq!(named, expected.as_deref(), "{saving:?}");
        assert!(named.is_none_or(|name| place.path(name).is_dir()), "{saving:?}");
        if is_named {
            let inside = place.json(&format!("out/checkpoint-{step}/trainer_state.json"));
            assert_eq!(inside["best_model_checkpoint"].as_str(), named);
        }
    }
}

#[test]
fn an_interrupted_run_is_evaluated_and_asked_at_its_newest_checkpoint() {
    let place = Workplace::new();
    place.succeed(&copied(&place, &[]));
    interrupt(&place);
    let rows = reference("golden/rows.tsv").canonicalize().unwrap().display().to_string();
    fs::write(place.path("texts.txt"), "a warm cat\n").unwrap();
    let ask = |directory: &str, words: &[&str]| {
        let [command, rest @ ..] = words else { panic!("no command") };
        place.succeed(&[&[*command, "--checkpoint", directory], rest].concat())
    };
    for words in [&["evaluate", "--data", &rows][..], &["predict", "--input", "texts.txt"]] {
        let [run, checkpoint] = ["out", "out/checkpoint-2"].map(|name| ask(name, words));
        assert_eq!(run.stdout, checkpoint.stdout, "{words:?}");
        let told = String::from_utf8(run.stderr).unwrap();
        assert!(told.contains("its newest checkpoint, out/checkpoint-2"), "{told}");
        let told = String::from_utf8(checkpoint.stderr).unwrap();
        assert!(!told.contains("newest checkpoint"), "{told}");
    }
    // A checkpoint of another run is not used.
    fs::remove_file(place.path("out/run.toml")).unwrap();
    let words = ["evaluate", "--checkpoint", "out", "--data", &rows];
    let output = place.trainer(&words).output().unwrap();
    assert_eq!(output.status.code(), Some(6));
    assert!(Path::new(&place.path("out/checkpoint-2")).is_dir());
}

#[test]
fn an_attempt_of_a_replacing_run_resumes_only_what_that_run_has_written() {
    let place = Workplace::new();
    let run = |seed: &str, further: &[&str]| {
        let flags = ["--max-steps", "2", "--save-strategy", "epoch", "--seed", seed];
        place.trainer(&tiny_run("tiny", &[&flags[..], further].concat()))
    };
    succeed(run("1", &[]));
    // The first attempt died before it put the earlier run aside.
    let attempt = || {
        let mut command = run("2", &["--overwrite-output-dir", "--set", "run.resume=auto"]);
        command.env("LOCKSTEP_REPLACING_RUN", "one");
        let output = succeed(command);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(!attempt().contains("resumes after update"), "the earlier run was resumed");
    let told = attempt();
    assert!(told.contains("resumes after update 2"), "{told}");
}
