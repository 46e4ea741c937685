//! The program `launcher`: starts the trainer beside it, passes signals on, and starts it again when
//! it failed.
//!
//! The trainer runs in a process group of its own, so that Ctrl-C reaches it once, through us.

use std::io::{self, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use crate::config::{Entries, Fault, Form, Key, Kind, Problem, SWITCH, Table, flags, list};
use crate::device::DeviceError;
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::process::Process;
use crate::signals::{self, Pending};

/// How many of something; nothing stands for `auto`.
const PROCESSES: Kind<Option<u64>> = Kind {
    form: Form::Number,
    placeholder: "auto|N",
    valid: "auto, or a whole number from 1",
    read: |text| match text {
        "auto" => Some(None),
        text => text.parse().ok().filter(|count| *count > 0).map(Some),
    },
};

/// A number of restarts.
const RESTARTS: Kind<u64> = Kind {
    form: Form::Number,
    placeholder: "N",
    valid: "a whole number, at least 0",
    read: |text| text.parse().ok(),
};

static PER_NODE: Key<Option<u64>> =
    Key::new(Table::Command, "nproc_per_node", PROCESSES, "processes on each machine").or("auto");
static NODES: Key<Option<u64>> = Key::new(Table::Command, "nnodes", PROCESSES, "machines").or("1");
static MAX_RESTARTS: Key<u64> = Key::new(
    Table::Command,
    "max_restarts",
    RESTARTS,
    "restarts after failures, from the newest checkpoint",
)
.or("0");
static DRY_RUN: Key<bool> =
    Key::new(Table::Command, "dry_run", SWITCH, "print the command and start nothing").or("false");
static ENTRIES: &Entries = &[&PER_NODE, &NODES, &MAX_RESTARTS, &DRY_RUN];

/// Runs the program `launcher`; the code is the trainer's own.
///
/// # Errors
/// A faulty command line, or a trainer that cannot be started.
pub(crate) fn launch(process: &Process, out: &mut dyn Write) -> Result<u8, Failure> {
    let arguments = &process.arguments;
    let border = arguments.iter().position(|word| word == "--").unwrap_or(arguments.len());
    let (own, rest) = arguments.split_at(border);
    if own.iter().any(|word| word == "--help" || word == "-h") {
        write!(out, "{}", help()).map_err(Failure::Output)?;
        return Ok(ExitCode::Done.number());
    }
    let config = flags(own, ENTRIES, (&[], "the trainer's words stand behind `--`"))?;
    for (key, flag) in [(&PER_NODE, "--nproc-per-node"), (&NODES, "--nnodes")] {
        if config.get(key)?.is_some_and(|count| count > 1) {
            return Err(DeviceError::Processes { flag }.into());
        }
    }
    let trainer = Trainer::beside_us(rest.get(1..).unwrap_or_default())?;
    if config.get(&DRY_RUN)? {
        writeln!(out, "{}", trainer.shown()).map_err(Failure::Output)?;
        return Ok(ExitCode::Done.number());
    }
    trainer.supervise(config.get(&MAX_RESTARTS)?)
}

fn help() -> String {
    format!(
        "Starts the trainer, and starts it again when it failed.\n\n\
         usage: launcher [flags] -- train CONFIG.toml [trainer's flags]\n\n{}",
        list(ENTRIES)
    )
}

/// The command that is supervised.
struct Trainer {
    program: PathBuf,
    arguments: Vec<String>,
}

impl Trainer {
    fn beside_us(arguments: &[String]) -> Result<Self, Failure> {
        match arguments.first().map(String::as_str) {
            Some("evaluate" | "predict" | "plan") | None => Err(not_to_be_launched(arguments)),
            Some(_) => {
                let ours = std::env::current_exe();
                let ours =
                    ours.map_err(|cause| Failure::Start { path: "trainer".into(), cause })?;
                let program = ours.with_file_name("trainer");
                Ok(Self { program, arguments: arguments.to_vec() })
            }
        }
    }

    fn shown(&self) -> String {
        let program = self.program.display().to_string();
        let words = std::iter::once(&program).chain(&self.arguments);
        words.map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    }

    fn supervise(mut self, max_restarts: u64) -> Result<u8, Failure> {
        let signals = signals::catch().map_err(Failure::Signals)?;
        let mut restarts = 0;
        loop {
            let (status, was_signalled) = self.run(&signals)?;
            let code = code(status);
            if was_signalled || is_final(code) || restarts == max_restarts {
                return Ok(code);
            }
            restarts += 1;
            let _ = writeln!(
                io::stderr(),
                "launcher: the trainer ended with {code}; restart {restarts} of {max_restarts} \
                 from the newest checkpoint"
            );
            if restarts == 1 {
                // A later word than any flag of the user's, `--overwrite-output-dir` included.
                self.arguments.extend(["--set".to_owned(), "run.resume=auto".to_owned()]);
            }
        }
    }

    /// Runs the trainer to its end; tells also whether it was asked to end.
    fn run(&self, signals: &[Pending]) -> Result<(ExitStatus, bool), Failure> {
        let start = |cause| Failure::Start { path: self.program.clone(), cause };
        let mut command = Command::new(&self.program);
        let mut child = command.args(&self.arguments).process_group(0).spawn().map_err(start)?;
        let mut was_signalled = false;
        loop {
            for pending in signals.iter().filter(|pending| pending.take()) {
                was_signalled = true;
                pass_on(pending.signal, &child);
            }
            if let Some(status) = child.try_wait().map_err(start)? {
                return Ok((status, was_signalled));
            }
            thread::sleep(signals::PAUSE);
        }
    }
}

/// A trainer that has just ended needs no signal any more.
fn pass_on(signal: i32, child: &Child) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let (Some(pid), Some(signal)) = (pid, Signal::from_named_raw(signal)) {
        let _ = kill_process(pid, signal);
    }
}

/// A code after which starting again would only repeat it, or is somebody else's decision.
fn is_final(code: u8) -> bool {
    use ExitCode::{Checkpoint, Data, Device, Done, Stopped, Usage};
    [Done, Usage, Data, Device, Checkpoint, Stopped].iter().any(|last| last.number() == code)
}

/// The trainer's code, or 128 + n where signal n ended it, as in a shell.
fn code(status: ExitStatus) -> u8 {
    let signalled = || status.signal().map(|signal| 128 + signal);
    let code = status.code().or_else(signalled).and_then(|code| u8::try_from(code).ok());
    code.unwrap_or(ExitCode::Failed.number())
}

/// A word as a shell would need it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn not_to_be_launched(arguments: &[String]) -> Failure {
    let words: Vec<String> = arguments.iter().map(|word| quoted(word)).collect();
    let place = format!("launcher … -- {}", words.join(" ")).trim_end().to_owned();
    Fault { place, problem: Problem::Missing { valid: "-- train CONFIG.toml and its flags" } }
        .into()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn launched(line: &str) -> Result<String, Failure> {
        let arguments = line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned);
        let process = Process { arguments: arguments.collect(), ..Process::default() };
        let mut out = Vec::new();
        launch(&process, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_dry_run_shows_the_command() {
        let told = launched("--dry-run --nproc-per-node auto -- train it's.toml --seed 3").unwrap();
        assert!(told.ends_with("/trainer train 'it'\\''s.toml' --seed 3\n"), "{told}");
    }

    fn check(line: &str, code: ExitCode, expected: Expect) {
        let failure = launched(line).unwrap_err();
        assert_eq!(failure.code(), code, "{line}");
        expected.assert_eq(&failure.to_string());
    }

    #[test]
    fn the_trainers_words_stand_behind_two_dashes() {
        check(
            "",
            ExitCode::Usage,
            expect![[r#"
            one fault in the configuration:
              launcher … --
                  this is missing; valid: -- train CONFIG.toml and its flags"#]],
        );
        check(
            "-- predict x",
            ExitCode::Usage,
            expect![[r#"
            one fault in the configuration:
              launcher … -- predict x
                  this is missing; valid: -- train CONFIG.toml and its flags"#]],
        );
        check(
            "train x.toml",
            ExitCode::Usage,
            expect![[r#"
            2 faults in the configuration:
              train
                  this word is one too many; the trainer's words stand behind `--`
              x.toml
                  this word is one too many; the trainer's words stand behind `--`"#]],
        );
    }

    #[test]
    fn flags_out_of_reach_say_what_works() {
        check(
            "--nproc-per-node 2 -- train x.toml",
            ExitCode::Device,
            expect![
                "this build trains in one CPU process: pass --nproc-per-node 1, or leave it out; several processes are not there yet"
            ],
        );
        check(
            "--nnodes 0 --max-restart 1 -- train x.toml",
            ExitCode::Usage,
            expect![[r#"
            2 faults in the configuration:
              --nnodes 0
                  this value is not valid; valid: auto, or a whole number from 1
              --max-restart
                  there is no such flag; did you mean `--max-restarts`?"#]],
        );
    }

    #[test]
    fn only_a_failure_that_may_pass_is_started_again() {
        let again: Vec<u8> = (0..=255).filter(|code| !is_final(*code)).take(5).collect();
        assert_eq!(again, [1, 5, 7, 8, 9]);
        assert!(is_final(75) && !is_final(70) && !is_final(137));
        assert_eq!(code(ExitStatus::from_raw(9)), 137);
        assert_eq!(code(ExitStatus::from_raw(3 << 8)), 3);
    }
}
