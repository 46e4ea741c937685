//! Products whose values are small whole numbers, so that every arithmetic gives them exactly.

use lockstep_gpu::{CudaMachine, Graphs};
use lockstep_program::{
    Arithmetic, Element, Factor, Item, Lane, Machine, Matrix, Memory, Op, Product, Program, Work,
};

use super::machine;

const ROWS: usize = 40;
const INNER: usize = 24;
const COLUMNS: usize = 56;

/// A matrix, and its values with those between its rows.
struct Filled {
    matrix: Matrix,
    values: Vec<f32>,
}

impl Filled {
    fn at(&self, row: usize, column: usize) -> f32 {
        self.values[row * self.matrix.stride + column]
    }
}

/// Where a test puts its matrices.
struct Place {
    machine: CudaMachine,
    memory: Memory,
    gap: usize,
}

impl Place {
    fn matrix(&mut self, rows: usize, columns: usize, element: Element) -> Filled {
        let stride = columns + self.gap;
        let values: Vec<f32> = (0..rows * stride).map(|at| ((at * 7) % 3) as f32 - 1.0).collect();
        let bytes: Vec<u8> = values.iter().flat_map(|&value| bytes(value, element)).collect();
        let region = self.machine.allocate(bytes.len()).unwrap();
        self.machine.write(region, &bytes).unwrap();
        let span = self.memory.add("matrix", region);
        Filled { matrix: Matrix { span, element, rows, columns, stride }, values }
    }

    fn read(&mut self, matrix: &Matrix) -> Vec<f32> {
        let region = self.memory.locate(&matrix.span);
        let mut bytes = vec![0; region.bytes];
        self.machine.read(region, &mut bytes).unwrap();
        let values = bytes.chunks_exact(matrix.element.bytes());
        values.map(|bytes| value(bytes, matrix.element)).collect()
    }
}

/// Whole numbers this small are exact in bf16, which is the upper half of an f32.
fn bytes(value: f32, element: Element) -> Vec<u8> {
    match element {
        Element::F32 => value.to_le_bytes().to_vec(),
        Element::Bf16 => value.to_le_bytes()[2..].to_vec(),
    }
}

fn value(bytes: &[u8], element: Element) -> f32 {
    match element {
        Element::F32 => f32::from_le_bytes(bytes.try_into().unwrap()),
        Element::Bf16 => f32::from_le_bytes([0, 0, bytes[0], bytes[1]]),
    }
}

/// A product of (ROWS,INNER) and (INNER,COLUMNS), run as often as a graph needs, against plain loops.
fn check(place: &mut Place, transposed: [bool; 2], kind: (Arithmetic, Element), adds: bool) {
    let (arithmetic, element) = kind;
    let factors = if arithmetic == Arithmetic::Bf16 { Element::Bf16 } else { Element::F32 };
    let mut factor = |rows, columns, transposed| match transposed {
        true => place.matrix(columns, rows, factors),
        false => place.matrix(rows, columns, factors),
    };
    let left = factor(ROWS, INNER, transposed[0]);
    let right = factor(INNER, COLUMNS, transposed[1]);
    let addend = adds.then(|| place.matrix(ROWS, COLUMNS, element));
    let out = place.matrix(ROWS, COLUMNS, element);
    let way = |filled: &Filled, transposed| match transposed {
        true => Factor::Transposed(filled.matrix),
        false => Factor::Plain(filled.matrix),
    };
    let product = Product {
        left: way(&left, transposed[0]),
        right: way(&right, transposed[1]),
        addend: addend.as_ref().map(|filled| filled.matrix),
        out: out.matrix,
        arithmetic,
    };
    let mut expected = out.values.clone();
    for row in 0..ROWS {
        for column in 0..COLUMNS {
            let terms = (0..INNER).map(|at| {
                let left = if transposed[0] { left.at(at, row) } else { left.at(row, at) };
                let right = if transposed[1] { right.at(column, at) } else { right.at(at, column) };
                left * right
            });
            let before = addend.as_ref().map_or(0.0, |filled| filled.at(row, column));
            expected[row * out.matrix.stride + column] = terms.sum::<f32>() + before;
        }
    }
    let mut program = place.machine.load(&program(product), &place.memory).unwrap();
    for run in 0..3 {
        place.machine.run(&mut program).unwrap();
        let found = place.read(&out.matrix);
        assert!(found == expected, "{product:?}, run {run}: {found:?}, not {expected:?}");
    }
}

fn program(product: Product) -> Program {
    let op = Op {
        label: "a product".to_owned(),
        lane: Lane::Side,
        work: Work::Product(product),
        reads: Vec::new(),
        writes: Vec::new(),
    };
    Program { name: "product".to_owned(), items: vec![Item::Op(Box::new(op))], events: 0 }
}

#[test]
fn products_equal_plain_loops() {
    let kinds = [
        (Arithmetic::F32, Element::F32),
        (Arithmetic::Tf32, Element::F32),
        (Arithmetic::Bf16, Element::F32),
        (Arithmetic::Bf16, Element::Bf16),
    ];
    for gap in [0, 8] {
        let Some((_device, machine)) = machine(Graphs::On) else { return };
        let mut place = Place { machine, memory: Memory::default(), gap };
        for kind in kinds {
            for transposed in [[false, false], [false, true], [true, false], [true, true]] {
                check(&mut place, transposed, kind, false);
                check(&mut place, transposed, kind, true);
            }
        }
    }
}
