//! Batches as recorded programs read them, and their logits as rows.

use lockstep_data::Batch;
use lockstep_program::{BatchExtent, Evaluation, PassInput, PassNumbers};

use crate::scores::ClassScores;
use crate::update::UpdatePlan;

/// How much a program has to hold for a batch.
pub(super) fn size(batch: &Batch) -> BatchExtent {
    let lengths = batch.offsets().windows(2).map(|rows| rows[1] - rows[0]);
    BatchExtent {
        tokens: batch.tokens(),
        examples: batch.len(),
        longest: lengths.max().unwrap_or_default(),
    }
}

/// What a pass of an update reads.
pub(super) fn training_input<'a>(
    batch: &'a Batch,
    plan: &UpdatePlan<'_>,
    words: &'a [u32],
) -> PassInput<'a> {
    let step = PassNumbers {
        update: int(plan.step.0),
        examples: int(plan.examples as u64),
        stop: i32::from(plan.stop.is_asked()),
        dropout: plan.dropout.0,
        ..PassNumbers::default()
    };
    PassInput {
        ids: batch.ids(),
        positions: batch.positions(),
        offsets: batch.offsets(),
        examples: batch.examples(),
        labels: batch.labels(),
        words,
        step,
    }
}

/// One row an example.
pub(super) fn rows(found: &Evaluation, classes: usize) -> ClassScores {
    found.logits.chunks_exact(classes).map(<[f32]>::to_vec).collect()
}

/// What an evaluation reads.
pub(super) fn evaluation_input(batch: &Batch) -> PassInput<'_> {
    PassInput {
        ids: batch.ids(),
        positions: batch.positions(),
        offsets: batch.offsets(),
        examples: batch.examples(),
        labels: batch.labels(),
        words: &[],
        step: PassNumbers::default(),
    }
}

fn int(value: u64) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}
