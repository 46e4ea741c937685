//! Two machines that run the same programs, compared operation by operation.
//!
//! One tells what each operation found and wrote. The other follows: before each operation it is
//! given the same memory, so that a difference belongs to the operation where it is found. Each of
//! the two runs in a thread of its own, through the same calls of the same code.

mod compare;

use std::borrow::Cow;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use lockstep_program::{
    Item, Machine, MachineError, Mark, Matrix, Memory, Op, Program, Region, Span, Work,
};

pub use compare::{Distance, Finding, Scalar};
use compare::{distance, scalars};

/// Operations that the teller may be ahead: each holds copies of all it touches.
const AHEAD: usize = 2;

/// The name of the buffer that holds addresses, which are each machine's own.
const ADDRESSES: &str = "chunks";

/// What an operation touches as it was before, and what it wrote.
#[derive(Debug)]
struct Told {
    label: String,
    before: Vec<Vec<u8>>,
    writes: Vec<Vec<u8>>,
}

#[derive(Debug)]
enum Role {
    Tells(SyncSender<Told>),
    Follows(Receiver<Told>, Vec<Finding>),
}

/// A machine that runs programs operation by operation, and tells or follows.
#[derive(Debug)]
pub struct Beside<M> {
    machine: M,
    role: Role,
}

/// The operations of a program, each ready to run alone.
#[derive(Debug)]
pub struct Steps<L>(Vec<Single<L>>);

#[derive(Debug)]
struct Single<L> {
    op: Op,
    loaded: L,
    /// What it reads and writes, but for addresses.
    touched: Vec<Region>,
    writes: Vec<Written>,
}

#[derive(Debug)]
struct Written {
    region: Region,
    scalars: Vec<Scalar>,
    buffer: String,
    /// Of a product: where its rows begin and how long each is, in bytes. Others write what lies between.
    rows: Option<Rows>,
}

#[derive(Clone, Copy, Debug)]
struct Rows {
    stride: usize,
    bytes: usize,
}

impl Rows {
    fn of(op: &Op) -> Option<Self> {
        let Work::Product(product) = &op.work else { return None };
        let Matrix { columns, stride, element, .. } = product.out;
        Some(Self { stride: stride * element.bytes(), bytes: columns * element.bytes() })
    }
}

impl Written {
    /// Those of the span's bytes that the operation is to write.
    fn own<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        match self.rows {
            Some(Rows { stride, bytes: own }) if stride > own => {
                let rows = bytes.chunks(stride).map(|row| &row[..own.min(row.len())]);
                Cow::Owned(rows.flatten().copied().collect())
            }
            _ => Cow::Borrowed(bytes),
        }
    }
}

/// A way from one machine to the other.
#[derive(Debug)]
pub struct Channel {
    tells: SyncSender<Told>,
    follows: Receiver<Told>,
}

impl Default for Channel {
    fn default() -> Self {
        let (tells, follows) = sync_channel(AHEAD);
        Self { tells, follows }
    }
}

impl Channel {
    /// Both ends: each goes to a thread.
    #[must_use]
    pub fn split(self) -> (TellsEnd, FollowsEnd) {
        (TellsEnd(self.tells), FollowsEnd(self.follows))
    }
}

/// Where the machine that tells is made.
#[derive(Debug)]
pub struct TellsEnd(SyncSender<Told>);

/// Where the machine that follows is made.
#[derive(Debug)]
pub struct FollowsEnd(Receiver<Told>);

impl TellsEnd {
    /// Makes `machine` tell.
    pub fn on<M>(self, machine: M) -> Beside<M> {
        Beside { machine, role: Role::Tells(self.0) }
    }
}

impl FollowsEnd {
    /// Makes `machine` follow.
    pub fn on<M>(self, machine: M) -> Beside<M> {
        Beside { machine, role: Role::Follows(self.0, Vec::new()) }
    }
}

impl<M: Machine> Beside<M> {
    /// What was found so far: a distance for each span that an operation wrote. None of one that tells.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        match &self.role {
            Role::Tells(_) => &[],
            Role::Follows(_, findings) => findings,
        }
    }

    fn single(&mut self, op: &Op, memory: &Memory) -> Result<Single<M::Loaded>, MachineError> {
        let items = vec![Item::Op(Box::new(op.clone()))];
        let program = Program { name: op.label.clone(), items, events: 0 };
        let values = |span: &&Span| memory.name(span.buffer) != ADDRESSES;
        let touched = op.reads.iter().chain(&op.writes);
        let written = |(place, span): (usize, &Span)| {
            let buffer = memory.name(span.buffer).to_owned();
            let scalars = scalars(op, place, &buffer);
            Written { region: memory.locate(span), scalars, buffer, rows: Rows::of(op) }
        };
        Ok(Single {
            loaded: self.machine.load(&program, memory)?,
            touched: touched.filter(values).map(|span| memory.locate(span)).collect(),
            writes: op.writes.iter().enumerate().map(written).collect(),
            op: op.clone(),
        })
    }

    fn step(&mut self, single: &mut Single<M::Loaded>) -> Result<(), MachineError> {
        let label = &single.op.label;
        let Self { machine, role } = self;
        match role {
            Role::Tells(to) => {
                let before = contents(machine, single.touched.iter())?;
                machine.run(&mut single.loaded)?;
                let writes = contents(machine, single.regions())?;
                let told = Told { label: label.clone(), before, writes };
                to.send(told).map_err(|_| lost(label, "the machine that follows has ended"))
            }
            Role::Follows(from, findings) => {
                let told = from.recv();
                let told = told.map_err(|_| lost(label, "the machine that tells has ended"))?;
                if told.label != *label || told.before.len() != single.touched.len() {
                    return Err(lost(label, "the machines run different programs"));
                }
                for (region, bytes) in single.touched.iter().zip(&told.before) {
                    machine.write(*region, bytes)?;
                }
                machine.run(&mut single.loaded)?;
                let found = contents(machine, single.regions())?;
                findings.extend(single.findings(&found, &told.writes));
                Ok(())
            }
        }
    }
}

impl<L> Single<L> {
    fn regions(&self) -> impl Iterator<Item = &Region> {
        self.writes.iter().map(|written| &written.region)
    }

    fn findings(&self, found: &[Vec<u8>], expected: &[Vec<u8>]) -> Vec<Finding> {
        let kernel = match &self.op.work {
            Work::Launch(launch) => launch.kernel.clone(),
            Work::Product(product) => format!("product in {:?}", product.arithmetic),
        };
        let finding = |(place, written): (usize, &Written)| Finding {
            label: self.op.label.clone(),
            kernel: kernel.clone(),
            buffer: written.buffer.clone(),
            place,
            scalar: written.scalars[0],
            distance: distance(
                &written.scalars,
                &written.own(&found[place]),
                &written.own(&expected[place]),
            ),
        };
        self.writes.iter().enumerate().map(finding).collect()
    }
}

fn contents<'a, M: Machine>(
    machine: &mut M,
    regions: impl Iterator<Item = &'a Region>,
) -> Result<Vec<Vec<u8>>, MachineError> {
    let mut all = Vec::new();
    for region in regions {
        let mut bytes = vec![0; region.bytes];
        machine.read(*region, &mut bytes)?;
        all.push(bytes);
    }
    Ok(all)
}

fn lost(label: &str, cause: &str) -> MachineError {
    MachineError::Device { what: format!("the comparison of `{label}`"), cause: cause.to_owned() }
}

impl<M: Machine> Machine for Beside<M> {
    type Loaded = Steps<M::Loaded>;

    fn allocate(&mut self, bytes: usize) -> Result<Region, MachineError> {
        self.machine.allocate(bytes)
    }

    fn write(&mut self, to: Region, bytes: &[u8]) -> Result<(), MachineError> {
        self.machine.write(to, bytes)
    }

    fn read(&mut self, from: Region, bytes: &mut [u8]) -> Result<(), MachineError> {
        self.machine.read(from, bytes)
    }

    fn load(&mut self, program: &Program, memory: &Memory) -> Result<Self::Loaded, MachineError> {
        let steps = program.ops().map(|op| self.single(op, memory));
        steps.collect::<Result<_, _>>().map(Steps)
    }

    fn run(&mut self, program: &mut Self::Loaded) -> Result<(), MachineError> {
        program.0.iter_mut().try_for_each(|single| self.step(single))
    }

    fn mark(&mut self) -> Result<Mark, MachineError> {
        self.machine.mark()
    }

    fn has_passed(&mut self, mark: Mark) -> Result<bool, MachineError> {
        self.machine.has_passed(mark)
    }

    fn wait(&mut self, mark: Mark) -> Result<(), MachineError> {
        self.machine.wait(mark)
    }
}
