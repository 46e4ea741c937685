//! The program `launcher`: decides how many ranks there are, starts them, passes signals on, says
//! which one failed first, and starts the run again when it failed.

mod children;
mod exit_status;
mod failure;
mod options;
mod output;
mod plan;
mod prefix;
mod resources;
mod run;
mod trainer;

use std::io::{self, Write};

use lockstep_host::{ExitCode, Process, enter, run_token, signals, streams};
use lockstep_wire::random_token;

use failure::Failure;
use options::{COMMAND, Options};
use plan::{Plan, plan};
use resources::Resources;
use run::Run;
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
        let text = COMMAND.help(key, streams::columns())?;
        write!(out, "{text}").map_err(Failure::Output)?;
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
    let token = match run_token(&process.environment)? {
        Some(_) => None,
        None => Some(random_token().map_err(Failure::Random)?),
    };
    let runs = Runs { plan: &plan, token: token.as_deref(), max_restarts: options.max_restarts };
    runs.supervise(trainer, &signals, out)
}

/// The runs that follow each other until one is not to be started again.
struct Runs<'a> {
    plan: &'a Plan,
    token: Option<&'a str>,
    max_restarts: u64,
}

impl Runs<'_> {
    fn supervise(
        &self,
        mut trainer: Trainer,
        signals: &[signals::Pending],
        out: &mut dyn Write,
    ) -> Result<u8, Failure> {
        let max_restarts = self.max_restarts;
        let mut restarts = 0;
        loop {
            let outcome = Run::start(self.plan, &trainer, self.token)?.finish(signals, out)?;
            let code = outcome.code;
            if outcome.was_signalled || exit_status::is_final(code) || restarts == max_restarts {
                return Ok(code);
            }
            restarts += 1;
            streams::print_error_line(format_args!(
                "launcher: the trainer exited with code {code}; restart {restarts} of {max_restarts}, \
                 from the newest checkpoint"
            ));
            if restarts == 1 {
                trainer = trainer.resumed();
            }
        }
    }
}

#[cfg(test)]
mod tests;
