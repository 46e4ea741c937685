//! What a training reports to on the leader.

use lockstep_report::Story;
use lockstep_settings::{OutputPlan, Reporter};
use lockstep_trainer::Observer;

use crate::observers::{Gathered, MetricsFile, Observers, TensorBoard};
use crate::replaced::Replaced;

/// The files of the reports.
pub(super) struct Reports {
    gathered: Gathered,
    metrics: MetricsFile,
    board: TensorBoard,
    replaced: Replaced,
}

impl Reports {
    /// The files of a run; `host` is that of the leader.
    pub(super) fn new(plan: &OutputPlan, host: &str) -> Self {
        let directory = &plan.directory;
        Self {
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
        let Self { gathered, metrics, board, replaced } = self;
        // What is gathered before `metrics` cuts the file is what the file has.
        let mut observers: Vec<&mut dyn Observer> = vec![replaced, gathered];
        if reporters.contains(&Reporter::Jsonl) {
            observers.push(metrics);
        }
        if reporters.contains(&Reporter::TensorBoard) {
            observers.push(board);
        }
        observers.push(console);
        Observers(observers)
    }

    /// What happened.
    pub(super) fn story(&self) -> &Story {
        self.gathered.story()
    }
}
