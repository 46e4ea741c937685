//! Whether dropout's masks are as random as they need to be.
//!
//! Bounds are five standard deviations of the statistic over independent fair draws, so that a good
//! hash passes whatever its constants are.

use candle_core::{DType, Device, Tensor};
use lockstep_kernels::{Dropout, dropout, plain};
use lockstep_world::{Purpose, Seed};

const ROWS: usize = 512;
const COLUMNS: usize = 768;

/// 1 where an element of row `row` is dropped.
type Mask = Vec<Vec<bool>>;

fn mask(rate: f32, keys: impl Fn(u64) -> Seed) -> Mask {
    let rule = Dropout { rate, keys: (0..ROWS as u64).map(keys).collect() };
    let ones = Tensor::ones((ROWS, COLUMNS), DType::F32, &Device::Cpu).unwrap();
    let rows = dropout(&ones, &rule).unwrap().to_vec2::<f32>().unwrap();
    let survivor = 1.0 / (1.0 - rate);
    assert!(rows.iter().flatten().all(|&x| x == 0.0 || x == survivor));
    rows.iter().map(|row| row.iter().map(|&x| x == 0.0).collect()).collect()
}

/// Keys as a model derives them.
fn derived(row: u64) -> Seed {
    Seed(1).derive(Purpose::DropoutExample, row / 40).derive(Purpose::DropoutPosition, row % 40)
}

/// The correlation of pairs of draws with probability `rate`.
fn correlation(rate: f64, pairs: impl Iterator<Item = (bool, bool)>) -> (f64, f64) {
    let centred = |dropped: bool| f64::from(u8::from(dropped)) - rate;
    let (sum, count) =
        pairs.fold((0.0, 0.0), |(sum, n), (x, y)| (sum + centred(x) * centred(y), n + 1.0));
    (sum / count / (rate * (1.0 - rate)), count)
}

#[test]
fn the_share_of_dropped_elements_is_the_rate() {
    for rate in [0.01, 0.1, 0.5, 0.9] {
        let mask = mask(rate, derived);
        let rate = f64::from(rate);
        let count = (ROWS * COLUMNS) as f64;
        let share = mask.iter().flatten().filter(|&&dropped| dropped).count() as f64 / count;
        let allowed = 5.0 * (rate * (1.0 - rate) / count).sqrt();
        assert!((share - rate).abs() < allowed, "rate {rate}: dropped {share}");
        // The shares of rows and of columns vary as much as independent draws would make them.
        let rows: Vec<_> =
            mask.iter().map(|row| row.iter().filter(|&&x| x).count() as f64).collect();
        let columns: Vec<_> =
            (0..COLUMNS).map(|c| mask.iter().filter(|row| row[c]).count() as f64).collect();
        for (counts, draws) in [(rows, COLUMNS), (columns, ROWS)] {
            let expected = draws as f64 * rate * (1.0 - rate);
            let mean = draws as f64 * rate;
            let n = counts.len() as f64;
            let variance = counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / n;
            let close = (variance / expected - 1.0).abs() < 5.0 * (2.0 / n).sqrt() + 0.02;
            assert!(close, "rate {rate}: expected a variance of {expected}, got {variance}");
        }
    }
}

#[test]
fn neighbours_are_independent() {
    fn check(name: &str, rate: f32, pairs: impl Iterator<Item = (bool, bool)>) {
        let (correlation, count) = correlation(f64::from(rate), pairs);
        let allowed = 5.0 / count.sqrt();
        assert!(correlation.abs() < allowed, "{name}: {correlation}, allowed is {allowed}");
    }
    let rate = 0.1;
    type Keys = (&'static str, fn(u64) -> Seed);
    let keys: [Keys; 4] = [
        ("derived", derived),
        // Worse than any key a model derives: the halves count up, or differ in one bit.
        ("counting", Seed),
        ("counting in the high half", |row| Seed(row << 32)),
        ("one bit", |row| Seed((0xABCD * (row / 64)) ^ (1 << (row % 64)))),
    ];
    for (name, key) in keys {
        let mask = mask(rate, key);
        for lag in [1, 2, 3, 8, 16, 64, 256] {
            let elements = mask.iter().flat_map(|row| row.windows(lag + 1).map(|w| (w[0], w[lag])));
            check(&format!("{name}: elements {lag} apart"), rate, elements);
            let rows = mask.windows(lag + 1).flat_map(|w| w[0].iter().copied().zip(w[lag].clone()));
            check(&format!("{name}: rows {lag} apart"), rate, rows);
        }
    }
}

#[test]
fn each_row_has_its_own_mask() {
    let mask = mask(0.5, derived);
    let mut rows = mask.clone();
    rows.sort();
    rows.dedup();
    assert_eq!(rows.len(), ROWS);
    // Nor is a row another one shifted or permuted in runs: no run of 64 draws comes twice.
    let mut runs: Vec<_> = mask.iter().flat_map(|row| row.windows(64)).collect();
    runs.sort();
    let twice = runs.windows(2).filter(|pair| pair[0] == pair[1]).count();
    assert_eq!(twice, 0, "of {} runs", runs.len());
}

#[test]
fn equal_keys_drop_equal_elements() {
    let mask = mask(0.3, |row| Seed(row / 2));
    assert!(mask.chunks(2).all(|pair| pair[0] == pair[1]));
}

/// The mask of the fused kernel is that of the plain form, bit by bit.
#[test]
fn both_forms_drop_the_same() {
    let rule = Dropout { rate: 0.1, keys: (0..30).map(derived).collect() };
    let ones = Tensor::ones((30, 1000), DType::F32, &Device::Cpu).unwrap();
    let fused = dropout(&ones, &rule).unwrap().to_vec2::<f32>().unwrap();
    assert_eq!(fused, plain::dropout(&ones, &rule).unwrap().to_vec2::<f32>().unwrap());
}
