//! `trainer train`: a plan becomes a run.

mod command;
mod cost;
mod flight;
mod origin;
mod peers;
mod record;
mod reports;
mod seeds;
mod stops;
mod summary;
mod tokenised;
mod training;

use std::io::Write;

use lockstep_collective::{Ledger, PhaseBoard, Watch};
use lockstep_data::TokenCache;
use lockstep_flags::CommandLine;
use lockstep_gpu::IS_BUILT_IN;
use lockstep_host::streams::Optional;
use lockstep_host::{ExitCode, Process, REPLACING_RUN, Unused, console};
use lockstep_hub::HubSettings;
use lockstep_join::device::{self, Place};
use lockstep_join::{FlightLog, JoinError, ProcessGroup, Starter};
use lockstep_settings::{Reporter, RunPlan, keys, run_config};
use lockstep_world::{Seat, WorldSize};

use crate::checks::Checks;
use crate::failure::Failure;
use crate::observers::{RankLog, Teller, Verbosity};
use crate::{output_dir, tokens};
pub(super) use command::COMMAND;
pub use cost::time_of_reports;
use peers::{OTHERS_END, join, join_options, notify_peers};
use seeds::Series;
use stops::Stops;
use training::Lent;

/// Runs the command.
///
/// # Errors
/// Any error that ended the run.
pub(crate) fn run(
    process: &Process,
    line: CommandLine,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let stops = Stops::listen(&process.environment)?;
    let out: &mut dyn Write = &mut Optional::new(out);
    let hub = HubSettings::of(&process.environment);
    let (mut plan, checks) = Checks::plan(run_config(line, keys::ALL), hub.clone())?;
    let replacing_run = process.environment.get(REPLACING_RUN);
    begin_console(&plan);
    plan.run.existing = output_dir::of_attempt(&plan.run, replacing_run);
    device::check(plan.run.wish.device, plan.run.precision)?;
    let starter = Starter::of(&process.environment)?;
    let flight = FlightLog::new(starter.seat(), Some(plan.run.directory.clone()));
    flight::write_on_signal(&flight)?;
    let facts = flight::facts(&plan);
    let options = join_options(process, &plan, &facts, &flight);
    let world = match join(&starter, plan.run.wish, &options) {
        Err(JoinError::Decision(_)) if !starter.seat().is_leader() => {
            // The leader reports it, and its exit code must come first.
            std::thread::sleep(OTHERS_END);
            return Ok(ExitCode::Device);
        }
        joined => joined?,
    };
    let Some(world) = world else {
        let (seat, why) = (starter.seat(), Unused::here(&process.environment, IS_BUILT_IN));
        let text = format!("{seat}: {why}, so rank 0 trains alone and this rank exits\n");
        return super::tell(out, &text);
    };
    let run = Run {
        plan: &plan,
        checks: &checks,
        hub: &hub,
        seat: world.seat,
        hosts: world.hosts.clone(),
        place: world.place.clone(),
        stops: &stops,
        board: flight.recorder().board(),
        cache: &tokens::cache(plan.find(&keys::TOKEN_CACHE).as_ref(), &process.environment),
        replacing_run,
        left: 1,
    };
    run.among_ranks(world, &flight, out)
}

/// How much a run says.
fn verbosity(plan: &RunPlan) -> Verbosity {
    match [&keys::QUIET, &keys::VERBOSE].map(|key| plan.is_on(key)) {
        [true, _] => Verbosity::Quiet,
        [_, true] => Verbosity::Verbose,
        _ => Verbosity::Usual,
    }
}

/// From now on threads write the lines, so that the training never waits for who reads them.
fn begin_console(plan: &RunPlan) {
    console::begin(plan.find(&keys::LOG_FORMAT).unwrap_or_default());
    if verbosity(plan) == Verbosity::Quiet {
        console::be_quiet();
    }
}

/// What the ranks' calls came to, and the watch over the ranks.
struct Group {
    ledger: Ledger,
    watch: Watch,
}

/// A run before it is put together.
#[derive(Clone)]
struct Run<'a> {
    plan: &'a RunPlan,
    checks: &'a Checks,
    hub: &'a HubSettings,
    seat: Seat,
    hosts: Vec<String>,
    place: Place,
    stops: &'a Stops,
    board: &'a PhaseBoard,
    cache: &'a TokenCache,
    replacing_run: Option<&'a str>,
    /// Trainings that are left, this one included.
    left: u64,
}

impl Run<'_> {
    /// Runs as one of the ranks, and lets the others know how that ended.
    fn among_ranks(
        &self,
        world: ProcessGroup,
        flight: &FlightLog,
        out: &mut dyn Write,
    ) -> Result<ExitCode, Failure> {
        let (watch, has_peers) = (world.watch.handle(), self.seat.world() != WorldSize::ONE);
        if has_peers {
            self.stops.join(watch.clone());
        }
        let shows = self.seat.is_leader() && self.plan.run.reporters.contains(&Reporter::Console);
        let log = RankLog::default();
        let listener = log.clone();
        console::listen(move |line| listener.append(line));
        let format = self.plan.find(&keys::LOG_FORMAT).unwrap_or_default();
        let out = if shows { Some(out) } else { None };
        let ending = self.go(world, &mut Teller::new(out, format, verbosity(self.plan), log));
        if has_peers {
            flight::write_on_failure(flight, &ending);
        }
        notify_peers(&ending, &watch);
        ending
    }

    fn go(&self, world: ProcessGroup, teller: &mut Teller<'_>) -> Result<ExitCode, Failure> {
        let plan = self.plan;
        if self.seat.is_leader() {
            self.checks.pass()?;
        }
        self.settings().check_place(self.seat.world(), self.place.device.is_cpu())?;
        let seeds = plan.seeds();
        // Held until the end.
        let _lock = self.seat.is_leader().then(|| output_dir::claim(&plan.run)).transpose()?;
        if self.seat.is_leader() {
            output_dir::check_kind(&plan.run, seeds.is_some())?;
        }
        teller.account(summary::of_process(plan, &self.place.name, &world.summary));
        let ProcessGroup { collective, ledger, watch, .. } = world;
        let lent = Lent { data: self.read(teller)?, collective };
        let group = Group { ledger, watch };
        let (code, collective) = match seeds {
            Some(seeds) => Series { run: self, seeds }.train(lent, &group, teller)?,
            None => {
                let trained = self.train(lent, &group, teller)?;
                (trained.code, trained.lent.collective)
            }
        };
        if teller.is_verbose() {
            teller.account(summary::of_ranks(self.seat, &group.ledger.read()));
        }
        if code == ExitCode::Done {
            teller.tell(&summary::of_result(plan));
        }
        collective.leave()?;
        group.watch.leave();
        Ok(code)
    }
}

/// The model is complete without it.
fn report_or_warn(written: Result<(), Failure>) {
    let _ = written.inspect_err(|failure| tracing::warn!("{failure}"));
}
