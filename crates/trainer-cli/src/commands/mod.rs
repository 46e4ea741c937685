//! The commands of the program `trainer`, and how one is chosen.

mod completions;
mod decision;
mod doctor;
mod evaluate;
mod inspect;
mod man;
mod plan;
mod predict;
mod report;
mod train;

use std::io::Write;
use std::path::Path;

use lockstep_collective::Tally;
use lockstep_flags::{Command, CommandLine, CommandSet};
use lockstep_host::{ExitCode, Process, streams};

use crate::failure::Failure;
pub use train::time_of_reports;

/// A command, and what carries it out.
struct Row {
    command: &'static Command,
    run: fn(&Process, CommandLine, &mut dyn Write) -> Result<ExitCode, Failure>,
}

/// The commands there are; the first is meant where none is named.
static COMMANDS: [Row; 9] = [
    Row { command: &train::COMMAND, run: train::run },
    Row { command: &evaluate::COMMAND, run: evaluate::run },
    Row { command: &predict::COMMAND, run: predict::run },
    Row { command: &plan::COMMAND, run: plan::run },
    Row { command: &report::COMMAND, run: report::run },
    Row { command: &inspect::COMMAND, run: inspect::run },
    Row { command: &doctor::COMMAND, run: doctor::run },
    Row { command: &completions::COMMAND, run: completions::run },
    Row { command: &man::COMMAND, run: man::run },
];

/// The commands whose names have two words; the help of the first word names them.
static OF_TWO_WORDS: [(&str, &str, Row); 1] =
    [("doctor", "flight", Row { command: &doctor::flight::COMMAND, run: doctor::flight::run })];

/// The program with its commands.
pub(crate) fn program() -> CommandSet {
    CommandSet {
        name: "trainer",
        about: "Fine-tunes DistilBERT, BERT and RoBERTa text classifiers, data-parallel.",
        usage: "trainer [COMMAND] [CONFIG.toml] [flags] [--set KEY=VALUE ...]",
        commands: COMMANDS.iter().map(|row| row.command).collect(),
        after: EXAMPLES,
    }
}

/// What `train` and `plan` say of deterministic mode.
const DETERMINISTIC: &str = "deterministic: the same weights, bit for bit, on 1 to 8 ranks";

const EXAMPLES: &str = "\
examples:
  trainer                                     the quick start, without files
  trainer configs/sst2.toml --seed 7          a configuration file and a flag
  trainer --model DIR --train-file train.tsv  flags only
  trainer evaluate --checkpoint runs/sst2 --data test.tsv
  trainer predict --checkpoint runs/sst2 'what a film'
  trainer report runs/sst2 runs/sst2-seed7    two runs on one page

more help:
  trainer COMMAND --help        the flags of a command, by table, with defaults
  trainer COMMAND --help KEY    one key: valid values, default, TOML, an example

Every key is a flag, a key of its table in CONFIG.toml (with _ for -), and a key
for --set. Flags override the file, and --set overrides both.";

/// Runs the command the arguments name.
///
/// # Errors
/// Whatever made it fail.
pub(crate) fn run(process: &Process, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let Chosen { row, is_named, words } = choose(&process.arguments)?;
    let line = row.command.parse(&words);
    if let Some(key) = &line.help {
        let columns = streams::columns();
        let asks_for_all = key.is_empty() || is_config(key);
        return match is_named || !asks_for_all {
            true => tell(out, &row.command.help(key, columns)?),
            false => tell(out, &program().help(columns)),
        };
    }
    if line.wants_version {
        return tell(out, concat!("lockstep ", env!("CARGO_PKG_VERSION"), "\n"));
    }
    (row.run)(process, line, out)
}

/// A command, whether its name was given, and its own words.
struct Chosen {
    row: &'static Row,
    is_named: bool,
    words: Vec<String>,
}

/// The command and its own words. `help` is `--help` of what follows.
fn choose(arguments: &[String]) -> Result<Chosen, Failure> {
    let named = |name: &String| COMMANDS.iter().find(|row| row.command.name == name);
    let all = || Chosen { row: &COMMANDS[0], is_named: false, words: arguments.to_vec() };
    let Some((first, rest)) = arguments.split_first() else { return Ok(all()) };
    let second = rest.first().map(String::as_str).unwrap_or_default();
    let of_two = OF_TWO_WORDS.iter().find(|(one, two, _)| one == first && *two == second);
    if let Some((_, _, row)) = of_two {
        return Ok(Chosen { row, is_named: true, words: rest[1..].to_vec() });
    }
    if let Some(row) = named(first) {
        return Ok(Chosen { row, is_named: true, words: rest.to_vec() });
    }
    if first == "help" {
        let help = |rest: &[String]| [&["--help".to_owned()], rest].concat();
        return Ok(match rest.split_first().and_then(|(name, more)| Some((named(name)?, more))) {
            Some((row, more)) => Chosen { row, is_named: true, words: help(more) },
            None => Chosen { words: help(rest), ..all() },
        });
    }
    if first.starts_with('-') || is_config(first) {
        return Ok(all());
    }
    let known = program();
    let similar = known.nearest(first);
    let known = known.commands.iter().map(|command| command.name).collect();
    Err(Failure::UnknownCommand { word: first.clone(), similar, known })
}

fn is_config(word: &str) -> bool {
    word.ends_with(".toml") || word.contains('/') || Path::new(word).is_file()
}

/// Writes an answer that is all there is to do.
pub(crate) fn tell(out: &mut dyn Write, text: &str) -> Result<ExitCode, Failure> {
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::Output)?;
    Ok(ExitCode::Done)
}

/// How fast calls between ranks were, as people compare it.
fn bandwidths(tally: Tally) -> String {
    let gigabytes = |bandwidth: Option<f64>| bandwidth.unwrap_or_default() / 1e9;
    format!(
        "{:.2} GB/s algorithm, {:.2} GB/s bus bandwidth",
        gigabytes(tally.algorithm_bandwidth()),
        gigabytes(tally.bus_bandwidth())
    )
}

#[cfg(test)]
mod tests;
