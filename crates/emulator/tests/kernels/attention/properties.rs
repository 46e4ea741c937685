//! Attention of all tokens: numbers, bits, padding, and independence of the order of threads.

use lockstep_emulator::{Emulator, in_every_order};

use super::all::Input;
use super::case::Case;
use super::value::{Value, assert_near};
use super::{LONGEST, cases};

fn forward<T: Value>() {
    for (columns, rate) in [(32, 0.0), (64, 0.1), (32, 0.1), (64, 0.0)] {
        for case in cases(columns, rate) {
            case.check_forward::<T>();
        }
    }
}

fn backward<T: Value>() {
    for (columns, rate) in [(32, 0.0), (64, 0.1), (32, 0.1), (64, 0.0)] {
        for case in cases(columns, rate) {
            case.check_backward::<T>();
        }
    }
}

#[test]
fn forward_f32() {
    forward::<f32>();
}

#[test]
fn forward_bf16() {
    forward::<u16>();
}

#[test]
fn backward_f32() {
    backward::<f32>();
}

#[test]
fn backward_bf16() {
    backward::<u16>();
}

/// The longest segments that there may be, and one token less.
#[test]
fn whole_segments() {
    for (lengths, columns) in [(vec![512], 64), (vec![511], 32)] {
        let case = Case { lengths, columns, longest: LONGEST_TOKENS, rate: 0.1, ..Case::default() };
        case.check_forward::<f32>();
        case.check_forward::<u16>();
        case.check_backward::<f32>();
        case.check_backward::<u16>();
    }
}

const LONGEST_TOKENS: usize = 512;

/// Tensor cores and multiply-adds give the same but for the roundings of bf16.
#[test]
fn tensor_cores_agree_with_multiply_adds() {
    let wide = |values: &[u16]| values.iter().map(|value| value.value() as f32).collect::<Vec<_>>();
    for case in cases(64, 0.1) {
        let case = Case { bias: 0.0, ..case };
        let half = case.input::<u16>();
        let input = Input {
            qkv: wide(&half.qkv),
            keys: half.keys.clone(),
            y: wide(&half.y),
            dy: wide(&half.dy),
        };
        let device = Emulator::new(case.seed);
        let ((half_bits, half_out), (bits, out)) =
            (case.forward(&device, &half), case.forward(&device, &input));
        assert!(case.real_bits(&half_bits) == case.real_bits(&bits), "{case:?}: bits");
        let out: Vec<f64> = out.iter().map(|value| value.value()).collect();
        assert_near(&format!("{case:?}: out"), &half_out, &out, u16::TOLERANCE[0]);
        let dqkv = case.backward(&device, &input).0;
        let dqkv: Vec<f64> = dqkv.iter().map(|value| value.value()).collect();
        let half = case.backward(&device, &half).0;
        assert_near(&format!("{case:?}: dqkv"), &half, &dqkv, u16::TOLERANCE[1]);
    }
}

/// A long class gives short segments the same as their own.
#[test]
fn a_longer_class_serves_shorter_segments() {
    for longest in [64, 128, 512] {
        let case =
            Case { lengths: vec![3, 30, 1], longest, heads: 2, rate: 0.3, ..Case::default() };
        case.check_forward::<f32>();
        case.check_forward::<u16>();
        case.check_backward::<f32>();
        case.check_backward::<u16>();
    }
}

#[test]
fn no_order_matters() {
    fn check<T: Value>(case: &Case) {
        let input = case.input::<T>();
        in_every_order(|device| {
            let (bits, out) = case.forward(device, &input);
            let (dqkv, parts) = case.backward(device, &input);
            (case.real_bits(&bits).into_iter().map(u8::from).collect::<Vec<_>>(), out, dqkv, parts)
        });
    }
    for case in cases(64, 0.2) {
        let lengths = match case.longest {
            512 => vec![LONGEST[0], 3],
            longest => vec![longest - 7, 0, 18],
        };
        let case = Case { lengths, ..case };
        check::<f32>(&case);
        check::<u16>(&case);
    }
}
