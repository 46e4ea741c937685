//! The emulator as a machine: copies, products, lanes.

use lockstep_emulator::{Emulator, bf16_bits, bf16_value};
use lockstep_program::{
    Argument, Arithmetic, Element, Factor, Item, Lane, Launch, Machine, Matrix, Memory, Op,
    Product, Program, Span, Work,
};
use proptest::prelude::*;

/// A machine and its buffers.
struct Desk {
    device: Emulator,
    memory: Memory,
}

impl Desk {
    fn new(seed: u64) -> Self {
        Self { device: Emulator::new(seed), memory: Memory::default() }
    }

    fn add(&mut self, name: &str, bytes: usize) -> Span {
        let region = self.device.allocate(bytes).unwrap();
        self.memory.add(name, region)
    }

    fn write(&mut self, span: Span, bytes: &[u8]) {
        Machine::write(&mut self.device, self.memory.locate(&span), bytes).unwrap();
    }

    fn read(&mut self, span: Span) -> Vec<u8> {
        let mut bytes = vec![0; span.bytes];
        Machine::read(&mut self.device, self.memory.locate(&span), &mut bytes).unwrap();
        bytes
    }

    fn run(&mut self, items: Vec<Item>, events: usize) -> Result<(), String> {
        let program = Program { name: "test".to_owned(), items, events };
        let loaded = self.device.load(&program, &self.memory);
        let mut loaded = loaded.map_err(|error| error.to_string())?;
        self.device.run(&mut loaded).map_err(|error| error.to_string())
    }
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytemuck::pod_collect_to_vec(bytes)
}

/// Numbers of few bits, so that sums of some hundred products are exact in f32.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 37 + seed * 11) % 17) as f32 / 4.0 - 2.0).collect()
}

/// A case of a product: shapes, transpositions, what lies between rows, addend, types.
#[derive(Clone, Copy, Debug)]
struct Case {
    dims: [usize; 3],
    transposed: [bool; 2],
    gap: usize,
    addend: Option<bool>, // whether it is the output itself
    arithmetic: Arithmetic,
    out: Element,
}

fn cases() -> impl Strategy<Value = Case> {
    let types = prop_oneof![
        Just((Arithmetic::F32, Element::F32)),
        Just((Arithmetic::Tf32, Element::F32)),
        Just((Arithmetic::Bf16, Element::F32)),
        Just((Arithmetic::Bf16, Element::Bf16)),
    ];
    let dims = prop::array::uniform3(1..20_usize);
    (dims, any::<[bool; 2]>(), 0..3_usize, any::<Option<bool>>(), types).prop_map(
        |(dims, transposed, gap, addend, (arithmetic, out))| Case {
            dims,
            transposed,
            gap,
            addend,
            arithmetic,
            out,
        },
    )
}

/// A matrix in a buffer of its own, with values in the gaps as well.
fn matrix(desk: &mut Desk, name: &str, dims: [usize; 2], gap: usize, element: Element) -> Matrix {
    let [rows, columns] = dims;
    let stride = columns + gap;
    let span = desk.add(name, rows * stride * element.bytes());
    let values = numbers(rows * stride, name.len());
    let bytes: Vec<u8> = match element {
        Element::F32 => bytemuck::cast_slice(&values).to_vec(),
        Element::Bf16 => values.iter().flat_map(|x| bf16_bits(*x).to_ne_bytes()).collect(),
    };
    desk.write(span, &bytes);
    Matrix { span, element, rows, columns, stride }
}

fn values(desk: &mut Desk, matrix: &Matrix) -> Vec<f64> {
    let bytes = desk.read(matrix.span);
    match matrix.element {
        Element::F32 => floats(&bytes).iter().map(|x| f64::from(*x)).collect(),
        Element::Bf16 => bytemuck::pod_collect_to_vec::<u8, u16>(&bytes)
            .iter()
            .map(|bits| f64::from(bf16_value(*bits)))
            .collect(),
    }
}

fn product(desk: &mut Desk, case: &Case) -> Product {
    let [m, k, n] = case.dims;
    let factor = if case.arithmetic == Arithmetic::Bf16 { Element::Bf16 } else { Element::F32 };
    let mut side = |name: &str, [rows, columns]: [usize; 2], transposed: bool| {
        if transposed {
            Factor::Transposed(matrix(desk, name, [columns, rows], case.gap, factor))
        } else {
            Factor::Plain(matrix(desk, name, [rows, columns], case.gap, factor))
        }
    };
    let left = side("left", [m, k], case.transposed[0]);
    let right = side("right", [k, n], case.transposed[1]);
    let out = matrix(desk, "out", [m, n], case.gap, case.out);
    let addend = case.addend.map(|itself| {
        if itself { out } else { matrix(desk, "addend", [m, n], case.gap, case.out) }
    });
    Product { left, right, addend, out, arithmetic: case.arithmetic }
}

/// Values of the output buffer as they must be, gaps untouched.
fn expected(desk: &mut Desk, product: &Product) -> Vec<f64> {
    let ([m, k], [_, n]) = (product.left.dims(), product.right.dims());
    let mut at = |factor: &Factor| {
        let (all, stride) = (values(desk, factor.matrix()), factor.matrix().stride);
        let transposed = matches!(factor, Factor::Transposed(_));
        move |i: usize, j: usize| all[if transposed { j * stride + i } else { i * stride + j }]
    };
    let (left, right) = (at(&product.left), at(&product.right));
    let mut out = values(desk, &product.out);
    let addend = product.addend.map(|addend| values(desk, &addend));
    for i in 0..m {
        for j in 0..n {
            let place = i * product.out.stride + j;
            let sum: f64 = (0..k).map(|l| left(i, l) * right(l, j)).sum();
            let sum = sum + addend.as_ref().map_or(0.0, |addend| addend[place]);
            out[place] = match product.out.element {
                Element::F32 => sum,
                Element::Bf16 => f64::from(bf16_value(bf16_bits(sum as f32))),
            };
        }
    }
    out
}

fn op(label: &str, lane: Lane, work: Work) -> Item {
    let label = label.to_owned();
    Item::Op(Box::new(Op { label, lane, work, reads: Vec::new(), writes: Vec::new() }))
}

proptest! {
    #[test]
    fn products_equal_plain_loops(case in cases()) {
        let mut desk = Desk::new(1);
        let product = product(&mut desk, &case);
        let expected = expected(&mut desk, &product);
        desk.run(vec![op("product", Lane::Main, Work::Product(product))], 0).unwrap();
        prop_assert_eq!(values(&mut desk, &product.out), expected);
    }
}

#[test]
fn factors_are_rounded_to_tf32() {
    let mut desk = Desk::new(0);
    let dims = [1, 1, 1];
    let arithmetic = Arithmetic::Tf32;
    let case =
        Case { dims, transposed: [false; 2], gap: 0, addend: None, arithmetic, out: Element::F32 };
    let product = product(&mut desk, &case);
    let half_step = f32::EPSILON * 4096.0; // of TF32's 10 bits at 1
    for (value, rounded) in [
        (1.0 + half_step, 1.0 + 2.0 * half_step),
        (1.0 + 0.99 * half_step, 1.0),
        (-1.0 - half_step, -1.0 - 2.0 * half_step),
        (f32::INFINITY, f32::INFINITY),
    ] {
        desk.write(product.left.matrix().span, &value.to_ne_bytes());
        desk.write(product.right.matrix().span, &1.0_f32.to_ne_bytes());
        desk.run(vec![op("product", Lane::Main, Work::Product(product))], 0).unwrap();
        assert_eq!(floats(&desk.read(product.out.span)), [rounded]);
    }
}

#[test]
fn products_that_do_not_fit_are_refused() {
    let check = |change: fn(&mut Product), expected: &str| {
        let mut desk = Desk::new(0);
        let dims = [2, 3, 4];
        let (arithmetic, out) = (Arithmetic::F32, Element::F32);
        let case = Case { dims, transposed: [false; 2], gap: 1, addend: None, arithmetic, out };
        let mut product = product(&mut desk, &case);
        change(&mut product);
        let error = desk.run(vec![op("p", Lane::Main, Work::Product(product))], 0).unwrap_err();
        assert!(error.starts_with(&format!("p does not fit: {expected}")), "{error}");
    };
    check(|p| p.out.rows = 1, "(2, 3) x (3, 4) into [1, 4]");
    check(|p| p.out.span.bytes = 32, "a matrix leaves its span");
    check(|p| p.out.span.bytes = 1000, "bytes 0..1000 of `out`, which has 40");
    check(|p| p.arithmetic = Arithmetic::Bf16, "the types of its matrices do not suit Bf16");
    check(|p| p.left = Factor::Plain(p.out), "(2, 4) x (3, 4) into [2, 4]");
    check(
        |p| p.addend = Some(Matrix { stride: 4, ..p.out }),
        "the addend is not of the output's shape, type and stride",
    );
    let square = |p: &mut Product| {
        (p.out.columns, p.out.stride, p.out.rows) = (3, 3, 2);
        p.right = Factor::Plain(Matrix { rows: 3, columns: 3, stride: 3, ..p.out });
    };
    check(square, "the output overlaps a factor, or a part of the addend");
}

/// `fault_twice` from `x` to `y`, 64 values.
fn twice(label: &str, lane: Lane, [x, y]: [Span; 2]) -> Item {
    let launch = Launch {
        kernel: "fault_twice".to_owned(),
        grid: [1, 1],
        threads: 64,
        shared: 0,
        arguments: vec![Argument::Address(x), Argument::Address(y), Argument::I32(64)],
    };
    op(label, lane, Work::Launch(launch))
}

/// Doubles 64 ones five times on one lane, and copies the result twice on the other. With `joined`
/// the other lane waits.
fn two_lanes(seed: u64, joined: bool) -> Vec<f32> {
    let mut desk = Desk::new(seed);
    let chain: Vec<Span> = (0..6).map(|i| desk.add(&format!("chain {i}"), 256)).collect();
    let out = desk.add("out", 256);
    desk.write(chain[0], bytemuck::cast_slice(&[1.0_f32; 64]));
    desk.write(chain[5], &[0; 256]);
    let mut items: Vec<Item> =
        (0..5).map(|i| twice("chain", Lane::Main, [chain[i], chain[i + 1]])).collect();
    items.push(Item::Signal { lane: Lane::Main, event: 0 });
    items.push(Item::Complete { bucket: 0 });
    if joined {
        items.push(Item::Wait { lane: Lane::Side, event: 0 });
    }
    items.push(twice("out", Lane::Side, [chain[5], out]));
    desk.run(items, 1).unwrap();
    floats(&desk.read(out))
}

#[test]
fn a_missing_join_depends_on_the_seed() {
    let results = |joined| (0..8).map(|seed| two_lanes(seed, joined)).collect::<Vec<_>>();
    assert!(results(true).iter().all(|out| *out == [64.0; 64]));
    let without = results(false);
    assert!(without.contains(&vec![64.0; 64]) && without.contains(&vec![0.0; 64]));
}

#[test]
fn events_are_signalled_once_and_before_a_wait() {
    let check = |items: Vec<Item>, expected: &str| {
        let error = Desk::new(0).run(items, 1).unwrap_err();
        assert!(error.starts_with(&format!("program `test` does not fit: {expected}")), "{error}");
    };
    let (signal, wait) =
        (Item::Signal { lane: Lane::Main, event: 0 }, Item::Wait { lane: Lane::Side, event: 0 });
    check(vec![wait.clone(), signal.clone()], "a wait for event 0, which is not signalled before");
    check(vec![signal.clone(), signal], "event 0 is signalled twice");
    check(vec![Item::Signal { lane: Lane::Main, event: 1 }], "event 1 of 1");
    check(vec![wait], "a wait for event 0");
}

#[test]
fn faults_name_the_operation_and_the_buffer() {
    let mut desk = Desk::new(0);
    let (x, y) = (desk.add("x", 256), desk.add("y", 256));
    let item = |x: Span, y: Span| twice("widen", Lane::Main, [x, y]);
    desk.run(vec![item(x, y)], 0).unwrap();
    let error = desk.run(vec![item(x, y.part(128, 128))], 0).unwrap_err();
    let expected = "kernel `fault_twice`, block (0, 0), thread 32: touches byte 256 of buffer `y` of \
                    256 bytes (in `widen`)";
    assert_eq!(error, expected);
}

#[test]
fn copies_stay_inside_of_their_regions() {
    let mut device = Emulator::new(0);
    let region = device.allocate(100).unwrap();
    assert_eq!(region.address % 256, 0);
    let mut bytes = [0; 101];
    Machine::read(&mut device, region, &mut bytes[..100]).unwrap();
    assert_eq!(bytes[..100], [0xff; 100]);
    assert!(Machine::read(&mut device, region, &mut bytes).is_err());
    assert!(Machine::write(&mut device, region, &bytes).is_err());
    let other = Emulator::new(0).allocate(100).unwrap();
    assert!(Machine::read(&mut device, other, &mut bytes[..1]).is_err());
    Machine::write(&mut device, region, &[7; 50]).unwrap();
    Machine::read(&mut device, region, &mut bytes[..51]).unwrap();
    assert_eq!((bytes[49], bytes[50]), (7, 0xff));
    let mark = device.mark().unwrap();
    device.wait(mark).unwrap();
    assert!(device.has_passed(mark).unwrap());
}
