//! How a metric spreads over trainings that differ in their seed only.

use std::f64::consts::{FRAC_2_PI, FRAC_PI_2};

use serde::Serialize;

/// A metric over several seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The standard deviation of a sample (n - 1 below the sum of squares); not finite for one value.
    pub std: f64,
    /// The 95 % confidence interval of the mean by Student's t, as if the values were normal.
    pub interval: [f64; 2],
    /// The metric of each seed, in the order of the seeds.
    pub values: Vec<f64>,
}

impl Spread {
    /// The spread of these values.
    #[must_use]
    pub fn of(values: Vec<f64>) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let std = (squares / (n - 1.0)).sqrt();
        let half = t_quantile(values.len().saturating_sub(1)) * std / n.sqrt();
        Self { mean, std, interval: [mean - half, mean + half], values }
    }
}

/// The 97.5 % point of Student's t with so many degrees of freedom: the t with `P(|T| < t) = 0.95`.
///
/// For whole degrees that probability is a finite sum in the angle of which t / sqrt(degrees) is the
/// tangent (Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4); it rises
/// with the angle, which is found by halving.
fn t_quantile(degrees: usize) -> f64 {
    const HALVINGS: usize = 60;
    if degrees == 0 {
        return f64::NAN;
    }
    let (mut low, mut high) = (0.0, FRAC_PI_2);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        match within(middle, degrees) < 0.95 {
            true => low = middle,
            false => high = middle,
        }
    }
    high.tan() * (degrees as f64).sqrt()
}

/// `P(|T| < t)` with t = tan(angle) sqrt(degrees).
fn within(angle: f64, degrees: usize) -> f64 {
    let (sine, cosine) = angle.sin_cos();
    // The first power of the cosine in the sum: 1 for odd degrees, 0 for even ones.
    let odd = degrees % 2;
    let (mut term, mut sum) = (cosine.powi(i32::from(odd == 1)), 0.0);
    for power in (odd..degrees.saturating_sub(1)).step_by(2) {
        sum += term;
        term *= cosine * cosine * (power + 1) as f64 / (power + 2) as f64;
    }
    match odd {
        1 => FRAC_2_PI * (angle + sine * sum),
        _ => sine * sum,
    }
}

#[cfg(test)]
mod tests {
    use lockstep_testkit::reference;

    use super::*;
    use crate::wilson_interval;

    fn near(found: f64, expected: f64, what: &str) {
        let distance = (found - expected).abs() / expected.abs().max(1e-3);
        assert!(distance < 1e-9, "{what}: {found} is not {expected}");
    }

    #[test]
    fn quantiles_and_intervals_are_scipys() {
        let text = std::fs::read_to_string(reference("golden/intervals.tsv")).unwrap();
        let mut seen = 0;
        for line in text.lines() {
            let words: Vec<&str> = line.split('\t').collect();
            let numbers = |list: &str| list.split(' ').map(|word| word.parse().unwrap()).collect();
            let [kind, given, expected] = words[..] else { panic!("{line}") };
            let (given, expected): (Vec<f64>, Vec<f64>) = (numbers(given), numbers(expected));
            let whole = |place: usize| format!("{}", given[place]).parse::<u64>().unwrap();
            let found = match kind {
                "t" => vec![t_quantile(usize::try_from(whole(0)).unwrap())],
                "wilson" => wilson_interval(whole(0), whole(1)).to_vec(),
                _ => {
                    let Spread { mean, std, interval: [low, high], .. } = Spread::of(given);
                    vec![mean, std, low, high]
                }
            };
            assert_eq!(found.len(), expected.len(), "{line}");
            found.iter().zip(&expected).for_each(|(found, expected)| near(*found, *expected, line));
            seen += 1;
        }
        assert!(seen > 100, "{seen} lines");
    }

    #[test]
    fn one_value_has_a_mean_and_no_spread() {
        let Spread { mean, std, interval, .. } = Spread::of(vec![0.8]);
        assert!(mean == 0.8 && std.is_nan() && interval.iter().all(|bound| bound.is_nan()));
        let same = Spread::of(vec![0.8; 3]);
        assert!(same.std.abs() < 1e-12 && (same.interval[0] - 0.8).abs() < 1e-12);
        assert!(Spread::of(vec![0.8, f64::NAN]).mean.is_nan());
    }
}
