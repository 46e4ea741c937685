//! What it costs to report an update, for a benchmark.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use lockstep_collective::PhaseBoard;
use lockstep_flags::{CommandLine, Set};
use lockstep_host::LogFormat;
use lockstep_settings::{keys, plan_of, run_config};
use lockstep_trainer::{Observer, StartReport, SyncReport, TrainEvent, UpdateReport};
use lockstep_world::Rank;

use super::reports::Reports;
use crate::observers::{Cards, Console, Outlook, RankLog, Teller, Verbosity};

/// The time in which the leader reports so many updates to everything there is (a console in a file,
/// `metrics.jsonl`, TensorBoard, the rank's log, the page's figures), with a line after each `every` of
/// them, in an empty directory.
///
/// # Errors
/// A directory that cannot be written.
pub fn time_of_reports(directory: &Path, updates: u64, every: u64) -> io::Result<Duration> {
    let words = [
        "--train-file",
        "builtin:reviews",
        "--report-to",
        "console,jsonl,tensorboard",
        "--output-dir",
        &directory.display().to_string(),
        "--logging-steps",
        &every.to_string(),
    ];
    let words = words.map(str::to_owned);
    let line = CommandLine::parse(&words, keys::ALL, Set::NotTaken);
    let plan = plan_of(run_config(line, keys::ALL)).map_err(io::Error::other)?;
    let mut out = File::create(directory.join("console.txt"))?;
    let log = RankLog::default();
    log.open(directory, Rank(0));
    let mut teller = Teller::new(Some(&mut out), LogFormat::Text, Verbosity::Usual, log);
    let outlook = Outlook {
        every: plan.run.logging_steps,
        shows_first: false,
        evaluation: plan.train.evaluation,
        saving: plan.run.saving.cadence,
        best_metric: plan.train.best_metric,
        cards: Cards { card: None, count: 1 },
    };
    let mut console = Console::new(&mut teller, outlook, PhaseBoard::default());
    let mut reports = Reports::new(&plan.run, "localhost");
    let mut observers = reports.of_leader(&plan.run.reporters, &mut console);
    observers.observe(&start(updates));
    let began = Instant::now();
    (1..=updates).for_each(|step| observers.observe(&update(step)));
    Ok(began.elapsed())
}

fn start(total_updates: u64) -> TrainEvent {
    TrainEvent::Start(StartReport {
        version: lockstep_trainer::EVENT_VERSION,
        train_examples: 1,
        train_tokens: 1,
        truncated: 0,
        validation_examples: 0,
        parameters: 1,
        total_updates,
        updates_per_epoch: total_updates,
        first_step: 0,
    })
}

fn update(step: u64) -> TrainEvent {
    TrainEvent::Update(UpdateReport {
        step,
        epoch: step as f64 / 1000.0,
        loss: 1.0 / step as f64,
        grad_norm: 1.234_567,
        skipped: false,
        lr: [1.234_567e-5, 6.172_835e-5],
        examples: 16,
        tokens: 385,
        seconds: 0.123_456,
        sync: Some(SyncReport { seconds: 0.012_345, exposed: 0.001_234 }),
        tflops: None,
    })
}
