//! Two machines beside each other: what is compared, and what a fault looks like.

use std::thread;

use lockstep_emulator::Emulator;
use lockstep_emulator::beside::{Beside, Channel, Finding, Scalar};
use lockstep_program::{
    Argument, Arithmetic, Element, Factor, Item, Lane, Launch, Machine, Matrix, Memory, Op,
    Product, Program, Span, Work,
};

const ROWS: usize = 8;
const VALUES: usize = ROWS * ROWS;

fn op(label: &str, work: Work, reads: &[Span], writes: &[Span]) -> Item {
    let (reads, writes) = (reads.to_vec(), writes.to_vec());
    Item::Op(Box::new(Op { label: label.to_owned(), lane: Lane::Main, work, reads, writes }))
}

fn product(label: &str, [left, right, out]: [Span; 3]) -> Item {
    let matrix =
        |span| Matrix { span, element: Element::F32, rows: ROWS, columns: ROWS, stride: ROWS };
    let product = Product {
        left: Factor::Plain(matrix(left)),
        right: Factor::Plain(matrix(right)),
        addend: None,
        out: matrix(out),
        arithmetic: Arithmetic::F32,
    };
    op(label, Work::Product(product), &[left, right], &[out])
}

fn narrow(label: &str, from: Span, to: Span) -> Item {
    let arguments = vec![Argument::Address(from), Argument::Address(to), Argument::I32(64)];
    let kernel = "to_bf16".to_owned();
    let launch = Launch { kernel, grid: [1, 1], threads: 256, shared: 0, arguments };
    op(label, Work::Launch(launch), &[from], &[to])
}

/// Writes two matrices, and runs two products and a conversion; `right` is the first one's factor.
fn run<M: Machine>(machine: &mut M, right: usize) {
    let mut memory = Memory::default();
    let mut add = |machine: &mut M, bytes: usize, name: &str| {
        let region = machine.allocate(bytes).unwrap();
        memory.add(name, region)
    };
    let spans: Vec<Span> = (0..4).map(|_| add(machine, VALUES * 4, "states")).collect();
    let narrowed = add(machine, VALUES * 2, "copies of the weights");
    for (place, span) in spans[..2].iter().enumerate() {
        let values: Vec<f32> = (0..VALUES).map(|at| ((at * 7 + place) % 5) as f32 - 2.0).collect();
        machine.write(memory.locate(span), bytemuck::cast_slice(&values)).unwrap();
    }
    let items = vec![
        product("first", [spans[0], spans[right], spans[2]]),
        product("second", [spans[2], spans[1], spans[3]]),
        narrow("narrowed", spans[3], narrowed),
    ];
    let program = Program { name: "test".to_owned(), items, events: 0 };
    let mut loaded = machine.load(&program, &memory).unwrap();
    machine.run(&mut loaded).unwrap();
}

/// What a machine that takes this factor finds beside one that takes matrix 1.
fn findings(right: usize) -> Vec<Finding> {
    let (tells, follows) = Channel::default().split();
    thread::scope(|scope| {
        scope.spawn(|| run(&mut tells.on(Emulator::new(0)), 1));
        let follower = scope.spawn(|| {
            let mut follower: Beside<Emulator> = follows.on(Emulator::new(7));
            run(&mut follower, right);
            follower.findings().to_vec()
        });
        follower.join().unwrap()
    })
}

#[test]
fn equal_machines_differ_nowhere() {
    let all = findings(1);
    let kinds: Vec<_> = all.iter().map(|finding| (&*finding.label, finding.scalar)).collect();
    let bf16 = ("narrowed", Scalar::Bf16);
    assert_eq!(kinds, [("first", Scalar::F32), ("second", Scalar::F32), bf16]);
    for finding in all {
        let distance = finding.distance;
        assert_eq!((distance.differing, distance.compared), (0, VALUES), "{finding}");
        assert!(finding.is_near(), "{finding}");
    }
}

#[test]
fn a_fault_is_found_where_it_is_and_nowhere_else() {
    let near: Vec<bool> = findings(0).iter().map(Finding::is_near).collect();
    assert_eq!(near, [false, true, true]);
}

#[test]
fn a_machine_that_ends_early_is_an_error_and_no_wait() {
    let (tells, follows) = Channel::default().split();
    drop(tells);
    let mut follower = follows.on(Emulator::new(0));
    let mut memory = Memory::default();
    let mut add = |machine: &mut Beside<Emulator>| {
        let region = machine.allocate(VALUES * 4).unwrap();
        memory.add("states", region)
    };
    let spans = [add(&mut follower), add(&mut follower), add(&mut follower)];
    let items = vec![product("first", spans)];
    let program = Program { name: "test".to_owned(), items, events: 0 };
    let mut loaded = follower.load(&program, &memory).unwrap();
    let error = follower.run(&mut loaded).unwrap_err().to_string();
    assert!(error.contains("has ended"), "{error}");
}
