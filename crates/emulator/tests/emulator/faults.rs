//! What the emulator notices: the kernels of `faults/faults.cu` break one rule each.

use lockstep_emulator::{Emulator, Grid, RawArgument, in_every_order};
use lockstep_program::MachineError;

const THREADS: u32 = 128;

/// The error of a launch with a buffer of 128 floats and `more` arguments.
fn error(device: &Emulator, kernel: &str, more: &[RawArgument]) -> String {
    let y = device.poisoned::<f32>(THREADS as usize);
    let grid = Grid { blocks: [1, 1], threads: THREADS, shared: 4 * THREADS };
    let launched = device.launch(kernel, grid, &[&[y.into()], more].concat());
    launched.map_or_else(|error| error.to_string(), |()| "nothing noticed".to_owned())
}

/// With the threads in the order of their numbers.
fn check(kernel: &str, more: &[RawArgument], expected: &str) {
    assert_eq!(error(&Emulator::new(0), kernel, more), expected);
}

/// The fault is noticed in any order, at whichever thread.
fn check_always(kernel: &str, more: &[RawArgument], expected: &str) {
    check(kernel, more, expected);
    let cause =
        |error: &str| error.split_once(": ").map(|(_, cause)| cause.split(' ').next()).is_some();
    for seed in 1..6 {
        let found = error(&Emulator::new(seed), kernel, more);
        assert!(found.starts_with(&format!("kernel `{kernel}`, block (0, 0), thread")), "{found}");
        assert!(cause(&found), "{found}");
    }
}

fn int(number: i32) -> RawArgument {
    number.into()
}

#[test]
fn barriers_that_some_threads_miss() {
    check_always(
        "fault_missed_barrier",
        &[],
        "kernel `fault_missed_barrier`, block (0, 0), thread 64: has returned before a \
         __syncthreads at which thread 0 waits",
    );
    check_always(
        "fault_early_return",
        &[int(40)],
        "kernel `fault_early_return`, block (0, 0), thread 40: has returned before a \
         __syncthreads at which thread 0 waits",
    );
}

#[test]
fn collectives_of_a_part_of_a_warp() {
    check_always(
        "fault_half_mask",
        &[],
        "kernel `fault_half_mask`, block (0, 0), thread 0: __shfl_xor_sync of some lanes only, \
         mask 0x0000ffff",
    );
    check_always(
        "fault_half_warp",
        &[],
        "kernel `fault_half_warp`, block (0, 0), thread 32: waits at __shfl_xor_sync, which \
         thread 48 of its warp does not reach: it waits at __syncthreads",
    );
    check_always(
        "fault_two_collectives",
        &[],
        "kernel `fault_two_collectives`, block (0, 0), thread 1: is at __shfl_xor_sync while a \
         lane of its warp is at __syncwarp",
    );
}

#[test]
fn memory_that_is_not_there() {
    let fault = |kernel: &str, at: i32, thread: u32, what: &str| {
        let expected = format!("kernel `{kernel}`, block (0, 0), thread {thread}: {what}");
        check_always(kernel, &[int(at)], &expected);
    };
    fault("fault_shared", 0, 77, "touches byte 512 of its shared memory");
    fault("fault_shared", 3000, 77, "touches byte 3512 of its shared memory");
    fault("fault_write", 128, 70, "touches byte 512 of a buffer of 512 bytes");
    fault("fault_write", 100_000, 70, "touches byte 400000 of a buffer of 512 bytes");
    fault("fault_write", -100_000, 70, "touches byte -400000 of a buffer of 512 bytes");
    fault("fault_stack", 10_000, 0, "needs more stack than there is");
}

#[test]
fn reads_of_another_buffer() {
    let device = Emulator::new(0);
    let x = device.buffer(&[1.0_f32; 64]);
    let expected = "kernel `fault_read`, block (0, 0), thread 70: touches byte 256 of a buffer of \
                    256 bytes";
    assert_eq!(error(&device, "fault_read", &[x.into(), int(64)]), expected);
    let nowhere = error(&device, "fault_read", &[RawArgument::Null, int(64)]);
    assert!(nowhere.contains("thread 70: touches address 0x100, where no buffer is"), "{nowhere}");
    assert_eq!(error(&device, "fault_read", &[x.into(), int(63)]), "nothing noticed");
}

#[test]
fn addresses_that_do_not_suit_their_type() {
    let aligned = |at: i32, thread: u32, expected: &str| {
        let expected = match thread {
            THREADS => "nothing noticed".to_owned(),
            _ => format!("kernel `fault_wide_read`, block (0, 0), thread {thread}: {expected}"),
        };
        check("fault_wide_read", &[int(at)], &expected);
    };
    aligned(4, THREADS, "");
    aligned(6, 70, "touches an address that is no multiple of its type's alignment");
}

#[test]
fn writes_beside_a_buffer_on_its_own_page() {
    check(
        "fault_write",
        &[int(-1)],
        "kernel `fault_write` failed: wrote before a buffer of 512 bytes",
    );
    let device = Emulator::new(0);
    let y = device.poisoned::<f32>(127);
    let grid = Grid { blocks: [1, 1], threads: 96, shared: 0 };
    let launched = device.launch("fault_write", grid, &[y.into(), int(127)]);
    let expected = MachineError::Device {
        what: "kernel `fault_write`".to_owned(),
        cause: "wrote behind a buffer of 508 bytes".to_owned(),
    };
    assert_eq!(launched, Err(expected));
}

#[test]
fn memory_that_was_not_written() {
    let device = Emulator::new(3);
    let y = device.poisoned::<f32>(THREADS as usize);
    let grid = Grid { blocks: [1, 1], threads: THREADS, shared: 0 };
    device.launch("fault_write", grid, &[y.into(), int(5)]).unwrap();
    let written: Vec<usize> = (0..128).filter(|i| !device.read(&y)[*i].is_nan()).collect();
    assert_eq!(written, [5]);
}

#[test]
fn launches_that_no_kernel_takes() {
    let bug = "this is a bug of the program";
    check(
        "fault_absent",
        &[],
        "kernel `fault_absent` is not in this build; this is a bug of the build",
    );
    let shape = |more: &[RawArgument], cause: &str| {
        check(
            "fault_write",
            more,
            &format!("a launch of `fault_write` does not fit: {cause}; {bug}"),
        );
    };
    shape(&[], "1 arguments; it takes 2");
    shape(&[int(1), int(1)], "3 arguments; it takes 2");
    shape(&[1.0_f32.into()], "argument 1, counted from 0, is a float; it takes an int");
    shape(&[RawArgument::Null], "argument 1, counted from 0, is a pointer; it takes an int");

    let grid = |blocks, threads, shared, cause: &str| {
        let device = Emulator::new(0);
        let y = device.poisoned::<f32>(1);
        let grid = Grid { blocks, threads, shared };
        let launched = device.launch("fault_write", grid, &[y.into(), int(0)]);
        let expected = format!("a launch of `fault_write` does not fit: {cause}; {bug}");
        assert_eq!(launched.unwrap_err().to_string(), expected);
    };
    grid([1, 1], 160, 0, "160 threads a block; it takes a multiple of 32, at most 128");
    grid([1, 1], 40, 0, "40 threads a block; it takes a multiple of 32, at most 128");
    grid([1, 0], 32, 0, "a grid of (1, 0) blocks");
    grid([1, 1], 32, 300_000, "300000 bytes of shared memory; a block has 232448 at most");
}

/// What `kernel` gives in each of eight orders of its threads, with the barrier or without.
fn results(kernel: &str, wait: bool) -> Vec<Vec<f32>> {
    let one = |seed| {
        let device = Emulator::new(seed);
        let y = device.poisoned::<f32>(1024);
        let grid = Grid { blocks: [4, 1], threads: 256, shared: 1024 };
        device.launch(kernel, grid, &[y.into(), int(i32::from(wait))]).unwrap();
        device.read(&y)
    };
    (0..8).map(one).collect()
}

#[test]
fn races_depend_on_the_seed() {
    for kernel in ["fault_block_race", "fault_warp_race", "fault_reuse_race"] {
        let bits = |wait| {
            let all = results(kernel, wait).into_iter();
            all.map(|y| y.into_iter().map(f32::to_bits).collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        let (with, without) = (bits(true), bits(false));
        assert!(with.iter().all(|y| *y == with[0]), "{kernel} with its barrier");
        assert!(without[1..].iter().all(|y| *y != without[0]), "{kernel} without");
    }
}

#[test]
#[should_panic(expected = "depends on the order of threads and blocks")]
fn in_every_order_notices_a_race() {
    in_every_order(|device| {
        let y = device.poisoned::<f32>(256);
        let grid = Grid { blocks: [1, 1], threads: 256, shared: 1024 };
        device.launch("fault_block_race", grid, &[y.into(), int(0)]).unwrap();
        device.read(&y)
    });
}

#[test]
fn a_faultless_kernel_gives_the_same_in_every_order() {
    let values: Vec<f32> = (0..10_000_u16).map(f32::from).collect();
    let doubled = in_every_order(|device| {
        let (x, y) = (device.buffer(&values), device.poisoned::<f32>(values.len()));
        let grid = Grid { blocks: [40, 1], threads: 256, shared: 0 };
        device.launch("fault_twice", grid, &[x.into(), y.into(), int(10_000)]).unwrap();
        device.read(&y)
    });
    assert!(doubled.iter().zip(&values).all(|(y, x)| *y == 2.0 * x));
}

#[test]
fn a_device_goes_on_after_a_fault() {
    let device = Emulator::new(1);
    for _ in 0..50 {
        error(&device, "fault_stack", &[int(10_000)]);
        assert_eq!(error(&device, "fault_stack", &[int(10)]), "nothing noticed");
    }
}
