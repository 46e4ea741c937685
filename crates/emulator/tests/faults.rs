//! What the emulator notices.

use lockstep_emulator::{Emulator, Grid, in_every_order};

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
