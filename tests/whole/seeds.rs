//! A series of seeds: each training is that of a single run, what is finished stays, and the means.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use lockstep_testkit::reference;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::program::{Starter, Workplace, metrics, succeed, tiny_run};

const SHORT: [&str; 6] = ["--max-steps", "6", "--save-strategy", "steps", "--save-steps", "2"];

fn rows() -> String {
    reference("golden/rows.tsv").canonicalize().unwrap().display().to_string()
}

/// A series that is evaluated on its training rows.
fn series(further: &[&str]) -> Vec<String> {
    let rows = rows();
    tiny_run("tiny", &[&["--validation-file", &rows], &SHORT[..], further].concat())
}

fn bytes(place: &Workplace, name: &str) -> Vec<u8> {
    fs::read(place.path(name)).unwrap_or_else(|cause| panic!("{name}: {cause}"))
}

/// Exit code, and all that was said.
fn told(place: &Workplace, words: &[String]) -> (Option<i32>, String) {
    let output = place.trainer(words).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

#[test]
fn each_seed_has_the_bits_of_the_single_run_with_that_seed() {
    for split in [&["--validation-file", &rows()], &["--validation-split", "0.3"]] {
        let place = Workplace::new();
        let run = |further: &[&str]| {
            place.succeed(&tiny_run("tiny", &[split, &SHORT[..], further].concat()));
        };
        run(&["--seeds", "7,3"]);
        run(&["--seed", "3", "--output-dir", "one"]);
        assert!(
            bytes(&place, "out/seed-3/model.safetensors") == bytes(&place, "one/model.safetensors"),
            "{split:?}"
        );
        // The record of a seed repeats that seed.
        place.succeed(&["out/seed-7/run.toml", "--output-dir", "again"]);
        assert!(
            bytes(&place, "out/seed-7/model.safetensors")
                == bytes(&place, "again/model.safetensors")
        );
        for name in ["report.html", "README.md", "metrics.jsonl", "checkpoint-6/MANIFEST.json"] {
            assert!(place.path("out/seed-3").join(name).exists(), "{name}");
        }
    }
}

#[test]
fn what_all_seeds_came_to_is_in_every_report_and_the_best_model_is_the_result() {
    let place = Workplace::new();
    let output =
        place.succeed(&series(&["--seed", "5", "--seeds", "3", "--metric-for-best-model", "loss"]));
    let said = String::from_utf8(output.stdout).unwrap();
    let all = place.json("out/seeds.json");
    let losses: Vec<f64> = [5, 6, 7]
        .map(|seed| place.json(&format!("out/seed-{seed}/all_results.json")))
        .iter()
        .map(|results| results["eval_loss"].as_f64().unwrap())
        .collect();
    let spread = &all["metrics"]["eval_loss"];
    assert_eq!(serde_json::from_value::<Vec<f64>>(spread["values"].clone()).unwrap(), losses);
    let mean = losses.iter().sum::<f64>() / 3.0;
    assert!((spread["mean"].as_f64().unwrap() - mean).abs() < 1e-12);
    let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let best = 5 + losses.iter().position(|loss| *loss == least).unwrap();
    assert_eq!(all["result"]["seed"], best);
    assert_eq!((&all["finished"], &all["planned"]), (&Value::from(3), &Value::from(3)));
    for name in ["model.safetensors", "all_results.json", "tokenizer.json", "trainer_state.json"] {
        let of_seed = format!("out/seed-{best}/{name}");
        assert!(bytes(&place, &format!("out/{name}")) == bytes(&place, &of_seed), "{name}");
    }
    let line = format!("the model of seed {best}, the best by eval_loss");
    let card = fs::read_to_string(place.path("out/README.md")).unwrap();
    let page = fs::read_to_string(place.path("out/report.html")).unwrap();
    assert!(said.contains(&line) && page.contains(&line), "{said}");
    assert!(card.contains(&line.replace('_', "\\_")), "{card}");
    assert!(
        card.contains("Student's t") && page.contains("Student&#39;s t")
            || page.contains("Student's t")
    );
    let is_row =
        |line: &str| line.starts_with("eval_loss ") && line.contains(&format!("{mean:.4}"));
    assert!(said.lines().any(is_row), "{said}");
    place.succeed(&["evaluate", "--checkpoint", "out", "--data", &rows()]);
    place.succeed(&["report", "out", "--output", "seeds.html"]);
    let seeds = fs::read_to_string(place.path("seeds.html")).unwrap();
    assert!(["seed-5", "seed-6", "seed-7"].iter().all(|seed| seeds.contains(seed)));
    // The record of the series repeats the series.
    place.succeed(&["out/run.toml", "--output-dir", "again"]);
    assert!(bytes(&place, "out/model.safetensors") == bytes(&place, "again/model.safetensors"));
}

#[test]
fn without_validation_data_no_seed_is_chosen() {
    let place = Workplace::new();
    let rows = rows();
    let words = [&["--test-file", &rows, "--seeds", "4,2"], &SHORT[..]].concat();
    place.succeed(&tiny_run("tiny", &words));
    let all = place.json("out/seeds.json");
    assert_eq!(
        (&all["result"]["seed"], &all["result"]["chosen_by"]),
        (&Value::from(4), &Value::Null)
    );
    assert!(all["metrics"]["test_accuracy"]["std"].is_number());
}

/// Takes the end of a seed away, as if its process had been killed before.
fn interrupt(place: &Workplace, seed: &str, has_checkpoint: bool) {
    let folder = place.path("out").join(seed);
    for name in ["model.safetensors", "all_results.json", "README.md", "report.html"] {
        fs::remove_file(folder.join(name)).unwrap();
    }
    for step in [2, 4, 6].into_iter().filter(|step| *step == 6 || !has_checkpoint) {
        fs::remove_dir_all(folder.join(format!("checkpoint-{step}"))).unwrap();
    }
}

#[test]
fn a_series_that_resumes_runs_only_what_is_not_finished() {
    let place = Workplace::new();
    place.succeed(&series(&["--seeds", "1,2,3"]));
    let [second, third] =
        ["2", "3"].map(|seed| bytes(&place, &format!("out/seed-{seed}/model.safetensors")));
    let written = |seed: &str| {
        fs::metadata(place.path(&format!("out/{seed}/model.safetensors")))
            .unwrap()
            .modified()
            .unwrap()
    };
    let before = written("seed-1");
    interrupt(&place, "seed-2", true);
    interrupt(&place, "seed-3", false);
    fs::remove_file(place.path("out/seeds.json")).unwrap();
    let (code, said) = told(&place, &series(&["--seeds", "1,2,3", "--resume", "auto"]));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("seed-1: finished earlier") && written("seed-1") == before, "{said}");
    assert!(said.contains("seed-2: resumes") && said.contains("resumes after update 4"), "{said}");
    assert!(bytes(&place, "out/seed-2/model.safetensors") == second);
    assert!(bytes(&place, "out/seed-3/model.safetensors") == third);
    assert_eq!(place.json("out/seeds.json")["finished"], 3);
    // Finished as a whole, it is only summed up again.
    let (code, said) = told(&place, &series(&["--seeds", "1,2,3", "--resume", "auto"]));
    assert_eq!((code, said.matches("finished earlier").count()), (Some(0), 3), "{said}");
    // Further seeds join the finished ones.
    let (code, said) = told(&place, &series(&["--seeds", "1,2,3,9", "--resume", "auto"]));
    assert_eq!((code, said.matches("finished earlier").count()), (Some(0), 3), "{said}");
    assert_eq!(place.json("out/seeds.json")["finished"], 4);
}

#[test]
fn a_signal_ends_the_series_with_a_checkpoint_of_its_seed() {
    let place = Workplace::new();
    let long = ["--num-train-epochs", "30", "--save-strategy", "no", "--seeds", "1,2"];
    let run = tiny_run("tiny", &long);
    let mut child = place.trainer(&run).spawn().unwrap();
    let patience = Instant::now() + Duration::from_secs(120);
    while metrics(&place.path("out/seed-2"), "update").len() < 5 {
        assert!(Instant::now() < patience, "the second seed does not begin");
        sleep(Duration::from_millis(2));
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(75));
    assert_eq!(place.json("out/seeds.json")["finished"], 1);
    assert_eq!(place.json("out/seeds.json")["result"], Value::Null);
    let again = [&run[..], &["--resume", "auto"].map(str::to_owned)].concat();
    let (code, said) = told(&place, &again);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("seed-1: finished earlier"), "{said}");
    let single = [&long[..4], &["--seed", "2", "--output-dir", "one"]].concat();
    place.succeed(&tiny_run("tiny", &single));
    assert!(
        bytes(&place, "out/seed-2/model.safetensors") == bytes(&place, "one/model.safetensors")
    );
}

#[test]
fn several_ranks_train_the_seeds_together() {
    for starter in [Starter::Launcher, Starter::Mpirun] {
        let place = Workplace::new();
        let further =
            ["--device", "cpu", "--deterministic", "--global-batch-size", "16", "--seeds", "1,2"];
        let words = series(&further);
        let Some(command) = place.ranks(starter, 2, &words) else { continue };
        let output = succeed(command);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(said.matches("result     the model of seed").count(), 1, "{said}");
        let alone = words.iter().map(|word| if word == "out" { "alone" } else { word });
        place.succeed(&alone.collect::<Vec<_>>());
        for seed in ["seed-1", "seed-2"] {
            let [here, alone] = ["out", "alone"]
                .map(|name| bytes(&place, &format!("{name}/{seed}/model.safetensors")));
            assert!(here == alone, "{starter:?}: {seed}");
        }
        // The unfinished seed resumes on all ranks.
        let last = bytes(&place, "out/seed-2/model.safetensors");
        interrupt(&place, "seed-2", true);
        let again = [&words[..], &["--resume", "auto"].map(str::to_owned)].concat();
        succeed(place.ranks(starter, 2, &again).unwrap());
        assert!(bytes(&place, "out/seed-2/model.safetensors") == last, "{starter:?}");
    }
}

#[test]
fn a_seed_that_fails_ends_the_series_and_the_finished_ones_stay() {
    let place = Workplace::new();
    place.succeed(&series(&["--seeds", "1,2"]));
    fs::remove_dir_all(place.path("out/seed-2")).unwrap();
    fs::write(place.path("out/seed-2"), "in the way").unwrap();
    let again = series(&["--seeds", "1,2", "--resume", "auto"]);
    let (code, said) = told(&place, &again);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("the training with seed 2 failed"), "{said}");
    assert!(said.contains("1 finished seed before it stay"), "{said}");
    let all = place.json("out/seeds.json");
    assert_eq!((&all["finished"], &all["planned"]), (&Value::from(1), &Value::from(2)));
    fs::remove_file(place.path("out/seed-2")).unwrap();
    let (code, said) = told(&place, &again);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn series_and_single_runs_are_not_mixed_up() {
    let place = Workplace::new();
    place.succeed(&series(&["--seeds", "1,2"]));
    let check = |further: &[&str], expected: (i32, &str)| {
        let (code, said) = told(&place, &series(further));
        assert_eq!(code, Some(expected.0), "{further:?}: {said}");
        assert!(said.contains(expected.1), "{further:?}: {said}");
    };
    check(&["--seeds", "1,2"], (2, "it holds a finished model"));
    check(&["--seed", "1", "--resume", "auto"], (2, "holds a series of seeds"));
    let other = ["--seeds", "1,2", "--resume", "auto", "--learning-rate", "1e-3"];
    check(&other, (6, "learning_rate"));
    let other = [
        "--seeds",
        "1,2",
        "--resume",
        "auto",
        "--seeds",
        "1,2,3",
        "--per-device-train-batch-size",
        "8",
    ];
    check(&other, (6, "per_device_train_batch_size"));
    // Of a replaced series nothing is left, but for what is not ours.
    fs::write(place.path("out/notes.txt"), "mine").unwrap();
    check(&["--seeds", "8,9", "--overwrite-output-dir"], (0, "seed 8"));
    let mut names: Vec<String> = fs::read_dir(place.path("out"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("seed-") || name.starts_with('.') || name == "notes.txt")
        .collect();
    names.sort();
    assert_eq!(names, ["notes.txt", "seed-8", "seed-9"]);
    check(&["--seed", "1", "--overwrite-output-dir"], (0, "\nmodel      out\n"));
    assert!(!place.path("out/seed-8").exists() && !place.path("out/seeds.json").exists());
    check(&["--seeds", "1,2", "--resume", "auto"], (2, "holds a single training"));
    assert!(Path::new(&place.path("out/checkpoint-6")).is_dir());
}
