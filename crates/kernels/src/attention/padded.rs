//! Attention with all segments brought to one length: a few large products instead of many small
//! ones, for devices where a launch costs more than a row of zeros.
//!
//! Padded keys get a score so low that their probability is 0 exactly, and padded queries are left
//! out of the result; so values and gradients are those of [`crate::plain::attention()`]. Where one long text
//! among many short ones would make most of it zeros, only segments of similar lengths go together, so
//! memory stays within a few times of what the texts need.

use std::collections::BTreeMap;
use std::ops::Range;

use candle_core::{DType, Device, Result, Tensor};
use rayon::prelude::*;

use super::composed::softmax;
use super::{AttentionPlan, first_element};
use crate::rearranged::Rearrangement;
use crate::{Dropout, Segments};

/// What a padded key's score is lowered by.
const NEVER: f64 = -1e30;

/// Scores, of all heads, that are computed together in any case: 64 MiB.
const ALWAYS: usize = 16 << 20;

/// How many times the scores that the texts need may be computed, padded ones included.
const PADDED_PER_REAL: usize = 4;

/// [`super::attention()`] for checked arguments.
pub(super) fn attention(
    q: &Tensor, // (M,D)
    k: &Tensor, // (N,D)
    v: &Tensor, // (N,D)
    plan: &AttentionPlan,
) -> Result<Tensor> {
    attention_in_groups(q, k, v, plan, &groups(plan, ALWAYS))
}

/// Each group gives its own rows of the result, and zeros for the others.
fn attention_in_groups(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    plan: &AttentionPlan,
    groups: &[Vec<usize>],
) -> Result<Tensor> {
    let results = groups.iter().map(|chosen| of_group(q, k, v, plan, chosen));
    let sum = results.reduce(|left, right| left? + right?);
    sum.unwrap_or_else(|| Ok(q.clone()))
}

/// Which segments are brought to one length together: all that have queries, unless their scores would
/// be many and mostly of zeros; then those whose lengths have the next power of two in common.
fn groups(plan: &AttentionPlan, always: usize) -> Vec<Vec<usize>> {
    let (queries, keys) = (&plan.queries, &plan.keys);
    let all: Vec<usize> = (0..keys.len()).filter(|&i| !queries.range(i).is_empty()).collect();
    let longest = |of: &Segments| all.iter().map(|&i| of.range(i).len()).max().unwrap_or(0);
    let padded = all.len() * longest(queries) * longest(keys);
    let real: usize = all.iter().map(|&i| queries.range(i).len() * keys.range(i).len()).sum();
    if padded * plan.heads <= always || padded <= PADDED_PER_REAL * real {
        return if all.is_empty() { Vec::new() } else { vec![all] };
    }
    let mut groups: BTreeMap<[usize; 2], Vec<usize>> = BTreeMap::new();
    for i in all {
        let size = [queries, keys].map(|of| of.range(i).len().next_power_of_two());
        groups.entry(size).or_default().push(i);
    }
    groups.into_values().collect()
}

fn of_group(
    q: &Tensor, // (M,D)
    k: &Tensor, // (N,D)
    v: &Tensor, // (N,D)
    plan: &AttentionPlan,
    chosen: &[usize],
) -> Result<Tensor> {
    let queries = Padding::of(&plan.queries, chosen, q.device())?;
    let keys = Padding::of(&plan.keys, chosen, q.device())?;
    let (q, k, v) = (
        queries.split(q, plan.heads)?, // (B,H,Q,C)
        keys.split(k, plan.heads)?,    // (B,H,K,C)
        keys.split(v, plan.heads)?,    // (B,H,K,C)
    );
    let columns = q.dim(3)?;
    let scores = (q.matmul(&k.t()?)? / (columns as f64).sqrt())?; // (B,H,Q,K)
    let probabilities = softmax(&scores.broadcast_add(&keys.bias(scores.dtype())?)?)?;
    let kept = match &plan.dropout {
        Some(dropout) => {
            dropout.apply(&probabilities, queries.kept(dropout, plan.heads, keys.longest))?
        }
        None => probabilities,
    };
    queries.join(&kept.matmul(&v)?)
}

/// B segments of different lengths as as many of the longest one's length.
struct Padding {
    /// The rows of each.
    segments: Vec<Range<usize>>,
    longest: usize,
    /// Between the rows of all segments and those of the padded ones.
    rows: Rearrangement,
}

impl Padding {
    fn of(all: &Segments, chosen: &[usize], device: &Device) -> Result<Self> {
        let segments: Vec<Range<usize>> = chosen.iter().map(|&i| all.range(i)).collect();
        let longest = segments.iter().map(Range::len).max().unwrap_or(0);
        let padded = segments.iter().flat_map(|rows| {
            let end = rows.end;
            (rows.start..rows.start + longest).map(move |row| (row < end).then_some(row))
        });
        let rows = Rearrangement::new(all.total(), padded, device)?;
        Ok(Self { segments, longest, rows })
    }

    /// Rows (N,D) as padded segments of single heads, (B,H,T,C).
    fn split(&self, x: &Tensor, heads: usize) -> Result<Tensor> {
        let columns = x.dim(1)? / heads;
        let padded = self.rows.apply(x)?; // (B T, D)
        let shape = (self.segments.len(), self.longest, heads, columns);
        padded.reshape(shape)?.transpose(1, 2)?.contiguous()
    }

    /// The way back: (B,H,T,C) to (N,D), with zeros for the rows of other segments.
    fn join(&self, x: &Tensor) -> Result<Tensor> {
        let (segments, heads, longest, columns) = x.dims4()?;
        let rows = x.transpose(1, 2)?.contiguous()?; // (B,T,H,C)
        self.rows.undo(&rows.reshape((segments * longest, heads * columns))?)
    }

    /// What is added to the scores: 0 for a key, [`NEVER`] for a padded one, (B,1,1,T).
    fn bias(&self, dtype: DType) -> Result<Tensor> {
        let bias = self.segments.iter().flat_map(|rows| {
            (0..self.longest).map(move |place| if place < rows.len() { 0.0 } else { NEVER })
        });
        let shape = (self.segments.len(), 1, 1, self.longest);
        Tensor::from_iter(bias, self.rows.device())?.reshape(shape)?.to_dtype(dtype)
    }

    /// Which probabilities dropout leaves, (B,H,T,`keys`); of padded queries all.
    fn kept(&self, dropout: &Dropout, heads: usize, keys: usize) -> Vec<u8> {
        let mut kept = vec![1; self.segments.len() * heads * self.longest * keys];
        kept.par_chunks_mut((self.longest * keys).max(1)).enumerate().for_each(|(place, head)| {
            let first = first_element(place % heads);
            let rows = self.segments[place / heads].clone();
            for (row, kept) in rows.zip(head.chunks_exact_mut(keys)) {
                dropout.row(row).mark_kept(first, kept);
            }
        });
        kept
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Var;

    use super::*;

    #[test]
    fn segments_are_brought_to_the_longest() {
        let segments = Segments::new(&[0, 2, 2, 5]).unwrap();
        let padding = Padding::of(&segments, &[0, 1, 2], &Device::Cpu).unwrap();
        assert_eq!(padding.longest, 3);
        let x = Tensor::arange(0.0_f32, 10.0, &Device::Cpu).unwrap().reshape((5, 2)).unwrap();
        let split = padding.split(&x, 2).unwrap();
        let first_heads = split.narrow(1, 0, 1).unwrap().flatten_all().unwrap();
        let expected = [0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 4.0, 6.0, 8.0];
        assert_eq!(first_heads.to_vec1::<f32>().unwrap(), expected);
        let back = padding.join(&split).unwrap();
        assert_eq!(back.to_vec2::<f32>().unwrap(), x.to_vec2::<f32>().unwrap());
        let bias = padding.bias(DType::F64).unwrap().flatten_all().unwrap();
        let (yes, no) = (0.0, NEVER);
        assert_eq!(bias.to_vec1::<f64>().unwrap(), [yes, yes, no, no, no, no, yes, yes, yes]);
    }

    fn plan(lengths: &[usize]) -> AttentionPlan {
        let ends = lengths.iter().scan(0, |end, length| {
            *end += length;
            Some(*end)
        });
        let offsets: Vec<usize> = std::iter::once(0).chain(ends).collect();
        let segments = Segments::new(&offsets).unwrap();
        AttentionPlan { heads: 2, queries: segments.clone(), keys: segments, dropout: None }
    }

    #[test]
    fn a_long_segment_among_short_ones_goes_alone() {
        let check = |lengths: &[usize], always, expected: &[&[usize]]| {
            assert_eq!(groups(&plan(lengths), always), expected, "{lengths:?}, {always}");
        };
        check(&[3, 40, 4, 0, 2], usize::MAX, &[&[0, 1, 2, 4]]);
        check(&[3, 40, 4, 0, 2, 3, 3], 0, &[&[4], &[0, 2, 5, 6], &[1]]);
        check(&[30, 40, 35], 0, &[&[0, 1, 2]]);
        check(&[0, 0], 0, &[]);
    }

    #[test]
    fn groups_change_nothing() {
        let (plan, rows) = (plan(&[3, 40, 4, 0, 2, 3]), 52);
        let tensor = |seed: f64| {
            let values = (0..rows * 6).map(|i| (f64::from(i) * seed).sin());
            let tensor = Tensor::from_iter(values, &Device::Cpu).unwrap();
            Var::from_tensor(&tensor.reshape((rows as usize, 6)).unwrap()).unwrap()
        };
        let [q, k, v] = [0.7, 1.3, 2.9].map(tensor);
        let results = |groups: &[Vec<usize>]| {
            let y = attention_in_groups(&q, &k, &v, &plan, groups).unwrap();
            let gradients = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
            let gradients = [&q, &k, &v].map(|x| gradients.get(x).unwrap().clone());
            [y].into_iter()
                .chain(gradients)
                .map(|x| x.flatten_all().unwrap().to_vec1::<f64>().unwrap())
        };
        let apart = groups(&plan, 0);
        assert_eq!(apart.len(), 3);
        for (one, several) in results(&groups(&plan, usize::MAX)).zip(results(&apart)) {
            let off = one.iter().zip(&several).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off < 1e-14, "{off:e}");
        }
    }
}
