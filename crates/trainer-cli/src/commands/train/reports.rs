//! What a training reports to on one rank.

use lockstep_report::Story;
use lockstep_settings::{OutputPlan, Reporter};
use lockstep_trainer::Observer;
use lockstep_world::Rank;

use crate::observers::{Gathered, MetricsFile, Observers, RankLog, TensorBoard};
use crate::replaced::Replaced;

/// The files of a rank's reports.
pub(super) struct Reports {
    /// The rank's log.
    pub(super) log: RankLog,
    gathered: Gathered,
    metrics: MetricsFile,
    board: TensorBoard,
    replaced: Replaced,
}

impl Reports {
    /// The files of `rank`; `host` is that of the leader.
    pub(super) fn new(plan: &OutputPlan, rank: Rank, host: &str) -> Self {
        let directory = &plan.directory;
        Self {
            log: RankLog::new(directory, rank),
            gathered: Gathered::of(directory),
            metrics: MetricsFile::new(directory),
            board: TensorBoard::new(directory, host, plan.logging_steps),
            replaced: Replaced::of(directory),
        }
    }

    /// What the leader's reports observe the run with, and `console`.
    pub(super) fn of_leader<'a>(
        &'a mut self,
        reporters: &[Reporter],
        console: &'a mut dyn Observer,
    ) -> Observers<'a> {
        let Self { log, gathered, metrics, board, replaced } = self;
        // What is gathered before `metrics` cuts the file is what the file has.
        let mut observers: Vec<&mut dyn Observer> = vec![log, replaced, gathered];
        if reporters.contains(&Reporter::Jsonl) {
            observers.push(metrics);
        }
        if reporters.contains(&Reporter::TensorBoard) {
            observers.push(board);
        }
        observers.push(console);
        Observers(observers)
    }

    /// What the log of another rank observes the run with.
    pub(super) fn of_others(&mut self) -> Observers<'_> {
        Observers(vec![&mut self.log])
    }

    /// What happened.
    pub(super) fn story(&self) -> &Story {
        self.gathered.story()
    }
}
