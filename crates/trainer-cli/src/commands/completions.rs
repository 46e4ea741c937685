//! `trainer completions`: what a shell needs to complete the program's command lines.

use std::io::Write;

use clap_complete::{Shell, generate};
use lockstep_flags::{Command, CommandLine, Fault, Problem, Words};
use lockstep_host::{ExitCode, Process};

use crate::failure::Failure;

const SHELLS: [&str; 4] = ["bash", "zsh", "fish", "powershell"];
const VALID: &str = "bash, zsh, fish or powershell";

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "completions",
    about: "Print the completions for a shell",
    usage: "trainer completions bash|zsh|fish|powershell",
    entries: || &[],
    words: Words::OneOf("SHELL", &SHELLS),
    after: || AFTER.to_owned(),
};

const AFTER: &str = "\
examples:
  source <(trainer completions bash)            in this bash, or in ~/.bashrc
  trainer completions zsh > ~/.zfunc/_trainer   where ~/.zfunc is in $fpath
  trainer completions fish > ~/.config/fish/completions/trainer.fish
  trainer completions powershell >> $PROFILE";

/// Runs the command.
///
/// # Errors
/// A shell that is not known.
pub(super) fn run(
    _: &Process,
    mut line: CommandLine,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let shell = line.words.first().map(|word| (word.clone(), shell_named(word)));
    line.words.drain(..line.words.len().min(1));
    COMMAND.read(line, &[])?;
    let (word, shell) = shell.unwrap_or_default();
    let Some(shell) = shell else {
        let problem = match word.is_empty() {
            true => Problem::Missing { valid: VALID.into() },
            false => Problem::Invalid { valid: VALID.into() },
        };
        let place = format!("trainer completions {}", word.escape_debug()).trim_end().to_owned();
        return Err(Fault { place, problem }.into());
    };
    let mut script = Vec::new();
    generate(shell, &mut super::program().clap(), "trainer", &mut script);
    super::tell(out, &String::from_utf8_lossy(&script))
}

fn shell_named(word: &str) -> Option<Shell> {
    match word {
        "bash" => Some(Shell::Bash),
        "zsh" => Some(Shell::Zsh),
        "fish" => Some(Shell::Fish),
        "powershell" => Some(Shell::PowerShell),
        _ => None,
    }
}
