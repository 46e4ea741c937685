//! The sizes of all passes of a run: a pure function of its plan.

use lockstep_data::BatchPlan;
use lockstep_program::{BatchExtent, Bucket, Largest};
use lockstep_world::{Seat, Step};

use crate::TrainSettings;

/// What the passes of one rank are decided by.
#[derive(Clone, Copy)]
pub(crate) struct Passes<'a> {
    pub(crate) plan: &'a BatchPlan,
    pub(crate) settings: &'a TrainSettings,
    /// Tokens of each example.
    pub(crate) lengths: &'a [u32],
    pub(crate) seat: Seat,
    /// Updates of the whole run.
    pub(crate) total: u64,
}

impl Passes<'_> {
    /// The sizes of the passes of each update.
    pub(crate) fn sizes(&self) -> impl Iterator<Item = (Step, Vec<BatchExtent>)> {
        (0..self.total).map(Step).map(|step| (step, self.of(step)))
    }

    /// A rank without examples makes one pass, of no token.
    fn of(&self, step: Step) -> Vec<BatchExtent> {
        let indices = self.plan.share(step, self.seat, self.lengths);
        if indices.is_empty() {
            return vec![BatchExtent::default()];
        }
        let micro_batch = indices.len().div_ceil(self.settings.accumulation.get()).max(1);
        indices.chunks(micro_batch).map(|indices| size(self.lengths, indices)).collect()
    }

    /// The largest batches, in a vocabulary of this size.
    pub(crate) fn largest(&self, vocabulary: usize) -> Largest {
        let (mut training, mut words) = (BatchExtent::default(), 1);
        for (step, sizes) in self.sizes() {
            words = words.max(size(self.lengths, &self.plan.global_batch(step)).tokens);
            training = sizes.into_iter().fold(training, BatchExtent::max);
        }
        let training = Bucket::of(training);
        Largest { training, words: words.min(vocabulary) }
    }

    /// Tokens of the longest example.
    pub(crate) fn longest(&self) -> usize {
        self.lengths.iter().max().map_or(0, |&length| length as usize)
    }
}

fn size(lengths: &[u32], examples: &[usize]) -> BatchExtent {
    let lengths = || examples.iter().map(|&example| lengths[example] as usize);
    BatchExtent {
        tokens: lengths().sum(),
        examples: examples.len(),
        longest: lengths().max().unwrap_or_default(),
    }
}
