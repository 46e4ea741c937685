//! What the layers' backward passes share: buffers, lanes, and sums that a pass adds to.

use super::lanes::Event;
use super::squares::Squares;
use super::{Recorder, Training};
use crate::buffers::GradientBuffers;
use crate::call::{Call, Grid};
use crate::{Lane, Span};

/// The place of a pass in its update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MicroBatch {
    /// Whether it adds to the gradients of passes before it.
    pub adds: bool,
    /// Where the squares of the gradients are summed, if this is the last pass of its update: as they
    /// become complete, or behind the sums over the ranks, for which it then says what is complete.
    pub last: Option<Squares>,
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

impl<'a> Backward<'a> {
    /// Nothing is recorded yet.
    pub(super) fn new(
        recorder: Recorder<'a>,
        buffers: GradientBuffers,
        training: Training<'a>,
        micro_batch: MicroBatch,
    ) -> Self {
        Self { recorder, training, micro_batch, buffers, freed: [None; 2] }
    }

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
    pub(super) fn complete(&mut self, bucket: usize) {
        match self.micro_batch.last {
            Some(Squares::InPass) => {
                let call = self.training.squares(bucket);
                self.recorder.lanes.launch(Lane::Side, format!("bucket {bucket}: squares"), call);
            }
            Some(Squares::Here) => self.recorder.lanes.complete(bucket),
            None => {}
        }
    }
}
