//! What memory evaluations hold.

use super::*;
use crate::{Activation, BatchExtent, DropRates, Mark, PartNames, PassNumbers, Program};

/// A machine that computes nothing and knows which of its memory is in use.
#[derive(Default)]
struct Storehouse {
    next: u64,
    held: Vec<Region>,
    most: usize,
}

impl Storehouse {
    fn bytes(&self) -> usize {
        self.held.iter().map(|region| region.bytes).sum()
    }
}

impl Machine for Storehouse {
    type Loaded = Vec<Region>;

    fn allocate(&mut self, bytes: usize) -> Result<Region, MachineError> {
        self.next += 1 << 40;
        let region = Region { address: self.next, bytes };
        self.held.push(region);
        self.most = self.most.max(self.bytes());
        Ok(region)
    }

    fn release(&mut self, region: Region) -> Result<(), MachineError> {
        let place = self.held.iter().position(|held| *held == region).unwrap();
        self.held.remove(place);
        Ok(())
    }

    fn write(&mut self, _: Region, _: &[u8]) -> Result<(), MachineError> {
        Ok(())
    }

    fn read(&mut self, _: Region, _: &mut [u8]) -> Result<(), MachineError> {
        Ok(())
    }

    fn load(&mut self, program: &Program, memory: &Memory) -> Result<Vec<Region>, MachineError> {
        let written = program.ops().flat_map(|op| &op.writes);
        Ok(written.map(|span| memory.region(span.buffer)).collect())
    }

    fn run(&mut self, program: &mut Vec<Region>) -> Result<(), MachineError> {
        assert!(program.iter().all(|region| self.held.contains(region)), "it writes what is gone");
        Ok(())
    }

    fn mark(&mut self) -> Result<Mark, MachineError> {
        Ok(Mark(0))
    }

    fn has_passed(&mut self, _: Mark) -> Result<bool, MachineError> {
        Ok(true)
    }

    fn wait(&mut self, _: Mark) -> Result<(), MachineError> {
        Ok(())
    }
}

const SHAPE: ModelShape = ModelShape {
    vocabulary: 100,
    positions: 64,
    width: 64,
    heads: 2,
    feed_forward: 128,
    blocks: 2,
    inner: 32,
    classes: 2,
    activation: Activation::Gelu,
    dropout: DropRates { hidden: 0.1, attention: 0.1, attention_output: 0.1, head: 0.2 },
    epsilon: 1e-12,
};

/// An evaluation of `examples` examples of `length` tokens each.
fn evaluate(inference: &mut Inference<Storehouse>, examples: usize, length: usize) {
    let tokens = examples * length;
    let offsets: Vec<usize> = (0..=examples).map(|example| example * length).collect();
    let places: Vec<u64> = (0..examples as u64).collect();
    let input = PassInput {
        ids: &vec![1; tokens],
        positions: &vec![0; tokens],
        offsets: &offsets,
        examples: &places,
        labels: &vec![0; examples],
        words: &[],
        step: PassNumbers::default(),
    };
    let bucket = Bucket::of(BatchExtent { tokens, examples, longest: length });
    inference.evaluate(&input, bucket).unwrap();
}

const NAMES: PartNames<'static> = PartNames {
    blocks: "block",
    layers: ["a", "b", "c", "d", "e", "f", "g", "h"],
    head: ["i", "j"],
};

#[test]
fn memory_that_became_too_small_is_given_back() {
    let found: Result<_, MachineError> = ModelParts::find(&SHAPE, &NAMES, |wanted| {
        Ok(Region { address: 1, bytes: wanted.values * 4 })
    });
    let mut inference = Inference::new(Storehouse::default(), SHAPE, found.unwrap());
    inference.machine.held.push(Region { address: 1, bytes: 0 });
    for examples in (8..200).step_by(8) {
        evaluate(&mut inference, examples, 5);
        assert_eq!(inference.machine.held.len(), 3, "the weights, an input, activations");
    }
    let largest = inference.machine.bytes();
    assert_eq!(inference.machine.most, largest);
    // Fewer tokens of more examples, and the other way round: what is there stays.
    for (examples, length) in [(3, 60), (190, 1), (3, 60)] {
        evaluate(&mut inference, examples, length);
        assert_eq!(inference.machine.bytes(), largest);
    }
}
