//! Attention with all segments brought to one length: a few large products instead of many small
//! ones, for devices where a launch costs more than a row of zeros.
//!
//! Padded keys get a score so low that their share is 0 exactly, and padded queries are left out of
//! the result; so values and gradients are those of [`crate::plain::attention()`].

use std::ops::Range;

use candle_core::{DType, Device, Result, Tensor};
use rayon::prelude::*;

use super::{AttentionPlan, first_element};
use crate::rearranged::Rearrangement;
use crate::{Dropout, Segments, plain};

/// What a padded key's score is lowered by.
const NEVER: f64 = -1e30;

/// [`super::attention()`] for checked arguments.
pub(super) fn attention(
    q: &Tensor, // (M,D)
    k: &Tensor, // (N,D)
    v: &Tensor, // (N,D)
    plan: &AttentionPlan,
) -> Result<Tensor> {
    let (rows, width) = q.dims2()?;
    if rows == 0 {
        return Ok(q.clone());
    }
    let queries = Padding::of(&plan.queries, q.device())?;
    let keys = Padding::of(&plan.keys, q.device())?;
    let (q, k, v) = (
        queries.split(q, plan.heads)?, // (B,H,Q,C)
        keys.split(k, plan.heads)?,    // (B,H,K,C)
        keys.split(v, plan.heads)?,    // (B,H,K,C)
    );
    let columns = width / plan.heads;
    let scores = (q.matmul(&k.t()?)? / (columns as f64).sqrt())?; // (B,H,Q,K)
    let shares = plain::softmax(&scores.broadcast_add(&keys.bias(scores.dtype())?)?)?;
    let kept = match &plan.dropout {
        Some(dropout) => dropout.apply(&shares, queries.kept(dropout, plan.heads, keys.longest))?,
        None => shares,
    };
    queries.join(&kept.matmul(&v)?)
}

/// B segments of different lengths as as many of the longest one's length.
struct Padding<'a> {
    segments: &'a Segments,
    longest: usize,
    /// Between the rows of all segments and those of the padded ones.
    rows: Rearrangement,
}

impl<'a> Padding<'a> {
    fn of(segments: &'a Segments, device: &Device) -> Result<Self> {
        let longest = segments.iter().map(|rows| rows.len()).max().unwrap_or(0);
        let padded = segments.iter().flat_map(|rows| {
            let end = rows.end;
            (rows.start..rows.start + longest).map(move |row| (row < end).then_some(row))
        });
        let rows = Rearrangement::new(segments.total(), padded, device)?;
        Ok(Self { segments, longest, rows })
    }

    /// Rows (N,D) as padded segments of single heads, (B,H,T,C).
    fn split(&self, x: &Tensor, heads: usize) -> Result<Tensor> {
        let columns = x.dim(1)? / heads;
        let padded = self.rows.apply(x)?; // (B T, D)
        let shape = (self.segments.len(), self.longest, heads, columns);
        padded.reshape(shape)?.transpose(1, 2)?.contiguous()
    }

    /// The way back: (B,H,T,C) to (N,D).
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

    /// Which shares dropout leaves, (B,H,T,`keys`); of padded queries all.
    fn kept(&self, dropout: &Dropout, heads: usize, keys: usize) -> Vec<u8> {
        let mut kept = vec![1; self.segments.len() * heads * self.longest * keys];
        let segments: Vec<Range<usize>> = self.segments.iter().collect();
        kept.par_chunks_mut((self.longest * keys).max(1)).enumerate().for_each(|(place, head)| {
            let first = first_element(place % heads);
            let rows = segments[place / heads].clone();
            for (row, kept) in rows.zip(head.chunks_exact_mut(keys)) {
                dropout.row(row).mark_kept(first, kept);
            }
        });
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_brought_to_the_longest() {
        let segments = Segments::new(&[0, 2, 2, 5]).unwrap();
        let padding = Padding::of(&segments, &Device::Cpu).unwrap();
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
}
