//! `cargo xtask ci`: every check, the cheap ones first, until one fails. At the end it lists the tests
//! that could not run here.
//!
//! All steps build with the release profile, and at most twice: clippy and rustdoc share the
//! metadata of the dependencies, the tests build the real thing. Warnings are denied behind `--` and
//! for rustdoc only, never through `RUSTFLAGS`, which would build every dependency anew.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::tally::Tally;
use crate::workspace::{Workspace, not_started, run as run_program, shown};
use crate::{arrows, errors, tidy};

/// One step: its name, what to do when it fails, and the work.
struct Step {
    name: &'static str,
    remedy: &'static str,
    work: fn(&Workspace, &mut Tally) -> Result<(), Failure>,
}

const STEPS: [Step; 7] = [
    Step { name: "fmt", remedy: "run `cargo fmt --all`", work: formatting },
    Step { name: "tidy", remedy: "repair the places listed above", work: tidiness },
    Step { name: "arrows", remedy: "see crates/README.md, `Arrows`", work: arrows_hold },
    Step { name: "clippy", remedy: "repair the warnings listed above", work: lints },
    Step { name: "rustdoc", remedy: "repair the documentation listed above", work: documentation },
    Step {
        name: "tests",
        remedy: "repeat one with `cargo test --workspace --release NAME`",
        work: all_tests,
    },
    Step {
        name: "gpu",
        remedy: "repair what the features `nccl` and `cuda` add",
        work: code_for_gpus,
    },
];

/// Runs all steps; a failure names its step, the cause and the remedy.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    Failure::unless_empty(arguments)?;
    let mut times = Vec::new();
    let mut tally = Tally::default();
    for (index, step) in STEPS.iter().enumerate() {
        println!("== {}/{} {}", index + 1, STEPS.len(), step.name);
        let started = Instant::now();
        (step.work)(workspace, &mut tally).map_err(|failure| {
            let rest: Vec<&str> = STEPS.iter().skip(index + 1).map(|step| step.name).collect();
            Failure::new(stopped(step, &failure, &rest))
        })?;
        times.push(started.elapsed());
        println!("== {} ok ({})\n", step.name, seconds(started.elapsed()));
    }
    print!("{}", tally.skips());
    println!("tests: {tally}");
    println!("ci: all {} steps passed: {}", STEPS.len(), timetable(&times));
    Ok(())
}

fn stopped(step: &Step, failure: &Failure, rest: &[&str]) -> String {
    let rest =
        if rest.is_empty() { String::new() } else { format!("; not run: {}", rest.join(", ")) };
    format!("step `{}` failed: {failure}; {}{rest}", step.name, step.remedy)
}

fn timetable(times: &[Duration]) -> String {
    let pairs = STEPS.iter().zip(times);
    pairs
        .map(|(step, time)| format!("{} {}", step.name, seconds(*time)))
        .collect::<Vec<_>>()
        .join(", ")
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn formatting(workspace: &Workspace, _: &mut Tally) -> Result<(), Failure> {
    announced(cargo(workspace, &["fmt", "--all", "--check"]))
}

fn tidiness(workspace: &Workspace, _: &mut Tally) -> Result<(), Failure> {
    tidy::run(workspace, &[])?;
    errors::check(workspace)
}

fn arrows_hold(workspace: &Workspace, _: &mut Tally) -> Result<(), Failure> {
    arrows::run(workspace, &[])
}

fn lints(workspace: &Workspace, _: &mut Tally) -> Result<(), Failure> {
    const WORDS: [&str; 7] =
        ["clippy", "--workspace", "--all-targets", "--release", "--", "-D", "warnings"];
    announced(cargo(workspace, &WORDS))
}

fn documentation(workspace: &Workspace, _: &mut Tally) -> Result<(), Failure> {
    const WORDS: [&str; 5] =
        ["doc", "--workspace", "--release", "--no-deps", "--document-private-items"];
    let mut command = cargo(workspace, &WORDS);
    command.env("RUSTDOCFLAGS", "-D warnings");
    announced(command)
}

/// What no default build has. NCCL's part links nothing, so it is built and tested on every machine;
/// the rest wants a CUDA toolkit and is linted without one.
fn code_for_gpus(workspace: &Workspace, tally: &mut Tally) -> Result<(), Failure> {
    let package = ["--release", "-p", "lockstep-collective", "--features", "nccl,mpi"];
    let lints = [&["clippy", "--all-targets"], &package[..], &["--", "-D", "warnings"]].concat();
    announced(cargo(workspace, &lints))?;
    tested(cargo(workspace, &[&["test"], &package[..], &["nccl"]].concat()), tally)?;
    let mut lints = Command::new("bash");
    lints.args(["launch/cuda.sh", "--check"]).current_dir(workspace.root());
    announced(lints)
}

fn all_tests(workspace: &Workspace, tally: &mut Tally) -> Result<(), Failure> {
    tested(cargo(workspace, &["test", "--workspace", "--release", "--no-fail-fast"]), tally)
}

/// Runs tests, passes on what they print, and ends with one line that sums up all tests so far.
fn tested(mut command: Command, tally: &mut Tally) -> Result<(), Failure> {
    println!("$ {}", shown(&command));
    command.stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| not_started(&command, &error))?;
    if let Some(lines) = child.stdout.take() {
        pass_on(BufReader::new(lines), tally)
            .map_err(|error| Failure::new(format!("cannot read what the tests print: {error}")))?;
    }
    let status = child.wait().map_err(|error| not_started(&command, &error))?;
    println!("tests: {tally}");
    if status.success() { Ok(()) } else { Err(Failure::new(format!("{tally} ({status})"))) }
}

fn pass_on(lines: impl BufRead, tally: &mut Tally) -> std::io::Result<()> {
    let mut terminal = std::io::stdout();
    for line in lines.split(b'\n') {
        let line = line?;
        terminal.write_all(&line)?;
        terminal.write_all(b"\n")?;
        tally.count(&String::from_utf8_lossy(&line));
    }
    Ok(())
}

fn cargo(workspace: &Workspace, words: &[&str]) -> Command {
    let mut command = workspace.cargo();
    command.args(words);
    command
}

fn announced(command: Command) -> Result<(), Failure> {
    println!("$ {}", shown(&command));
    run_program(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_was_not_run() {
        let step = Step { name: "fmt", remedy: "run `cargo fmt`", work: |_, _| Ok(()) };
        let cause = Failure::new("`cargo fmt` failed");
        let check = |rest: &[&str], expected: &str| {
            assert_eq!(stopped(&step, &cause, rest), expected);
        };
        check(&[], "step `fmt` failed: `cargo fmt` failed; run `cargo fmt`");
        check(
            &["tidy", "tests"],
            "step `fmt` failed: `cargo fmt` failed; run `cargo fmt`; not run: tidy, tests",
        );
    }
}
