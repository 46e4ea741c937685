//! The commands of the program `trainer`, and how one is chosen.

mod doctor;
mod evaluate;
mod help;
mod plan;
mod predict;
mod train;

use std::io::Write;
use std::path::Path;

use lockstep_collective::Tally;
use lockstep_flags::nearest;
use lockstep_host::{ExitCode, Process};

use crate::failure::{COMMANDS, Failure};

/// Runs the command the arguments name.
///
/// # Errors
/// Whatever made it fail.
pub(crate) fn run(process: &Process, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let (command, arguments) = choose(&process.arguments)?;
    let has = |flags: [&str; 2]| arguments.iter().any(|word| flags.contains(&word.as_str()));
    if has(["--help", "-h"]) {
        return tell(out, &help::of(command));
    }
    if has(["--version", "-V"]) {
        return tell(out, concat!("lockstep ", env!("CARGO_PKG_VERSION"), "\n"));
    }
    match command {
        Command::Help => tell(out, &help::of(command)),
        Command::Train => train::run(process, arguments, out),
        Command::Evaluate => evaluate::run(process, arguments, out),
        Command::Predict => predict::run(process, arguments, out),
        Command::Plan => plan::run(process, arguments, out),
        Command::Doctor => doctor::run(process, arguments, out),
    }
}

/// A command of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Train a model.
    Train,
    /// Evaluate a finished model.
    Evaluate,
    /// Classify texts.
    Predict,
    /// Tell what a training would do.
    Plan,
    /// Tell what this machine has and lacks.
    Doctor,
    /// Tell what there is.
    Help,
}

/// The command and its own arguments. Without a command's name it is `train`.
fn choose(arguments: &[String]) -> Result<(Command, &[String]), Failure> {
    let Some((first, rest)) = arguments.split_first() else { return Ok((Command::Train, &[])) };
    let command = match first.as_str() {
        "train" => Command::Train,
        "evaluate" => Command::Evaluate,
        "predict" => Command::Predict,
        "plan" => Command::Plan,
        "doctor" => Command::Doctor,
        "help" => Command::Help,
        word if word.starts_with('-') || is_config(word) => return Ok((Command::Train, arguments)),
        word => {
            let similar = nearest(word, COMMANDS);
            return Err(Failure::UnknownCommand { word: word.to_owned(), similar });
        }
    };
    Ok((command, rest))
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
