//! The program `launcher`: decides how many ranks there are, starts them, passes signals on, says
//! which one failed first, and starts the run again when it failed.

mod children;
mod cluster;
mod exit_status;
mod failure;
mod nodes;
mod options;
mod output;
mod plan;
mod prefix;
mod resources;
mod run;
mod seats;
mod supervisor;
mod trainer;

use std::io::{self, Write};

use lockstep_host::{ExitCode, LogFormat, Process, console, enter, run_token, signals, streams};
use lockstep_wire::random_token;

use failure::Failure;
use options::{COMMAND, Options};
use plan::plan;
use resources::Resources;
use supervisor::Supervisor;
use trainer::Trainer;

/// The program `launcher`.
#[must_use]
pub fn launcher() -> std::process::ExitCode {
    enter(|process| launch(process, &mut io::stdout().lock()), Failure::code)
}

/// The program as clap has it, for its man page.
#[must_use]
pub fn as_clap() -> clap::Command {
    COMMAND.clap()
}

/// Runs the program `launcher`; the code is that of the first rank that failed.
///
/// # Errors
/// A faulty command line, ranks that cannot be started as asked, or a trainer that cannot be started.
fn launch(process: &Process, out: &mut dyn Write) -> Result<u8, Failure> {
    let arguments = &process.arguments;
    let border = arguments.iter().position(|word| word == "--").unwrap_or(arguments.len());
    let (own, rest) = arguments.split_at(border);
    let line = COMMAND.parse(own);
    if let Some(key) = &line.help {
        write!(out, "{}", COMMAND.help(key, streams::columns())?).map_err(Failure::Output)?;
        return Ok(ExitCode::Done.number());
    }
    if line.wants_version {
        writeln!(out, "lockstep {}", env!("CARGO_PKG_VERSION")).map_err(Failure::Output)?;
        return Ok(ExitCode::Done.number());
    }
    let options = Options::read(line)?;
    let trainer = Trainer::beside_us(rest.get(1..).unwrap_or_default())?;
    let mut signals = signals::catch().map_err(Failure::Signals)?;
    signals.push(signals::catch_record().map_err(Failure::Signals)?);
    let plan = plan(&options, &Resources::of(&process.environment), &trainer)?;
    if options.is_dry {
        write!(out, "{}", plan.summary(&trainer)).map_err(Failure::Output)?;
        return Ok(ExitCode::Done.number());
    }
    console::begin(LogFormat::Text);
    let out = &mut streams::Optional::new(out);
    let token = match run_token(&process.environment)? {
        Some(_) => None,
        None => Some(random_token().map_err(Failure::Random)?),
    };
    let name = random_token().map_err(Failure::Random)?;
    let pass = options.cluster.as_ref().map(|cluster| cluster.pass(&process.environment));
    let supervisor = Supervisor {
        plan: &plan,
        token: token.as_deref().filter(|_| options.cluster.is_none()),
        replacing_run: Some(&*name).filter(|_| trainer.replaces()),
        max_restarts: options.max_restarts,
        signals: &signals,
    };
    match (&options.cluster, pass.transpose()?) {
        (Some(cluster), Some(pass)) => supervisor.among_others(trainer, cluster, &pass, out),
        _ => supervisor.alone(trainer, out),
    }
}

#[cfg(test)]
mod tests;
