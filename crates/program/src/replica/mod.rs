//! One replica of a model on a machine: its memory, its programs, and the calls of a run.

mod draft;
mod evaluator;
mod layout;
mod setup;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use bytemuck::{Zeroable, bytes_of, cast_slice, cast_slice_mut};

use crate::record::record_pass;
use crate::state::State;
use crate::{
    Bucket, Machine, MachineError, MicroBatch, PassInput, PassPurpose, RESULTS, Region, Squares,
    UpdateResult,
};
pub use draft::{Draft, DraftSettings};
use evaluator::Evaluator;
pub use evaluator::{Evaluation, Inference};
use layout::Layout;
pub use setup::{Largest, Optimiser, Places, ReplicaSettings};

/// A replica that trains.
pub struct Replica<M: Machine> {
    machine: M,
    layout: Layout,
    squares: Squares,
    programs: Programs<M>,
    evaluator: Evaluator<M::Loaded>,
}

/// The programs that are ready to run.
struct Programs<M: Machine> {
    passes: BTreeMap<(Bucket, MicroBatch), M::Loaded>,
    update: M::Loaded,
    settle: M::Loaded,
    copies: Option<M::Loaded>,
}

/// A batch for a pass.
#[derive(Clone, Copy, Debug)]
pub struct PassBatch<'a> {
    /// This rank's part.
    pub input: PassInput<'a>,
    /// The same on all ranks, and large enough for each one's part.
    pub bucket: Bucket,
    /// Which pass of its update it is.
    pub place: PassPlace,
}

/// The place of a pass in its update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassPlace {
    /// No pass of this update came before it.
    pub is_first: bool,
    /// No pass of this update follows.
    pub is_last: bool,
}

impl<M: Machine> Replica<M> {
    /// The machine.
    pub fn machine(&mut self) -> &mut M {
        &mut self.machine
    }

    /// What ranks sum between the last pass and the update, if it reads `words` distinct words: the
    /// range of each bucket, which is complete where the pass says so.
    #[must_use]
    pub fn sums(&self, words: usize) -> Vec<Region> {
        let sums = self.layout.gradients.sums(words, self.layout.shape.width);
        sums.iter().map(|sum| self.layout.memory.locate(sum)).collect()
    }

    /// Tells that weights and moments were written by others, and stand as after `updates` updates;
    /// `seen` says which rows of the word table ever had a gradient, (V) of 0 or 1.
    ///
    /// # Errors
    /// [`MachineError`].
    pub fn start(&mut self, updates: u32, seen: &[u8]) -> Result<(), MachineError> {
        let Self { machine, layout, programs, .. } = self;
        let applied = vec![updates; layout.shape.vocabulary];
        machine.write(layout.memory.locate(&layout.state.applied), cast_slice(&applied))?;
        machine.write(layout.memory.locate(&layout.state.seen), seen)?;
        machine.write(layout.memory.locate(&layout.state.control), &[0; State::CONTROL_BYTES])?;
        programs.copies.as_mut().map_or(Ok(()), |copies| machine.run(copies))
    }

    /// Starts the pass of a batch: its gradients are in the arena when it is done.
    ///
    /// # Errors
    /// [`MachineError`].
    pub fn pass(&mut self, batch: &PassBatch<'_>) -> Result<(), MachineError> {
        let Self { machine, layout, squares, programs, .. } = self;
        let PassBatch { input, bucket, place } = batch;
        let last = place.is_last.then_some(*squares);
        let micro_batch = MicroBatch { adds: !place.is_first, last };
        layout.give(machine, input, *bucket)?;
        let passes = &mut programs.passes;
        let pass = loaded(passes, (*bucket, micro_batch), || {
            let purpose = PassPurpose::Train { training: layout.training(), micro_batch };
            machine.load(&record_pass(&layout.plan(), *bucket, purpose), &layout.memory)
        })?;
        machine.run(pass)
    }

    /// Starts the update that follows the passes: norm, clipping, AdamW.
    ///
    /// # Errors
    /// [`MachineError`].
    pub fn update(&mut self) -> Result<(), MachineError> {
        self.machine.run(&mut self.programs.update)
    }

    /// Starts to bring all weights up to `updates` updates, so that others can read them.
    ///
    /// # Errors
    /// [`MachineError`].
    pub fn settle(&mut self, updates: u32) -> Result<(), MachineError> {
        let place = self.layout.memory.locate(&self.layout.state.updates);
        self.machine.write(place, bytes_of(&updates))?;
        self.machine.run(&mut self.programs.settle)
    }

    /// Waits, and reads what the updates from number `first`, counted from 0, reported; at most the
    /// last [`RESULTS`].
    ///
    /// # Errors
    /// [`MachineError`].
    pub fn results(&mut self, first: u64, count: usize) -> Result<Vec<UpdateResult>, MachineError> {
        let mut ring = vec![UpdateResult::zeroed(); RESULTS];
        let place = self.layout.memory.locate(&self.layout.state.results);
        self.machine.read(place, cast_slice_mut(&mut ring))?;
        let first = usize::try_from(first % RESULTS as u64).unwrap_or_default();
        Ok((first..).take(count).map(|update| ring[update % RESULTS]).collect())
    }

    /// Computes the logits and losses of a batch in f32, without dropout; word rows must be settled,
    /// and words may be left out of `input`.
    ///
    /// # Errors
    /// [`MachineError`].
    pub fn evaluate(
        &mut self,
        input: &PassInput<'_>,
        bucket: Bucket,
    ) -> Result<Evaluation, MachineError> {
        self.evaluator.run(&mut self.machine, input, bucket)
    }
}

/// The program of a key, loaded when it is first asked for.
fn loaded<K: Ord + Copy, L>(
    all: &mut BTreeMap<K, L>,
    key: K,
    load: impl FnOnce() -> Result<L, MachineError>,
) -> Result<&mut L, MachineError> {
    match all.entry(key) {
        Entry::Occupied(found) => Ok(found.into_mut()),
        Entry::Vacant(place) => Ok(place.insert(load()?)),
    }
}
