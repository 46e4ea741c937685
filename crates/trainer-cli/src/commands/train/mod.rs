//! `trainer train`: a plan becomes a run.

mod command;
mod origin;
mod stops;
mod summary;

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use lockstep_collective::{Collective, PhaseBoard, WatchHandle, broadcast_bytes};
use lockstep_flags::CommandLine;
use lockstep_gpu::IS_BUILT_IN;
use lockstep_host::streams::Optional;
use lockstep_host::{Computes, Environment, ExitCode, Process, Unused, Wish};
use lockstep_hub::HubSettings;
use lockstep_join::device::{self, Place};
use lockstep_join::{JoinError, JoinOptions, ProcessGroup, Starter, end_regardless};
use lockstep_program::Card;
use lockstep_settings::{Record, Reporter, RunPlan, keys, run_config, run_toml};
use lockstep_trainer::{Ending, Observer, Parts, TrainError, TrainSettings, Trainer};
use lockstep_world::{Rank, Seat, WorldSize};

use crate::checks::Checks;
use crate::failure::Failure;
use crate::models::{self, Loaded};
use crate::observers::{Cards, Console, MetricsFile, Observers, RankLog};
use crate::sources::{self, Corpora, RawCorpora};
use crate::{card, output_dir, write_file};
pub(super) use command::COMMAND;
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
    let stops = Stops::listen()?;
    let out: &mut dyn Write = &mut Optional::new(out);
    let hub = HubSettings::of(&process.environment);
    let (plan, checks) = Checks::plan(run_config(line, keys::ALL), hub.clone())?;
    device::check(plan.run.wish.device, plan.run.precision)?;
    let starter = Starter::of(&process.environment)?;
    let options =
        JoinOptions { environment: &process.environment, patience: plan.run.peer_timeout };
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
    let watch = world.watch.handle();
    if world.seat.world() != WorldSize::ONE {
        stops.join(watch.clone());
    }
    let place = world.place.clone();
    let hosts = world.hosts.clone();
    let run = Run {
        plan: &plan,
        checks: &checks,
        hub: &hub,
        seat: world.seat,
        hosts,
        place,
        stops: &stops,
    };
    let mut silence = io::sink();
    let shows = run.seat.is_leader() && plan.run.reporters.contains(&Reporter::Console);
    let ending = run.go(world, if shows { out } else { &mut silence });
    notify_peers(&ending, &watch);
    ending
}

/// Reports a failure to the peers; a failure that follows from another rank's waits, so that the
/// other rank reports first.
fn notify_peers(ending: &Result<ExitCode, Failure>, watch: &WatchHandle) {
    match ending {
        // The leader reports the cause, and its exit code must come first.
        Err(Failure::Train(error)) if matches!(**error, TrainError::Leader { .. }) => {
            std::thread::sleep(OTHERS_END);
        }
        // The lost neighbour may itself have lost another rank, which only the watch can name.
        Err(failure) if failure.code() == ExitCode::PeerLost => {
            std::thread::sleep(OTHERS_END);
            watch.fail(&failure.to_string(), failure.code().number());
        }
        Err(failure) => watch.fail(&failure.to_string(), failure.code().number()),
        Ok(_) => {}
    }
}

/// The process group that this process trains in; nothing where another rank trains alone.
fn join(
    starter: &Starter,
    wish: Wish,
    options: &JoinOptions<'_>,
) -> Result<Option<ProcessGroup>, JoinError> {
    match device::alone(wish.device, starter.seat()) {
        Some(Computes::Nothing) => Ok(None),
        Some(_) => {
            warn_of_unused(options.environment);
            ProcessGroup::join(&Starter::Single, wish, options)
        }
        None => ProcessGroup::join(starter, wish, options),
    }
}

fn warn_of_unused(environment: &Environment) {
    let unused = Unused::here(environment, IS_BUILT_IN);
    if let Unused::NoCuda(_) = unused {
        tracing::warn!("{unused}, so training runs on the CPU");
    }
}

/// How long a rank whose failure follows from another's lets that one end first.
const OTHERS_END: Duration = Duration::from_secs(2);

/// A run before it is put together.
struct Run<'a> {
    plan: &'a RunPlan,
    checks: &'a Checks,
    hub: &'a HubSettings,
    seat: Seat,
    hosts: Vec<String>,
    place: Place,
    stops: &'a Stops,
}

impl Run<'_> {
    fn go(&self, world: ProcessGroup, out: &mut dyn Write) -> Result<ExitCode, Failure> {
        let plan = self.plan;
        if self.seat.is_leader() {
            self.checks.pass()?;
        }
        // Held until the end.
        let _lock = self.seat.is_leader().then(|| output_dir::claim(&plan.run)).transpose()?;
        say(out, &summary::of_process(plan, &self.place.name, &world.summary))?;
        let raw = RawCorpora::read(&plan.data)?;
        let base = self.base()?;
        let corpora = raw.labelled(base.classes())?;
        say(out, &summary::of_corpora(&plan.data, &corpora))?;
        self.warn_of_classes(&corpora);
        let precision = self.place.precision(plan.run.precision)?;
        let loaded = models::load(plan, &self.place.device, base, &corpora.train)?;
        let loaded = Loaded { model: loaded.model.in_precision(precision), ..loaded };
        say(out, &summary::of_model(&plan.model.name, &loaded))?;
        let ProcessGroup { collective, ledger, board, watch, .. } = world;
        let parts = parts(plan, &corpora, loaded, collective, board)?;
        say(out, &summary::of_tokens(plan, &parts))?;
        let recording = (!self.place.device.is_cpu()).then(|| plan.recording());
        let usage = corpora.usage(plan.data.reading.max_length);
        let settings = TrainSettings { recording, usage, ..plan.settings(self.seat.world()) };
        let mut trainer = Trainer::new(parts, settings)?;
        let checkpoint = self.prepare(trainer.collective())?;
        say(out, &summary::of_resumption(&plan.run, checkpoint.as_deref()))?;
        let mut log = self.log()?;
        let ending = self.follow(&mut trainer, checkpoint, &mut log, out);
        if let Err(failure) = &ending {
            // The run's own failure is reported even when the log cannot be written.
            let _ = log.note("error", &failure.to_string().into());
            if failure.code() == ExitCode::PeerLost && self.seat.world() != WorldSize::ONE {
                end_regardless(watch.handle(), failure.to_string());
            }
        }
        let ending = ending?;
        say(out, &summary::of_ranks(self.seat, &ledger.read()))?;
        let code = self.close(ending, &corpora, out)?;
        trainer.into_collective().leave()?;
        watch.leave();
        Ok(code)
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
        let path = broadcast_bytes(collective, bytes.unwrap_or_default(), Rank(0))?;
        Ok((!path.is_empty()).then(|| PathBuf::from(String::from_utf8_lossy(&path).into_owned())))
    }

    fn log(&self) -> Result<RankLog, Failure> {
        let directory = &self.plan.run.directory;
        RankLog::open(directory, self.seat.rank())
            .map_err(|cause| Failure::Write { path: directory.join("logs"), cause })
    }

    /// Runs to the end and reports to the log, the console and `metrics.jsonl`.
    fn follow(
        &self,
        trainer: &mut Trainer,
        checkpoint: Option<PathBuf>,
        log: &mut RankLog,
        out: &mut dyn Write,
    ) -> Result<Ending, Failure> {
        if let Some(checkpoint) = checkpoint {
            for forgotten in trainer.resume(&checkpoint)? {
                let warning = summary::of_forgotten(&self.plan.data, &forgotten);
                tracing::warn!("{warning}");
                let _ = log.note("warning", &warning.into());
            }
            if self.seat.is_leader() {
                self.record()?;
            }
        }
        let mut metrics = MetricsFile::new(&self.plan.run.directory);
        let cards = Cards { card: Card::named(&self.place.name), count: self.seat.world().get() };
        let mut console = Console::new(out, self.plan.run.logging_steps, cards)
            .with_first_step(self.plan.is_on(&keys::LOGGING_FIRST_STEP));
        let mut observers: Vec<&mut dyn Observer> = vec![log];
        if self.seat.is_leader() {
            if self.plan.run.reporters.contains(&Reporter::Jsonl) {
                observers.push(&mut metrics);
            }
            observers.push(&mut console);
        }
        Ok(trainer.run(&mut Observers(observers), self.stops.begin())?)
    }

    /// Writes `run.toml`: before all else in a new run, since the directory is known as ours by it; in
    /// one that resumes, once its checkpoint was found to fit.
    fn record(&self) -> Result<(), Failure> {
        let record = Record {
            version: env!("CARGO_PKG_VERSION"),
            world: self.seat.world().get(),
            hosts: self.hosts.clone(),
            device: self.place.name.clone(),
        };
        write_file(&self.plan.run.directory.join("run.toml"), &run_toml(self.plan, &record))
    }

    /// Writes the model card and prints the next commands.
    fn close(
        &self,
        ending: Ending,
        corpora: &Corpora,
        out: &mut dyn Write,
    ) -> Result<ExitCode, Failure> {
        if ending == Ending::Stopped {
            return Ok(ExitCode::Stopped);
        }
        let directory = &self.plan.run.directory;
        if self.seat.is_leader() {
            write_file(&directory.join("README.md"), &card::text(self.plan, corpora)?)?;
        }
        say(out, &summary::of_result(self.plan))?;
        Ok(ExitCode::Done)
    }
}

/// The run's material, tokenised.
fn parts(
    plan: &RunPlan,
    corpora: &Corpora,
    loaded: Loaded,
    collective: Box<dyn Collective>,
    board: PhaseBoard,
) -> Result<Parts, Failure> {
    let Loaded { model, tokenizer, .. } = loaded;
    let tokens = |corpus| sources::tokens(corpus, &tokenizer, &plan.data.reading);
    Ok(Parts {
        train: tokens(&corpora.train)?,
        validation: corpora.validation.as_ref().map(tokens).transpose()?,
        test: corpora.test.as_ref().map(tokens).transpose()?,
        model,
        tokenizer,
        collective,
        board,
    })
}

fn say(out: &mut dyn Write, text: &str) -> Result<(), Failure> {
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::Output)
}
