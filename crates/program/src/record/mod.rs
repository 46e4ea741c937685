//! Records the programs of a model: passes over a batch, and the update that follows.

mod backward;
mod block;
mod embedding;
mod finish;
mod head;
mod lanes;
mod last_block;
mod pass;
mod squares;

pub use backward::MicroBatch;
pub use finish::{record_copies, record_settle, record_update};
pub use pass::{Evaluated, PassPurpose, evaluated, pass_bytes, record_pass};
pub use squares::Squares;

use crate::buffers::{Buffers, HalfBuffers};
use crate::call::{Call, Drop, Grid};
use crate::gradients::GradientArena;
use crate::input::InputSpans;
use crate::parts::WeightAndBias;
use crate::state::State;
use crate::weights::{BlockOperands, Slice, Weights};
use crate::{
    Arithmetic, Bucket, Element, Factor, Lane, Matrix, ModelShape, PassNumbers, Product, Program,
    Span,
};
use lanes::Lanes;

/// The memory that all programs of a model share.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The sizes of the model.
    pub shape: &'a ModelShape,
    /// Of the encoder's products. The head multiplies in f32.
    pub arithmetic: Arithmetic,
    /// The weights.
    pub weights: &'a Weights,
    /// Where inputs are written.
    pub input: Span,
    /// Room for distinct words in an input.
    pub words: usize,
    /// Where activations are kept.
    pub activations: Span,
}

impl Plan<'_> {
    /// The numbers of the pass, which stand at the start of any input.
    fn step(&self) -> Span {
        self.input.part(0, size_of::<PassNumbers>())
    }
}

/// What a training pass has beside that.
#[derive(Clone, Copy, Debug)]
pub struct Training<'a> {
    /// Where gradients go.
    pub gradients: &'a GradientArena,
    /// What lasts from update to update.
    pub state: &'a State,
}

/// A program in the making.
pub(crate) struct Recorder<'a> {
    pub(crate) plan: Plan<'a>,
    pub(crate) bucket: Bucket,
    pub(crate) input: InputSpans,
    pub(crate) buffers: Buffers,
    /// Whether anything is dropped.
    pub(crate) drops: bool,
    pub(crate) lanes: Lanes,
}

/// The rows of a matrix of activations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowCount {
    /// Of the bucket.
    pub(crate) rows: usize,
    /// The address of the real count.
    pub(crate) real: Span,
}

/// One site's dropout.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Site {
    Embeddings,
    Head,
    Attention { block: usize },
    AttentionOutput { block: usize },
    FeedForward { block: usize },
}

impl Site {
    /// The place of its keys in a model of so many blocks; the kernel `mask_keys` knows the site by it.
    fn place(self, blocks: usize) -> usize {
        match self {
            Self::Embeddings => 0,
            Self::Head => 1,
            Self::Attention { block } => 2 + 2 * block,
            Self::FeedForward { block } => 3 + 2 * block,
            Self::AttentionOutput { block } => 2 + 2 * blocks + block,
        }
    }
}

impl<'a> Recorder<'a> {
    pub(crate) fn element(&self) -> Element {
        self.plan.arithmetic.element()
    }

    pub(crate) fn tokens(&self) -> RowCount {
        RowCount { rows: self.bucket.rows, real: self.input.rows_count() }
    }

    pub(crate) fn examples(&self) -> RowCount {
        RowCount { rows: self.bucket.batch, real: self.input.segments_count() }
    }

    pub(crate) fn operands(&self, block: usize) -> BlockOperands<'a> {
        self.plan.weights.block(block, self.plan.shape)
    }

    /// Activations without gaps.
    pub(crate) fn matrix(&self, span: Span, rows: usize, columns: usize) -> Matrix {
        Matrix::new(span, self.element(), [rows, columns])
    }

    pub(crate) fn drop_at(&self, site: Site) -> Drop {
        let rates = self.plan.shape.dropout;
        let rate = match site {
            Site::Embeddings | Site::FeedForward { .. } => rates.hidden,
            Site::Head => rates.head,
            Site::Attention { .. } => rates.attention,
            Site::AttentionOutput { .. } => rates.attention_output,
        };
        if !self.drops || rate <= 0.0 {
            return Drop::NOTHING;
        }
        let (bytes, place) = (self.bucket.rows * 8, site.place(self.plan.shape.blocks));
        Drop::new(rate, self.buffers.keys.part(place * bytes, bytes))
    }

    /// Records a launch on the main lane.
    pub(crate) fn launch(&mut self, label: impl Into<String>, call: Call) {
        self.lanes.launch(Lane::Main, label.into(), call);
    }

    /// Records a product of the encoder on the main lane.
    pub(crate) fn product(&mut self, label: String, sum: Sum) {
        let product = sum.product(self.plan.arithmetic);
        self.lanes.product(Lane::Main, label, product);
    }

    /// `x (M,I)` times the transpose of a weight `(O,I)`, side by side into `out`.
    pub(crate) fn forward(&mut self, label: &str, x: Matrix, slices: &[Slice], out: Matrix) {
        for slice in slices {
            let out = out.columns(slice.first, slice.matrix.rows);
            let (left, right) = (Factor::Plain(x), Factor::Transposed(slice.matrix));
            self.product(label.to_owned(), Sum { left, right, addend: None, out });
        }
    }

    /// The kernel of a residual sum and its norm: `product` is what the layer gave before its bias.
    pub(crate) fn residual_norm(&mut self, label: &str, count: RowCount, call: ResidualNorm) {
        let ResidualNorm { residual, bias, norm, drop, sum, out } = call;
        let shape = self.plan.shape;
        let grid = Grid::rows(count.rows);
        let product = self.matrix(self.buffers.product, count.rows, shape.width).span;
        let call = Call::typed("residual_norm", self.element(), grid)
            .read(count.real)
            .read(product)
            .read(residual)
            .read(bias)
            .read(norm.weight)
            .read(norm.bias)
            .dropout(drop)
            .float(shape.epsilon)
            .write(sum)
            .write(out)
            .int(count.rows)
            .int(shape.width);
        self.launch(label, call);
    }

    /// What follows the attention of a block, forward, over the rows of `count`.
    pub(crate) fn feed_forward(&mut self, block: usize, count: RowCount, ends: Ends) {
        let (d, f) = (self.plan.shape.width, self.plan.shape.feed_forward);
        let (operands, half, rows) = (self.operands(block), ends.half, count.rows);
        let product = self.matrix(self.buffers.product, rows, d);
        let whole = |matrix| [Slice::whole(matrix)];
        let label = |what: &str| format!("block {block}: {what}");
        let attended = self.matrix(half.attended, rows, d);
        self.forward(&label("output"), attended, &whole(operands.output()), product);
        let norm = ResidualNorm {
            residual: ends.x,
            bias: operands.masters.output.bias,
            norm: operands.masters.attention_norm,
            drop: self.drop_at(Site::AttentionOutput { block }),
            sum: half.first_sum,
            out: half.inner,
        };
        self.residual_norm(&label("first norm"), count, norm);
        let (inner, wide) = (self.matrix(half.inner, rows, d), self.matrix(half.wide, rows, f));
        self.forward(&label("widen"), inner, &whole(operands.widen()), wide);
        let grid = Grid::blocks([(rows * f).div_ceil(2048).clamp(1, 132 * 16), 1], 256);
        let gelu = Call::typed("gelu_forward", self.element(), grid)
            .read(count.real)
            .read(half.wide)
            .read(operands.masters.widen.bias)
            .write(half.active)
            .int(rows)
            .int(f);
        self.launch(label("GELU"), gelu);
        let active = self.matrix(half.active, rows, f);
        self.forward(&label("narrow"), active, &whole(operands.narrow()), product);
        let norm = ResidualNorm {
            residual: half.inner,
            bias: operands.masters.narrow.bias,
            norm: operands.masters.feed_forward_norm,
            drop: self.drop_at(Site::FeedForward { block }),
            sum: half.second_sum,
            out: half.out,
        };
        self.residual_norm(&label("second norm"), count, norm);
    }

    pub(crate) fn finish(self, name: String) -> Program {
        self.lanes.finish(name)
    }
}

/// A product and what is added to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sum {
    pub(crate) left: Factor,
    pub(crate) right: Factor,
    pub(crate) addend: Option<Matrix>,
    pub(crate) out: Matrix,
}

impl Sum {
    pub(crate) fn product(self, arithmetic: Arithmetic) -> Product {
        let Self { left, right, addend, out } = self;
        Product { left, right, addend, out, arithmetic }
    }
}

/// The arguments of a residual sum and its norm.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResidualNorm {
    pub(crate) residual: Span,
    pub(crate) bias: Span,
    pub(crate) norm: WeightAndBias<Span>,
    pub(crate) drop: Drop,
    pub(crate) sum: Span,
    pub(crate) out: Span,
}

/// Where the second part of a block reads and writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    /// The residual, (M, D).
    pub(crate) x: Span,
    pub(crate) half: HalfBuffers,
}
