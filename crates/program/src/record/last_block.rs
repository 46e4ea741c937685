//! The last block, of which only the first token of each example is wanted: its keys and values
//! come from all tokens, everything else from the first ones.

use super::backward::Backward;
use super::block::{Half, InputGradient};
use super::{Ends, Recorder, Site};
use crate::Span;
use crate::attention_shared::FIRST_SHARED;
use crate::buffers::LastBuffers;
use crate::call::{Call, Grid};
use crate::weights::Projection;

fn attention(recorder: &Recorder<'_>, kernel: &str, batch: usize) -> Call {
    let shape = recorder.plan.shape;
    let name = format!("{kernel}_{}_h{}", recorder.element().name(), shape.columns());
    Call::new(name, Grid::blocks([batch, shape.heads], 128).with_shared(FIRST_SHARED))
}

fn last(recorder: &Recorder<'_>) -> usize {
    recorder.plan.shape.blocks - 1
}

pub(super) fn forward(recorder: &mut Recorder<'_>) {
    let LastBuffers { x, first, q, kv, half } = recorder.buffers.last;
    let (block, bucket, shape) = (last(recorder), recorder.bucket, recorder.plan.shape);
    let (d, input) = (shape.width, recorder.input);
    let gather = Call::typed("gather_first", recorder.element(), Grid::rows(bucket.batch))
        .read(input.step)
        .read(input.offsets)
        .read(x)
        .write(first)
        .int(bucket.batch)
        .int(d);
    recorder.launch("last block: first rows", gather);
    let operands = recorder.operands(block);
    let x_rows = recorder.matrix(x, bucket.rows, d);
    let kv_rows = recorder.matrix(kv, bucket.rows, 2 * d);
    let keys_values = operands.projections(&[Projection::Key, Projection::Value]);
    recorder.forward("last block: key, value", x_rows, &keys_values, kv_rows);
    let first_rows = recorder.matrix(first, bucket.batch, d);
    let q_rows = recorder.matrix(q, bucket.batch, d);
    let query = operands.projections(&[Projection::Query]);
    recorder.forward("last block: query", first_rows, &query, q_rows);
    let call = attention(recorder, "attention_first_forward", bucket.batch)
        .read(input.step)
        .read(input.offsets)
        .read(q)
        .read(kv)
        .read(operands.masters.query.bias)
        .read(operands.masters.key.bias)
        .read(operands.masters.value.bias)
        .dropout(recorder.drop_at(Site::Attention { block }))
        .write(half.attended)
        .int(bucket.batch)
        .int(shape.heads);
    recorder.launch("last block: attention", call);
    recorder.feed_forward(block, recorder.examples(), Ends { x: first, half });
}

impl Backward<'_> {
    /// From the gradient of the encoder's result in `dx` to that of the last block's argument.
    pub(super) fn last_block(&mut self) {
        let LastBuffers { x, first, half, .. } = self.recorder.buffers.last;
        let (block, count) = (last(&self.recorder), self.recorder.examples());
        let (rows, d) = (self.recorder.bucket.rows, self.recorder.plan.shape.width);
        let gradients = self.buffers.last;
        self.half(Half { block, count, kept: half, gradients });
        self.last_attention(block, gradients.attention_parts);
        let [dq, dkv] = self.last_projections();
        let arena = &self.training.gradients.parts.blocks[block];
        let (query, key) = (arena.query.weight, arena.key.weight);
        let first = self.recorder.matrix(first, count.rows, d);
        self.weight_gradient("last block: query", [dq, first], query);
        let x = self.recorder.matrix(x, rows, d);
        self.weight_gradient("last block: key, value", [dkv, x], key);
        self.vectors(block, gradients, count);
        self.last_input(block, gradients.first_sum);
    }

    /// The gradients of q (batch, D), and of k and v (rows, 2 D).
    fn last_projections(&self) -> [crate::Matrix; 2] {
        let (bucket, d) = (self.recorder.bucket, self.recorder.plan.shape.width);
        let (dq, dkv) = (self.buffers.last_q, self.buffers.last_kv);
        let dq = self.recorder.matrix(dq, bucket.batch, d);
        [dq, self.recorder.matrix(dkv, bucket.rows, 2 * d)]
    }

    fn last_attention(&mut self, block: usize, parts: Span) {
        let LastBuffers { q, kv, half, .. } = self.recorder.buffers.last;
        let (bucket, input) = (self.recorder.bucket, self.recorder.input);
        let masters = self.recorder.operands(block).masters;
        let (dq, dkv) = (self.buffers.last_q, self.buffers.last_kv);
        let (product, d) = (self.recorder.buffers.product, self.recorder.plan.shape.width);
        let product = self.recorder.matrix(product, bucket.batch, d).span;
        let call = attention(&self.recorder, "attention_first_backward", bucket.batch + 1)
            .read(input.step)
            .read(input.offsets)
            .read(q)
            .read(kv)
            .read(masters.query.bias)
            .read(masters.key.bias)
            .read(masters.value.bias)
            .dropout(self.recorder.drop_at(Site::Attention { block }))
            .read(half.attended)
            .read(product)
            .write(dq)
            .write(dkv)
            .write(parts)
            .int(bucket.rows)
            .int(bucket.batch)
            .int(self.recorder.plan.shape.heads);
        self.recorder.launch("last block: attention, gradient", call);
        self.recorder.lanes.side_follows();
    }

    /// The gradient of all rows through keys and values, then that of the first rows beside it.
    fn last_input(&mut self, block: usize, residual: Span) {
        let (bucket, d) = (self.recorder.bucket, self.recorder.plan.shape.width);
        let operands = self.recorder.operands(block);
        let [dq, dkv] = self.last_projections();
        let (dx, dfirst) = (self.buffers.dx, self.buffers.first);
        let dx_rows = self.recorder.matrix(dx, bucket.rows, d);
        let keys_values = operands.projections(&[Projection::Key, Projection::Value]);
        self.input_gradient(
            "last block: key, value",
            dkv,
            &keys_values,
            InputGradient { addend: None, out: dx_rows },
        );
        let residual = self.recorder.matrix(residual, bucket.batch, d);
        let first_rows = self.recorder.matrix(dfirst, bucket.batch, d);
        let query = operands.projections(&[Projection::Query]);
        self.input_gradient(
            "last block: query",
            dq,
            &query,
            InputGradient { addend: Some(residual), out: first_rows },
        );
        let input = self.recorder.input;
        let add = Call::typed("add_first", self.recorder.element(), Grid::rows(bucket.batch))
            .read(input.step)
            .read(input.offsets)
            .read(dfirst)
            .update(dx)
            .int(bucket.batch)
            .int(d);
        self.recorder.launch("last block: first rows, gradient", add);
    }
}
