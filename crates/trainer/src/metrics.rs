//! Measures of a classifier, all made from its confusion matrix.

/// Counts of examples by true class (row) and found class (column).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix {
    classes: usize,
    counts: Vec<u64>, // (K, K)
}

impl ConfusionMatrix {
    /// No example yet.
    #[must_use]
    pub fn new(classes: usize) -> Self {
        Self { classes, counts: vec![0; classes * classes] }
    }

    /// Counts one example.
    pub fn count(&mut self, truth: usize, found: usize) {
        self.counts[truth * self.classes + found] += 1;
    }

    /// Adds counts in the layout of [`Self::counts`].
    pub fn add(&mut self, counts: &[u64]) {
        for (sum, count) in self.counts.iter_mut().zip(counts) {
            *sum += count;
        }
    }

    /// The counts, row after row.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The counts, a vector a row.
    #[must_use]
    pub fn rows(&self) -> Vec<Vec<u64>> {
        self.counts.chunks(self.classes).map(<[u64]>::to_vec).collect()
    }

    /// All examples.
    #[must_use]
    pub fn examples(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Examples whose class was found.
    #[must_use]
    pub fn correct(&self) -> u64 {
        (0..self.classes).map(|class| self.hits(class)).sum()
    }

    /// The share of examples whose class was found.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        ratio(self.correct() as f64, self.examples() as f64)
    }

    /// The accuracy of always answering the most frequent class.
    #[must_use]
    pub fn baseline_accuracy(&self) -> f64 {
        let most = (0..self.classes).map(|class| self.truths(class)).max();
        ratio(most.unwrap_or(0) as f64, self.examples() as f64)
    }

    /// The unweighted mean of the classes' F1 = 2 TP / (2 TP + FP + FN).
    ///
    /// Classes that are neither true nor found anywhere are left out, as in scikit-learn's
    /// `f1_score(average="macro")`.
    #[must_use]
    pub fn macro_f1(&self) -> f64 {
        let scores = (0..self.classes).filter_map(|class| {
            let (truths, founds) = (self.truths(class), self.founds(class));
            let seen = truths + founds;
            (seen > 0).then(|| 2.0 * self.hits(class) as f64 / seen as f64)
        });
        let scores: Vec<f64> = scores.collect();
        ratio(scores.iter().sum(), scores.len() as f64)
    }

    /// Matthews correlation coefficient, for many classes after Gorodkin, "Comparing two
    /// K-category assignments by a K-category correlation coefficient" (2004); 0 where it is not
    /// defined.
    #[must_use]
    pub fn matthews(&self) -> f64 {
        let all = self.examples() as f64;
        let sum = |term: &dyn Fn(f64, f64) -> f64| -> f64 {
            let term = |class| term(self.truths(class) as f64, self.founds(class) as f64);
            (0..self.classes).map(term).sum()
        };
        let covariance = self.correct() as f64 * all - sum(&|truths, founds| truths * founds);
        let truths = all * all - sum(&|truths, _| truths * truths);
        let founds = all * all - sum(&|_, founds| founds * founds);
        ratio(covariance, (truths * founds).sqrt())
    }

    fn hits(&self, class: usize) -> u64 {
        self.counts[class * self.classes + class]
    }

    fn truths(&self, class: usize) -> u64 {
        self.counts[class * self.classes..][..self.classes].iter().sum()
    }

    fn founds(&self, class: usize) -> u64 {
        self.counts.iter().skip(class).step_by(self.classes).sum()
    }
}

/// The 95 % score interval of a share of `correct` in `examples`, after Wilson, "Probable
/// inference, the law of succession, and statistical inference" (1927).
#[must_use]
pub fn wilson_interval(correct: u64, examples: u64) -> [f64; 2] {
    const Z: f64 = 1.959_963_984_540_054; // the 97.5 % point of the normal distribution
    if examples == 0 {
        return [0.0, 1.0];
    }
    let n = examples as f64;
    let share = correct as f64 / n;
    let centre = share + Z * Z / (2.0 * n);
    let spread = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    [((centre - spread) / scale).max(0.0), ((centre + spread) / scale).min(1.0)]
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: &[&[u64]]) -> ConfusionMatrix {
        let mut matrix = ConfusionMatrix::new(rows.len());
        matrix.add(&rows.concat());
        matrix
    }

    fn check(rows: &[&[u64]], accuracy: f64, f1: f64, matthews: f64) {
        let matrix = matrix(rows);
        for (found, expected) in
            [(matrix.accuracy(), accuracy), (matrix.macro_f1(), f1), (matrix.matthews(), matthews)]
        {
            assert!((found - expected).abs() < 1e-6, "{rows:?}: {found} and not {expected}");
        }
    }

    #[test]
    fn measures_equal_scikit_learns() {
        // accuracy_score, f1_score(average="macro"), matthews_corrcoef of scikit-learn; the
        // program is tests/reference/metrics.py.
        check(&[&[50, 10], &[5, 35]], 0.85, 0.846_547_3, 0.697_518_4);
        check(&[&[7, 1, 2], &[0, 9, 1], &[3, 0, 7]], 0.766_666_7, 0.766_666_7, 0.65);
        check(&[&[4, 0, 0], &[2, 0, 0], &[0, 0, 0]], 0.666_666_7, 0.4, 0.0);
        check(&[&[0, 0], &[0, 0]], 0.0, 0.0, 0.0);
    }

    #[test]
    fn the_interval_is_wilsons() {
        // proportion_confint(method="wilson") of statsmodels; the program is the same.
        let check = |correct, examples, low: f64, high: f64| {
            let [found_low, found_high] = wilson_interval(correct, examples);
            assert!((found_low - low).abs() < 1e-4 && (found_high - high).abs() < 1e-4);
        };
        check(762, 872, 0.8502, 0.8943);
        check(0, 10, 0.0, 0.2775);
        check(10, 10, 0.7225, 1.0);
        check(0, 0, 0.0, 1.0);
    }
}
