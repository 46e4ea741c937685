//! The optimiser beside a copy of as many bytes as it must move.
//!
//! AdamW reads a weight, its gradient and two moments, and writes all but the gradient: 28 bytes a
//! weight. A copy that moves as much reads 14 bytes a weight and writes 14.

use std::time::Instant;

use candle_core::{Device, Tensor};
use lockstep_kernels::Gradient;
use lockstep_model::Classifier;
use lockstep_params::{GlobalGradients, LocalGradients};
use rayon::prelude::*;

use crate::Outcome;
use crate::measured::median;
use crate::report::Fact;
use crate::stage::Stage;
use crate::training::{PEAK_RATES, optimizer};

const TRIES: usize = 15;
const COPIED_BYTES: usize = 14;

/// Both, in turn.
pub(crate) fn facts(stage: &Stage) -> Outcome<Vec<Fact>> {
    let model = Classifier::open(&stage.model(), &Device::Cpu)?;
    let mut optimizer = optimizer(&model)?;
    let gradients = gradients(&model)?;
    let bytes = COPIED_BYTES * model.parameters().scalars();
    let (source, mut target) = (vec![1_u8; bytes], vec![0_u8; bytes]);
    let (mut updates, mut copies) = (Vec::new(), Vec::new());
    for step in 1..=TRIES as u64 {
        let began = Instant::now();
        optimizer.step(&gradients, PEAK_RATES, step)?;
        updates.push(began.elapsed().as_secs_f64());
        let began = Instant::now();
        copy(&source, &mut target, stage.options.threads);
        copies.push(began.elapsed().as_secs_f64());
    }
    let ratio = median(updates.iter().zip(&copies).map(|(update, copy)| update / copy));
    let (update, copy) = (1000.0 * median(updates), 1000.0 * median(copies));
    Ok(vec![Fact {
        what: format!("AdamW, {} weights", model.parameters().scalars()),
        figure: format!("{update:.1} ms; a copy that moves as much {copy:.1} ms: {ratio:.2} x"),
        wanted: "≤ 1.3 x",
    }])
}

/// Each thread copies its part in one piece.
fn copy(source: &[u8], target: &mut [u8], threads: usize) {
    let part = source.len().div_ceil(threads);
    let parts = target.par_chunks_mut(part).zip(source.par_chunks(part));
    parts.for_each(|(target, source)| target.copy_from_slice(source));
}

/// Some gradient, in memory that was written.
fn gradients(model: &Classifier) -> Outcome<GlobalGradients> {
    for (name, variable) in model.parameters().iter() {
        let gradient = Tensor::full(1e-3_f32, variable.dims(), variable.device())?;
        let weight = model.parameters().weight(name).ok_or("a parameter has a weight")?;
        weight.add_gradient(Gradient::Dense(gradient.contiguous()?))?;
    }
    Ok(LocalGradients::take(model.parameters())?.alone(1)?)
}
