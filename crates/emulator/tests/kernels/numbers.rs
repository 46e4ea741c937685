//! Numbers for tests, and those of AdamW as the kernels read them.

#![expect(clippy::cast_possible_truncation, reason = "sizes and values of tests are small")]

use lockstep_kernels::AdamWUpdate;
use lockstep_program::{Moments, Rate};
use lockstep_world::{Purpose, Seed};

/// Values in [-1, 1), the same for the same stream.
pub(crate) fn noise(count: usize, stream: u64) -> Vec<f32> {
    let seed = Seed(1).derive(Purpose::Corpus, stream);
    (0..count as u64).map(|i| (2.0 * seed.uniform(i) - 1.0) as f32).collect()
}

/// The bits of each value.
pub(crate) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// What `Dropout` multiplies by, and the hashes below which it drops.
pub(crate) fn mask_numbers(rate: f32) -> (u32, f32) {
    ((f64::from(rate) * 4_294_967_296.0).ceil() as u32, 1.0 / (1.0 - rate))
}

/// An update of the recipe; `step` counts from 0.
pub(crate) fn update(step: usize, rate: f64, gradient_scale: f32) -> AdamWUpdate {
    AdamWUpdate {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.01,
        rate,
        step: step as u64 + 1,
        gradient_scale: f64::from(gradient_scale),
    }
}

/// What differs from update to update, rounded as `Factors` does.
pub(crate) fn rate(update: &AdamWUpdate) -> Rate {
    let steps = update.step as f64;
    Rate {
        kept: (1.0 - update.rate * update.weight_decay) as f32,
        size: (update.rate / (1.0 - update.beta1.powf(steps))) as f32,
        correction: (1.0 - update.beta2.powf(steps)).sqrt() as f32,
        skipped: 0.0,
    }
}

/// What is the same for all updates.
pub(crate) fn moments(update: &AdamWUpdate) -> Moments {
    Moments {
        first: (1.0 - update.beta1) as f32,
        second_kept: update.beta2 as f32,
        second: (1.0 - update.beta2) as f32,
        epsilon: update.epsilon as f32,
    }
}
