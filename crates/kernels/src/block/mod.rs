//! A transformer block as one operation: attention and feed-forward, each with its residual sum and
//! layer norm behind it.
//!
//! After Vaswani and others, "Attention Is All You Need", 2017, with dropout on the attention's
//! probabilities and after the second feed-forward layer, as DistilBERT has it, and after the layer
//! behind the attention, as BERT has it too. As one node of the
//! graph it keeps what its backward reads, frees it as the backward passes, and adds its weights'
//! gradients where they live.

mod activation;
mod backward;
mod composed;
mod forward;
mod fused;
mod notice;
mod residual;
mod values;

use std::sync::Arc;

use candle_core::{Result, Tensor, bail};

use fused::{Fused, Keeping};
pub use notice::{Notice, Ready};

use crate::{AttentionPlan, Dropout, Precision, Segments, Weight, cpu, first_rows, shapes};

/// A weight and the bias beside it: of a linear layer (O,I) and (O), of a layer norm (D) and (D).
#[derive(Clone, Debug)]
pub struct Affine {
    /// The weight of a linear layer, or the scale of a norm.
    pub weight: Weight,
    /// The bias, which is added.
    pub bias: Weight,
}

/// The weights of one block.
#[derive(Debug)]
pub struct BlockWeights {
    /// (D,D) and (D).
    pub query: Affine,
    /// (D,D) and (D).
    pub key: Affine,
    /// (D,D) and (D).
    pub value: Affine,
    /// (D,D) and (D), behind the attention.
    pub output: Affine,
    /// (D) and (D), behind the first residual sum.
    pub attention_norm: Affine,
    /// (F,D) and (F).
    pub widen: Affine,
    /// (D,F) and (D).
    pub narrow: Affine,
    /// (D) and (D), behind the second residual sum.
    pub feed_forward_norm: Affine,
}

/// Which rows' states are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Those of all N tokens.
    All,
    /// Those of the first token of each of the B segments: a classifier reads no others, so its
    /// last block computes no others.
    First,
}

/// How a block is applied to packed examples.
#[derive(Clone, Debug)]
pub struct BlockPlan {
    /// The number of heads H, a divisor of the width.
    pub heads: usize,
    /// The rows of each example.
    pub segments: Segments,
    /// Which states are wanted: M rows, N or B.
    pub rows: Rows,
    /// Dropout of the attention's probabilities, as in [`AttentionPlan`]; one key a wanted row.
    pub attention_dropout: Option<Dropout>,
    /// Dropout after the layer behind the attention; one key a wanted row.
    pub output_dropout: Option<Dropout>,
    /// Dropout after the feed-forward part; one key a wanted row.
    pub dropout: Option<Dropout>,
    /// What keeps the layer norms' divisors above zero.
    pub eps: f64,
    /// Of the linear layers.
    pub precision: Precision,
    /// Given when the backward pass has added the gradients of this block's weights.
    pub finished: Option<Notice>,
}

/// The states behind a block: (N,D) to (M,D).
///
/// # Errors
/// When the shapes, segments, heads and masks do not fit each other, or the weights learn while
/// `x` is outside of any graph, so that no gradient would reach them.
pub fn transformer_block(
    x: &Tensor,
    weights: &Arc<BlockWeights>,
    plan: &BlockPlan,
) -> Result<Tensor> {
    weights.check(x)?;
    let attention = plan.attention(x)?;
    if !x.track_op() && weights.all().any(Affine::learns) {
        bail!("transformer_block: the weights learn, but x was made outside of the graph");
    }
    let is_fused = !matches!(plan.precision, Precision::PlainBf16)
        && cpu::takes(&[x])
        && weights.all().all(Affine::lies_where_fused_kernels_read);
    if !is_fused {
        if let Precision::Bf16(_) = plan.precision {
            bail!("transformer_block: bf16 needs weights in f32 on the CPU, and x is {x:?}");
        }
        return composed::transformer_block(x, weights, plan, &attention);
    }
    let keeping = if x.track_op() { Keeping::ForBackward } else { Keeping::Nothing };
    x.contiguous()?.apply_op1(Fused::new(weights.clone(), plan, attention, keeping))
}

impl Affine {
    fn lies_where_fused_kernels_read(&self) -> bool {
        let tensors = [self.weight.value(), self.bias.value()];
        cpu::takes(&tensors) && tensors.iter().all(|tensor| tensor.is_contiguous())
    }

    fn learns(&self) -> bool {
        self.weight.value().track_op() || self.bias.value().track_op()
    }

    fn check(&self, name: &str, dims: &[usize]) -> Result<()> {
        let found = self.weight.value().dims();
        if found != dims {
            bail!("transformer_block: {name} must have the shape {dims:?}, but it has {found:?}");
        }
        let name = format!("the bias of {name}");
        shapes::vector("transformer_block", &name, self.bias.value(), dims[0])
    }
}

impl BlockWeights {
    fn all(&self) -> impl Iterator<Item = &Affine> {
        let attention = [&self.query, &self.key, &self.value, &self.output, &self.attention_norm];
        attention.into_iter().chain([&self.widen, &self.narrow, &self.feed_forward_norm])
    }

    fn check(&self, x: &Tensor) -> Result<()> {
        let (_, d) = shapes::matrix("transformer_block", "x", x)?;
        let (f, _) = shapes::matrix("transformer_block", "widen", self.widen.weight.value())?;
        let square = [d, d];
        self.query.check("query", &square)?;
        self.key.check("key", &square)?;
        self.value.check("value", &square)?;
        self.output.check("output", &square)?;
        self.attention_norm.check("attention_norm", &[d])?;
        self.widen.check("widen", &[f, d])?;
        self.narrow.check("narrow", &[d, f])?;
        self.feed_forward_norm.check("feed_forward_norm", &[d])
    }
}

impl BlockPlan {
    /// Who looks at whom, checked.
    fn attention(&self, x: &Tensor) -> Result<AttentionPlan> {
        let (rows, width) = x.dims2()?;
        shapes::equal("transformer_block", "rows of segments and x", self.segments.total(), rows)?;
        let queries = match self.rows {
            Rows::All => self.segments.clone(),
            Rows::First => {
                first_rows::check(&self.segments)?;
                Segments::each_one(self.segments.len())
            }
        };
        let wanted = queries.total();
        let attention = AttentionPlan {
            heads: self.heads,
            queries,
            keys: self.segments.clone(),
            dropout: self.attention_dropout.clone(),
        };
        attention.check(wanted, rows, width)?;
        for dropout in [&self.output_dropout, &self.dropout].into_iter().flatten() {
            dropout.check("transformer_block", wanted)?;
        }
        Ok(attention)
    }
}
