//! What it costs to report events, for a benchmark.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use lockstep_collective::PhaseBoard;
use lockstep_flags::{CommandLine, Set};
use lockstep_host::LogFormat;
use lockstep_settings::{keys, plan_of, run_config};
use lockstep_trainer::{Observer, TrainEvent};
use lockstep_world::Rank;

use super::reports::Reports;
use crate::observers::{Cards, Console, Outlook, RankLog, Teller, Verbosity};

/// The time in which the leader reports events to everything there is (a console in a file,
/// `metrics.jsonl`, TensorBoard, the rank's log, the page's figures), with a line after each `every`
/// updates, in an empty directory.
///
/// # Errors
/// A directory that cannot be written.
pub fn time_of_reports(
    directory: &Path,
    every: u64,
    events: &[TrainEvent],
) -> io::Result<Duration> {
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
    let began = Instant::now();
    events.iter().for_each(|event| observers.observe(event));
    Ok(began.elapsed())
}
