//! The tables of AdamW: the rates of all updates, and where all weights lie.

use crate::parts::ModelParts;
use crate::{CHUNK, Chunk, Memory, Moments, Rate, Region, Span, Weights};

/// The constants of AdamW.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWConstants {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Keeps the denominator above zero.
    pub epsilon: f64,
    /// Decoupled weight decay, multiplied by the rate.
    pub weight_decay: f64,
}

#[expect(clippy::cast_possible_truncation, reason = "the weights are f32")]
fn single(value: f64) -> f32 {
    value as f32
}

impl AdamWConstants {
    /// What is the same for all updates.
    #[must_use]
    pub fn moments(&self) -> Moments {
        Moments {
            first: single(1.0 - self.beta1),
            second_kept: single(self.beta2),
            second: single(1.0 - self.beta2),
            epsilon: single(self.epsilon),
        }
    }

    /// The factors of update number `step`, counted from 1, at a learning rate; rounded as in
    /// crates/kernels/src/adamw/mod.rs.
    fn rate(&self, step: u64, rate: f64) -> Rate {
        let steps = step as f64;
        Rate {
            kept: single(1.0 - rate * self.weight_decay),
            size: single(rate / (1.0 - self.beta1.powf(steps))),
            correction: single((1.0 - self.beta2.powf(steps)).sqrt()),
            skipped: 0.0,
        }
    }
}

/// The table of `updates` updates: encoder and head of the first, of the second, and so on. `at`
/// gives both learning rates of the update after a step.
#[must_use]
pub fn rates(constants: &AdamWConstants, updates: u64, at: impl Fn(u64) -> [f64; 2]) -> Vec<Rate> {
    let of = |step| at(step).map(|rate| constants.rate(step + 1, rate));
    (0..updates).flat_map(of).collect()
}

/// One parameter as chunks see it.
struct Parameter {
    places: [Region; 3],
    copy: Option<Region>,
    gradient: usize,
    flags: i32,
}

/// The table of all weights but the word table's.
#[must_use]
pub fn chunks(
    memory: &Memory,
    weights: &Weights,
    moments: &[ModelParts<Span>; 2],
    gradients: &crate::GradientArena,
    flags: &ModelParts<i32>,
) -> Vec<Chunk> {
    let copies = copies(weights);
    let [first, second] = moments.each_ref().map(|parts| parts.dense());
    let places = weights.masters.dense().zip(first).zip(second);
    let rest = gradients.parts.dense().zip(copies.dense()).zip(flags.dense());
    let mut table = Vec::new();
    for (((weight, first), second), ((gradient, copy), flags)) in places.zip(rest) {
        let parameter = Parameter {
            places: [weight, first, second].map(|span| memory.locate(span)),
            copy: copy.map(|copy| memory.locate(&copy)),
            gradient: (gradient.start - gradients.whole.start) / 4,
            flags: *flags,
        };
        table.extend(parameter.chunks());
    }
    table
}

impl Parameter {
    #[expect(clippy::cast_possible_truncation, reason = "a chunk is short")]
    #[expect(clippy::cast_possible_wrap, reason = "an arena has fewer than 2^63 values")]
    fn chunks(self) -> impl Iterator<Item = Chunk> {
        let [weight, first, second] = self.places;
        let values = weight.bytes / 4;
        (0..values).step_by(CHUNK).map(move |start| {
            let at = |region: Region| region.address + start as u64 * 4;
            Chunk {
                weight: at(weight),
                first: at(first),
                second: at(second),
                copy: self.copy.map_or(0, |copy| copy.address + start as u64 * 2),
                gradient: (self.gradient + start) as i64,
                length: CHUNK.min(values - start) as i32,
                flags: self.flags,
            }
        })
    }
}

/// The bf16 copy of each parameter, where it has one.
fn copies(weights: &Weights) -> ModelParts<Option<Span>> {
    let mut all = weights.masters.map(|_| None);
    for (block, copies) in all.blocks.iter_mut().zip(weights.copies.iter().flatten()) {
        let layers = [
            &mut block.query,
            &mut block.key,
            &mut block.value,
            &mut block.output,
            &mut block.widen,
            &mut block.narrow,
        ];
        for (layer, copy) in layers.into_iter().zip(copies.of()) {
            layer.weight = Some(copy);
        }
    }
    all
}
