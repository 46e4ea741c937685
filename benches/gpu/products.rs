//! The products of an update: what cublasLt's first answer takes, and the best of 8.

use std::fmt::Write;

use lockstep_gpu::{CudaMachine, Graphs};
use lockstep_program::{
    Arithmetic, Element, Factor, Item, Lane, Machine, Matrix, Memory, Op, Product, Program, Region,
    Span, Work,
};

use crate::batches::uniform;
use crate::setup::ARITHMETICS;
use crate::{Outcome, median, open};

/// Answers that are tried.
const ANSWERS: usize = 8;
/// Tokens: of a small batch, of batches like the recipe's, of a large one.
const TOKENS: [usize; 4] = [224, 256, 400, 65_536];
/// Weights that a chain goes through, so that the cache does not hold them from round to round.
const SETS: usize = 12;
const D: usize = 768;
const F: usize = 3072;
/// Bytes of the largest matrix: (65,536, F) in f32.
const LARGEST: usize = 65_536 * F * 4;
/// Bytes of the largest weight.
const WEIGHT: usize = D * F * 4;
/// Values of a drawn pattern that fills the matrices.
const PATTERN: usize = 1 << 22;

/// What a product is for, which says how its factors lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// x (N,I) times the transpose of a weight (O,I).
    Forward,
    /// dy (N,O) times a weight (O,I).
    Input,
    /// The transpose of dy (N,O), times x (N,I); f32.
    Weight,
}

/// A product of an update.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    kind: Kind,
    tokens: usize,
    inputs: usize,
    outputs: usize,
}

impl Shape {
    pub(crate) const SMALLEST: Self =
        Self { kind: Kind::Input, tokens: 32, inputs: 32, outputs: 32 };

    fn all(tokens: usize) -> impl Iterator<Item = Self> {
        let layers = [(D, 3 * D), (D, D), (D, F), (F, D)];
        [Kind::Forward, Kind::Input, Kind::Weight].into_iter().flat_map(move |kind| {
            layers.map(|(inputs, outputs)| Self { kind, tokens, inputs, outputs })
        })
    }

    fn flop(&self) -> f64 {
        2.0 * (self.tokens * self.inputs * self.outputs) as f64
    }
}

/// Where the matrices lie.
struct Ground {
    machine: CudaMachine,
    memory: Memory,
    weights: Vec<Span>,
    /// Of tokens, and what is written.
    states: [Span; 3],
}

impl Ground {
    fn new(element: Element) -> Outcome<Self> {
        let mut machine = open(Graphs::On)?;
        let mut memory = Memory::default();
        let pattern = pattern(&mut machine, element)?;
        let mut take = |machine: &mut CudaMachine, bytes| -> Outcome<Span> {
            let region = machine.allocate(bytes)?;
            fill(machine, pattern, region)?;
            Ok(memory.add("matrix", region))
        };
        let weights = (0..SETS).map(|_| take(&mut machine, WEIGHT)).collect::<Outcome<_>>()?;
        let mut state = || take(&mut machine, LARGEST);
        let states = [state()?, state()?, state()?];
        Ok(Self { machine, memory, weights, states })
    }

    /// The median microseconds of one product by an answer; none where there is no such answer.
    fn time(&mut self, program: &Program, answer: usize) -> Outcome<Option<f64>> {
        let loaded = self.machine.load_choosing(program, &self.memory, answer)?;
        let Some(mut loaded) = loaded else { return Ok(None) };
        for _ in 0..2 {
            self.machine.run(&mut loaded)?;
        }
        let times = (0..3).map(|_| self.machine.time(&mut loaded));
        let times: Vec<f64> = times.collect::<Result<_, _>>()?;
        Ok(Some(median(times) / program.items.len() as f64))
    }
}

/// Drawn values between -1/16 and 1/16.
fn pattern(machine: &mut CudaMachine, element: Element) -> Outcome<Region> {
    let value = |at: u64| ((uniform(9, at) - 0.5) / 8.0) as f32;
    let bytes: Vec<u8> = match element {
        Element::F32 => (0..PATTERN as u64).flat_map(|at| value(at).to_le_bytes()).collect(),
        // The upper half of an f32.
        Element::Bf16 => {
            let half = |at| [value(at).to_le_bytes()[2], value(at).to_le_bytes()[3]];
            (0..PATTERN as u64).flat_map(half).collect()
        }
    };
    let region = machine.allocate(bytes.len())?;
    machine.write(region, &bytes)?;
    Ok(region)
}

fn fill(machine: &mut CudaMachine, pattern: Region, region: Region) -> Outcome<()> {
    for start in (0..region.bytes).step_by(pattern.bytes) {
        let bytes = pattern.bytes.min(region.bytes - start);
        machine.copy(pattern, Region { address: region.address + start as u64, bytes })?;
    }
    Ok(())
}

fn matrix(span: Span, element: Element, [rows, columns]: [usize; 2]) -> Matrix {
    let span = Span { bytes: rows * columns * element.bytes(), ..span };
    Matrix { span, element, rows, columns, stride: columns }
}

/// `count` products of a shape, each with a weight of its own as long as there are enough.
fn program(
    shape: Shape,
    arithmetic: Arithmetic,
    count: usize,
    places: (&[Span], [Span; 3]),
) -> Program {
    let (weights, [x, y, out]) = places;
    let Shape { kind, tokens, inputs, outputs } = shape;
    let element = arithmetic.element();
    let one = |number: usize| {
        let weight = matrix(weights[number % weights.len()], element, [outputs, inputs]);
        let x = |columns| matrix(x, element, [tokens, columns]);
        let (left, right, out) = match kind {
            Kind::Forward => {
                let out = matrix(out, element, [tokens, outputs]);
                (Factor::Plain(x(inputs)), Factor::Transposed(weight), out)
            }
            Kind::Input => {
                let out = matrix(out, element, [tokens, inputs]);
                (Factor::Plain(x(outputs)), Factor::Plain(weight), out)
            }
            Kind::Weight => {
                let out = matrix(out, Element::F32, [outputs, inputs]);
                let dy = matrix(y, element, [tokens, outputs]);
                (Factor::Transposed(dy), Factor::Plain(x(inputs)), out)
            }
        };
        let work = Work::Product(Product { left, right, addend: None, out, arithmetic });
        let label = format!("{kind:?}");
        Item::Op(Box::new(Op {
            label,
            lane: Lane::Main,
            work,
            reads: Vec::new(),
            writes: Vec::new(),
        }))
    };
    Program { name: format!("{shape:?}"), items: (0..count).map(one).collect(), events: 0 }
}

/// A program of products that take next to no time.
pub(crate) fn chain(
    machine: &mut CudaMachine,
    shape: Shape,
    count: usize,
) -> Outcome<(Program, Memory)> {
    let mut memory = Memory::default();
    let mut take = || -> Outcome<Span> {
        let region = machine.allocate(shape.tokens * shape.inputs * 4)?;
        machine.write(region, &vec![0; region.bytes])?;
        Ok(memory.add("matrix", region))
    };
    let (weight, states) = (take()?, [take()?, take()?, take()?]);
    Ok((program(shape, Arithmetic::Bf16, count, (&[weight], states)), memory))
}

/// Prints what the products of a full block take, and returns all of them as a table.
pub(crate) fn measure() -> Outcome<String> {
    let header =
        "precision\ttokens\tkind\tinputs\toutputs\tfirst us\tbest us\tbest answer\tTFLOP/s\n";
    let mut table = header.to_owned();
    println!(
        "\n| products of a block | tokens | first answers, us | best of {ANSWERS}, us | TFLOP/s |"
    );
    println!("|---|---|---|---|---|");
    for (precision, arithmetic) in ARITHMETICS {
        let mut ground = Ground::new(arithmetic.element())?;
        for tokens in TOKENS {
            let is_large = tokens > 1024;
            // In f32 a large product takes milliseconds, and is not what we tune.
            let answers = if is_large && arithmetic != Arithmetic::Bf16 { 1 } else { ANSWERS };
            let count = if is_large { 2 } else { SETS };
            let (mut first, mut best, mut flop) = (0.0, 0.0, 0.0);
            for shape in Shape::all(tokens) {
                let program = program(shape, arithmetic, count, (&ground.weights, ground.states));
                let mut micros = Vec::new();
                for answer in 0..answers {
                    micros.extend(ground.time(&program, answer)?);
                }
                let least = micros.iter().copied().fold(f64::INFINITY, f64::min);
                let place = micros.iter().position(|&time| time == least).unwrap_or_default();
                let [one, rate] = [micros[0], shape.flop() / least / 1e6];
                let Shape { kind, inputs, outputs, .. } = shape;
                writeln!(
                    table,
                    "{precision}\t{tokens}\t{kind:?}\t{inputs}\t{outputs}\t{one:.2}\t{least:.2}\t{place}\t\
                     {rate:.0}"
                )?;
                (first, best, flop) = (first + one, best + least, flop + shape.flop());
            }
            let rate = flop / best / 1e6;
            println!("| {precision} | {tokens} | {first:.1} | {best:.1} | {rate:.0} |");
        }
    }
    Ok(table)
}
