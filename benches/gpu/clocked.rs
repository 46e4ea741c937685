//! A GPU that notes how long each operation takes.

use std::collections::BTreeMap;
use std::mem;

use lockstep_kernels::gpu::{CudaMachine, CudaProgram};
use lockstep_program::{Lane, Machine, MachineError, Mark, Memory, Op, Program, Region, Work};

/// An operation of a program, for people.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Label {
    pub(crate) program: String,
    /// Its place in the program.
    pub(crate) place: usize,
    pub(crate) label: String,
    pub(crate) kernel: String,
    pub(crate) lane: &'static str,
}

/// Microseconds of each run of each operation.
pub(crate) type Times = BTreeMap<Label, Vec<f64>>;

/// Bytes that keep the device busy while the host gets ahead: some milliseconds.
const BUSY: usize = 4 << 30;

/// A machine whose programs run operation by operation on one lane.
pub(crate) struct Clocked {
    machine: CudaMachine,
    busy: [Region; 2],
    times: Times,
}

pub(crate) struct Timed {
    program: CudaProgram,
    labels: Vec<Label>,
}

impl Clocked {
    pub(crate) fn new(mut machine: CudaMachine) -> Result<Self, MachineError> {
        let busy = [machine.allocate(BUSY)?, machine.allocate(BUSY)?];
        Ok(Self { machine, busy, times: Times::new() })
    }

    /// What was noted since the last time.
    pub(crate) fn take(&mut self) -> Times {
        mem::take(&mut self.times)
    }
}

fn label(program: &Program, (place, op): (usize, &Op)) -> Label {
    let kernel = match &op.work {
        Work::Launch(launch) => launch.kernel.clone(),
        Work::Product(product) => {
            let ([m, k], [_, n]) = (product.left.dims(), product.right.dims());
            format!("({m},{k}) x ({k},{n})")
        }
    };
    let lane = if op.lane == Lane::Main { "main" } else { "side" };
    Label { program: program.name.clone(), place, label: op.label.clone(), kernel, lane }
}

impl Machine for Clocked {
    type Loaded = Timed;

    fn allocate(&mut self, bytes: usize) -> Result<Region, MachineError> {
        self.machine.allocate(bytes)
    }

    fn write(&mut self, to: Region, bytes: &[u8]) -> Result<(), MachineError> {
        self.machine.write(to, bytes)
    }

    fn read(&mut self, from: Region, bytes: &mut [u8]) -> Result<(), MachineError> {
        self.machine.read(from, bytes)
    }

    fn load(&mut self, program: &Program, memory: &Memory) -> Result<Timed, MachineError> {
        let labels = program.ops().enumerate().map(|numbered| label(program, numbered)).collect();
        Ok(Timed { program: self.machine.load(program, memory)?, labels })
    }

    fn run(&mut self, timed: &mut Timed) -> Result<(), MachineError> {
        self.machine.copy(self.busy[0], self.busy[1])?;
        let micros = self.machine.time_each(&timed.program)?;
        for (label, micros) in timed.labels.iter().zip(micros) {
            self.times.entry(label.clone()).or_default().push(micros);
        }
        Ok(())
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
