//! A GPU that notes how long each operation takes.

use std::collections::BTreeMap;
use std::mem;

use lockstep_gpu::{CudaMachine, CudaProgram};
use lockstep_program::{
    Arithmetic, Bucket, Card, Lane, Machine, MachineError, Mark, Memory, Op, Prediction, Program,
    Region, Scene, Work,
};

use crate::setup::BASE;

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

/// Microseconds of an operation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Micros {
    /// By the model of crates/program/src/predict; none on a card that it does not describe.
    pub(crate) predicted: Option<f64>,
    /// Of each run.
    pub(crate) measured: Vec<f64>,
}

/// Of each operation.
pub(crate) type Times = BTreeMap<Label, Micros>;

/// Bytes that keep the device busy while the host gets ahead: some milliseconds.
const BUSY: usize = 4 << 30;

/// A machine whose programs run operation by operation on one lane.
pub(crate) struct Clocked {
    machine: CudaMachine,
    busy: [Region; 2],
    times: Times,
    scene: Scene<'static>,
    card: Option<Card>,
}

pub(crate) struct Timed {
    program: CudaProgram,
    labels: Vec<Label>,
    predicted: Vec<Option<f64>>,
}

impl Clocked {
    /// A machine for passes of DistilBERT-base in one bucket, which read as many `words`.
    pub(crate) fn new(
        mut machine: CudaMachine,
        arithmetic: Arithmetic,
        (bucket, words): (Bucket, usize),
    ) -> Result<Self, MachineError> {
        let busy = [machine.allocate(BUSY)?, machine.allocate(BUSY)?];
        let card = Card::named(&machine.card_name()?);
        let scene = Scene { shape: &BASE, arithmetic, bucket, words };
        Ok(Self { machine, busy, times: Times::new(), scene, card })
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
        let costs = self.card.map(|card| Prediction::of(program, &self.scene, &card).costs);
        let predicted = match costs {
            Some(costs) => costs.iter().map(|cost| Some(cost.us)).collect(),
            None => vec![None; program.ops().count()],
        };
        Ok(Timed { program: self.machine.load(program, memory)?, labels, predicted })
    }

    fn run(&mut self, timed: &mut Timed) -> Result<(), MachineError> {
        self.machine.copy(self.busy[0], self.busy[1])?;
        let micros = self.machine.time_each(&timed.program)?;
        for ((label, predicted), micros) in timed.labels.iter().zip(&timed.predicted).zip(micros) {
            let times = self.times.entry(label.clone()).or_default();
            times.predicted = *predicted;
            times.measured.push(micros);
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
