//! AdamW, in place.
//!
//! Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019, algorithm 2, in the order
//! of operations of `torch.optim.AdamW` (its single-tensor form), so that both agree to the
//! rounding of f32:
//!
//! ```text
//! w = w (1 - rate decay)
//! m = m + (g - m)(1 - beta1)
//! v = v beta2 + (1 - beta2) g²
//! w = w - rate / (1 - beta1^t) · m / (√v / √(1 - beta2^t) + epsilon)
//! ```
//!
//! We differ in two things: the gradient is multiplied by a given factor when it is read, which
//! saves the pass over memory that clipping would take; and the rows of a table that have no
//! gradient are updated as if it were zero, without reading one.

mod table;

use std::ops::Range;

use candle_core::{Result, Tensor, Var, bail};
use rayon::prelude::*;

use crate::cpu::values::Reading;
use crate::cpu::vector::{Kernel, vectorised};
use crate::cpu::{self, in_place};
use crate::{AdamWUpdate, Gradient, plain};
pub use table::SeenRows;

/// Updates `weight` and its two moments, all of one shape, in place.
///
/// # Errors
/// When the shapes differ, two of the tensors share their memory, or the step is 0.
pub fn adamw(
    weight: &Var,
    gradient: &Gradient,
    first: &Var,
    second: &Var,
    update: &AdamWUpdate,
) -> Result<()> {
    adamw_table([weight, first, second], gradient, &mut None, update)
}

/// The same for a table, of which `seen` remembers the rows that ever had a gradient; nothing is
/// remembered before the first update, or after the moments were changed by others.
///
/// # Errors
/// Those of [`adamw()`].
pub fn adamw_table(
    [weight, first, second]: [&Var; 3],
    gradient: &Gradient,
    seen: &mut Option<SeenRows>,
    update: &AdamWUpdate,
) -> Result<()> {
    check([weight, first, second], gradient, update)?;
    let known = seen.take();
    match gradient {
        _ if !cpu::takes(&[weight, first, second]) => {
            let gradient = gradient.dense()?.to_device(weight.device())?;
            plain::adamw(weight, &gradient, first, second, update)
        }
        Gradient::Rows(rows) => {
            let mut known = known.map_or_else(|| SeenRows::of(first, second), Ok)?;
            in_place([weight, first, second], |all| {
                table::update(Factors::new(update), rows, &mut known, all);
            })?;
            *seen = Some(known);
            Ok(())
        }
        Gradient::Dense(gradient) => {
            let (whole, factors) = (0..weight.elem_count(), Factors::new(update));
            update_part([weight, first, second], gradient, whole, factors)
        }
    }
}

/// Updates the same `part` of `[weight, first, second]` and of `gradient`, all seen as one row of
/// values; the rest stays.
///
/// # Errors
/// Those of [`adamw()`]; when the part is not inside; when the tensors are not of f32 on the CPU.
pub fn adamw_part(
    [weight, first, second]: [&Var; 3],
    gradient: &Tensor,
    part: Range<usize>,
    update: &AdamWUpdate,
) -> Result<()> {
    check([weight, first, second], &Gradient::Dense(gradient.clone()), update)?;
    if part.start > part.end || part.end > weight.elem_count() {
        bail!("adamw: the part {part:?} is not inside {} values", weight.elem_count());
    }
    if !cpu::takes(&[weight, first, second]) {
        bail!("adamw: only weights of f32 on the CPU can be updated in part");
    }
    update_part([weight, first, second], gradient, part, Factors::new(update))
}

fn update_part(
    variables: [&Var; 3],
    gradient: &Tensor,
    part: Range<usize>,
    factors: Factors,
) -> Result<()> {
    let gradient = gradient.contiguous()?;
    let gradient = &Reading::of(&gradient)?[part.clone()];
    in_place(variables, |all| {
        let [weight, first, second] = all.map(|values| &mut values[part.clone()]);
        Block { factors, weight, gradient, first, second }.update();
    })
}

/// Shows the values of three variables at once to `work`.
fn in_place(variables: [&Var; 3], work: impl FnOnce([&mut [f32]; 3])) -> Result<()> {
    let [weight, first, second] = variables;
    in_place::write(weight, |weight| {
        in_place::write(first, |first| {
            in_place::write(second, |second| {
                work([weight, first, second]);
                Ok(())
            })
        })
    })
}

fn check(variables: [&Var; 3], gradient: &Gradient, update: &AdamWUpdate) -> Result<()> {
    let [weight, first, second] = variables.map(|variable| variable.as_tensor());
    let mut tensors = vec![weight, first, second];
    if let Gradient::Dense(gradient) = gradient {
        tensors.push(gradient);
    }
    let gradient_dims = gradient.dims();
    let named = [("gradient", &*gradient_dims), ("first", first.dims()), ("second", second.dims())];
    for (name, dims) in named {
        if dims != weight.dims() {
            bail!("adamw: {name} has the shape {dims:?}, but the weight has {:?}", weight.dims());
        }
    }
    if in_place::share_memory(&tensors) {
        bail!("adamw: weight, gradient and moments must not share memory; copy() one of them");
    }
    if update.step == 0 {
        bail!("adamw: updates are counted from 1, but this is number 0");
    }
    Ok(())
}

/// What is the same for all weights, rounded to f32 once, as PyTorch does with its scalars.
#[derive(Clone, Copy)]
struct Factors {
    gradient: f32,
    kept: f32,
    first: f32,
    second_kept: f32,
    second: f32,
    correction: f32,
    epsilon: f32,
    size: f32,
}

impl Factors {
    #[expect(clippy::cast_possible_truncation, reason = "the weights are f32")]
    fn new(update: &AdamWUpdate) -> Self {
        let steps = update.step as f64;
        Self {
            gradient: update.gradient_scale as f32,
            kept: (1.0 - update.rate * update.weight_decay) as f32,
            first: (1.0 - update.beta1) as f32,
            second_kept: update.beta2 as f32,
            second: (1.0 - update.beta2) as f32,
            correction: (1.0 - update.beta2.powf(steps)).sqrt() as f32,
            epsilon: update.epsilon as f32,
            size: (update.rate / (1.0 - update.beta1.powf(steps))) as f32,
        }
    }

    #[inline(always)]
    fn updated(self, weight: f32, gradient: f32, first: f32, second: f32) -> (f32, f32, f32) {
        let gradient = gradient * self.gradient;
        let weight = weight * self.kept;
        let first = first + (gradient - first) * self.first;
        let second = second * self.second_kept + self.second * gradient * gradient;
        let denominator = second.sqrt() / self.correction + self.epsilon;
        (weight - self.size * first / denominator, first, second)
    }
}

/// Values that a thread updates at once: four arrays of so many fit a core's own cache.
const LEN: usize = 16 * 1024;

/// A range of weights, with what belongs to them.
struct Block<'a> {
    factors: Factors,
    weight: &'a mut [f32],
    gradient: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl Block<'_> {
    /// Cuts the range into blocks for all threads.
    fn update(self) {
        let Self { factors, weight, gradient, first, second } = self;
        let moments = first.par_chunks_mut(LEN).zip(second.par_chunks_mut(LEN));
        let weights = weight.par_chunks_mut(LEN).zip(gradient.par_chunks(LEN));
        weights.zip(moments).for_each(|((weight, gradient), (first, second))| {
            vectorised(Block { factors, weight, gradient, first, second });
        });
    }
}

impl Kernel for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let moments = self.first.iter_mut().zip(self.second);
        for ((w, &g), (m, v)) in self.weight.iter_mut().zip(self.gradient).zip(moments) {
            (*w, *m, *v) = self.factors.updated(*w, g, *m, *v);
        }
    }
}
