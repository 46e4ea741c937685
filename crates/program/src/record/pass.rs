//! A pass over a batch: forward, and in training backward.

use super::lanes::Event;
use super::{Plan, Recorder, Squares, Training, block, embedding, head, last_block};
use crate::buffers::{Buffers, GradientBuffers, Sizes};
use crate::call::{Call, Grid};
use crate::input::InputSpans;
use crate::state::{SQUARES, State};
use crate::{Bucket, Lane, Program, Span, Step};

/// What a pass is made for.
#[derive(Clone, Copy, Debug)]
pub enum Purpose<'a> {
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

/// The place of a pass in its update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MicroBatch {
    /// Whether it adds to the gradients of passes before it.
    pub adds: bool,
    /// Where the squares of the gradients are summed, if this is the last pass of its update: as they
    /// become complete, or behind the sums over the ranks, for which it then says what is complete.
    pub last: Option<Squares>,
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
pub fn record_pass(plan: &Plan<'_>, bucket: Bucket, purpose: Purpose<'_>) -> Program {
    let keeps = matches!(purpose, Purpose::Train { .. });
    let mut recorder = Recorder {
        plan: *plan,
        bucket,
        input: InputSpans::new(bucket, plan.words, plan.input),
        buffers: Buffers::new(&sizes(plan, bucket, keeps), plan.activations),
        drops: keeps,
        lanes: super::Lanes::default(),
    };
    let Bucket { rows, batch, longest } = bucket;
    let (Purpose::Train { training, micro_batch }, Some(buffers)) =
        (purpose, recorder.buffers.gradients)
    else {
        forward(&mut recorder);
        head::logits(&mut recorder);
        return recorder.finish(format!("evaluation of {rows} x {batch} x {longest}"));
    };
    embedding::prepare(&mut recorder, training);
    forward(&mut recorder);
    let mut backward = Backward { recorder, training, micro_batch, buffers, freed: [None; 2] };
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

/// A backward pass in the making.
pub(crate) struct Backward<'a> {
    pub(crate) recorder: Recorder<'a>,
    pub(crate) training: Training<'a>,
    pub(crate) micro_batch: MicroBatch,
    pub(crate) buffers: GradientBuffers,
    /// When the side lane is done with the gradients of blocks of even and of odd numbers.
    freed: [Option<Event>; 2],
}

impl Backward<'_> {
    /// Waits until the side lane has read the gradients that lie where this block's go.
    pub(super) fn wait_for_buffers(&mut self, block: usize) {
        if let Some(event) = self.freed[block % 2].take() {
            self.recorder.lanes.wait(Lane::Main, event);
        }
    }

    /// Marks that the side lane is done with this block's gradients.
    pub(super) fn free_buffers(&mut self, block: usize) {
        self.freed[block % 2] = Some(self.recorder.lanes.signal(Lane::Side));
    }

    /// Up to four sums of parts (from, to, count), each as wide as its parts are, on the side lane.
    pub(super) fn sum_parts(&mut self, label: &str, sums: &[(Span, Span, usize)]) {
        let width = |(from, _, count): &(Span, Span, usize)| from.bytes / 4 / count;
        let widest = sums.iter().map(width).max().unwrap_or_default();
        let grid = Grid::blocks([widest.div_ceil(32), 4], 1024).with_shared(32 * 32 * 4);
        let mut call = Call::new("sum_parts", grid);
        for sum @ (from, to, count) in sums {
            let to = Span { bytes: width(sum) * 4, ..*to };
            call = call.read(*from).write(to).int(*count).int(width(sum));
            if self.micro_batch.adds {
                call = call.touching(&[to], &[]);
            }
        }
        for _ in sums.len()..4 {
            call = call.null().null().int(0).int(0);
        }
        let call = call.int(usize::from(self.micro_batch.adds));
        self.recorder.lanes.launch(Lane::Side, format!("{label}: vectors, gradient"), call);
    }

    /// A gradient that is written, or added to, and the flag that says which.
    pub(super) fn adds(&self, call: Call, to: Span) -> Call {
        let call = if self.micro_batch.adds { call.update(to) } else { call.write(to) };
        call.int(usize::from(self.micro_batch.adds))
    }

    /// Both lanes are through with a bucket.
    fn complete(&mut self, bucket: usize) {
        match self.micro_batch.last {
            Some(Squares::InPass) => {
                let span = self.training.gradients.buckets[bucket];
                let call = squares(span, self.training.state, bucket);
                self.recorder.lanes.launch(Lane::Side, format!("bucket {bucket}: squares"), call);
            }
            Some(Squares::Here) => self.recorder.lanes.complete(bucket),
            None => {}
        }
    }

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
            let call = squares_of_words(&self.recorder.plan, &self.training);
            self.recorder.launch("words: squares", call);
        }
        self.complete(blocks + 1);
    }
}

/// The sum of squares of a bucket.
pub(super) fn squares(bucket: Span, state: &State, number: usize) -> Call {
    Call::new("squares", Grid::blocks([SQUARES, 1], 256).with_shared(256 * 8))
        .read(bucket)
        .long(bucket.bytes / 4)
        .write(state.squares.part(number * SQUARES * 8, SQUARES * 8))
}

/// The sum of squares of the word table's gradient.
pub(super) fn squares_of_words(plan: &Plan<'_>, training: &Training<'_>) -> Call {
    let number = plan.shape.blocks + 2;
    Call::new("squares_rows", Grid::blocks([SQUARES, 1], 256).with_shared(256 * 8))
        .read(step(plan))
        .read(training.gradients.parts.words)
        .write(training.state.squares.part(number * SQUARES * 8, SQUARES * 8))
        .int(plan.shape.width)
}

/// The numbers of the pass, which stand at the start of any input.
pub(super) fn step(plan: &Plan<'_>) -> Span {
    plan.input.part(0, size_of::<Step>())
}
