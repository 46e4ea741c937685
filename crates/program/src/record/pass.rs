//! A pass over a batch: forward, and in training backward.

use super::backward::{Backward, MicroBatch};
use super::squares::Squares;
use super::{Plan, Recorder, Training, block, embedding, head, last_block};
use crate::buffers::{Buffers, Sizes};
use crate::input::InputSpans;
use crate::{Bucket, Program, Span};

/// What a pass is made for.
#[derive(Clone, Copy, Debug)]
pub enum PassPurpose<'a> {
    /// Gradients, with dropout.
    Train {
        /// Where they go.
        training: Training<'a>,
        /// Which pass of its update it is.
        micro_batch: MicroBatch,
    },
    /// Logits and losses.
    Evaluate,
}

/// Where the results of an evaluation lie.
#[derive(Clone, Copy, Debug)]
pub struct Evaluated {
    /// (batch, K) f32
    pub logits: Span,
    /// (batch) f64
    pub losses: Span,
}

fn sizes<'a>(plan: &Plan<'a>, bucket: Bucket, keeps: bool) -> Sizes<'a> {
    Sizes { shape: plan.shape, bucket, element: plan.arithmetic.element(), keeps }
}

/// Bytes of activations of a pass; `keeps` where a backward pass follows.
#[must_use]
pub fn pass_bytes(plan: &Plan<'_>, bucket: Bucket, keeps: bool) -> usize {
    Buffers::bytes(&sizes(plan, bucket, keeps))
}

/// Where an evaluation in this bucket leaves its results.
#[must_use]
pub fn evaluated(plan: &Plan<'_>, bucket: Bucket) -> Evaluated {
    let head = Buffers::new(&sizes(plan, bucket, false), plan.activations).head;
    Evaluated { logits: head.logits, losses: head.losses }
}

/// Records the pass of a bucket.
#[must_use]
pub fn record_pass(plan: &Plan<'_>, bucket: Bucket, purpose: PassPurpose<'_>) -> Program {
    let keeps = matches!(purpose, PassPurpose::Train { .. });
    let mut recorder = Recorder {
        plan: *plan,
        bucket,
        input: InputSpans::new(bucket, plan.words, plan.input),
        buffers: Buffers::new(&sizes(plan, bucket, keeps), plan.activations),
        drops: keeps,
        lanes: super::Lanes::default(),
    };
    let Bucket { rows, batch, longest } = bucket;
    let (PassPurpose::Train { training, micro_batch }, Some(buffers)) =
        (purpose, recorder.buffers.gradients)
    else {
        forward(&mut recorder);
        head::logits(&mut recorder);
        return recorder.finish(format!("evaluation of {rows} x {batch} x {longest}"));
    };
    embedding::prepare(&mut recorder, training);
    forward(&mut recorder);
    let mut backward = Backward::new(recorder, buffers, training, micro_batch);
    backward.run();
    backward.recorder.finish(format!("pass of {rows} x {batch} x {longest}"))
}

fn forward(recorder: &mut Recorder<'_>) {
    embedding::forward(recorder);
    for block in 0..recorder.buffers.blocks.len() {
        block::forward(recorder, block);
    }
    last_block::forward(recorder);
}

impl Backward<'_> {
    fn run(&mut self) {
        self.head();
        self.complete(0);
        let blocks = self.recorder.plan.shape.blocks;
        self.last_block();
        self.complete(1);
        for block in (0..blocks - 1).rev() {
            self.block(block);
            self.complete(blocks - block);
        }
        self.embedding();
        if self.micro_batch.last == Some(Squares::InPass) {
            let call = self.training.squares_of_words(&self.recorder.plan);
            self.recorder.launch("words: squares", call);
        }
        self.complete(blocks + 1);
    }
}
