//! Dropout whose mask is a function of keys, not of a generator's position.
//!
//! Srivastava and others, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting",
//! 2014, scaled while training as in PyTorch. The caller derives one key a row, for example from
//! the step, the layer, the example and the position, so a token loses the same elements whatever
//! batch, rank or thread it is computed in.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use lockstep_world::Seed;
use rayon::prelude::*;

use crate::cpu::blocks::filled;
use crate::cpu::values::{Reading, gradient, stored};
use crate::cpu::vector::{Kernel, vectorised};
use crate::mask::RowMask;
use crate::{cpu, shapes};

/// What is dropped: a rate, and one key a row.
///
/// Element `c` of row `r` is dropped if the uniform hash of `(keys[r], c)` is below the rate;
/// survivors are scaled by `1 / (1 - rate)`.
#[derive(Clone, Debug)]
pub struct Dropout {
    /// The share of elements that is dropped, in [0, 1).
    pub rate: f32,
    /// The key of each row: rows of equal keys drop equal columns.
    pub keys: Arc<[Seed]>,
}

/// Sets a share of the elements of `x` (R,C) to zero and scales the others up.
///
/// # Errors
/// When the rate does not lie in [0, 1) or there is not one key a row.
pub fn dropout(x: &Tensor, dropout: &Dropout) -> Result<Tensor> {
    let (rows, _) = shapes::matrix("dropout", "x", x)?;
    dropout.check("dropout", rows)?;
    if cpu::takes(&[x]) {
        x.contiguous()?.apply_op1(Masked(dropout.clone()))
    } else {
        dropout.apply(x, dropout.kept(x.dim(1)?))
    }
}

impl Dropout {
    /// Refuses a rate that is none, and a number of keys that is not `rows`.
    pub(crate) fn check(&self, operation: &str, rows: usize) -> Result<()> {
        if !(0.0..1.0).contains(&self.rate) {
            bail!("{operation}: the dropout rate must lie in [0, 1), but it is {}", self.rate);
        }
        shapes::equal(operation, "the numbers of dropout keys and rows", self.keys.len(), rows)
    }

    /// `x`, rows of `width` values, with a share of them dropped.
    pub(crate) fn masked(&self, x: &[f32], width: usize) -> Vec<f32> {
        filled(x.len(), width, |start, block| {
            let rows = block.chunks_exact_mut(width).zip(x[start..].chunks_exact(width));
            for (row, (y, x)) in (start / width..).zip(rows) {
                vectorised(MaskRow { mask: self.row(row), x, y });
            }
        })
    }

    /// Scales the elements of `x` that are `kept` (1) and drops the others (0); the mask, made on
    /// the host, takes a byte an element on its way to the device.
    pub(crate) fn apply(&self, x: &Tensor, kept: Vec<u8>) -> Result<Tensor> {
        let kept = Tensor::from_vec(kept, x.shape(), x.device())?.to_dtype(x.dtype())?;
        (x * kept)? * f64::from(1.0 / (1.0 - self.rate))
    }

    /// Which elements of all rows of `width` are kept.
    fn kept(&self, width: usize) -> Vec<u8> {
        let mut kept = vec![0; self.keys.len() * width];
        let rows = kept.par_chunks_mut(width.max(1)).enumerate();
        rows.for_each(|(row, kept)| self.row(row).mark_kept(0, kept));
        kept
    }

    /// The mask of one row.
    pub(crate) fn row(&self, row: usize) -> RowMask {
        RowMask::new(self.keys[row], self.rate)
    }
}

struct Masked(Dropout);

impl CustomOp1 for Masked {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let y = self.0.masked(stored(x, layout)?, layout.shape().dims2()?.1);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let dy = dy.contiguous()?;
        let (values, width) = (Reading::of(&dy)?, x.dim(1)?);
        gradient(x, || self.0.masked(&values, width))
    }
}

struct MaskRow<'a> {
    mask: RowMask,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for MaskRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (element, (y, &x)) in (0_u32..).zip(self.y.iter_mut().zip(self.x)) {
            *y = x * self.mask.factor(element);
        }
    }
}
