//! What people see of a run: on terminals, in files, among ranks, and where nothing reads it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lockstep_testkit::skip;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::lost_ranks::wait_for_updates;
use crate::program::{Starter, Workplace, tiny_run};

/// Rows of the emulated terminals: more than a run prints.
const ROWS: u16 = 60;

/// What a training writes to a terminal of so many columns; nothing where there is no `script`.
fn on_terminal(place: &Workplace, columns: u16, prefix: &str, further: &[&str]) -> Option<Vec<u8>> {
    let words = tiny_run("tiny", &[further, &["--save-strategy", "no"]].concat()).join(" ");
    let size = format!("stty cols {columns} rows {ROWS}");
    let line = format!("{size}; exec {prefix}{} {words}", env!("CARGO_BIN_EXE_trainer"));
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    script.current_dir(place.path("")).env("TERM", "xterm").stdin(Stdio::null());
    Some(script.output().ok()?.stdout)
}

/// The last screen with a whole view on it, and the screen at the end.
fn screens(bytes: &[u8], columns: u16) -> [vt100::Screen; 2] {
    let mut terminal = vt100::Parser::new(ROWS, columns, 0);
    let mut last = terminal.screen().clone();
    for byte in bytes {
        // A view is erased before it is drawn again.
        if *byte == 0x1b && view_of(terminal.screen()).is_some() {
            last = terminal.screen().clone();
        }
        terminal.process(&[*byte]);
    }
    [last, terminal.screen().clone()]
}

/// The rows of a view and the one below, and whether a row of the updates above it continues in the next
/// one; nothing where there is no whole view. The account may wrap: a path is longer than a narrow row.
fn view_of(screen: &vt100::Screen) -> Option<(Vec<String>, bool)> {
    let rows: Vec<String> = screen.rows(0, screen.size().1).collect();
    let top = rows.iter().position(|row| row.starts_with("epoch ") && row.contains(" ["))?;
    let view = rows.get(top..top + 5)?.to_vec();
    let account = rows.iter().position(|row| row.starts_with("schedule")).unwrap_or_default();
    let has_wrapped = (account..top).any(|row| screen.row_wrapped(u16::try_from(row).unwrap()));
    let is_whole = view[2].contains(" | ETA ") && !view[3].is_empty();
    is_whole.then_some((view, has_wrapped))
}

#[test]
fn a_terminal_shows_two_bars_below_whole_lines_and_is_left_clean() {
    for columns in [80, 40] {
        let place = Workplace::new();
        let validation = tiny_run("tiny", &[])[4].clone();
        let further = ["--num-train-epochs", "40", "--validation-file", &validation];
        let Some(bytes) = on_terminal(&place, columns, "", &further) else {
            return skip("there is no `script`, which makes a pseudo-terminal");
        };
        let [view, end] = screens(&bytes, columns);
        let (rows, has_wrapped) = view_of(&view).unwrap();
        println!("{}", rows.join("\n"));
        let starts = ["epoch ", "updates ", "loss ", "accuracy 0.", ""];
        let fit = rows.iter().zip(starts).all(|(row, start)| row.starts_with(start));
        assert!(fit && rows[4].is_empty() && !has_wrapped, "{columns}: {}", view.contents());
        // A narrow row ends between any two words.
        let end = end.contents().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(end.contains("What to run next:") && end.contains("best accuracy"), "{end}");
        assert!(!end.contains("| ETA ") && !end.contains(" [#"), "{columns}: {end}");
    }
}

#[test]
fn a_signal_leaves_the_terminal_clean_below_whole_lines() {
    let place = Workplace::new();
    let prefix = "timeout --foreground --signal TERM 4 ";
    let Some(bytes) = on_terminal(&place, 80, prefix, &["--num-train-epochs", "1000000"]) else {
        return skip("there is no `script`, which makes a pseudo-terminal");
    };
    let end = screens(&bytes, 80)[1].contents();
    assert!(end.contains("received a stop signal: finishing"), "{end}");
    assert!(end.contains("stopped    after update") && !end.contains(" [#"), "{end}");
}

/// What a run prints on its standard output and error.
fn printed(mut command: Command) -> [String; 2] {
    let output = command.output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    [out, err]
}

#[test]
fn a_pipe_gets_plain_lines_and_json_has_the_same_facts() {
    let place = Workplace::new();
    let run = |further: &[&str]| {
        let common = ["--max-steps", "20", "--overwrite-output-dir"];
        printed(place.trainer(&tiny_run("tiny", &[&common[..], further].concat())))
    };
    let [text, _] = run(&[]);
    println!("{text}");
    assert!(!text.contains(|letter: char| letter.is_control() && letter != '\n'), "{text:?}");
    assert_eq!(text.lines().filter(|line| line.starts_with("step ")).count(), 2, "{text}");
    let [json, _] = run(&["--log-format", "json"]);
    let objects: Vec<Value> =
        json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(objects.iter().all(|object| object["rank"] == 0 && object["level"] == "info"));
    let kinds: BTreeSet<&str> =
        objects.iter().filter_map(|object| object["kind"].as_str()).collect();
    let expected =
        ["account", "checkpoint", "epoch", "finish", "result", "speed", "start", "update"];
    assert_eq!(kinds, BTreeSet::from(expected), "{json}");
    let log = fs::read_to_string(place.path("out/logs/rank-0.jsonl")).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert_eq!(lines.collect::<Vec<_>>(), objects);
    let [quiet, _] = run(&["--quiet"]);
    let first = quiet.lines().next().unwrap_or_default();
    assert!(first.starts_with("speed ") && quiet.contains("report.html"), "{quiet}");
    assert!(!quiet.contains("step "), "{quiet}");
}

#[test]
fn warnings_and_errors_are_objects_too() {
    let place = Workplace::new();
    let run = ["--max-steps", "4", "--save-strategy", "steps", "--save-steps", "2"];
    place.succeed(&tiny_run("tiny", &run));
    fs::write(place.path("out/checkpoint-4/model.safetensors"), "damaged").unwrap();
    let again =
        tiny_run("tiny", &[&run[..], &["--resume", "auto", "--log-format", "json"]].concat());
    let [_, err] = printed(place.trainer(&again));
    let found: Vec<Value> = err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(found.iter().any(|object| object["level"] == "warning"), "{err}");
    let log = fs::read_to_string(place.path("out/logs/rank-0.jsonl")).unwrap();
    assert!(log.contains("\"level\":\"warning\""), "{log}");
    let refused = tiny_run("tiny", &["--log-format", "json"]);
    let output = place.trainer(&refused).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    let object: Value = serde_json::from_str(told.trim()).unwrap();
    assert_eq!(object["level"], "error", "{told}");
}

#[test]
fn four_ranks_print_each_line_once_and_whole() {
    for starter in [Starter::Mpirun, Starter::Launcher] {
        let place = Workplace::new();
        let further = ["--device", "cpu", "--max-steps", "20"];
        let Some(command) = place.ranks(starter, 4, &tiny_run("tiny", &further)) else { continue };
        let [out, err] = printed(command);
        println!("{out}{err}");
        assert!(!out.contains(|letter: char| letter.is_control() && letter != '\n'), "{out:?}");
        let lines: Vec<&str> =
            out.lines().filter(|line| !["", "[rank 0]"].contains(&line.trim())).collect();
        let once: BTreeSet<&&str> = lines.iter().collect();
        assert_eq!(once.len(), lines.len(), "{starter:?}: {out}");
        assert_eq!(out.matches("step 20/20 | loss: ").count(), 1, "{starter:?}: {out}");
        for rank in 0..4 {
            let log =
                fs::read_to_string(place.path(&format!("out/logs/rank-{rank}.jsonl"))).unwrap();
            let objects = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            let kinds =
                objects.filter(|object| object["rank"] == rank && object["kind"] == "update");
            assert_eq!(kinds.count(), 2, "{starter:?}: {log}");
        }
        assert!(!out.contains("exchanged"), "{out}");
    }
}

/// A pipe that is full, so that the next write to it waits for its reader.
fn full_pipe() -> (io::PipeReader, io::PipeWriter) {
    let (reader, mut writer) = io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    while writer.write(b"\n").is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    (reader, writer)
}

#[test]
fn a_run_whose_console_is_not_read_finishes() {
    let check = |what: &str, ranks: Option<Starter>| {
        let place = Workplace::new();
        let further = ["--device", "cpu", "--max-steps", "20", "--logging-steps", "1"];
        let arguments = tiny_run("tiny", &further);
        let command = match ranks {
            None => Some(place.trainer(&arguments)),
            Some(starter) => place.ranks(starter, 2, &arguments),
        };
        let Some(mut command) = command else { return };
        let (reader, writer) = full_pipe();
        command.stdout(writer.try_clone().unwrap()).stderr(writer);
        let mut child = command.spawn().unwrap();
        drop(command);
        assert_eq!(child.wait().unwrap().code(), Some(0), "{what}");
        assert!(place.path("out/model.safetensors").exists(), "{what}");
        drop(reader);
    };
    check("alone", None);
    check("the launcher", Some(Starter::Launcher));
}

#[test]
fn a_console_that_is_read_again_says_how_many_lines_it_lacks() {
    let place = Workplace::new();
    let further = ["--num-train-epochs", "100000", "--logging-steps", "1", "--save-strategy", "no"];
    let mut command = place.trainer(&tiny_run("tiny", &further));
    let (mut reader, writer) = full_pipe();
    command.stdout(writer).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    drop(command);
    wait_for_updates(&place, 1300);
    let (mut text, patience) = (Vec::new(), Instant::now() + Duration::from_secs(60));
    let mut piece = [0; 4096];
    while !String::from_utf8_lossy(&text).contains(" lines were not shown") {
        assert!(Instant::now() < patience, "no word of the lines");
        let count = reader.read(&mut piece).unwrap();
        text.extend_from_slice(&piece[..count]);
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    reader.read_to_end(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(75));
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("\nstopped    after update "), "{text}");
}
