//! The exponential and the normal distribution in f32, written so that loops over them vectorise.
//!
//! Both are free of branches and tables. The polynomials are our own minimax fits; the program that
//! makes and measures them is `golden/polynomials.py`, which these constants are copied from.

/// `log2(e)`.
const LOG2_E: f32 = std::f32::consts::LOG2_E;
/// The leading bits of `ln 2`, few enough that a product with a small integer is exact.
const LN_2_HIGH: f32 = 0.693_359_4;
/// What [`LN_2_HIGH`] lacks.
const LN_2_LOW: f32 = -2.121_944_4e-4;
/// Adding `1.5 · 2^23` rounds to an integer and leaves it in the low bits of the sum.
const ROUND: f32 = 12_582_912.0;
/// `(e^r - 1 - r) / r²` on `|r| <= ln 2 / 2`, from the constant term up.
const EXP: [f32; 5] = [0.499_999_94, 0.166_665_2, 0.041_668_393, 0.008_368_781, 0.001_381_446_6];
/// The lowest argument whose exponential is a normal number.
const LOWEST: f32 = -87.0;
/// Just below the highest argument whose exponential is finite.
const HIGHEST: f32 = 88.0;

/// `e^x` for `x` up to 88 within 1e-7 of itself; `e^-87` below -87, which is nothing beside 1.
///
/// `x = n ln 2 + r`, so `e^x = 2^n e^r` (Cody and Waite, "Software Manual for the Elementary
/// Functions", 1980, chapter 6). A NaN stays one.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let x = if x < LOWEST { LOWEST } else { x };
    let x = if x > HIGHEST { HIGHEST } else { x };
    let shifted = x * LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let power = horner(r, &EXP) * (r * r) + r + 1.0;
    // The low bits of `shifted` are n; moved into the exponent of 1 they make 2^n.
    power * f32::from_bits(1_f32.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// How fast `t / (1 + SLOPE t)` bends.
const SLOPE: f32 = 0.34;
/// The Mills ratio less 1/2 in `u = t / (1 + SLOPE t)`, over `u`, from the constant term up.
const MILLS: [f32; 9] = [
    -0.398_941_96,
    0.114_354_685,
    -0.009_072_375_5,
    -0.002_189_318_6,
    0.000_245_265_78,
    -1.709_139_9e-5,
    5.856_032_3e-5,
    -1.852_703_6e-5,
    1.707_637_4e-6,
];

/// The normal distribution at one point.
#[derive(Clone, Copy)]
pub(crate) struct Normal {
    /// `Φ(x)`, the probability of a value below `x`, within 1e-7.
    pub(crate) below: f32,
    /// `φ(x) = e^(-x²/2) / √(2π)`, the density.
    pub(crate) density: f32,
}

/// `Φ(x)` and `φ(x)`, which share their exponential.
///
/// `Φ(-t) = e^(-t²/2) R(t)` for `t >= 0`, where `R` is the Mills ratio over `√(2π)`: it falls
/// smoothly from 1/2, and its error is damped by the exponential.
#[inline(always)]
pub(crate) fn normal(x: f32) -> Normal {
    /// Nothing is left beyond; infinity would divide itself.
    const FARTHEST: f32 = 20.0;
    const ROOT_OF_TAU_INVERTED: f32 = 0.398_942_3;
    let t = if x.abs() > FARTHEST { FARTHEST } else { x.abs() };
    let bell = exp(-0.5 * (t * t));
    let u = t / (1.0 + SLOPE * t);
    let tail = bell * (horner(u, &MILLS) * u + 0.5);
    let below = if x < 0.0 { tail } else { 1.0 - tail };
    Normal { below, density: ROOT_OF_TAU_INVERTED * bell }
}

#[inline(always)]
fn horner<const TERMS: usize>(x: f32, coefficients: &[f32; TERMS]) -> f32 {
    let mut value = coefficients[TERMS - 1];
    for &coefficient in coefficients[..TERMS - 1].iter().rev() {
        value = value * x + coefficient;
    }
    value
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;

    /// The points `from..to` in f32, and `Φ` there in f64 from candle's erf.
    fn distribution(from: f32, to: f32) -> Vec<(f32, f64)> {
        let points: Vec<f32> = (0..=10_000).map(|i| from + (to - from) * i as f32 / 1e4).collect();
        let wide = points.iter().map(|&x| f64::from(x) * std::f64::consts::FRAC_1_SQRT_2);
        let erf = Tensor::from_iter(wide, &Device::Cpu).unwrap().erf().unwrap();
        let erf = erf.to_vec1::<f64>().unwrap();
        points.into_iter().zip(erf.into_iter().map(|erf| (1.0 + erf) / 2.0)).collect()
    }

    #[test]
    fn exponentials_are_right_to_the_last_bit_but_one() {
        for i in -8700..=8800 {
            let x = i as f32 / 100.0;
            let (expected, got) = (f64::from(x).exp(), f64::from(exp(x)));
            assert!((got / expected - 1.0).abs() < 1e-7, "e^{x}: expected {expected}, got {got}");
        }
        assert!(exp(f32::NEG_INFINITY) < 2e-38 && exp(-1e30) < 2e-38);
        assert!(exp(f32::NAN).is_nan() && exp(f32::from_bits(u32::MAX)).is_nan());
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn the_normal_distribution_is_right() {
        for (x, expected) in distribution(-9.0, 9.0) {
            let got = f64::from(normal(x).below);
            assert!((got - expected).abs() < 9e-8, "Φ({x}): expected {expected}, got {got}");
            let density = (-0.5 * f64::from(x) * f64::from(x)).exp() / std::f64::consts::TAU.sqrt();
            assert!((f64::from(normal(x).density) - density).abs() < 6e-8, "φ({x})");
        }
        for (x, expected) in distribution(-1.0, 9.0) {
            let got = f64::from(normal(x).below);
            assert!((got / expected - 1.0).abs() < 2.5e-7, "Φ({x}): {expected}, got {got}");
        }
        assert!(normal(f32::NAN).below.is_nan());
        assert_eq!((normal(1e30).below, normal(f32::INFINITY).below), (1.0, 1.0));
    }
}
