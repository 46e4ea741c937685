//! Programs made ready.

use lockstep_program::{
    Argument, Item, Lane, Launch as Asked, MachineError, Memory, Op, Program, Work,
};

use super::checks::{spans, wrong_event, wrong_product, wrong_span};
use crate::launch::Launch;
use crate::product::Multiplication;
use crate::{Emulator, Grid, RawArgument};

/// A program whose kernels were found and whose addresses are known.
#[derive(Debug)]
pub struct Loaded {
    pub(super) items: Vec<LaneItem>,
    pub(super) events: usize,
    pub(super) runs: u64,
}

/// What a lane does next.
#[derive(Debug)]
pub(super) struct LaneItem {
    pub(super) lane: Lane,
    pub(super) act: Act,
}

#[derive(Debug)]
pub(super) enum Act {
    Run { label: String, task: Task },
    Signal(usize),
    Wait(usize),
}

#[derive(Debug)]
pub(super) enum Task {
    Launch(Launch),
    Product(Box<Multiplication>),
}

impl Emulator {
    pub(super) fn loaded(
        &mut self,
        program: &Program,
        memory: &Memory,
    ) -> Result<Loaded, MachineError> {
        if let Some(cause) = wrong_event(program) {
            return Err(MachineError::Shape { what: format!("program `{}`", program.name), cause });
        }
        let mut items = Vec::new();
        for item in &program.items {
            let (lane, act) = match item {
                Item::Op(op) => (op.lane, self.ready(op, memory)?),
                Item::Signal { lane, event } => (*lane, Act::Signal(*event)),
                Item::Wait { lane, event } => (*lane, Act::Wait(*event)),
                Item::Complete { .. } => continue,
            };
            items.push(LaneItem { lane, act });
        }
        Ok(Loaded { items, events: program.events, runs: 0 })
    }

    fn ready(&mut self, op: &Op, memory: &Memory) -> Result<Act, MachineError> {
        let wrong = wrong_span(self, op, memory).or_else(|| match &op.work {
            Work::Product(product) => wrong_product(product),
            Work::Launch(_) => None,
        });
        if let Some(cause) = wrong {
            return Err(MachineError::Shape { what: op.label.clone(), cause });
        }
        self.name_buffers(op, memory);
        let task = match &op.work {
            Work::Launch(asked) => Task::Launch(launch(asked, memory)?),
            Work::Product(product) => Task::Product(Box::new(Multiplication::new(product, memory))),
        };
        Ok(Act::Run { label: op.label.clone(), task })
    }

    /// From now on, faults name these buffers.
    fn name_buffers(&mut self, op: &Op, memory: &Memory) {
        for span in spans(op) {
            let (region, name) = (memory.region(span.buffer), memory.name(span.buffer));
            self.memory.get_mut().name(region.address, name);
        }
    }
}

fn launch(asked: &Asked, memory: &Memory) -> Result<Launch, MachineError> {
    let Asked { kernel, grid: blocks, threads, shared, arguments } = asked;
    let grid = Grid { blocks: *blocks, threads: *threads, shared: *shared };
    let arguments: Vec<RawArgument> =
        arguments.iter().map(|named| argument(named, memory)).collect();
    Launch::checked(kernel, grid, &arguments)
}

fn argument(named: &Argument, memory: &Memory) -> RawArgument {
    match named {
        Argument::Address(span) => RawArgument::Address(memory.locate(span).address),
        Argument::Null => RawArgument::Null,
        Argument::I32(number) => (*number).into(),
        Argument::I64(number) => (*number).into(),
        Argument::U32(number) => (*number).into(),
        Argument::F32(number) => (*number).into(),
        Argument::F64(number) => (*number).into(),
        Argument::Moments(moments) => (*moments).into(),
    }
}
