//! What a pass keeps in the arena of activations, and how large that has to be.
//!
//! Each value has a place of its own from the forward pass to the backward pass that reads it. What
//! only the next operation reads is shared by all blocks. Gradients that the side lane reads while
//! the main lane continues exist twice, for blocks of even and of odd numbers.

use crate::arena::Arena;
use crate::call::{Grid, gelu_parts};
use crate::{Bucket, Element, ModelShape, Span};

/// What buffers are sized by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes<'a> {
    pub(crate) shape: &'a ModelShape,
    pub(crate) bucket: Bucket,
    pub(crate) element: Element,
    /// Whether a backward pass follows.
    pub(crate) keeps: bool,
}

/// The states of a block that works on all tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockBuffers {
    /// (rows, D), what the block reads.
    pub(crate) x: Span,
    /// (rows, 3 D)
    pub(crate) qkv: Span,
    /// Kept probabilities, (rows, H, longest / 32) words of 32 bits.
    pub(crate) bits: Span,
    pub(crate) half: HalfBuffers,
}

/// What follows the projections of a block; M is `rows`, or `batch` in the last block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HalfBuffers {
    /// The attention's result, (M, D).
    pub(crate) attended: Span,
    /// The first residual sum, (M, D).
    pub(crate) first_sum: Span,
    /// That sum normalised, (M, D).
    pub(crate) inner: Span,
    /// Before bias and activation, (M, F).
    pub(crate) wide: Span,
    /// Behind the activation, (M, F).
    pub(crate) active: Span,
    /// The second residual sum, (M, D).
    pub(crate) second_sum: Span,
    /// That sum normalised, (M, D).
    pub(crate) out: Span,
}

/// The states of the last block, which works on the first token of each example.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastBuffers {
    /// (rows, D)
    pub(crate) x: Span,
    /// The first rows of x, (batch, D).
    pub(crate) first: Span,
    /// (batch, D)
    pub(crate) q: Span,
    /// (rows, 2 D)
    pub(crate) kv: Span,
    pub(crate) half: HalfBuffers,
}

/// The states of the head, f32.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadBuffers {
    /// (batch, D); the encoder's result itself where that is f32.
    pub(crate) states: Span,
    /// (batch, I)
    pub(crate) hidden: Span,
    /// (batch, I)
    pub(crate) active: Span,
    /// (batch, K)
    pub(crate) logits: Span,
    /// (batch), f64
    pub(crate) losses: Span,
    /// (batch, K)
    pub(crate) dlogits: Span,
    /// (batch, I)
    pub(crate) dhidden: Span,
    /// (batch, D)
    pub(crate) dstates: Span,
}

/// Gradients of a block of M rows that the side lane reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HalfGradients {
    /// Of what `narrow` gives, (M, D).
    pub(crate) dropped: Span,
    /// Of what `widen` gives, (M, F).
    pub(crate) wide: Span,
    /// Of the first residual sum, (M, D).
    pub(crate) first_sum: Span,
    /// Of what `output` gives, (M, D): the same place where nothing is dropped there.
    pub(crate) output: Span,
    /// Parts of the second norm, (grid, 3, D) f32.
    pub(crate) second_norm_parts: Span,
    /// Parts of the bias of `widen`, (grid, F) f32.
    pub(crate) wide_parts: Span,
    /// Parts of the first norm, (grid, 3, D) f32.
    pub(crate) first_norm_parts: Span,
    /// Parts of the biases of q, k and v, (batch, 3 D) f32.
    pub(crate) attention_parts: Span,
}

/// Gradients of a pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GradientBuffers {
    /// For blocks of even and of odd numbers.
    pub(crate) halves: [HalfGradients; 2],
    /// (rows, 3 D), for blocks of even and of odd numbers.
    pub(crate) qkv: [Span; 2],
    /// Of the last block.
    pub(crate) last: HalfGradients,
    /// (batch, D)
    pub(crate) last_q: Span,
    /// (rows, 2 D)
    pub(crate) last_kv: Span,
    /// Of the first rows of x, (batch, D).
    pub(crate) first: Span,
    /// Of the second residual sum, then of the first half's result, (rows, D).
    pub(crate) inner: Span,
    /// Of a block's result, (rows, D).
    pub(crate) dx: Span,
    /// Of the sum of the embeddings, (rows, D) f32.
    pub(crate) embedding: Span,
    /// (grid, 2, D) f32
    pub(crate) embedding_parts: Span,
}

/// All places of a pass.
#[derive(Clone, Debug)]
pub(crate) struct Buffers {
    /// Mask keys, (sites, rows) of 64 bits.
    pub(crate) keys: Span,
    /// (rows, D) f32
    pub(crate) embedding_sum: Span,
    /// All but the last.
    pub(crate) blocks: Vec<BlockBuffers>,
    pub(crate) last: LastBuffers,
    pub(crate) head: HeadBuffers,
    /// A product that the next operation reads, (rows, D).
    pub(crate) product: Span,
    pub(crate) gradients: Option<GradientBuffers>,
}

impl Buffers {
    /// Bytes of the arena.
    pub(crate) fn bytes(sizes: &Sizes<'_>) -> usize {
        let mut taker = Taker { arena: Arena::new(Span::EMPTY), sizes };
        taker.all();
        taker.arena.used()
    }

    pub(crate) fn new(sizes: &Sizes<'_>, whole: Span) -> Self {
        Taker { arena: Arena::new(whole), sizes }.all()
    }
}

struct Taker<'a> {
    arena: Arena,
    sizes: &'a Sizes<'a>,
}

impl Taker<'_> {
    fn all(&mut self) -> Buffers {
        let Sizes { shape, bucket, keeps, .. } = *self.sizes;
        let d = shape.width;
        let keys = self.arena.take(shape.sites() * bucket.rows * 8);
        let embedding_sum = self.floats(bucket.rows * d);
        let product = self.values(bucket.rows * d);
        let (blocks, x) = if keeps { self.kept_blocks() } else { self.passing_blocks() };
        let last = self.last(x);
        let head = self.head(last.half.out);
        let gradients = keeps.then(|| self.gradients());
        Buffers { keys, embedding_sum, blocks, last, head, product, gradients }
    }

    /// Values of the activations' type.
    fn values(&mut self, count: usize) -> Span {
        self.arena.take(count * self.sizes.element.bytes())
    }

    fn floats(&mut self, count: usize) -> Span {
        self.arena.take(count * 4)
    }

    /// Each block's own, and the place of the last block's argument.
    fn kept_blocks(&mut self) -> (Vec<BlockBuffers>, Span) {
        let Sizes { shape, bucket, .. } = *self.sizes;
        let mut x = self.values(bucket.rows * shape.width);
        let blocks = (1..shape.blocks).map(|_| {
            let block = self.block(x);
            x = block.half.out;
            block
        });
        let blocks = blocks.collect();
        (blocks, x)
    }

    /// The same for all blocks, but for argument and result, which take turns.
    fn passing_blocks(&mut self) -> (Vec<BlockBuffers>, Span) {
        let Sizes { shape, bucket, .. } = *self.sizes;
        let mut x = self.values(bucket.rows * shape.width);
        let like = self.block(x);
        let mut out = like.half.out;
        let blocks = (1..shape.blocks).map(|_| {
            let block = BlockBuffers { x, half: HalfBuffers { out, ..like.half }, ..like };
            (x, out) = (out, x);
            block
        });
        let blocks = blocks.collect();
        (blocks, x)
    }

    fn block(&mut self, x: Span) -> BlockBuffers {
        let Sizes { shape, bucket, .. } = *self.sizes;
        let qkv = self.values(bucket.rows * 3 * shape.width);
        let bits = self.arena.take(bucket.rows * shape.heads * (bucket.longest / 32) * 4);
        BlockBuffers { x, qkv, bits, half: self.half(bucket.rows) }
    }

    fn half(&mut self, rows: usize) -> HalfBuffers {
        let (d, f) = (self.sizes.shape.width, self.sizes.shape.feed_forward);
        HalfBuffers {
            attended: self.values(rows * d),
            first_sum: self.values(rows * d),
            inner: self.values(rows * d),
            wide: self.values(rows * f),
            active: self.values(rows * f),
            second_sum: self.values(rows * d),
            out: self.values(rows * d),
        }
    }

    fn last(&mut self, x: Span) -> LastBuffers {
        let Sizes { shape, bucket, .. } = *self.sizes;
        let d = shape.width;
        LastBuffers {
            x,
            first: self.values(bucket.batch * d),
            q: self.values(bucket.batch * d),
            kv: self.values(bucket.rows * 2 * d),
            half: self.half(bucket.batch),
        }
    }

    fn head(&mut self, out: Span) -> HeadBuffers {
        let Sizes { shape, bucket, element, .. } = *self.sizes;
        let (b, d, inner, classes) = (bucket.batch, shape.width, shape.inner, shape.classes);
        HeadBuffers {
            states: if element == Element::F32 { out } else { self.floats(b * d) },
            hidden: self.floats(b * inner),
            active: self.floats(b * inner),
            logits: self.floats(b * classes),
            losses: self.arena.take(b * 8),
            dlogits: self.floats(b * classes),
            dhidden: self.floats(b * inner),
            dstates: self.floats(b * d),
        }
    }

    fn gradients(&mut self) -> GradientBuffers {
        let Sizes { shape, bucket, .. } = *self.sizes;
        let (rows, batch, d) = (bucket.rows, bucket.batch, shape.width);
        GradientBuffers {
            halves: [rows; 2].map(|rows| self.half_gradients(rows)),
            qkv: [rows; 2].map(|rows| self.values(rows * 3 * d)),
            last: self.half_gradients(batch),
            last_q: self.values(batch * d),
            last_kv: self.values(rows * 2 * d),
            first: self.values(batch * d),
            inner: self.values(rows * d),
            dx: self.values(rows * d),
            embedding: self.floats(rows * d),
            embedding_parts: self.floats(Grid::rows(rows).blocks[0] * 2 * d),
        }
    }

    fn half_gradients(&mut self, rows: usize) -> HalfGradients {
        let Sizes { shape, bucket, .. } = *self.sizes;
        let (d, f) = (shape.width, shape.feed_forward);
        let norm_parts = Grid::rows(rows).blocks[0] * 3 * d;
        let [dropped, wide, first_sum] = [d, f, d].map(|columns| self.values(rows * columns));
        let has_own = shape.dropout.has_attention_output();
        HalfGradients {
            dropped,
            wide,
            first_sum,
            output: if has_own { self.values(rows * d) } else { first_sum },
            second_norm_parts: self.floats(norm_parts),
            wide_parts: self.floats(gelu_parts(rows) * f),
            first_norm_parts: self.floats(norm_parts),
            attention_parts: self.floats(bucket.batch * 3 * d),
        }
    }
}
