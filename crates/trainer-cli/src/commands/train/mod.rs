//! `trainer train`: a plan becomes a run.

mod command;
mod flight;
mod material;
mod origin;
mod peers;
mod record;
mod reports;
mod stops;
mod summary;

use std::io::Write;
use std::path::PathBuf;

use lockstep_collective::{Collective, PhaseBoard, Watch, broadcast_bytes};
use lockstep_data::TokenCache;
use lockstep_flags::CommandLine;
use lockstep_gpu::IS_BUILT_IN;
use lockstep_host::streams::Optional;
use lockstep_host::{ExitCode, Process, REPLACING_RUN, Unused, console, progress};
use lockstep_hub::HubSettings;
use lockstep_join::device::{self, Place};
use lockstep_join::{FlightLog, JoinError, ProcessGroup, Starter, end_regardless};
use lockstep_program::Card;
use lockstep_report::Histogram;
use lockstep_settings::{Reporter, RunPlan, keys, run_config};
use lockstep_trainer::{Criterion, Ending, TrainSettings, Trainer};
use lockstep_world::{Rank, Seat, WorldSize};

use crate::checks::Checks;
use crate::disk::Space;
use crate::failure::Failure;
use crate::models::{self, Loaded};
use crate::observers::{Account, Cards, Console, Observers, Outlook, RankLog, Teller, Verbosity};
use crate::sources::{Corpora, Places, RawCorpora};
use crate::{card, criterion, output_dir, report, tokens, write_file};
pub(super) use command::COMMAND;
use peers::{OTHERS_END, join, join_options, notify_peers};
use reports::Reports;
use stops::Stops;

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
        progress::forbid();
    }
}

/// No path that the system opens is longer.
const LONGEST_PATH: usize = 4096;

/// What a run starts from.
struct Start {
    corpora: Corpora,
    loaded: Loaded,
    criterion: Criterion,
}

/// A run before it is put together.
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
        let (ranks, is_on_cpu) = (self.seat.world(), self.place.device.is_cpu());
        let settings = plan.settings(ranks, (!is_on_cpu).then(|| plan.recording()));
        settings.check_place(ranks, is_on_cpu)?;
        // Held until the end.
        let _lock = self.seat.is_leader().then(|| output_dir::claim(&plan.run)).transpose()?;
        teller.account(summary::of_process(plan, &self.place.name, &world.summary));
        let Start { corpora, loaded, criterion } = self.start(teller)?;
        let ProcessGroup { collective, ledger, watch, .. } = world;
        let parts = self.parts(&corpora, loaded, collective)?;
        teller.account(summary::of_tokens(plan, &parts));
        teller.account(summary::of_plan(plan, &parts, &settings));
        let lengths = Histogram::of(parts.train.lengths(), parts.train.truncated());
        let usage = corpora.usage(plan.data.reading.max_length);
        let settings = TrainSettings { usage, criterion, ..settings };
        let mut trainer = Trainer::new(parts, settings)?;
        let checkpoint = self.prepare(trainer.collective())?;
        teller.log().open(&plan.run.directory, self.seat.rank());
        teller.account(summary::of_resumption(&plan.run, checkpoint.as_deref()));
        let host = self.hosts.first().map_or("", String::as_str);
        let mut reports = Reports::new(&plan.run, host);
        let ending = self.follow(&mut trainer, checkpoint, &mut reports, teller);
        let ending = ending.inspect_err(|failure| self.note_failure(failure, &watch))?;
        if teller.is_verbose() {
            teller.account(summary::of_ranks(self.seat, &ledger.read()));
        }
        if self.seat.is_leader() && ending != Ending::Stopped {
            let run = report::of_training(plan, &corpora, reports.story(), lengths);
            let written = run.map_err(Failure::from);
            report_or_warn(written.and_then(|run| report::write(&run, &plan.run.directory)));
        }
        let code = self.close(ending, &corpora, teller);
        trainer.into_collective().leave()?;
        watch.leave();
        Ok(code)
    }

    /// Reads data and model, and says what they are.
    fn start(&self, teller: &mut Teller<'_>) -> Result<Start, Failure> {
        let plan = self.plan;
        let places = Places { hub: self.hub, cache: Some(self.cache) };
        let raw = RawCorpora::read(&plan.data, places)?;
        let base = self.base()?;
        let corpora = raw.labelled(base.classes())?;
        teller.account(summary::of_corpora(&plan.data, &corpora));
        let criterion = criterion::criterion(&plan.train, &corpora.train)?;
        let loss = criterion::in_words(&criterion, corpora.train.labels().names());
        teller.account(Account::default().row("loss", loss));
        self.warn_of_classes(&corpora);
        let precision = self.place.precision(plan.run.precision)?;
        let loaded = models::load(plan, &self.place.device, base, &corpora.train)?;
        let loaded = Loaded { model: loaded.model.in_precision(precision), ..loaded };
        teller.account(summary::of_model(&plan.model.name, &loaded));
        self.check_space(loaded.model.parameters().scalars(), corpora.train.count())?;
        Ok(Start { corpora, loaded, criterion })
    }

    /// Whether the leader's disk has room for what the run writes.
    fn check_space(&self, parameters: usize, examples: usize) -> Result<(), Failure> {
        match self.seat.is_leader() {
            true => {
                Space::of(self.plan, parameters, examples, self.seat.world()).check(&self.plan.run)
            }
            false => Ok(()),
        }
    }

    fn note_failure(&self, failure: &Failure, watch: &Watch) {
        if failure.code() == ExitCode::PeerLost && self.seat.world() != WorldSize::ONE {
            end_regardless(watch.handle(), failure.to_string());
        }
    }

    fn warn_of_classes(&self, corpora: &Corpora) {
        if self.seat.is_leader() {
            let doubts = corpora.doubts(&self.plan.data);
            doubts.iter().for_each(|doubt| tracing::warn!("{doubt}"));
        }
    }

    /// Prepares the directory, on the leader only; returns the checkpoint to resume from.
    fn prepare(&self, collective: &mut dyn Collective) -> Result<Option<PathBuf>, Failure> {
        let prepared = self.seat.is_leader().then(|| -> Result<_, Failure> {
            let checkpoint = output_dir::prepare(&self.plan.run)?;
            if checkpoint.is_none() {
                self.record()?;
            }
            Ok(checkpoint)
        });
        let found: Option<PathBuf> = prepared.transpose()?.flatten();
        let bytes = found.as_ref().map(|path| path.as_os_str().as_encoded_bytes());
        let path = broadcast_bytes(collective, bytes.unwrap_or_default(), Rank(0), LONGEST_PATH)?;
        Ok((!path.is_empty()).then(|| PathBuf::from(String::from_utf8_lossy(&path).into_owned())))
    }

    /// Runs to the end and reports to the log, the console and what `report_to` names.
    fn follow(
        &self,
        trainer: &mut Trainer,
        checkpoint: Option<PathBuf>,
        reports: &mut Reports,
        teller: &mut Teller<'_>,
    ) -> Result<Ending, Failure> {
        if let Some(checkpoint) = checkpoint {
            for forgotten in trainer.resume(&checkpoint)? {
                let warning = summary::of_forgotten(&self.plan.data, &forgotten);
                tracing::warn!("{warning}");
            }
            if self.seat.is_leader() {
                self.record_again()?;
            }
        }
        let RunPlan { train, run, .. } = self.plan;
        let outlook = Outlook {
            every: run.logging_steps,
            shows_first: self.plan.is_on(&keys::LOGGING_FIRST_STEP),
            evaluation: train.evaluation,
            saving: run.saving.cadence,
            best_metric: train.best_metric,
            cards: Cards { card: Card::named(&self.place.name), count: self.seat.world().get() },
        };
        let mut console = Console::new(teller, outlook, self.board.clone());
        let mut observers = match self.seat.is_leader() {
            true => reports.of_leader(&run.reporters, &mut console),
            false => Observers(vec![&mut console]),
        };
        Ok(trainer.run(&mut observers, self.stops.begin())?)
    }

    /// Writes the model card and says the next commands.
    fn close(&self, ending: Ending, corpora: &Corpora, teller: &mut Teller<'_>) -> ExitCode {
        if ending == Ending::Stopped {
            return ExitCode::Stopped;
        }
        let directory = &self.plan.run.directory;
        if self.seat.is_leader() {
            let card = card::text(self.plan, corpora);
            let written = card.and_then(|text| write_file(&directory.join("README.md"), &text));
            report_or_warn(written);
        }
        teller.tell(&summary::of_result(self.plan));
        ExitCode::Done
    }
}

/// The model is complete without it.
fn report_or_warn(written: Result<(), Failure>) {
    let _ = written.inspect_err(|failure| tracing::warn!("{failure}"));
}
