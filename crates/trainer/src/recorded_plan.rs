//! What a run would be as recorded programs, before anything is started.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use lockstep_data::{BatchPlan, TokenStore};
use lockstep_program::{
    Arithmetic, BatchExtent, Bucket, Draft, DraftSettings, ModelShape, Squares,
};
use lockstep_world::{Seat, Step, WorldSize};

use crate::engine::{Passes, distinct_words};
use crate::{TrainError, TrainSettings};

/// The passes of a run that are in one bucket.
#[derive(Clone, Copy, Debug)]
pub struct BucketShare {
    /// The bucket.
    pub bucket: Bucket,
    /// The number of passes of this shape.
    pub passes: u64,
    /// Tokens of all of them.
    tokens: usize,
    /// Examples of all of them.
    examples: usize,
    /// The first update that has one.
    first: Step,
}

impl BucketShare {
    /// What a pass holds on average, rounded down.
    #[must_use]
    pub fn mean(&self) -> BatchExtent {
        let passes = usize::try_from(self.passes).unwrap_or(usize::MAX).max(1);
        BatchExtent {
            tokens: self.tokens / passes,
            examples: self.examples / passes,
            longest: self.bucket.longest,
        }
    }
}

/// A run of one rank as recorded programs.
#[derive(Debug)]
pub struct RecordedPlan {
    /// The buckets of its passes, the most common one first.
    pub buckets: Vec<BucketShare>,
    /// Passes of the whole run.
    pub passes: u64,
    /// Updates of the whole run.
    pub updates: u64,
    /// Distinct words of the first update that has a pass in the most common bucket.
    pub words: usize,
    /// Its memory and its programs.
    pub draft: Draft,
}

/// The recorded programs of a run that is alone.
///
/// # Errors
/// [`TrainError::Unsupported`] when the kernels do not take this model, its texts or its loss;
/// [`TrainError::DeterministicOnGpu`].
pub fn recorded_plan(
    shape: ModelShape,
    arithmetic: Arithmetic,
    train: &TokenStore,
    settings: &TrainSettings,
) -> Result<RecordedPlan, TrainError> {
    settings.check_place(WorldSize::ONE, false)?;
    let plan = BatchPlan::new(train.len(), settings.global_batch, settings.order);
    let updates = settings.length.updates(plan.updates_per_epoch() as u64);
    let (plan, lengths) = (&plan, train.lengths());
    let passes = Passes { plan, settings, lengths, seat: Seat::SOLO, total: updates };
    shape.check(passes.longest())?;
    settings.check_loss()?;
    let buckets = buckets(&passes);
    let first = buckets.first().map_or(Step::START, |share| share.first);
    let draft = Draft::new(DraftSettings {
        shape,
        arithmetic,
        largest: passes.largest(shape.vocabulary),
        updates: usize::try_from(updates).unwrap_or(usize::MAX),
        squares: Squares::InPass,
    })?;
    Ok(RecordedPlan {
        passes: buckets.iter().map(|share| share.passes).sum(),
        buckets,
        updates,
        words: distinct_words(train, &plan.global_batch(first))?.len(),
        draft,
    })
}

/// All buckets of a run, the most common one first.
fn buckets(passes: &Passes<'_>) -> Vec<BucketShare> {
    let mut all: BTreeMap<Bucket, BucketShare> = BTreeMap::new();
    for (step, sizes) in passes.sizes() {
        for size in sizes {
            let bucket = Bucket::of(size);
            let empty = BucketShare { bucket, passes: 0, tokens: 0, examples: 0, first: step };
            let share = all.entry(bucket).or_insert(empty);
            share.passes += 1;
            share.tokens += size.tokens;
            share.examples += size.examples;
        }
    }
    let mut all: Vec<_> = all.into_values().collect();
    all.sort_by_key(|share| (Reverse(share.passes), share.bucket));
    all
}
