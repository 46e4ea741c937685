//! A machine with buffers, and operations for it.

use lockstep_emulator::Emulator;
use lockstep_program::{Item, Lane, Machine, Memory, Op, Program, Span, Work};

/// A machine and its buffers.
pub(crate) struct Desk {
    device: Emulator,
    memory: Memory,
}

impl Desk {
    pub(crate) fn new(seed: u64) -> Self {
        Self { device: Emulator::new(seed), memory: Memory::default() }
    }

    pub(crate) fn add(&mut self, name: &str, bytes: usize) -> Span {
        let region = self.device.allocate(bytes).unwrap();
        self.memory.add(name, region)
    }

    pub(crate) fn write(&mut self, span: Span, bytes: &[u8]) {
        Machine::write(&mut self.device, self.memory.locate(&span), bytes).unwrap();
    }

    pub(crate) fn read(&mut self, span: Span) -> Vec<u8> {
        let mut bytes = vec![0; span.bytes];
        Machine::read(&mut self.device, self.memory.locate(&span), &mut bytes).unwrap();
        bytes
    }

    pub(crate) fn run(&mut self, items: Vec<Item>, events: usize) -> Result<(), String> {
        let program = Program { name: "test".to_owned(), items, events };
        let loaded = self.device.load(&program, &self.memory);
        let mut loaded = loaded.map_err(|error| error.to_string())?;
        self.device.run(&mut loaded).map_err(|error| error.to_string())
    }
}

pub(crate) fn floats(bytes: &[u8]) -> Vec<f32> {
    bytemuck::pod_collect_to_vec(bytes)
}

/// An operation that does not say what it reads and writes.
pub(crate) fn op(label: &str, lane: Lane, work: Work) -> Item {
    let label = label.to_owned();
    Item::Op(Box::new(Op { label, lane, work, reads: Vec::new(), writes: Vec::new() }))
}
