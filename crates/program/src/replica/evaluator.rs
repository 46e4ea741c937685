//! Evaluations: forward passes in f32 without dropout, over weights that may be trained elsewhere.

use std::collections::BTreeMap;

use bytemuck::cast_slice_mut;

use super::loaded;
use crate::input::InputSpans;
use crate::record::{evaluated, pass_bytes, record_pass};
use crate::{
    Arithmetic, Bucket, Machine, MachineError, Memory, ModelParts, ModelShape, PassInput,
    PassPurpose, Plan, Region, Span, Weights,
};

/// Evaluates a model on a machine.
pub(super) struct Evaluator<L> {
    shape: ModelShape,
    masters: ModelParts<Region>,
    ground: Option<Ground<L>>,
}

/// Memory for batches up to some size, and the programs over it.
struct Ground<L> {
    memory: Memory,
    weights: Weights,
    input: Span,
    activations: Span,
    passes: BTreeMap<Bucket, L>,
}

/// The results of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// (B, K)
    pub logits: Vec<f32>,
    /// Cross-entropies, (B).
    pub losses: Vec<f64>,
}

impl<L> Ground<L> {
    fn plan<'a>(&'a self, shape: &'a ModelShape) -> Plan<'a> {
        Plan {
            shape,
            arithmetic: Arithmetic::F32,
            weights: &self.weights,
            input: self.input,
            words: 0,
            activations: self.activations,
        }
    }

    fn new<M: Machine<Loaded = L>>(
        machine: &mut M,
        masters: &ModelParts<Region>,
        [input, activations]: [usize; 2],
    ) -> Result<Self, MachineError> {
        let mut memory = Memory::default();
        let masters = masters.map(|region| memory.add("weights", *region));
        let weights = Weights { masters, copies: None };
        let input = memory.add("input of evaluations", machine.allocate(input)?);
        let region = machine.allocate(activations)?;
        let activations = memory.add("activations of evaluations", region);
        Ok(Self { memory, weights, input, activations, passes: BTreeMap::new() })
    }

    /// Of the input, and of the activations.
    fn bytes(&self) -> [usize; 2] {
        [self.input.bytes, self.activations.bytes]
    }

    /// Gives the memory back, behind the last program that uses it.
    fn leave<M: Machine<Loaded = L>>(self, machine: &mut M) -> Result<(), MachineError> {
        drop(self.passes);
        [self.input, self.activations]
            .iter()
            .try_for_each(|span| machine.release(self.memory.region(span.buffer)))
    }
}

impl<L> Evaluator<L> {
    pub(super) fn new(shape: ModelShape, masters: ModelParts<Region>) -> Self {
        Self { shape, masters, ground: None }
    }

    /// Computes logits and losses of a batch, and waits for them.
    pub(super) fn run<M: Machine<Loaded = L>>(
        &mut self,
        machine: &mut M,
        input: &PassInput<'_>,
        bucket: Bucket,
    ) -> Result<Evaluation, MachineError> {
        self.make_room(machine, bucket)?;
        let Self { shape, ground: Some(ground), .. } = self else {
            return Ok(Evaluation { logits: Vec::new(), losses: Vec::new() });
        };
        input.check(bucket)?;
        let spans = InputSpans::new(bucket, 0, ground.input);
        machine.write(ground.memory.locate(&spans.whole), &spans.pack(input))?;
        let mut passes = std::mem::take(&mut ground.passes);
        let pass = loaded(&mut passes, bucket, || {
            machine.load(
                &record_pass(&ground.plan(shape), bucket, PassPurpose::Evaluate),
                &ground.memory,
            )
        });
        let ran = pass.and_then(|pass| machine.run(pass));
        ground.passes = passes;
        ran?;
        let places = evaluated(&ground.plan(shape), bucket);
        let examples = input.examples.len();
        let mut logits = vec![0.0_f32; examples * shape.classes];
        let mut losses = vec![0.0_f64; examples];
        machine.read(ground.memory.locate(&places.logits), cast_slice_mut(&mut logits))?;
        machine.read(ground.memory.locate(&places.losses), cast_slice_mut(&mut losses))?;
        Ok(Evaluation { logits, losses })
    }

    /// Takes other memory where the batch is larger than any before, and gives back what was there.
    fn make_room<M: Machine<Loaded = L>>(
        &mut self,
        machine: &mut M,
        bucket: Bucket,
    ) -> Result<(), MachineError> {
        let needed = [InputSpans::bytes(bucket, 0), self.activation_bytes(bucket)];
        let there = self.ground.as_ref().map_or([0, 0], Ground::bytes);
        if needed[0] <= there[0] && needed[1] <= there[1] {
            return Ok(());
        }
        if let Some(ground) = self.ground.take() {
            ground.leave(machine)?;
        }
        let bytes = [needed[0].max(there[0]), needed[1].max(there[1])];
        self.ground = Some(Ground::new(machine, &self.masters, bytes)?);
        Ok(())
    }

    fn activation_bytes(&self, bucket: Bucket) -> usize {
        let weights = Weights { masters: self.masters.map(|_| Span::EMPTY), copies: None };
        let plan = Plan {
            shape: &self.shape,
            arithmetic: Arithmetic::F32,
            weights: &weights,
            input: Span::EMPTY,
            words: 0,
            activations: Span::EMPTY,
        };
        pass_bytes(&plan, bucket, false)
    }
}

/// A model that evaluates and does not learn.
pub struct Inference<M: Machine> {
    machine: M,
    evaluator: Evaluator<M::Loaded>,
}

impl<M: Machine> Inference<M> {
    /// A model whose `weights`, f32, lie on `machine`.
    #[must_use]
    pub fn new(machine: M, shape: ModelShape, weights: ModelParts<Region>) -> Self {
        Self { machine, evaluator: Evaluator::new(shape, weights) }
    }

    /// Computes the logits and losses of a batch in f32; words may be left out of `input`.
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

#[cfg(test)]
mod tests;
