//! What the emulator notices.

use lockstep_emulator::{Argument, Emulator, Grid, in_every_order};
use lockstep_program::MachineError;

#[test]
fn a_kernel_runs() {
    let values: Vec<f32> = (0..1000_u16).map(f32::from).collect();
    let doubled = in_every_order(|device: &Emulator| {
        let (x, y) = (device.buffer(&values), device.poisoned::<f32>(1000));
        let grid = Grid { blocks: [4, 1], threads: 256, shared: 0 };
        device.launch("fault_twice", grid, &[x.into(), y.into(), 1000_i32.into()]).unwrap();
        device.read(&y)
    });
    assert!(doubled.iter().zip(&values).all(|(y, x)| *y == 2.0 * x));
}

fn try_one(kernel: &str, more: &[Argument]) -> Result<Vec<f32>, MachineError> {
    let device = Emulator::new(1);
    let y = device.poisoned::<f32>(128);
    let grid = Grid { blocks: [1, 1], threads: 128, shared: 512 };
    device.launch(kernel, grid, &[&[y.into()], more].concat())?;
    Ok(device.read(&y))
}

#[test]
fn all() {
    for (kernel, more) in [
        ("fault_missed_barrier", vec![]),
        ("fault_early_return", vec![40_i32.into()]),
        ("fault_half_mask", vec![]),
        ("fault_half_warp", vec![]),
        ("fault_two_collectives", vec![]),
        ("fault_shared", vec![0_i32.into()]),
        ("fault_shared", vec![4_i32.into()]),
        ("fault_write", vec![128_i32.into()]),
        ("fault_write", vec![(-1_i32).into()]),
        ("fault_write", vec![(-1000000_i32).into()]),
        ("fault_write", vec![(-100000_i32).into()]),
        ("fault_stack", vec![10000_i32.into()]),
        ("fault_stack", vec![10_i32.into()]),
        ("fault_unknown", vec![]),
        ("fault_stack", vec![10_f32.into()]),
        ("fault_stack", vec![10_i32.into(), 10_i32.into()]),
    ] {
        match try_one(kernel, &more) {
            Ok(_) => eprintln!("{kernel}: nothing noticed"),
            Err(error) => eprintln!("{error}"),
        }
    }
    let time = |kernel: &str, blocks: u32, count: i32| {
        let device = Emulator::with_threads(2, 1);
        let y = device.poisoned::<f32>(256);
        let grid = Grid { blocks: [blocks, 1], threads: 256, shared: 0 };
        let mut best = f64::INFINITY;
        for _ in 0..3 {
            let began = std::time::Instant::now();
            device.launch(kernel, grid, &[y.into(), count.into()]).unwrap();
            best = best.min(began.elapsed().as_secs_f64());
        }
        best * 1e9
    };
    eprintln!(
        "barrier of a thread {:.1} ns",
        time("fault_cost_barriers", 5, 2000) / 5.0 / 2000.0 / 256.0
    );
    eprintln!("sum of a warp {:.1} ns", time("fault_cost_sums", 5, 2000) / 5.0 / 2000.0 / 8.0);
    eprintln!("mma of a warp {:.1} ns", time("fault_cost_products", 5, 2000) / 5.0 / 2000.0 / 8.0);
    eprintln!("block {:.1} us", time("fault_cost_nothing", 2000, 1) / 2000.0 / 1e3);
    for kernel in ["fault_block_race", "fault_warp_race", "fault_reuse_race"] {
        for wait in [0_i32, 1] {
            let all: Vec<_> = (0..8)
                .map(|seed| {
                    let device = Emulator::new(seed);
                    let y = device.poisoned::<f32>(1024);
                    let grid = Grid { blocks: [4, 1], threads: 256, shared: 1024 };
                    device.launch(kernel, grid, &[y.into(), wait.into()]).unwrap();
                    device.read(&y).iter().map(|x| x.to_bits()).collect::<Vec<_>>()
                })
                .collect();
            eprintln!(
                "{kernel} {wait}: {:?}",
                all.iter().map(|x| *x != all[0]).collect::<Vec<_>>()
            );
        }
    }
}
