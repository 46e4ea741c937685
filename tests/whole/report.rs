//! The pages of runs, as whole programs write them.

use std::fs;

use lockstep_testkit::reference;

use crate::program::{Starter, Workplace, succeed, tiny_run};

/// The arguments of a run of 10 updates that knows its mistakes.
fn run(further: &[&str]) -> Vec<String> {
    let rows = reference("golden/rows.tsv").canonicalize().unwrap().display().to_string();
    let fixed = ["--max-steps", "10", "--validation-file", &rows, "--device", "cpu"];
    let cadence = ["--eval-strategy", "steps", "--eval-steps", "3", "--save-strategy", "steps"];
    tiny_run("tiny", &[&fixed[..], &cadence, &["--save-steps", "4"], further].concat())
}

fn page(place: &Workplace, name: &str) -> String {
    let page = fs::read_to_string(place.path(name)).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    assert!(!page.contains("<script") && !page.contains("src="), "{page}");
    page
}

#[test]
fn a_run_has_a_page_that_knows_what_came_before_a_resume() {
    let place = Workplace::new();
    let figures = || {
        let entries = fs::read_dir(place.path("out/figures")).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names.join(" ")
    };
    let check = || {
        let page = page(&place, "out/report.html");
        // The first point of the curve of losses, and the last.
        assert!(page.contains(" at update 1, ") && page.contains(" at update 10, "), "{page}");
        for part in ["Confusion matrix", "Reliability", "confident mistakes", "Texts by length"] {
            assert!(page.contains(part), "{part}");
        }
        let expected = "accuracy.svg gradient-norm.svg learning-rate.svg loss.svg throughput.svg";
        assert_eq!(figures(), expected);
    };
    place.succeed(&run(&[]));
    check();
    place.succeed(&run(&["--resume", "out/checkpoint-4"]));
    check();
    // Two runs, and an evaluation, on pages of their own.
    place.succeed(&run(&["--output-dir", "other", "--seed", "7"]));
    place.succeed(&["report", "out", "other", "--output", "both.html"]);
    let both = page(&place, "both.html");
    for part in ["2 runs compared", "Settings that differ", "<code>seed</code>", "<bdi>other</bdi>"]
    {
        assert!(both.contains(part), "{part}");
    }
    let rows = reference("golden/rows.tsv").canonicalize().unwrap().display().to_string();
    let evaluate = ["evaluate", "--checkpoint", "out", "--data", &rows, "--report", "held.html"];
    place.succeed(&evaluate);
    assert!(page(&place, "held.html").contains("Most confident mistakes"));
}

#[test]
fn two_ranks_have_one_page_about_all_examples() {
    let place = Workplace::new();
    succeed(place.ranks(Starter::Launcher, 2, &run(&["--report-to", "none"])).unwrap());
    let rows = fs::read_to_string(reference("golden/rows.tsv")).unwrap().lines().count() - 1;
    let page = page(&place, "out/report.html");
    assert!(page.contains(&format!("{rows} examples of validation")), "{page}");
    assert!(page.contains("waiting for the sum of the gradients"));
}

#[test]
fn a_page_that_cannot_be_written_is_a_warning() {
    let place = Workplace::new();
    let mut command = place.trainer(&run(&["--resume", "auto"]));
    fs::create_dir_all(place.path("out/report.html/in the way")).unwrap();
    fs::write(place.path("out/run.toml"), "[record]\n").unwrap();
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("report.html cannot be written"), "{said}");
    assert!(place.path("out/README.md").exists());
}

#[test]
fn what_is_no_run_is_refused_with_its_place() {
    let place = Workplace::new();
    let check = |arguments: &[&str], code: i32, expected: &str| {
        let output = place.trainer(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(expected), "{said}");
    };
    check(&["report"], 2, "one output directory or more");
    check(&["report", "nowhere"], 2, "the output directory of a run with metrics.jsonl");
    fs::create_dir(place.path("out")).unwrap();
    fs::write(place.path("out/metrics.jsonl"), "{\"kind\":\"update\"}\n").unwrap();
    check(&["report", "out"], 3, "out/metrics.jsonl: line 1: missing field `step`");
}
