//! What a run reports to: the terminal, `metrics.jsonl`, TensorBoard and the rank's log.

mod appended;
mod closing;
mod console;
mod duration;
mod fact;
mod forecast;
mod gathered;
mod json_lines;
mod metrics_file;
mod rank_log;
#[cfg(test)]
mod samples;
mod teller;
mod tensorboard;
mod view;
mod work;

use lockstep_trainer::{Observer, TrainEvent};

pub(crate) use console::{Console, Outlook};
pub(crate) use duration::clock;
pub(crate) use fact::{Account, Fact};
pub(crate) use gathered::Gathered;
pub(crate) use metrics_file::MetricsFile;
pub(crate) use rank_log::RankLog;
pub(crate) use teller::{Teller, Verbosity};
pub(crate) use tensorboard::TensorBoard;
pub(crate) use work::Cards;

/// Several observers as one.
pub(crate) struct Observers<'a>(pub(crate) Vec<&'a mut dyn Observer>);

impl Observer for Observers<'_> {
    fn observe(&mut self, event: &TrainEvent) {
        self.0.iter_mut().for_each(|observer| observer.observe(event));
    }
}
