//! What Rust and the kernels both see in device memory.
//!
//! The kernels' side is crates/gpu/src/cuda/step.cuh, with the same fields in the same order.

use bytemuck::{Pod, Zeroable};

/// The numbers of one pass.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct PassNumbers {
    /// N, tokens of this rank.
    pub rows: i32,
    /// B, examples of this rank.
    pub segments: i32,
    /// U, rows of the word table that some rank reads.
    pub words: i32,
    /// The number of this update, from 0.
    pub update: i32,
    /// Examples of all ranks: what gradients are divided by.
    pub examples: i32,
    /// 1 where this rank was asked to stop.
    pub stop: i32,
    /// The seed of this update's dropout masks.
    pub dropout: u64,
    /// Zeros.
    pub reserved: [u64; 4],
}

/// What the kernels of an update share.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct Control {
    /// 1 / examples, times the clip factor.
    pub gradient_scale: f32,
    /// 0, or 1 + the update after which no other is made.
    pub failed: i32,
    /// 1 where this update changes nothing.
    pub skipped: i32,
    /// Zero.
    pub reserved: i32,
}

/// What an update reports.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct UpdateResult {
    /// Summed over all examples of all ranks.
    pub loss: f64,
    /// Of the mean gradient, before clipping.
    pub norm: f64,
    /// The number of the update, from 0.
    pub update: i32,
    /// Examples of all ranks.
    pub examples: i32,
    /// Tokens of all ranks.
    pub tokens: i32,
    /// 1 where some rank was asked to stop.
    pub stop: i32,
}

/// Slots of the ring of results: that of update u is `u % RESULTS`.
pub const RESULTS: usize = 1024;

/// Weights in one chunk, at most.
pub const CHUNK: usize = 8192;

/// A flag of a chunk: its weights take the head's rate.
pub const HEAD: i32 = 1;

/// A flag of a chunk: its weights decay.
pub const DECAYS: i32 = 2;

/// Some weights that AdamW updates; addresses are those of the device.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Chunk {
    /// The first weight, f32.
    pub weight: u64,
    /// Its first moment, f32.
    pub first: u64,
    /// Its second moment, f32.
    pub second: u64,
    /// Its copy in the type of the products, or 0.
    pub copy: u64,
    /// Where its gradient lies in the arena, in floats.
    pub gradient: i64,
    /// Weights, at most [`CHUNK`].
    pub length: i32,
    /// [`HEAD`] and [`DECAYS`].
    pub flags: i32,
}

/// The rates of one update and group, rounded to f32 once.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct Rate {
    /// 1 - rate x weight decay.
    pub kept: f32,
    /// rate / (1 - beta1^t).
    pub size: f32,
    /// √(1 - beta2^t).
    pub correction: f32,
    /// 1 where the update changed nothing; `kept` is 1 then.
    pub skipped: f32,
}

/// AdamW's constants.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct Moments {
    /// 1 - beta1.
    pub first: f32,
    /// beta2.
    pub second_kept: f32,
    /// 1 - beta2.
    pub second: f32,
    /// Keeps the denominator above zero.
    pub epsilon: f32,
}
