//! Replicas of models with drawn weights.

use bytemuck::cast_slice;
use lockstep_program::{
    Activation, AdamWConstants, Arithmetic, DECAYS, DropRates, HEAD, Largest, Machine,
    MachineError, ModelParts, ModelShape, Optimiser, PartNames, Places, Region, Replica,
    ReplicaSettings, Squares, Wanted, rates,
};

use crate::batches::uniform;

/// Updates that rates are made for.
const UPDATES: u64 = 4096;
/// All parameters are drawn, so only the names' differences count.
const NAMES: PartNames<'static> = PartNames {
    blocks: "block",
    layers: ["query", "key", "value", "output", "norm_1", "widen", "narrow", "norm_2"],
    head: ["pre_classifier", "classifier"],
};

pub(crate) const ARITHMETICS: [(&str, Arithmetic); 3] =
    [("bf16", Arithmetic::Bf16), ("tf32", Arithmetic::Tf32), ("f32", Arithmetic::F32)];

/// DistilBERT-base with the recipe's head.
pub(crate) const BASE: ModelShape = ModelShape {
    vocabulary: 30_522,
    positions: 512,
    width: 768,
    heads: 12,
    feed_forward: 3072,
    blocks: 6,
    inner: 384,
    classes: 2,
    activation: Activation::Gelu,
    dropout: DropRates { hidden: 0.1, attention: 0.1, attention_output: 0.0, head: 0.3 },
    epsilon: 1e-12,
};

/// A model that the emulator runs in no time.
pub(crate) fn small(width: usize, heads: usize, blocks: usize) -> ModelShape {
    let (vocabulary, inner) = (500, width.min(384) / 2);
    ModelShape { vocabulary, width, heads, feed_forward: 4 * width, blocks, inner, ..BASE }
}

/// A replica whose weights depend on the shape only, ready for its first pass.
pub(crate) fn replica<M: Machine>(
    mut machine: M,
    shape: ModelShape,
    arithmetic: Arithmetic,
    largest: Largest,
) -> Result<Replica<M>, MachineError> {
    let constants = AdamWConstants { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 };
    let places = Places {
        weights: parts(&shape, |wanted| filled(&mut machine, &weights(wanted)))?,
        first: parts(&shape, |wanted| filled(&mut machine, &vec![0.0; wanted.values]))?,
        second: parts(&shape, |wanted| filled(&mut machine, &vec![0.0; wanted.values]))?,
        flags: parts(&shape, |wanted| Ok(flags(wanted)))?,
    };
    let rates = rates(&constants, UPDATES, |_| [2e-5, 1e-4]);
    let optimiser = Optimiser { constants, rates, max_norm: 1.0, skips: false };
    let squares = Squares::InPass;
    let settings = ReplicaSettings { shape, arithmetic, places, optimiser, largest, squares };
    let mut replica = Replica::new(machine, settings)?;
    replica.start(0, &vec![0; shape.vocabulary])?;
    Ok(replica)
}

fn parts<T>(
    shape: &ModelShape,
    of: impl FnMut(Wanted<'_>) -> Result<T, MachineError>,
) -> Result<ModelParts<T>, MachineError> {
    ModelParts::find(shape, &NAMES, of)
}

fn filled<M: Machine>(machine: &mut M, values: &[f32]) -> Result<Region, MachineError> {
    let region = machine.allocate(size_of_val(values))?;
    machine.write(region, cast_slice(values))?;
    Ok(region)
}

/// Drawn like a fresh model's, but biases and norms differ from 0 and 1, so that faults show.
fn weights(wanted: Wanted<'_>) -> Vec<f32> {
    let is_norm = wanted.name.contains("norm") || wanted.name.contains("Norm");
    let centre = if is_norm && wanted.name.ends_with("weight") { 1.0 } else { 0.0 };
    let seed = wanted.name.bytes().fold(7, |seed: u64, byte| seed * 31 % 65_537 + u64::from(byte));
    let value = |at| centre + (0.07 * (uniform(seed, at) - 0.5)) as f32;
    (0..wanted.values as u64).map(value).collect()
}

fn flags(wanted: Wanted<'_>) -> i32 {
    let head = if wanted.is_head { HEAD } else { 0 };
    if wanted.name.ends_with("bias") { head } else { head | DECAYS }
}
