//! The memory of a replica, and what is recorded over it.

use crate::input::{InputSpans, PassInput};
use crate::state::State;
use crate::{
    Arithmetic, Bucket, GradientArena, Machine, MachineError, Memory, ModelShape, Plan, Span,
    Training, Weights,
};

/// Where everything lies.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) memory: Memory,
    pub(super) shape: ModelShape,
    pub(super) arithmetic: Arithmetic,
    pub(super) weights: Weights,
    pub(super) gradients: GradientArena,
    pub(super) state: State,
    pub(super) input: Span,
    /// Room for distinct words.
    pub(super) words: usize,
    pub(super) activations: Span,
}

impl Layout {
    pub(super) fn plan(&self) -> Plan<'_> {
        Plan {
            shape: &self.shape,
            arithmetic: self.arithmetic,
            weights: &self.weights,
            input: self.input,
            words: self.words,
            activations: self.activations,
        }
    }

    pub(super) fn training(&self) -> Training<'_> {
        Training { gradients: &self.gradients, state: &self.state }
    }

    /// Brings an input to the device.
    pub(super) fn give<M: Machine>(
        &self,
        machine: &mut M,
        input: &PassInput<'_>,
        bucket: Bucket,
    ) -> Result<(), MachineError> {
        input.check(bucket)?;
        input.check_words(self.words)?;
        let spans = InputSpans::new(bucket, self.words, self.input);
        machine.write(self.memory.locate(&spans.whole), &spans.pack(input))
    }
}
