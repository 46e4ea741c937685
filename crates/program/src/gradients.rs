//! Where the gradients lie: one buffer of f32, in the order in which they become complete.
//!
//! The head, then the blocks from the last to the first, then what the embeddings have. So each
//! bucket that ranks sum is a range, and so is everything but the rows of the word table.

use std::ops::Range;

use crate::parts::{BlockParts, ModelParts, WeightAndBias};
use crate::{ModelShape, Span};

/// Values of the totals that travel with the last bucket: the loss as two floats, examples, tokens,
/// and whether some rank was asked to stop.
pub const TOTALS: usize = 5;

/// A piece of the arena is a multiple of this many values, so that kernels read 16 bytes at once.
const ALIGNMENT: usize = 4;

/// The arena of the gradients.
#[derive(Clone, Debug)]
pub struct GradientArena {
    /// Those of all parameters but the word table, whose `words` are its rows that a batch reads.
    pub parts: ModelParts<Span>,
    /// [`TOTALS`] values.
    pub totals: Span,
    /// In the order in which they are complete: the head, the blocks from the last, the rest
    /// without totals and rows.
    pub buckets: Vec<Span>,
    /// The whole buffer.
    pub whole: Span,
}

/// Places in the arena, in values.
struct Layout {
    parts: ModelParts<Range<usize>>,
    totals: Range<usize>,
    buckets: Vec<Range<usize>>,
}

/// Hands out values one after the other.
struct Cursor(usize);

impl Cursor {
    fn take(&mut self, values: usize) -> Range<usize> {
        let start = self.0;
        self.0 = (start + values).next_multiple_of(ALIGNMENT);
        start..start + values
    }

    fn block(&mut self, shape: &ModelShape) -> BlockParts<Range<usize>> {
        let (d, f) = (shape.width, shape.feed_forward);
        // One product gives the three weights, one sum of parts the three biases, one each norm.
        let [query, key, value] = [d * d; 3].map(|values| self.take(values));
        let [query_bias, key_bias, value_bias] = [d; 3].map(|values| self.take(values));
        let output = WeightAndBias { weight: self.take(d * d), bias: self.take(d) };
        let attention_norm = WeightAndBias { weight: self.take(d), bias: self.take(d) };
        let widen = WeightAndBias { weight: self.take(f * d), bias: self.take(f) };
        let narrow = WeightAndBias { weight: self.take(d * f), bias: self.take(d) };
        let feed_forward_norm = WeightAndBias { weight: self.take(d), bias: self.take(d) };
        BlockParts {
            query: WeightAndBias { weight: query, bias: query_bias },
            key: WeightAndBias { weight: key, bias: key_bias },
            value: WeightAndBias { weight: value, bias: value_bias },
            output,
            attention_norm,
            widen,
            narrow,
            feed_forward_norm,
        }
    }
}

impl Layout {
    fn new(shape: &ModelShape, words: usize) -> Self {
        let (d, inner, classes) = (shape.width, shape.inner, shape.classes);
        let mut cursor = Cursor(0);
        let mut buckets = Vec::new();
        let hidden = WeightAndBias { weight: cursor.take(inner * d), bias: cursor.take(inner) };
        let classifier =
            WeightAndBias { weight: cursor.take(classes * inner), bias: cursor.take(classes) };
        buckets.push(0..cursor.0);
        let mut blocks: Vec<_> = (0..shape.blocks)
            .map(|_| {
                let start = cursor.0;
                let block = cursor.block(shape);
                buckets.push(start..cursor.0);
                block
            })
            .collect();
        blocks.reverse();
        let start = cursor.0;
        let places = cursor.take(shape.positions * d);
        let norm = WeightAndBias { weight: cursor.take(d), bias: cursor.take(d) };
        buckets.push(start..cursor.0);
        let totals = cursor.take(TOTALS);
        let words = cursor.take(words * d);
        let parts = ModelParts { words, places, norm, blocks, hidden, classifier };
        Self { parts, totals, buckets }
    }
}

impl GradientArena {
    /// Bytes for a model whose batches read at most `words` rows of the word table.
    #[must_use]
    pub fn bytes(shape: &ModelShape, words: usize) -> usize {
        Layout::new(shape, words).parts.words.end * 4
    }

    /// Lays the gradients out in `whole`, which has [`Self::bytes`] bytes.
    #[must_use]
    pub fn new(shape: &ModelShape, words: usize, whole: Span) -> Self {
        let Layout { parts, totals, buckets } = Layout::new(shape, words);
        let span = |values: &Range<usize>| whole.part(values.start * 4, values.len() * 4);
        Self {
            parts: parts.map(span),
            totals: span(&totals),
            buckets: buckets.iter().map(span).collect(),
            whole,
        }
    }

    /// What ranks sum in an update that reads `words` distinct words, a range for each bucket: the last
    /// one also has the totals and the rows of those words. Ranges follow each other without a gap.
    #[must_use]
    pub fn sums(&self, words: usize, width: usize) -> Vec<Span> {
        let mut sums = self.buckets.clone();
        if let Some(last) = sums.last_mut() {
            let end = self.parts.words.start + words * width * 4;
            *last = Span { bytes: end - last.start, ..*last };
        }
        sums
    }

    /// From the first gradient to the last but for totals and rows of words.
    #[must_use]
    pub fn dense(&self) -> Span {
        self.whole.part(0, self.totals.start - self.whole.start)
    }
}
