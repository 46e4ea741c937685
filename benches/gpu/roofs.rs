//! What the card and its driver can do at best: the constants of the model of an update's time.

use std::fs;
use std::time::Instant;

use bytemuck::{bytes_of, cast_slice};
use lockstep_gpu::{CudaMachine, Graphs};
use lockstep_program::{
    AdamWConstants, Argument, CHUNK, Chunk, Control, Item, Lane, Launch, Machine, Memory, Op,
    PassNumbers, Program, Region, Work, rates,
};

use crate::options::Options;
use crate::products::{self, Shape};
use crate::{Outcome, median, need_gpu, open};

/// Bytes of each side of a copy.
const COPIED: usize = 2 << 30;
/// Chunks that AdamW updates: 43.3 million weights, as DistilBERT-base has beside its word table.
const CHUNKS: usize = 5_286;
/// Kernels of a chain.
const CHAIN: usize = 200;
const TRIES: usize = 9;

pub(crate) fn measure(options: &Options) -> Outcome<()> {
    need_gpu()?;
    println!("| roof | is |\n|---|---|");
    println!("| copy, read and written | {:.2} TB/s |", copies(&mut open(Graphs::On)?)?);
    println!("| AdamW, 28 bytes a weight | {:.2} TB/s |", adamw(&mut open(Graphs::On)?)?);
    chain(Graphs::Off)?;
    chain(Graphs::On)?;
    let table = products::measure()?;
    if let Some(path) = &options.out {
        fs::write(path, table)?;
    }
    Ok(())
}

fn copies(machine: &mut CudaMachine) -> Outcome<f64> {
    const COPIES: usize = 10;
    let (from, to) = (machine.allocate(COPIED)?, machine.allocate(COPIED)?);
    let mut rates = Vec::new();
    for _ in 0..TRIES {
        let began = wait(machine)?;
        for _ in 0..COPIES {
            machine.copy(from, to)?;
        }
        let seconds = wait(machine)?.duration_since(began).as_secs_f64();
        rates.push((2 * COPIES * COPIED) as f64 / seconds / 1e12);
    }
    Ok(median(rates))
}

/// When everything is done that was started.
fn wait(machine: &mut CudaMachine) -> Outcome<Instant> {
    let mark = machine.mark()?;
    machine.wait(mark)?;
    Ok(Instant::now())
}

/// A program of launches of one kernel.
fn launches(launch: &Launch, count: usize) -> Program {
    let op = || Op {
        label: launch.kernel.clone(),
        lane: Lane::Main,
        work: Work::Launch(launch.clone()),
        reads: Vec::new(),
        writes: Vec::new(),
    };
    let items = (0..count).map(|_| Item::Op(Box::new(op()))).collect();
    Program { name: format!("{count} x {}", launch.kernel), items, events: 0 }
}

fn written(machine: &mut CudaMachine, bytes: &[u8]) -> Outcome<Region> {
    let region = machine.allocate(bytes.len())?;
    machine.write(region, bytes)?;
    Ok(region)
}

/// AdamW in f32 over its usual table: bytes a second.
fn adamw(machine: &mut CudaMachine) -> Outcome<f64> {
    const VALUES: usize = CHUNKS * CHUNK;
    let zeros = vec![0_u8; VALUES * 4];
    let mut values = || written(machine, &zeros);
    let (weight, first, second, gradient) = (values()?, values()?, values()?, values()?);
    let at = |region: Region, chunk: usize| region.address + (chunk * CHUNK * 4) as u64;
    let chunk = |chunk: usize| Chunk {
        weight: at(weight, chunk),
        first: at(first, chunk),
        second: at(second, chunk),
        copy: 0,
        gradient: (chunk * CHUNK) as i64,
        length: CHUNK as i32,
        flags: 2,
    };
    let chunks: Vec<Chunk> = (0..CHUNKS).map(chunk).collect();
    let constants = AdamWConstants { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 };
    let control = Control { gradient_scale: 1.0, ..Control::default() };
    let mut memory = Memory::default();
    let mut address = |name: &str, region| Argument::Address(memory.add(name, region));
    let step = PassNumbers { examples: 1, ..PassNumbers::default() };
    let arguments = vec![
        address("step", written(machine, bytes_of(&step))?),
        address("chunks", written(machine, cast_slice(&chunks))?),
        Argument::I32(CHUNKS as i32),
        address("gradients", gradient),
        address("rates", written(machine, cast_slice(&rates(&constants, 1, |_| [1e-5; 2])))?),
        Argument::Moments(constants.moments()),
        address("control", written(machine, bytes_of(&control))?),
    ];
    let kernel = "adamw_f32".to_owned();
    let launch = Launch { kernel, grid: [132 * 4, 1], threads: 256, shared: 0, arguments };
    let mut program = machine.load(&launches(&launch, 1), &memory)?;
    let mut micros = Vec::new();
    for _ in 0..TRIES {
        micros.push(machine.time(&mut program)?);
    }
    Ok((VALUES * 28) as f64 / median(micros) / 1e6)
}

/// Kernels of one block that do next to nothing, each behind the one before; products likewise.
fn chain(graphs: Graphs) -> Outcome<()> {
    let mut machine = open(graphs)?;
    let mut memory = Memory::default();
    let mut take = |machine: &mut CudaMachine, name: &str| -> Outcome<_> {
        Ok(memory.add(name, written(machine, &[0; 64])?))
    };
    let (from, to) = (take(&mut machine, "from")?, take(&mut machine, "to")?);
    let arguments = vec![Argument::Address(from), Argument::Address(to), Argument::I32(8)];
    let kernel = "to_bf16".to_owned();
    let launch = Launch { kernel, grid: [1, 1], threads: 256, shared: 0, arguments };
    let how = if graphs == Graphs::On { "a graph" } else { "a stream" };
    let program = launches(&launch, CHAIN);
    let mut program = machine.load(&program, &memory)?;
    say(&mut machine, &mut program, &format!("{CHAIN} empty kernels in {how}"))?;
    let (program, memory) = products::chain(&mut machine, Shape::SMALLEST, CHAIN)?;
    let mut program = machine.load(&program, &memory)?;
    say(&mut machine, &mut program, &format!("{CHAIN} products of 32 x 32 x 32 in {how}"))
}

/// Prints what one of the chain costs device and host.
fn say(
    machine: &mut CudaMachine,
    program: &mut lockstep_gpu::CudaProgram,
    what: &str,
) -> Outcome<()> {
    for _ in 0..3 {
        machine.run(program)?;
    }
    let (mut device, mut host) = (Vec::new(), Vec::new());
    for _ in 0..TRIES {
        device.push(machine.time(program)? / CHAIN as f64);
        let began = wait(machine)?;
        machine.run(program)?;
        host.push(began.elapsed().as_secs_f64() * 1e6);
    }
    let (device, host) = (median(device), median(host));
    println!(
        "| {what} | each {device:.2} us of the device; host {host:.1} us, each {:.2} |",
        host / CHAIN as f64
    );
    Ok(())
}
