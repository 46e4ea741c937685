//! The first row of each example: the state of its `[CLS]` token, which is all a classifier reads.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use crate::cpu::blocks::zeros;
use crate::cpu::values::{Reading, gradient, stored};
use crate::{Segments, cpu, plain, shapes};

/// The first row of each of the B segments of `x` (N,D); the result is (B,D).
///
/// # Errors
/// When the segments do not cover the rows of `x`, or one of them is empty.
pub fn first_rows(x: &Tensor, segments: &Segments) -> Result<Tensor> {
    let (rows, _) = shapes::matrix("first_rows", "x", x)?;
    shapes::equal("first_rows", "rows of the segments and of x", segments.total(), rows)?;
    check(segments)?;
    if cpu::takes(&[x]) {
        x.contiguous()?.apply_op1(FirstRows(segments.clone()))
    } else {
        plain::first_rows(x, segments)
    }
}

/// Refuses segments of which one has no row.
pub(crate) fn check(segments: &Segments) -> Result<()> {
    match segments.iter().position(|rows| rows.is_empty()) {
        Some(i) => bail!("first_rows: segment {i} is empty and has no first row"),
        None => Ok(()),
    }
}

struct FirstRows(Segments);

impl CustomOp1 for FirstRows {
    fn name(&self) -> &'static str {
        "first_rows"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (x, width) = (stored(x, layout)?, layout.shape().dims2()?.1);
        let first = self.0.iter().flat_map(|rows| &x[rows.start * width..][..width]);
        Ok((CpuStorage::F32(first.copied().collect()), (self.0.len(), width).into()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let dy = dy.contiguous()?;
        let rows = Reading::of(&dy)?; // (B,D)
        let width = x.dim(1)?;
        gradient(x, || {
            let mut dx = zeros(x.elem_count()); // (N,D)
            for (rows, source) in self.0.iter().zip(rows.chunks_exact(width)) {
                dx[rows.start * width..][..width].copy_from_slice(source);
            }
            dx
        })
    }
}
