//! The embeddings: their preparation, their forward pass, and their gradients.

use super::backward::Backward;
use super::{Recorder, Site, Training};
use crate::call::{Call, Grid};
use crate::{Lane, Span};

/// Brings the rows of the word table that are read up to date, and makes the keys of all masks.
pub(super) fn prepare(recorder: &mut Recorder<'_>, training: Training<'_>) {
    let (plan, bucket, input) = (recorder.plan, recorder.bucket, recorder.input);
    let sites = plan.shape.sites();
    let keys = Call::new("mask_keys", Grid::blocks([bucket.rows.div_ceil(256), sites], 256))
        .read(input.step)
        .read(input.segments)
        .read(input.positions)
        .read(input.examples)
        .write(recorder.buffers.keys)
        .int(bucket.rows)
        .int(plan.shape.blocks);
    recorder.lanes.launch(Lane::Side, "mask keys".to_owned(), keys);
    let rows = word_rows(plan.words, "catch_up_rows")
        .read(input.step)
        .read(input.words)
        .word_table(training, plan.weights.masters.words, plan.shape.width);
    recorder.launch("word rows: catch up", rows);
    recorder.lanes.main_follows();
}

/// A kernel over the rows of the word table that an update reads.
pub(super) fn word_rows(words: usize, kernel: &str) -> Call {
    Call::new(kernel, Grid::block_rows(words))
}

impl Call {
    /// The word table with its moments and marks, and what its update takes.
    #[expect(clippy::cast_sign_loss, reason = "flags are bits")]
    pub(super) fn word_table(self, training: Training<'_>, weights: Span, width: usize) -> Self {
        let state = training.state;
        self.table_and_marks(training, weights)
            .read(state.rates)
            .moments(state.constants)
            .read(state.control)
            .int(state.word_flags as usize)
            .int(width)
    }

    pub(super) fn table_and_marks(self, training: Training<'_>, weights: Span) -> Self {
        let state = training.state;
        let [first, second] = &state.moments;
        self.update(weights)
            .update(first.words)
            .update(second.words)
            .update(state.applied)
            .update(state.seen)
    }
}

pub(super) fn forward(recorder: &mut Recorder<'_>) {
    let (plan, bucket, input) = (recorder.plan, recorder.bucket, recorder.input);
    let masters = &plan.weights.masters;
    let out = recorder.buffers.blocks.first().map_or(recorder.buffers.last.x, |block| block.x);
    let call = Call::typed("embedding_forward", recorder.element(), Grid::rows(bucket.rows))
        .read(input.step)
        .read(input.ids)
        .read(input.positions)
        .read(masters.words)
        .read(masters.places)
        .read(masters.norm.weight)
        .read(masters.norm.bias)
        .dropout(recorder.drop_at(Site::Embeddings))
        .float(plan.shape.epsilon)
        .write(recorder.buffers.embedding_sum)
        .write(out)
        .int(bucket.rows)
        .int(plan.shape.width);
    recorder.launch("embeddings", call);
}

impl Backward<'_> {
    /// The gradients of norm, positions and words.
    pub(super) fn embedding(&mut self) {
        let gradients = self.buffers;
        self.embedding_norm();
        let arena = self.training.gradients;
        self.recorder.lanes.side_follows();
        let parts = Grid::rows(self.recorder.bucket.rows).blocks[0];
        self.sum_parts(
            "embeddings",
            &[(gradients.embedding_parts, arena.parts.norm.weight, parts)],
        );
        let (plan, input) = (self.recorder.plan, self.recorder.input);
        let width = plan.shape.width;
        let strips = width.div_ceil(256);
        let places = Call::new("place_gradient", Grid::blocks([plan.shape.positions, strips], 128))
            .read(input.step)
            .read(input.offsets)
            .read(gradients.embedding);
        let places = self.adds(places, arena.parts.places).int(width);
        self.recorder.lanes.launch(Lane::Side, "positions: gradient".to_owned(), places);
        let words = Call::new("word_gradient", Grid::blocks([plan.words, strips], 128))
            .read(input.step)
            .read(input.starts)
            .read(input.places)
            .read(gradients.embedding);
        let words = self.adds(words, arena.parts.words).int(width);
        self.recorder.launch("words: gradient", words);
    }

    fn embedding_norm(&mut self) {
        let gradients = self.buffers;
        let (plan, bucket, input) = (self.recorder.plan, self.recorder.bucket, self.recorder.input);
        let width = plan.shape.width;
        let grid = Grid::rows(bucket.rows).with_shared(4 * 2 * width * 4);
        let norm = Call::typed("embedding_backward", self.recorder.element(), grid)
            .read(input.step)
            .read(gradients.dx)
            .read(self.recorder.buffers.embedding_sum)
            .read(plan.weights.masters.norm.weight)
            .dropout(self.recorder.drop_at(Site::Embeddings))
            .float(plan.shape.epsilon)
            .write(gradients.embedding)
            .write(gradients.embedding_parts)
            .int(bucket.rows)
            .int(width);
        self.recorder.launch("embeddings: norm, gradient", norm);
    }
}
