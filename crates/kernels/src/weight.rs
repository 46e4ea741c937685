//! A trainable tensor, and beside it the place where its gradient is summed.
//!
//! Fused backward passes add to that place themselves. Candle's gradient store would clear a tensor,
//! add the gradient into another one and drop both, for each weight and each micro-batch, and knows
//! no rows of a table.

use std::sync::{Arc, Mutex, MutexGuard};

use candle_core::{Device, Result, Tensor, bail};

use crate::cpu::in_place;
use crate::cpu::matrix::Tile;
use crate::cpu::operands::Product;
use crate::{Gradient, RowGradient};

/// A weight and the sum of its gradients. A clone shares both.
///
/// The sum is locked while a product of all threads is added to it, so backward passes over the
/// same weights have to follow each other.
#[derive(Clone, Debug)]
pub struct Weight {
    value: Tensor,
    // Waits here between a backward pass and the code that takes it.
    sum: Arc<Mutex<Option<Gradient>>>,
}

impl Weight {
    /// A weight without a gradient; it learns if `value` is a variable, or part of a graph.
    #[must_use]
    pub fn new(value: Tensor) -> Self {
        Self { value, sum: Arc::default() }
    }

    /// The same memory for a pass without gradients.
    #[must_use]
    pub fn frozen(&self) -> Self {
        Self::new(self.value.detach())
    }

    /// The weight itself.
    #[must_use]
    pub fn value(&self) -> &Tensor {
        &self.value
    }

    /// Adds a gradient to the sum.
    ///
    /// # Errors
    /// When the gradient is one of another shape.
    pub fn add_gradient(&self, gradient: Gradient) -> Result<()> {
        if gradient.dims() != self.value.dims() {
            let (found, wanted) = (gradient.dims(), self.value.dims());
            bail!("gradient: its shape is {found:?}, but the weight's is {wanted:?}");
        }
        let mut sum = self.sum();
        *sum = Some(match sum.take() {
            Some(before) => before.plus(gradient)?,
            None => gradient,
        });
        Ok(())
    }

    /// Takes the sum away; there is none before the first backward pass, and none after this.
    #[must_use]
    pub fn take_gradient(&self) -> Option<Gradient> {
        self.sum().take()
    }

    /// Adds a product in this weight's shape, without computing it where nothing learns.
    pub(crate) fn add_product(&self, product: Product) -> Result<()> {
        if !self.learns() {
            return Ok(());
        }
        let sum = self.sum();
        match &*sum {
            Some(Gradient::Dense(before)) => in_place::write(before, |values| {
                let columns = product.right.columns;
                product.add_to(&mut Tile::new(values, columns));
                Ok(())
            }),
            _ => {
                drop(sum);
                self.add_dense(product.values())
            }
        }
    }

    /// Adds one value for each of the weight's.
    pub(crate) fn add_values(&self, values: impl FnOnce() -> Vec<f32>) -> Result<()> {
        if self.learns() { self.add_dense(values()) } else { Ok(()) }
    }

    /// Adds the gradient of some rows.
    pub(crate) fn add_rows(&self, rows: impl FnOnce() -> Result<RowGradient>) -> Result<()> {
        if self.learns() { self.add_gradient(Gradient::Rows(rows()?)) } else { Ok(()) }
    }

    fn add_dense(&self, values: Vec<f32>) -> Result<()> {
        let values = Tensor::from_vec(values, self.value.shape(), &Device::Cpu)?;
        self.add_gradient(Gradient::Dense(values))
    }

    fn learns(&self) -> bool {
        self.value.track_op()
    }

    fn sum(&self) -> MutexGuard<'_, Option<Gradient>> {
        self.sum.lock().unwrap_or_else(|poisoned| {
            // A panic may have left half a sum.
            let mut sum = poisoned.into_inner();
            *sum = None;
            sum
        })
    }
}
