//! Attention of one head of one segment in f64.

/// What a head reads: rows of C columns, and the factors of all probabilities.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    /// (queries, C)
    pub(super) q: Vec<Vec<f64>>,
    /// (keys, C)
    pub(super) k: Vec<Vec<f64>>,
    /// (keys, C)
    pub(super) v: Vec<Vec<f64>>,
    /// (queries, keys): 0, or 1 / (1 - rate)
    pub(super) factors: Vec<Vec<f64>>,
}

/// The gradients of q, k and v.
#[derive(Clone, Debug, Default)]
pub(super) struct Gradients {
    pub(super) q: Vec<Vec<f64>>,
    pub(super) k: Vec<Vec<f64>>,
    pub(super) v: Vec<Vec<f64>>,
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(to: &mut [f64], factor: f64, values: &[f64]) {
    for (to, value) in to.iter_mut().zip(values) {
        *to += factor * value;
    }
}

impl Head {
    fn scale(&self) -> f64 {
        1.0 / (self.q[0].len() as f64).sqrt()
    }

    /// (queries, keys)
    fn probabilities(&self) -> Vec<Vec<f64>> {
        let row = |q: &Vec<f64>| {
            let scores: Vec<f64> = self.k.iter().map(|k| dot(q, k) * self.scale()).collect();
            let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let powers: Vec<f64> = scores.iter().map(|score| (score - top).exp()).collect();
            let sum: f64 = powers.iter().sum();
            powers.iter().map(|power| power / sum).collect()
        };
        self.q.iter().map(row).collect()
    }

    /// (queries, C)
    pub(super) fn forward(&self) -> Vec<Vec<f64>> {
        let rows = self.probabilities().into_iter().zip(&self.factors);
        rows.map(|(shares, factors)| {
            let mut y = vec![0.0; self.v[0].len()];
            for ((share, factor), v) in shares.iter().zip(factors).zip(&self.v) {
                add(&mut y, share * factor, v);
            }
            y
        })
        .collect()
    }

    /// `dy` is (queries, C).
    pub(super) fn backward(&self, dy: &[Vec<f64>]) -> Gradients {
        let zeros = |like: &Vec<Vec<f64>>| vec![vec![0.0; like[0].len()]; like.len()];
        let (mut dq, mut dk, mut dv) = (zeros(&self.q), zeros(&self.k), zeros(&self.v));
        for (i, shares) in self.probabilities().iter().enumerate() {
            let gradients: Vec<f64> =
                self.v.iter().zip(&self.factors[i]).map(|(v, f)| dot(&dy[i], v) * f).collect();
            let mean = dot(shares, &gradients);
            for (j, share) in shares.iter().enumerate() {
                let gradient = share * (gradients[j] - mean) * self.scale();
                add(&mut dq[i], gradient, &self.k[j]);
                add(&mut dk[j], gradient, &self.q[i]);
                add(&mut dv[j], share * self.factors[i][j], &dy[i]);
            }
        }
        Gradients { q: dq, k: dk, v: dv }
    }
}

/// The gradients are those of differences of the forward.
#[test]
fn the_oracle_agrees_with_finite_differences() {
    let value = |i: usize| ((i * i + 3 * i) as f64 * 0.37).sin();
    let rows = |from: usize, count: usize| -> Vec<Vec<f64>> {
        (0..count).map(|row| (0..4).map(|c| value(from + row * 4 + c)).collect()).collect()
    };
    let factors = vec![vec![1.25, 0.0, 1.25], vec![1.25, 1.25, 1.25]];
    let head = Head { q: rows(0, 2), k: rows(20, 3), v: rows(50, 3), factors };
    let dy = rows(80, 2);
    let loss =
        |head: &Head| -> f64 { head.forward().iter().zip(&dy).map(|(y, dy)| dot(y, dy)).sum() };
    let gradients = head.backward(&dy);
    let check = |place: fn(&mut Head) -> &mut Vec<Vec<f64>>, gradients: &[Vec<f64>]| {
        for (row, gradients) in gradients.iter().enumerate() {
            for (column, gradient) in gradients.iter().enumerate() {
                let moved = |by: f64| {
                    let mut head = head.clone();
                    place(&mut head)[row][column] += by;
                    loss(&head)
                };
                let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                assert!((difference - gradient).abs() < 1e-9, "{difference} is not {gradient}");
            }
        }
    };
    check(|head| &mut head.q, &gradients.q);
    check(|head| &mut head.k, &gradients.k);
    check(|head| &mut head.v, &gradients.v);
}
