//! The runs that follow each other until one is not to be started again: of this machine alone, or of
//! several that have a launcher each.

use std::io::Write;
use std::thread;

use lockstep_host::{ExitCode, signals, streams};
use lockstep_wire::Pass;
use rustix::process::Signal;

use super::cluster::Cluster;
use super::exit_status;
use super::failure::{Failure, NodesError};
use super::nodes::{Agent, Membership, Order, Round};
use super::plan::Plan;
use super::run::{Job, Run};
use super::seats::Seats;
use super::trainer::Trainer;

/// What all runs share.
pub(super) struct Supervisor<'a> {
    /// How ranks are started.
    pub(super) plan: &'a Plan,
    /// The token that ranks of this machine are given.
    pub(super) token: Option<&'a str>,
    /// The name of a run that replaces an earlier one, by which its attempts know what is theirs.
    pub(super) replacing_run: Option<&'a str>,
    /// How often a failed run is started again.
    pub(super) max_restarts: u64,
    /// What asks for the end.
    pub(super) signals: &'a [signals::Pending],
}

impl Supervisor<'_> {
    /// Runs on this machine; the exit code of the last.
    ///
    /// # Errors
    /// Ranks that cannot be started.
    pub(super) fn alone(&self, mut trainer: Trainer, out: &mut dyn Write) -> Result<u8, Failure> {
        let max_restarts = self.max_restarts;
        let mut restarts = 0;
        loop {
            let run = Run::start(self.job(&trainer, None))?;
            let outcome = run.finish(self.signals, out, &mut || false)?;
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

    /// This machine's part of runs on several; the exit code that all launchers end with.
    ///
    /// # Errors
    /// Ranks that cannot be started, and launchers that cannot be reached.
    pub(super) fn among_others(
        &self,
        trainer: Trainer,
        cluster: &Cluster,
        pass: &Pass,
        out: &mut dyn Write,
    ) -> Result<u8, Failure> {
        if cluster.is_first() {
            if !pass.has_token() {
                streams::print_error_line(format_args!(
                    "launcher: LOCKSTEP_TOKEN is not set, so any program that reaches port {} can \
                     take a machine's place; set it to the same secret word on all machines",
                    cluster.place.port
                ));
            }
            let no_port = |cause| NodesError::NoPort { port: cluster.place.port, cause };
            Agent::start(cluster, pass.clone(), self.max_restarts).map_err(no_port)?;
        }
        let is_over = &mut || self.is_asked();
        let joined = Membership::join(cluster, pass, self.plan.per_node, is_over)?;
        let Some(mut membership) = joined else { return Ok(ExitCode::Stopped.number()) };
        let resumed = trainer.resumed();
        loop {
            match membership.order()? {
                Some(Order::Start(round)) => {
                    let trainer = if round.is_resumed { &resumed } else { &trainer };
                    let seats = self.seats(&round, cluster);
                    let job = self.job(trainer, Some((&round.run, &seats)));
                    if let Some(code) = self.round(job, &mut membership, out)? {
                        return Ok(code);
                    }
                }
                Some(Order::Over(code)) => return Ok(code),
                Some(Order::Stop(_)) => {}
                None if self.is_asked() => {
                    if cluster.is_first() {
                        membership.stop_all(ExitCode::Stopped.number());
                    }
                    return Ok(ExitCode::Stopped.number());
                }
                None => thread::sleep(signals::PAUSE),
            }
        }
    }

    /// One start of this machine's ranks, to their end; the exit code if the run is over with it.
    fn round(
        &self,
        job: Job<'_>,
        membership: &mut Membership,
        out: &mut dyn Write,
    ) -> Result<Option<u8>, Failure> {
        let mut last = Ok(None);
        let outcome = Run::start(job)?.finish(self.signals, out, &mut || {
            match membership.order() {
                Ok(Some(Order::Stop(why))) => {
                    let words = format!("launcher: {why}, so the ranks of this machine are ended");
                    streams::print_error_line(words);
                }
                Ok(Some(Order::Over(code))) => last = Ok(Some(code)),
                Err(lost) => last = Err(lost),
                Ok(Some(Order::Start(_)) | None) => return false,
            }
            true
        })?;
        if let Ok(None) = last {
            membership.ended(outcome.code, outcome.was_signalled);
        }
        Ok(last?)
    }

    fn seats(&self, round: &Round, cluster: &Cluster) -> Seats {
        Seats {
            first: round.first,
            here: self.plan.per_node,
            world: round.world,
            host: cluster.place.host.clone(),
            port: round.port.to_string(),
        }
    }

    fn job<'a>(&'a self, trainer: &'a Trainer, among: Option<(&'a str, &'a Seats)>) -> Job<'a> {
        let Self { plan, token, replacing_run, .. } = *self;
        Job { plan, trainer, token, replacing_run, among }
    }

    /// Whether a signal asks for the end before there are ranks. SIGUSR2 asks for a record only.
    fn is_asked(&self) -> bool {
        let arrived: Vec<_> = self.signals.iter().filter(|pending| pending.take()).collect();
        arrived.iter().any(|pending| pending.signal != Signal::USR2.as_raw())
    }
}
