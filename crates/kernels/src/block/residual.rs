//! What stands behind each half of a block: bias, dropout, the residual sum and its layer norm, in
//! one walk over the rows.

use std::borrow::Cow;

use crate::Dropout;
use crate::cpu::blocks::filled_beside;
use crate::cpu::vector::{Kernel, vectorised};
use crate::layer_norm::LayerNorm;
use crate::mask::RowMask;

/// `norm(dropout(y + bias) + residual)`.
#[derive(Clone, Copy)]
pub(super) struct ResidualNorm<'a> {
    pub(super) bias: &'a [f32], // (D)
    pub(super) dropout: Option<&'a Dropout>,
    pub(super) norm: LayerNorm,
    pub(super) gamma: &'a [f32], // (D)
    pub(super) beta: &'a [f32],  // (D)
}

impl ResidualNorm<'_> {
    /// The normalised sums, (M,D); `y` (M,D) becomes the sums themselves.
    pub(super) fn forward(&self, y: &mut [f32], residual: &[f32]) -> Vec<f32> {
        let width = self.bias.len();
        filled_beside(y, width, |start, normal, y| {
            let rows = normal.chunks_exact_mut(width).zip(y.chunks_exact_mut(width));
            let residuals = residual[start..].chunks_exact(width);
            for (row, ((normal, y), residual)) in (start / width..).zip(rows.zip(residuals)) {
                let (whole, mask) = (*self, self.dropout.map(|dropout| dropout.row(row)));
                vectorised(ResidualRow { whole, mask, y, residual, normal });
            }
        })
    }
}

/// The gradient behind dropout, given that of the sums (M,D).
pub(super) fn dropped<'s>(
    gradients: &'s [f32],
    dropout: Option<&Dropout>,
    width: usize,
) -> Cow<'s, [f32]> {
    match dropout {
        Some(dropout) => Cow::Owned(dropout.masked(gradients, width)),
        None => Cow::Borrowed(gradients),
    }
}

struct ResidualRow<'a> {
    whole: ResidualNorm<'a>,
    mask: Option<RowMask>,
    y: &'a mut [f32],
    residual: &'a [f32],
    normal: &'a mut [f32],
}

impl Kernel for ResidualRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let ResidualNorm { bias, norm, gamma, beta, .. } = self.whole;
        let terms = self.residual.iter().zip(bias);
        if let Some(mask) = self.mask {
            for ((element, y), (&residual, &bias)) in (0_u32..).zip(&mut *self.y).zip(terms) {
                *y = (*y + bias) * mask.factor(element) + residual;
            }
        } else {
            for (y, (&residual, &bias)) in self.y.iter_mut().zip(terms) {
                *y = *y + bias + residual;
            }
        }
        norm.normalise(self.y, gamma, beta, self.normal);
    }
}
