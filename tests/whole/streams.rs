//! The standard streams: terminals, pipes that close, streams that were never open, full devices.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use lockstep_testkit::{reference, skip};

use crate::program::{Starter, Workplace, tiny_run};

const RUN: [&str; 4] = ["--max-steps", "20", "--logging-steps", "1"];

/// A run in which each line may be the one that cannot be written.
fn check(what: &str, start: impl FnOnce(&Workplace) -> Command, close: Option<&str>) {
    let place = Workplace::new();
    let mut child = start(&place).spawn().unwrap();
    let mut line = String::new();
    match close {
        Some("stdout") => {
            BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        }
        Some("stderr") => drop(child.stderr.take()),
        _ => {}
    }
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{what}: {told}");
    assert!(place.path("out/model.safetensors").exists(), "{what}: {told}");
    assert_eq!(place.metrics("out", "update").len(), 20, "{what}: {told}");
}

#[test]
fn training_continues_when_its_console_is_closed() {
    let run = |place: &Workplace| place.trainer(&tiny_run("tiny", &RUN));
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    let shell = |place: &Workplace, redirection: &str| {
        let words = tiny_run("tiny", &RUN).join(" ");
        let line = format!("exec {} {words} {redirection}", env!("CARGO_BIN_EXE_trainer"));
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &line]).current_dir(place.path("")).stdin(Stdio::null());
        shell.stdout(Stdio::piped()).stderr(Stdio::piped());
        shell
    };
    let to_full = |place: &Workplace, is_out: bool| {
        let mut run = run(place);
        if is_out {
            run.stdout(full())
        } else {
            run.stderr(full())
        };
        run
    };
    check("a pipe", run, Some("stdout"));
    check("a pipe for errors", run, Some("stderr"));
    check("a full device", |place| to_full(place, true), None);
    check("full errors", |place| to_full(place, false), None);
    check("no output", |place| shell(place, ">&-"), None);
    check("no errors", |place| shell(place, "2>&-"), None);
    check("no stream", |place| shell(place, ">&- 2>&- <&-"), None);
    let ranks = |place: &Workplace| {
        let further = [&RUN[..], &["--device", "cpu"]].concat();
        place.ranks(Starter::Launcher, 2, &tiny_run("tiny", &further)).unwrap()
    };
    check("the launcher's pipe", ranks, Some("stdout"));
}

/// A warning does not panic where the standard error is closed.
#[test]
fn a_warning_to_a_closed_stream_is_not_an_error() {
    let place = Workplace::new();
    let run = ["--max-steps", "4", "--save-strategy", "steps", "--save-steps", "2"];
    place.succeed(&tiny_run("tiny", &run));
    std::fs::write(place.path("out/checkpoint-4/model.safetensors"), "damaged").unwrap();
    let mut again = place.trainer(&tiny_run("tiny", &[&run[..], &["--resume", "auto"]].concat()));
    let mut child = again.spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}

#[test]
fn answers_end_quietly_with_their_reader_and_loudly_on_a_full_device() {
    let place = Workplace::new();
    let model = reference("tiny-mlp").canonicalize().unwrap().display().to_string();
    std::fs::write(place.path("texts.txt"), "a warm cat\n".repeat(20_000)).unwrap();
    let arguments = ["predict", "--checkpoint", &model, "--input", "texts.txt"];
    let mut child = place.trainer(&arguments).spawn().unwrap();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]));
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = place.trainer(&arguments).stdout(full).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("standard output cannot be written"), "{told}");
}

/// What a training prints to a terminal of type `term`; nothing where there is no `script`.
fn on_terminal(place: &Workplace, term: &str, directory: &str) -> Option<String> {
    let words = tiny_run("tiny", &[&RUN[..], &["--output-dir", directory]].concat()).join(" ");
    let line = format!("{} {words}", env!("CARGO_BIN_EXE_trainer"));
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    script.current_dir(place.path("")).env("TERM", term).stdin(Stdio::null());
    let output = script.output().ok()?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{term}: {printed}");
    Some(printed)
}

#[test]
fn a_terminal_shows_a_bar_and_a_pipe_does_not() {
    let place = Workplace::new();
    let Some(printed) = on_terminal(&place, "xterm", "bar") else {
        return skip("there is no `script`, which makes a pseudo-terminal");
    };
    for part in ["tokenising [", "epoch 1/2 [", "updates   ["] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    let dumb = on_terminal(&place, "dumb", "dumb").unwrap();
    let pipe = place.succeed(&tiny_run("tiny", &RUN));
    for plain in [dumb, String::from_utf8_lossy(&pipe.stdout).into_owned()] {
        assert!(plain.contains("step 20/20 | loss: ") && !plain.contains("epoch 1/2 ["), "{plain}");
        assert!(!plain.contains('\u{1b}'), "{plain:?}");
    }
}
