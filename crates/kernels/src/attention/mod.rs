//! Attention over packed examples: each row of a segment looks at the rows of its own segment.
//!
//! A segment's queries meet only their own keys, whatever the lengths of the other examples are. On a
//! CPU nothing is padded and nothing masked; elsewhere see `padded`.

mod composed;
mod fused;
mod head;
mod padded;
mod softmax;

pub(crate) use composed::softmax as composed_softmax;
pub(crate) use fused::Attention;
pub(crate) use head::Outcome;

use candle_core::{Result, Tensor, bail};

use crate::{Dropout, Segments, cpu, shapes};

/// Elements of a dropout row that one head has for itself, and so the longest segment of keys; heads
/// are fewer, so that elements fit 32 bits.
const ELEMENTS_PER_HEAD: usize = 1 << 16;

/// Who looks at whom.
#[derive(Clone, Debug)]
pub struct AttentionPlan {
    /// The number of heads H, a divisor of the width.
    pub heads: usize,
    /// The query rows (M) of each example, maybe fewer than its keys.
    pub queries: Segments,
    /// The key and value rows (N) of each example.
    pub keys: Segments,
    /// Dropout of the probabilities, one key a query row; the element of a probability is
    /// `head * 65536 + place of its key row in the segment`.
    pub dropout: Option<Dropout>,
}

/// `softmax(q kᵀ / √(D/H)) v` within each segment and head, for `q` (M,D), `k` (N,D) and `v` (N,D);
/// the result is (M,D).
///
/// Vaswani and others, "Attention Is All You Need", 2017, equation 1.
///
/// # Errors
/// When the shapes, segments and heads do not fit each other, or queries have no keys.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, plan: &AttentionPlan) -> Result<Tensor> {
    let (rows, width) = shapes::matrix("attention", "q", q)?;
    let (key_rows, key_width) = shapes::matrix("attention", "k", k)?;
    if v.dims() != k.dims() {
        bail!("attention: k is {:?}, but v is {:?}; they must be alike", k.dims(), v.dims());
    }
    shapes::equal("attention", "the columns of q and k", width, key_width)?;
    plan.check(rows, key_rows, width)?;
    if cpu::takes(&[q, k, v]) {
        fused::attention(q, k, v, plan)
    } else {
        padded::attention(q, k, v, plan)
    }
}

/// The dropout element of a head's first key.
#[expect(clippy::cast_possible_truncation, reason = "the plan's check bounds the heads")]
pub(crate) fn first_element(head: usize) -> u32 {
    (head * ELEMENTS_PER_HEAD) as u32
}

impl AttentionPlan {
    pub(crate) fn check(&self, rows: usize, key_rows: usize, width: usize) -> Result<()> {
        const NAME: &str = "attention";
        if self.heads == 0 || !width.is_multiple_of(self.heads) {
            bail!("{NAME}: {} heads do not divide a width of {width}", self.heads);
        }
        shapes::equal(NAME, "rows of the query segments and of q", self.queries.total(), rows)?;
        shapes::equal(NAME, "rows of the key segments and of k", self.keys.total(), key_rows)?;
        let (queries, keys) = (self.queries.len(), self.keys.len());
        shapes::equal(NAME, "the numbers of query and key segments", queries, keys)?;
        for (i, (queries, keys)) in self.queries.iter().zip(self.keys.iter()).enumerate() {
            if keys.is_empty() && !queries.is_empty() {
                bail!("{NAME}: segment {i} has {} queries but no keys", queries.len());
            }
            if keys.len() > ELEMENTS_PER_HEAD {
                bail!("{NAME}: segment {i} has {} keys; 65536 is the most", keys.len());
            }
        }
        if self.heads >= ELEMENTS_PER_HEAD {
            bail!("{NAME}: {} heads are too many; 65535 is the most", self.heads);
        }
        self.dropout.as_ref().map_or(Ok(()), |dropout| dropout.check(NAME, rows))
    }
}
