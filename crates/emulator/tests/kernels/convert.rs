//! Conversions between f32 and bf16.

#![expect(clippy::cast_possible_truncation, reason = "sizes and values of tests are small")]

use lockstep_emulator::{Grid, bf16_bits, bf16_value, in_every_order};

use crate::values::values;

/// Ties, numbers on both sides of them, subnormal numbers, the largest, and what is no number.
const SPECIAL: [u32; 16] = [
    0x0000_0000,
    0x8000_0000,
    0x3f80_8000,
    0x3f81_8000,
    0x3f80_7fff,
    0x3f80_8001,
    0xbf80_8000,
    0x0000_0001,
    0x0000_8000,
    0x007f_ffff,
    0x7f7f_ffff,
    0x7f7f_0000,
    0x7f80_0000,
    0xff80_0000,
    0x7fc0_0000,
    0x7f80_0001,
];

fn grids() -> [Grid; 3] {
    [1, 2, 5].map(|blocks| Grid { blocks: [blocks, 1], threads: 256, shared: 0 })
}

#[test]
fn to_bf16_rounds_to_the_nearest_and_ties_to_even() {
    let mut x: Vec<f32> = SPECIAL.map(f32::from_bits).into();
    x.extend(values::<f32>(1, 8 * 600));
    for count in [0, 8, x.len()] {
        let x = &x[..count];
        for grid in grids() {
            let got = in_every_order(|device| {
                // Not an empty buffer, but one that may not be touched.
                let from = device.buffer(if count == 0 { &[0.0][..] } else { x });
                let y = device.poisoned::<u16>(count.max(1));
                let arguments = [from.into(), y.into(), (count as i32).into()];
                device.launch("to_bf16", grid, &arguments).unwrap();
                device.read(&y)
            });
            if count == 0 {
                assert_eq!(got, [0xffff]);
                continue;
            }
            assert_eq!(got, x.iter().map(|&x| bf16_bits(x)).collect::<Vec<_>>());
            for (&x, &y) in x.iter().zip(&got).filter(|(x, _)| x.is_finite()) {
                let back = bf16_value(y);
                let near = f64::from(x).abs() / 256.0 + f64::from(f32::MIN_POSITIVE) / 256.0;
                let overflows = back.is_infinite() && x > 3.39e38;
                assert!(overflows || (f64::from(back) - f64::from(x)).abs() <= near, "{x}: {back}");
            }
        }
    }
}

#[test]
fn ties_go_to_even() {
    let expected = [
        0x0000, 0x8000, 0x3f80, 0x3f82, 0x3f80, 0x3f81, 0xbf80, 0, 0, 0x0080, 0x7f80, 0x7f7f,
        0x7f80, 0xff80, 0x7fff, 0x7fff,
    ];
    let got = in_every_order(|device| {
        let x = device.buffer(&SPECIAL.map(f32::from_bits));
        let y = device.poisoned::<u16>(16);
        device.launch("to_bf16", grids()[0], &[x.into(), y.into(), 16_i32.into()]).unwrap();
        device.read(&y)
    });
    assert_eq!(got, expected);
}

#[test]
fn to_f32_keeps_every_value() {
    let x: Vec<u16> = (0..=u16::MAX).collect();
    for grid in grids() {
        let got: Vec<f32> = in_every_order(|device| {
            let from = device.buffer(&x);
            let y = device.poisoned::<f32>(x.len());
            let arguments = [from.into(), y.into(), (x.len() as i32).into()];
            device.launch("to_f32", grid, &arguments).unwrap();
            device.read(&y)
        });
        let bits = |x: u16| u32::from(x) << 16;
        assert!(got.iter().zip(&x).all(|(y, &x)| y.to_bits() == bits(x)));
    }
}
