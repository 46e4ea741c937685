//! Makes a replica: allocates what it needs and records the programs that all batches share.

use std::collections::BTreeMap;

use bytemuck::cast_slice;

use super::evaluator::Evaluator;
use super::layout::Layout;
use super::{Programs, Replica};
use crate::input::InputSpans;
use crate::record::{pass_bytes, record_copies, record_settle, record_update};
use crate::state::State;
use crate::{
    AdamWConstants, Arithmetic, BlockCopies, Bucket, Chunk, Element, GradientArena, Machine,
    MachineError, Memory, ModelParts, ModelShape, Plan, Rate, Region, Span, Squares, Weights,
    chunks,
};

/// Where a model's parameters lie on the machine, or something else of each.
#[derive(Clone, Debug)]
pub struct Places {
    /// The weights, f32.
    pub weights: ModelParts<Region>,
    /// The first moments, f32.
    pub first: ModelParts<Region>,
    /// The second moments, f32.
    pub second: ModelParts<Region>,
    /// [`HEAD`](crate::HEAD) and [`DECAYS`](crate::DECAYS) of each.
    pub flags: ModelParts<i32>,
}

/// How weights are updated.
#[derive(Clone, Debug)]
pub struct Optimiser {
    /// AdamW's.
    pub constants: AdamWConstants,
    /// Of all updates, as [`rates`](fn@crate::rates) gives them.
    pub rates: Vec<Rate>,
    /// The global norm that gradients are clipped to.
    pub max_norm: f64,
    /// Whether an update whose loss or norm is not finite is skipped; else it is the last one.
    pub skips: bool,
}

/// The largest batches of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Largest {
    /// Of training passes.
    pub training: Bucket,
    /// Distinct words that all ranks together read in an update.
    pub words: usize,
}

/// What a replica is made of.
#[derive(Clone, Debug)]
pub struct ReplicaSettings {
    /// The model.
    pub shape: ModelShape,
    /// How the encoder's products multiply in training.
    pub arithmetic: Arithmetic,
    /// Where the parameters lie.
    pub places: Places,
    /// How they are updated.
    pub optimiser: Optimiser,
    /// How much memory batches need.
    pub largest: Largest,
    /// [`Squares::Here`] where gradients are summed over ranks between pass and update.
    pub squares: Squares,
}

/// A machine's memory that is handed out by name.
pub(super) struct Allocator<'a, M> {
    pub(super) machine: &'a mut M,
    pub(super) memory: Memory,
}

impl<M: Machine> Allocator<'_, M> {
    fn take(&mut self, name: &str, bytes: usize) -> Result<Span, MachineError> {
        let region = self.machine.allocate(bytes)?;
        Ok(self.memory.add(name, region))
    }

    /// Memory that holds zeros.
    fn zeros(&mut self, name: &str, bytes: usize) -> Result<Span, MachineError> {
        self.filled(name, &vec![0_u8; bytes])
    }

    fn filled(&mut self, name: &str, bytes: &[u8]) -> Result<Span, MachineError> {
        let span = self.take(name, bytes.len())?;
        self.machine.write(self.memory.locate(&span), bytes)?;
        Ok(span)
    }

    fn named(&mut self, name: &str, regions: &ModelParts<Region>) -> ModelParts<Span> {
        regions.map(|region| self.memory.add(name, *region))
    }

    fn weights(&mut self, settings: &ReplicaSettings) -> Result<Weights, MachineError> {
        let masters = self.named("weights", &settings.places.weights);
        let copies = match settings.arithmetic.element() {
            Element::F32 => None,
            Element::Bf16 => {
                let bytes = BlockCopies::bytes(&settings.shape) * settings.shape.blocks;
                let whole = self.take("copies of the weights", bytes)?;
                Some(BlockCopies::all(&settings.shape, whole))
            }
        };
        Ok(Weights { masters, copies })
    }

    fn state(
        &mut self,
        settings: &ReplicaSettings,
        weights: &Weights,
        gradients: &GradientArena,
    ) -> Result<State, MachineError> {
        let ReplicaSettings { shape, places, optimiser, .. } = settings;
        let moments = [&places.first, &places.second].map(|regions| self.named("moments", regions));
        let table: Vec<Chunk> = chunks(&self.memory, weights, &moments, gradients, &places.flags);
        Ok(State {
            constants: optimiser.constants.moments(),
            max_norm: optimiser.max_norm,
            skips: optimiser.skips,
            word_flags: places.flags.words,
            control: self.zeros("control", State::CONTROL_BYTES)?,
            results: self.zeros("results", State::RESULTS_BYTES)?,
            rates: self.filled("rates", cast_slice(&optimiser.rates))?,
            chunks: self.filled("chunks", cast_slice(&table))?,
            squares: self.zeros("squares", State::squares_bytes(shape.blocks))?,
            applied: self.zeros("updates of word rows", shape.vocabulary * 4)?,
            seen: self.zeros("seen word rows", shape.vocabulary)?,
            updates: self.zeros("updates", 4)?,
            moments,
        })
    }

    pub(super) fn layout(mut self, settings: ReplicaSettings) -> Result<Layout, MachineError> {
        let Largest { training, words } = settings.largest;
        let shape = settings.shape;
        let weights = self.weights(&settings)?;
        // Zeros, because nothing writes to the gaps between the gradients.
        let gradients = self.zeros("gradients", GradientArena::bytes(&shape, words))?;
        let gradients = GradientArena::new(&shape, words, gradients);
        let state = self.state(&settings, &weights, &gradients)?;
        let input = self.take("input", InputSpans::bytes(training, words))?;
        let activations = Span::EMPTY;
        let arithmetic = settings.arithmetic;
        let memory = std::mem::take(&mut self.memory);
        let mut layout = Layout {
            memory,
            shape,
            arithmetic,
            weights,
            gradients,
            state,
            input,
            words,
            activations,
        };
        let region = self.machine.allocate(pass_bytes(&layout.plan(), training, true))?;
        layout.activations = layout.memory.add("activations", region);
        Ok(layout)
    }
}

impl<M: Machine> Replica<M> {
    /// A replica on `machine`. [`Replica::start`] has to come before its first pass.
    ///
    /// # Errors
    /// [`MachineError`] when memory is short, or a kernel is missing.
    pub fn new(mut machine: M, settings: ReplicaSettings) -> Result<Self, MachineError> {
        let squares = settings.squares;
        let evaluator = Evaluator::new(settings.shape, settings.places.weights.clone());
        let allocator = Allocator { machine: &mut machine, memory: Memory::default() };
        let layout = allocator.layout(settings)?;
        let programs = Programs::new(&mut machine, &layout, squares)?;
        Ok(Self { machine, layout, squares, programs, evaluator })
    }
}

impl<M: Machine> Programs<M> {
    fn new(machine: &mut M, layout: &Layout, squares: Squares) -> Result<Self, MachineError> {
        let (plan, training): (Plan<'_>, _) = (layout.plan(), layout.training());
        let mut load = |program| machine.load(&program, &layout.memory);
        let has_copies = layout.weights.copies.is_some();
        let copies = has_copies.then(|| load(record_copies(&plan, &training))).transpose()?;
        Ok(Self {
            passes: BTreeMap::new(),
            update: load(record_update(&plan, &training, squares))?,
            settle: load(record_settle(&plan, &training))?,
            copies,
        })
    }
}
