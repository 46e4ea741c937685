//! A replica on paper: its memory and its programs, without a machine.

use super::layout::Layout;
use super::setup::{Allocator, Largest, Optimiser, Places, ReplicaSettings};
use crate::record::{record_pass, record_update};
use crate::{
    AdamWConstants, Arithmetic, Bucket, Machine, MachineError, Mark, Memory, MicroBatch,
    ModelParts, ModelShape, PartNames, PassPurpose, Program, Rate, Region, Squares, Wanted,
};

/// Names of parts that are looked up on paper only, where none has a weight.
const ON_PAPER: PartNames<'static> = PartNames {
    blocks: "block",
    layers: [
        "query",
        "key",
        "value",
        "output",
        "attention_norm",
        "widen",
        "narrow",
        "feed_forward_norm",
    ],
    head: ["hidden", "classifier"],
};

/// What decides the memory and the programs of a replica.
#[derive(Clone, Copy, Debug)]
pub struct DraftSettings {
    /// The model.
    pub shape: ModelShape,
    /// How the encoder's products multiply in training.
    pub arithmetic: Arithmetic,
    /// The largest batches.
    pub largest: Largest,
    /// Updates of the whole run.
    pub updates: usize,
    /// Whether gradients are summed over ranks.
    pub squares: Squares,
}

/// A replica as it would be.
#[derive(Debug)]
pub struct Draft {
    layout: Layout,
    squares: Squares,
}

impl Draft {
    /// Lays a replica out.
    ///
    /// # Errors
    /// None; paper has room for everything.
    pub fn new(settings: DraftSettings) -> Result<Self, MachineError> {
        let DraftSettings { shape, arithmetic, largest, updates, squares } = settings;
        let mut paper = Paper::default();
        let mut region = |wanted: Wanted<'_>| paper.allocate(wanted.values * 4);
        let mut parts = || ModelParts::find(&shape, &ON_PAPER, &mut region);
        let (weights, first, second) = (parts()?, parts()?, parts()?);
        let flags = weights.map(|_| 0);
        let constants =
            AdamWConstants { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 };
        let rates = vec![Rate::default(); 2 * updates];
        let settings = ReplicaSettings {
            shape,
            arithmetic,
            places: Places { weights, first, second, flags },
            optimiser: Optimiser { constants, rates, max_norm: 1.0, skips: false },
            largest,
            squares,
        };
        let allocator = Allocator { machine: &mut paper, memory: Memory::default() };
        Ok(Self { layout: allocator.layout(settings)?, squares })
    }

    /// The program of a pass that is alone in its update.
    #[must_use]
    pub fn pass(&self, bucket: Bucket) -> Program {
        let micro_batch = MicroBatch { adds: false, last: Some(self.squares) };
        let purpose = PassPurpose::Train { training: self.layout.training(), micro_batch };
        record_pass(&self.layout.plan(), bucket, purpose)
    }

    /// The program of the update behind the passes.
    #[must_use]
    pub fn update(&self) -> Program {
        record_update(&self.layout.plan(), &self.layout.training(), self.squares)
    }

    /// Bytes of the device's memory by purpose, in the order in which they are taken.
    #[must_use]
    pub fn memory(&self) -> Vec<(String, usize)> {
        let mut sums: Vec<(String, usize)> = Vec::new();
        for (name, region) in self.layout.memory.iter() {
            match sums.iter_mut().find(|(known, _)| known == name) {
                Some((_, bytes)) => *bytes += region.bytes,
                None => sums.push((name.to_owned(), region.bytes)),
            }
        }
        sums
    }
}

/// A machine that only hands out addresses.
#[derive(Debug, Default)]
struct Paper {
    end: u64,
}

impl Machine for Paper {
    type Loaded = ();

    fn allocate(&mut self, bytes: usize) -> Result<Region, MachineError> {
        let address = self.end;
        self.end += (bytes as u64).next_multiple_of(256);
        Ok(Region { address, bytes })
    }

    fn write(&mut self, _to: Region, _bytes: &[u8]) -> Result<(), MachineError> {
        Ok(())
    }

    fn read(&mut self, _from: Region, _bytes: &mut [u8]) -> Result<(), MachineError> {
        Ok(())
    }

    fn load(&mut self, _program: &Program, _memory: &Memory) -> Result<(), MachineError> {
        Ok(())
    }

    fn run(&mut self, _program: &mut ()) -> Result<(), MachineError> {
        Ok(())
    }

    fn mark(&mut self) -> Result<Mark, MachineError> {
        Ok(Mark(0))
    }

    fn has_passed(&mut self, _mark: Mark) -> Result<bool, MachineError> {
        Ok(true)
    }

    fn wait(&mut self, _mark: Mark) -> Result<(), MachineError> {
        Ok(())
    }
}
