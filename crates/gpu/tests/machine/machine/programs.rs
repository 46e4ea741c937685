//! Programs of our kernels on two lanes.

use lockstep_gpu::{CudaMachine, Graphs};
use lockstep_program::{
    Argument, Item, Lane, Launch, Machine, MachineError, Memory, Op, Program, Span, Work,
};

use super::{machine, read, upload, write};

/// Values of a buffer; as many as a kernel is told.
const COUNT: usize = 4096;
const TOLD: i32 = 4096;

/// `to = from`, through a conversion that is exact for the values here.
fn convert(lane: Lane, kernel: &str, from: Span, to: Span) -> Item {
    let arguments = vec![Argument::Address(from), Argument::Address(to), Argument::I32(TOLD)];
    let launch =
        Launch { kernel: kernel.to_owned(), grid: [4, 1], threads: 256, shared: 0, arguments };
    let (reads, writes) = (vec![from], vec![to]);
    let label = kernel.to_owned();
    Item::Op(Box::new(Op { label, lane, work: Work::Launch(launch), reads, writes }))
}

/// A program that copies the first buffer to the middle one and from there to the last, on both lanes
/// in turn. Bucket 1 is complete before the middle buffer is, bucket 0 after it.
struct Chain {
    program: Program,
    memory: Memory,
    buffers: [Span; 3],
}

/// So many operations come first that a reader who does not wait is too early.
const DELAY: usize = 300;

fn chain(machine: &mut CudaMachine) -> Chain {
    let mut memory = Memory::default();
    let mut buffer = |bytes| memory.add("values", machine.allocate(COUNT * bytes).unwrap());
    let [first, middle, last] = [buffer(4), buffer(4), buffer(4)];
    let [one, other] = [buffer(2), buffer(2)];
    let (main, side) = (Lane::Main, Lane::Side);
    let mut items: Vec<Item> = (0..DELAY).map(|_| convert(main, "to_bf16", first, one)).collect();
    items.extend([
        Item::Signal { lane: main, event: 0 },
        Item::Complete { bucket: 1 },
        Item::Wait { lane: side, event: 0 },
        convert(side, "to_f32", one, middle),
        Item::Signal { lane: side, event: 1 },
        Item::Complete { bucket: 0 },
        Item::Wait { lane: main, event: 1 },
        convert(main, "to_bf16", middle, other),
        convert(main, "to_f32", other, last),
    ]);
    let program = Program { name: "chain".to_owned(), items, events: 2 };
    Chain { program, memory, buffers: [first, middle, last] }
}

fn values(run: usize) -> Vec<f32> {
    (0..COUNT).map(|at| ((at + run) % 200) as f32).collect()
}

#[test]
fn every_run_reads_what_is_there_then() {
    for graphs in [Graphs::On, Graphs::Off] {
        let Some((_device, mut machine)) = machine(graphs) else { return };
        let chain = chain(&mut machine);
        let [first, _, last] = chain.buffers.map(|span| chain.memory.locate(&span));
        let mut program = machine.load(&chain.program, &chain.memory).unwrap();
        for run in 0..4 {
            write(&mut machine, first, &values(run));
            machine.run(&mut program).unwrap();
            assert_eq!(read(&mut machine, last), values(run), "{graphs:?}, run {run}");
        }
    }
}

#[test]
#[cfg(feature = "cuda")]
fn another_stream_reads_what_is_complete() {
    for graphs in [Graphs::On, Graphs::Off] {
        let Some((_device, mut machine)) = machine(graphs) else { return };
        let chain = chain(&mut machine);
        let [first, middle, last] = chain.buffers.map(|span| chain.memory.locate(&span));
        let stream = machine.stream().context().new_stream().unwrap();
        assert!(machine.completed(0).is_err(), "no program completes a bucket");
        let mut program = machine.load(&chain.program, &chain.memory).unwrap();
        for run in 0..4 {
            write(&mut machine, first, &values(run));
            machine.run(&mut program).unwrap();
            for event in machine.completed(0).unwrap() {
                stream.wait(event).unwrap();
            }
            let found = machine.with_values(middle, |values| stream.clone_dtoh(values).unwrap());
            stream.synchronize().unwrap();
            assert_eq!(found, values(run), "{graphs:?}, run {run}");
            assert_eq!(read(&mut machine, last), values(run), "{graphs:?}, run {run}");
        }
    }
}

#[test]
fn launches_that_do_not_fit_the_kernel_are_refused() {
    let Some((_device, mut machine)) = machine(Graphs::On) else { return };
    let mut memory = Memory::default();
    let region = upload(&mut machine, &[0.0; COUNT]);
    let span = memory.add("values", region);
    let mut load = |kernel: &str, change: fn(&mut Vec<Argument>)| {
        let mut item = convert(Lane::Main, kernel, span, span);
        if let Item::Op(op) = &mut item
            && let Work::Launch(launch) = &mut op.work
        {
            change(&mut launch.arguments);
        }
        let program = Program { name: "one".to_owned(), items: vec![item], events: 0 };
        machine.load(&program, &memory).map(|_| ())
    };
    assert_eq!(load("to_f32", |_| {}), Ok(()));
    let unknown = Err(MachineError::UnknownKernel { name: "to_f64".to_owned() });
    assert_eq!(load("to_f64", |_| {}), unknown);
    let changes: [fn(&mut Vec<Argument>); 3] = [
        |arguments| arguments.truncate(2),
        |arguments| arguments.push(Argument::Null),
        |arguments| arguments[2] = Argument::I64(0),
    ];
    for change in changes {
        let refused = load("to_f32", change);
        assert!(matches!(refused, Err(MachineError::Shape { .. })), "{refused:?}");
    }
}
