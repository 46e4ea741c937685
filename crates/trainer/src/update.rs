//! One update: what decides it, and what came of it.

use std::num::NonZeroUsize;

use lockstep_data::TokenStore;
use lockstep_model::Criterion;
use lockstep_optim::Rates;
use lockstep_world::{Rank, Seed, Step, add_by_tree};

use crate::trace::{Lane, Open, Tracer};
use crate::{StopRequest, SyncReport, TrainError};

/// Everything that decides one update of one rank.
pub(crate) struct UpdatePlan<'a> {
    /// The number of updates before this one.
    pub(crate) step: Step,
    pub(crate) train: &'a TokenStore,
    /// This rank's examples, as places in `train`, in shares that are computed alone: one, which is
    /// empty if there are more ranks than examples, or a power of two of them.
    pub(crate) shares: &'a [Vec<usize>],
    /// Whether the number of ranks must not change a bit.
    pub(crate) deterministic: bool,
    /// The examples of all ranks together.
    pub(crate) global: &'a [usize],
    /// The number of examples of all ranks together.
    pub(crate) examples: usize,
    /// What they count together, by which sums are divided: their number, or the sum of the weights
    /// of their classes. Every rank knows all labels, so it needs no exchange.
    pub(crate) weight: f64,
    pub(crate) criterion: &'a Criterion,
    pub(crate) rates: Rates,
    /// The seed of this update's dropout masks.
    pub(crate) dropout: Seed,
    /// At most this many micro-batches a share: see [`Self::micro_batches`].
    pub(crate) accumulation: NonZeroUsize,
    pub(crate) max_grad_norm: f64,
    /// Notes what takes how long, or nothing.
    pub(crate) tracer: &'a Tracer,
    /// Read as late as possible; the answer travels with the update's totals.
    pub(crate) stop: &'a StopRequest,
}

impl UpdatePlan<'_> {
    /// The update's number, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.step.next().0
    }

    /// A span in the trace of the loop, from now on.
    pub(crate) fn span(&self, name: &'static str) -> Option<Open<'_>> {
        self.tracer.span(Lane::Loop, name, self.number())
    }

    /// Does something, which is a span in the trace of the loop.
    pub(crate) fn traced<T>(&self, name: &'static str, work: impl FnOnce() -> T) -> T {
        let _span = self.span(name);
        work()
    }

    /// The examples of a share in at most `accumulation` parts, all of one size but the last.
    pub(crate) fn micro_batches<'s>(&self, share: &'s [usize]) -> std::slice::Chunks<'s, usize> {
        share.chunks(share.len().div_ceil(self.accumulation.get()).max(1))
    }
}

/// An update that all ranks have made; the same on each of them but for its cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FinishedUpdate {
    /// The step of its plan.
    pub(crate) step: Step,
    /// Mean over the global batch, weighted where classes have weights.
    pub(crate) loss: f64,
    /// Global norm of the gradient before clipping.
    pub(crate) grad_norm: f64,
    pub(crate) examples: usize,
    pub(crate) tokens: usize,
    /// Whether some rank was asked to stop.
    pub(crate) stop: bool,
    /// The rank whose examples have a loss that is not finite, where it is one of several.
    pub(crate) odd: Option<Rank>,
    pub(crate) cost: Cost,
}

impl FinishedUpdate {
    /// Whether the ranks read as many examples as planned.
    ///
    /// # Errors
    /// [`TrainError::Examples`].
    pub(crate) fn check(&self, planned: usize) -> Result<(), TrainError> {
        match self.examples {
            found if found == planned => Ok(()),
            found => Err(TrainError::Examples { update: self.step.next().0, planned, found }),
        }
    }

    /// Whether loss and norm are finite. An update that is not has changed neither weights nor
    /// moments.
    pub(crate) fn is_finite(&self) -> bool {
        self.loss.is_finite() && self.grad_norm.is_finite()
    }
}

/// What one rank, or all of them together, put into an update.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct UpdateTotals {
    /// Summed over the examples.
    pub(crate) loss: f64,
    pub(crate) tokens: usize,
    pub(crate) examples: usize,
    /// Whether some rank was asked to stop; one such rank stops all.
    pub(crate) stop: bool,
    /// See [`FinishedUpdate::odd`].
    pub(crate) odd: Option<Rank>,
}

impl UpdateTotals {
    /// How many words they have on their way to other ranks.
    pub(crate) const WORDS: usize = 4;

    /// These words.
    pub(crate) fn words(self) -> [u64; Self::WORDS] {
        let Self { loss, tokens, examples, stop, .. } = self;
        [loss.to_bits(), tokens as u64, examples as u64, u64::from(stop)]
    }

    /// The totals that these words say.
    pub(crate) fn of_words(words: &[u64]) -> Self {
        let word = |place: usize| words.get(place).copied().unwrap_or_default();
        let count = |place| usize::try_from(word(place)).unwrap_or(usize::MAX);
        let loss = f64::from_bits(word(0));
        Self { loss, tokens: count(1), examples: count(2), stop: word(3) != 0, odd: None }
    }

    /// Those of all shares or ranks together, added by the tree.
    pub(crate) fn all(
        of_each: impl IntoIterator<Item = Self, IntoIter: ExactSizeIterator>,
    ) -> Self {
        add_by_tree(of_each, Self::plus).unwrap_or_default()
    }

    fn plus(self, other: Self) -> Self {
        Self {
            loss: self.loss + other.loss,
            tokens: self.tokens.saturating_add(other.tokens),
            examples: self.examples.saturating_add(other.examples),
            stop: self.stop | other.stop,
            odd: None,
        }
    }
}

/// What an update took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// Wall time of the whole update.
    pub(crate) seconds: f64,
    /// The part of the gradients' way to the other ranks, if there are others.
    pub(crate) sync: Option<SyncReport>,
    /// Floating-point operations of all ranks, where the engine counts them.
    pub(crate) flop: Option<f64>,
}

impl Cost {
    /// 10^12 floating-point operations a second.
    pub(crate) fn tflops(&self) -> Option<f64> {
        self.flop.map(|flop| flop / self.seconds.max(1e-9) / 1e12)
    }
}
