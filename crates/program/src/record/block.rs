//! A block over all tokens, forward and backward.

use super::backward::Backward;
use super::{Ends, Recorder, RowCount, Site};
use crate::attention_shared::{AttentionPass, attention_shared};
use crate::buffers::{BlockBuffers, HalfBuffers, HalfGradients};
use crate::call::{Call, Drop, Grid, gelu_parts};
use crate::parts::WeightAndBias;
use crate::weights::{QKV, Slice};
use crate::{Element, Factor, Lane, Matrix, Product, Span};

use super::Sum;

/// The grid of attention over all tokens: a block a head of each segment, and some for padding.
fn attention(recorder: &Recorder<'_>, pass: AttentionPass) -> Call {
    let (shape, bucket, element) = (recorder.plan.shape, recorder.bucket, recorder.element());
    let (columns, longest) = (shape.columns(), bucket.longest);
    let pass_name = pass.name();
    let name = format!("attention_{pass_name}_{}_h{columns}_t{longest}", element.name());
    let shared = attention_shared(pass, element, columns, longest);
    let grid = Grid::blocks([bucket.batch + 1, shape.heads], 128).with_shared(shared);
    Call::new(name, grid)
}

pub(super) fn forward(recorder: &mut Recorder<'_>, block: usize) {
    let BlockBuffers { x, qkv, bits, half } = recorder.buffers.blocks[block];
    let (rows, shape) = (recorder.bucket.rows, recorder.plan.shape);
    let operands = recorder.operands(block);
    let (x_rows, qkv_rows) =
        (recorder.matrix(x, rows, shape.width), recorder.matrix(qkv, rows, 3 * shape.width));
    let label = format!("block {block}: query, key, value");
    recorder.forward(&label, x_rows, &operands.projections(&QKV), qkv_rows);
    let call = attention(recorder, AttentionPass::Forward)
        .read(recorder.input.step)
        .read(recorder.input.offsets)
        .read(qkv)
        .read(operands.masters.query.bias)
        .read(operands.masters.key.bias)
        .read(operands.masters.value.bias)
        .dropout(recorder.drop_at(Site::Attention { block }))
        .write(bits)
        .write(half.attended)
        .int(rows)
        .int(shape.heads);
    recorder.launch(format!("block {block}: attention"), call);
    recorder.feed_forward(block, recorder.tokens(), Ends { x, half });
}

/// Where the gradient of a product's input goes, and what is added to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct InputGradient {
    pub(super) addend: Option<Matrix>,
    pub(super) out: Matrix,
}

/// A half of a block whose gradients are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Half {
    pub(super) block: usize,
    pub(super) count: RowCount,
    pub(super) kept: HalfBuffers,
    pub(super) gradients: HalfGradients,
}

impl Backward<'_> {
    /// From the gradient of the block's result in `dx` to that of its argument in `dx`.
    pub(super) fn block(&mut self, block: usize) {
        self.wait_for_buffers(block);
        let BlockBuffers { x, half, .. } = self.recorder.buffers.blocks[block];
        let (rows, d) = (self.recorder.bucket.rows, self.recorder.plan.shape.width);
        let buffers = self.buffers;
        let (gradients, dqkv) = (buffers.halves[block % 2], buffers.qkv[block % 2]);
        let count = self.recorder.tokens();
        self.half(Half { block, count, kept: half, gradients });
        self.attention(block, gradients.attention_parts, dqkv);
        let qkv = self.training.gradients.parts.blocks[block].query.weight;
        let (dqkv, x) = (self.recorder.matrix(dqkv, rows, 3 * d), self.recorder.matrix(x, rows, d));
        self.weight_gradient(&format!("block {block}: query, key, value"), [dqkv, x], qkv);
        self.vectors(block, gradients, count);
        self.free_buffers(block);
        let (dx, residual) = (
            self.recorder.matrix(buffers.dx, rows, d),
            self.recorder.matrix(gradients.first_sum, rows, d),
        );
        let slices = self.recorder.operands(block).projections(&QKV);
        let label = format!("block {block}: query, key, value");
        self.input_gradient(
            &label,
            dqkv,
            &slices,
            InputGradient { addend: Some(residual), out: dx },
        );
    }

    fn attention(&mut self, block: usize, parts: Span, dqkv: Span) {
        let BlockBuffers { qkv, bits, half, .. } = self.recorder.buffers.blocks[block];
        let masters = self.recorder.operands(block).masters;
        let call = attention(&self.recorder, AttentionPass::Backward)
            .read(self.recorder.input.step)
            .read(self.recorder.input.offsets)
            .read(qkv)
            .read(masters.query.bias)
            .read(masters.key.bias)
            .read(masters.value.bias)
            .read(bits)
            .threshold(self.recorder.drop_at(Site::Attention { block }))
            .read(half.attended)
            .read(self.recorder.buffers.product)
            .write(dqkv)
            .write(parts)
            .int(self.recorder.bucket.rows)
            .int(self.recorder.plan.shape.heads);
        self.recorder.launch(format!("block {block}: attention, gradient"), call);
        self.recorder.lanes.side_follows();
    }

    /// From the gradient of a block's result in `dx` to that of the attention's result in
    /// `product`, and that of the first residual sum.
    pub(super) fn half(&mut self, half: Half) {
        self.feed_forward(half);
        let Half { block, count, kept, gradients } = half;
        let d = self.recorder.plan.shape.width;
        let operands = self.recorder.operands(block);
        let view = |span| self.recorder.matrix(span, count.rows, d);
        let (doutput, attended) = (view(gradients.output), view(kept.attended));
        let product = view(self.recorder.buffers.product);
        let norm = Norm {
            dy: view(self.buffers.inner).span,
            sum: kept.first_sum,
            gamma: operands.masters.attention_norm.weight,
            drop: self.recorder.drop_at(Site::AttentionOutput { block }),
        };
        let parts = gradients.first_norm_parts;
        let dropped = (gradients.output != gradients.first_sum).then_some(gradients.output);
        let to = NormGradients { dsum: gradients.first_sum, dropped, parts };
        self.norm(&format!("block {block}: first norm, gradient"), count, norm, to);
        let weight = self.training.gradients.parts.blocks[block].output.weight;
        let label = format!("block {block}: output");
        self.weight_gradient(&label, [doutput, attended], weight);
        self.product(
            &label,
            doutput,
            Slice::whole(operands.output()),
            InputGradient { addend: None, out: product },
        );
    }

    /// From the gradient of a block's result in `dx` to that of its first half's result in `inner`.
    fn feed_forward(&mut self, half: Half) {
        let Half { block, count, kept, gradients } = half;
        let (d, f) = (self.recorder.plan.shape.width, self.recorder.plan.shape.feed_forward);
        let operands = self.recorder.operands(block);
        let arena = &self.training.gradients.parts.blocks[block];
        let (narrow, widen) = (arena.narrow.weight, arena.widen.weight);
        let view = |span, columns| self.recorder.matrix(span, count.rows, columns);
        let [dropped, inner] = [gradients.dropped, kept.inner].map(|span| view(span, d));
        let [wide, active] = [gradients.wide, kept.active].map(|span| view(span, f));
        let dinner = view(self.buffers.inner, d);
        let norm = Norm {
            dy: view(self.buffers.dx, d).span,
            sum: kept.second_sum,
            gamma: operands.masters.feed_forward_norm.weight,
            drop: self.recorder.drop_at(Site::FeedForward { block }),
        };
        let dropped_sum = Some(gradients.dropped);
        let parts = gradients.second_norm_parts;
        let to = NormGradients { dsum: dinner.span, dropped: dropped_sum, parts };
        self.norm(&format!("block {block}: second norm, gradient"), count, norm, to);
        let label = format!("block {block}: narrow");
        self.weight_gradient(&label, [dropped, active], narrow);
        self.product(
            &label,
            dropped,
            Slice::whole(operands.narrow()),
            InputGradient { addend: None, out: wide },
        );
        self.gelu(half, operands.masters.widen.bias);
        let label = format!("block {block}: widen");
        self.weight_gradient(&label, [wide, inner], widen);
        self.product(
            &label,
            wide,
            Slice::whole(operands.widen()),
            InputGradient { addend: Some(dinner), out: dinner },
        );
    }

    fn gelu(&mut self, half: Half, bias: Span) {
        let (f, rows) = (self.recorder.plan.shape.feed_forward, half.count.rows);
        let grid = Grid::blocks([f.div_ceil(256), gelu_parts(rows)], 128);
        let grid = grid.with_shared(4 * 256 * 4);
        let call = Call::typed("gelu_backward", self.recorder.element(), grid)
            .read(half.count.real)
            .read(half.kept.wide)
            .read(bias)
            .update(half.gradients.wide)
            .write(half.gradients.wide_parts)
            .int(rows)
            .int(f);
        self.recorder.launch(format!("block {}: GELU, gradient", half.block), call);
        self.recorder.lanes.side_follows();
    }

    /// The gradient of a residual sum from that of its norm; the side lane may read it.
    fn norm(&mut self, label: &str, count: RowCount, norm: Norm, to: NormGradients) {
        let (shape, rows) = (self.recorder.plan.shape, count.rows);
        let grid = Grid::rows(rows).with_shared(4 * 3 * shape.width * 4);
        let call = Call::typed("norm_backward", self.recorder.element(), grid)
            .read(count.real)
            .read(norm.dy)
            .read(norm.sum)
            .read(norm.gamma)
            .dropout(norm.drop)
            .float(shape.epsilon)
            .write(to.dsum);
        let call = match to.dropped {
            Some(dropped) => call.write(dropped),
            None => call.null(),
        };
        let call = call.write(to.parts).int(rows).int(shape.width);
        self.recorder.launch(label, call);
        self.recorder.lanes.side_follows();
    }

    /// `dy W` and what is added to it, on the main lane.
    pub(super) fn product(&mut self, label: &str, dy: Matrix, weight: Slice, to: InputGradient) {
        let InputGradient { addend, out } = to;
        let (left, right) = (Factor::Plain(dy), Factor::Plain(weight.matrix));
        self.recorder.product(format!("{label}, input gradient"), Sum { left, right, addend, out });
    }

    /// The sum over the slices of `dy` times their weights, and a residual's gradient, into `out`.
    pub(super) fn input_gradient(
        &mut self,
        label: &str,
        dy: Matrix,
        slices: &[Slice],
        to: InputGradient,
    ) {
        let InputGradient { mut addend, out } = to;
        for slice in slices {
            let columns = dy.columns(slice.first, slice.matrix.rows);
            self.product(label, columns, *slice, InputGradient { addend, out });
            addend = Some(out);
        }
    }

    /// `dyᵀ x` in f32 on the side lane: (M,O) and (M,I) to (O,I).
    pub(super) fn weight_gradient(&mut self, label: &str, [dy, x]: [Matrix; 2], to: Span) {
        let dims = [dy.columns, x.columns];
        let span = Span { bytes: dims[0] * dims[1] * 4, ..to };
        let out = Matrix::new(span, Element::F32, dims);
        let product = Product {
            left: Factor::Transposed(dy),
            right: Factor::Plain(x),
            addend: self.micro_batch.adds.then_some(out),
            out,
            arithmetic: self.recorder.plan.arithmetic,
        };
        self.recorder.lanes.product(Lane::Side, format!("{label}, weight gradient"), product);
    }

    /// The gradients of a block's biases and norms.
    pub(super) fn vectors(&mut self, block: usize, from: HalfGradients, count: RowCount) {
        let to = &self.training.gradients.parts.blocks[block];
        let [qkv, output, widen, narrow] = [&to.query, &to.output, &to.widen, &to.narrow]
            .map(|layer: &WeightAndBias<Span>| layer.bias);
        let norm_parts = Grid::rows(count.rows).blocks[0];
        let sums = [
            (from.attention_parts, qkv, self.recorder.bucket.batch),
            (from.first_norm_parts, output, norm_parts),
            (from.wide_parts, widen, gelu_parts(count.rows)),
            (from.second_norm_parts, narrow, norm_parts),
        ];
        self.sum_parts(&format!("block {block}"), &sums);
    }
}

/// A norm whose gradient is wanted.
#[derive(Clone, Copy, Debug)]
struct Norm {
    dy: Span,
    sum: Span,
    gamma: Span,
    drop: Drop,
}

#[derive(Clone, Copy, Debug)]
struct NormGradients {
    dsum: Span,
    dropped: Option<Span>,
    parts: Span,
}
