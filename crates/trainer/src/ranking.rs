//! How well the probability of a class tells its examples from the others: the area under the ROC curve,
//! the average precision, and the best threshold.
//!
//! All examples with their probabilities are kept, so the values are exact, and those of scikit-learn. Sums
//! are whole numbers, so that they are the same at any number of ranks.

use serde::{Deserialize, Serialize};

/// Numbers that are kept at most, of all ranks together: 64 MiB. Without room for all examples nothing is.
const MOST: usize = 1 << 23;
/// The class of what fills up the examples of a rank that has fewer than others.
const NONE: u64 = u64::MAX;

/// The probability of the second of two classes from which on it is best made the answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BestThreshold {
    /// The probability.
    pub threshold: f64,
    /// The F1 of the second class that it gives.
    pub f1: f64,
}

/// What the probabilities of some examples show.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct RankingMeasures {
    /// Of the second of two classes; of more classes the mean over each class against the rest.
    pub(crate) auroc: Option<f64>,
    /// The same of the average precision.
    pub(crate) average_precision: Option<f64>,
    /// Of two classes.
    pub(crate) best_threshold: Option<BestThreshold>,
}

/// The probabilities of some examples, each with its class.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ranking {
    classes: usize,
    /// The class of each example, and behind it the bits of its probabilities: of two classes that of the
    /// second one, else those of all.
    words: Vec<u64>,
}

impl Ranking {
    /// Nothing yet; nothing at all where `examples` of them take too much room.
    pub(crate) fn new(classes: usize, examples: usize) -> Option<Self> {
        let own = Self { classes, words: Vec::new() };
        (examples.saturating_mul(own.width()) <= MOST).then_some(own)
    }

    /// The numbers of an example.
    fn width(&self) -> usize {
        1 + if self.classes == 2 { 1 } else { self.classes }
    }

    /// Notes an example of class `label` with the probabilities of all classes, (K).
    pub(crate) fn note(&mut self, label: u64, probabilities: &[f64]) {
        let all = if self.classes == 2 { probabilities.get(1..) } else { Some(probabilities) };
        self.words.push(label);
        self.words.extend(all.unwrap_or_default().iter().map(|value| value.to_bits()));
    }

    /// All of it as numbers that ranks exchange, as many as `most` examples have.
    pub(crate) fn words(&self, most: usize) -> Vec<u64> {
        let mut words = self.words.clone();
        words.resize(most * self.width(), NONE);
        words
    }

    /// Adds the [`Self::words`] of a rank.
    pub(crate) fn add(&mut self, words: &[u64]) {
        let width = self.width();
        let examples = words.chunks_exact(width).filter(|example| example[0] != NONE);
        self.words.extend(examples.flatten());
    }

    /// Measures all that was noted. A class without an example, or with all of them, has none; and what is
    /// not a number cannot be ranked.
    pub(crate) fn measures(&self) -> RankingMeasures {
        let places = if self.classes == 2 { 1..2 } else { 0..self.classes };
        let curves: Vec<Curve> = places.filter_map(|class| self.curve(class)).collect();
        let is_finite = |word: &u64| f64::from_bits(*word).is_finite();
        let mut values = self.words.chunks_exact(self.width()).flat_map(|example| &example[1..]);
        if curves.is_empty() || !values.all(is_finite) {
            return RankingMeasures::default();
        }
        let mean =
            |of: fn(&Curve) -> f64| Some(curves.iter().map(of).sum::<f64>() / curves.len() as f64);
        let best = curves.first().filter(|_| self.classes == 2);
        RankingMeasures {
            auroc: mean(Curve::auroc),
            average_precision: mean(Curve::average_precision),
            best_threshold: best.and_then(Curve::best_threshold),
        }
    }

    fn curve(&self, class: usize) -> Option<Curve> {
        let place = if self.classes == 2 { 1 } else { 1 + class };
        let examples = self.words.chunks_exact(self.width());
        let mut ranked: Vec<(u64, bool)> =
            examples.map(|example| (example[place], example[0] == class as u64)).collect();
        // The bits of numbers from 0 are in the order of the numbers.
        ranked.sort_unstable_by(|one, other| other.cmp(one));
        let mut groups: Vec<Group> = Vec::new();
        for (bits, is_of_class) in ranked {
            let probability = f64::from_bits(bits);
            if groups.last().is_none_or(|group| group.probability.to_bits() != bits) {
                groups.push(Group { probability, inside: 0, outside: 0 });
            }
            if let Some(group) = groups.last_mut() {
                group.inside += u64::from(is_of_class);
                group.outside += u64::from(!is_of_class);
            }
        }
        let curve = Curve {
            inside: groups.iter().map(|group| group.inside).sum(),
            outside: groups.iter().map(|group| group.outside).sum(),
            groups,
        };
        (curve.inside > 0 && curve.outside > 0).then_some(curve)
    }
}

/// Examples of one probability: those of a class, and the others.
struct Group {
    probability: f64,
    inside: u64,
    outside: u64,
}

/// The examples by the probability of a class, the highest first. There are some of the class, and others.
struct Curve {
    groups: Vec<Group>,
    inside: u64,
    outside: u64,
}

impl Curve {
    /// The probability that an example of the class has a higher probability than another; of equal ones
    /// half counts.
    fn auroc(&self) -> f64 {
        let (mut above, mut doubled) = (0_u128, 0_u128);
        for Group { inside, outside, .. } in &self.groups {
            let (inside, outside) = (u128::from(*inside), u128::from(*outside));
            doubled += outside * (2 * above + inside);
            above += inside;
        }
        doubled as f64 / (2 * u128::from(self.inside) * u128::from(self.outside)) as f64
    }

    /// The mean precision, weighted by the recall that each probability adds.
    fn average_precision(&self) -> f64 {
        let (mut inside, mut all) = (0, 0);
        let mut sum = 0.0;
        for group in &self.groups {
            inside += group.inside;
            all += group.inside + group.outside;
            sum += group.inside as f64 * (inside as f64 / all as f64);
        }
        sum / self.inside as f64
    }

    /// The highest of the thresholds with the highest F1.
    fn best_threshold(&self) -> Option<BestThreshold> {
        let (mut inside, mut all) = (0, 0);
        let mut best: Option<(f64, usize)> = None;
        for (place, group) in self.groups.iter().enumerate() {
            inside += group.inside;
            all += group.inside + group.outside;
            let f1 = 2.0 * inside as f64 / (all + self.inside) as f64;
            if best.is_none_or(|(highest, _)| f1 > highest) {
                best = Some((f1, place));
            }
        }
        let (f1, place) = best?;
        let within = self.groups[place].probability;
        let below = self.groups.get(place + 1).map(|group| group.probability);
        Some(BestThreshold { threshold: between(below, within), f1 })
    }
}

/// A number above `below`, if there is such a one, and up to `within`, with few digits.
fn between(below: Option<f64>, within: f64) -> f64 {
    let middle = f64::midpoint(below.unwrap_or(0.0), within);
    let rounded = |digits: i32| {
        let scale = 10_f64.powi(digits);
        (middle * scale).round() / scale
    };
    let fits = |value: &f64| *value <= within && below.is_none_or(|below| *value > below);
    (2..=15).map(rounded).find(fits).unwrap_or(within)
}

#[cfg(test)]
mod tests {
    use lockstep_testkit::reference;

    use super::*;
    use crate::Decision;

    #[derive(Deserialize)]
    struct Case {
        name: String,
        classes: usize,
        labels: Vec<u64>,
        logits: Vec<Vec<f32>>,
        auroc: f64,
        average_precision: f64,
        best_f1: Option<f64>,
    }

    impl Case {
        fn probabilities(&self) -> impl Iterator<Item = Vec<f64>> {
            self.logits.iter().map(|logits| Decision::default().probabilities(logits))
        }
    }

    /// What `tests/reference/evaluation.py` wrote.
    fn cases() -> Vec<Case> {
        let text = std::fs::read(reference("golden/evaluation.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    fn noted(case: &Case, ranks: usize) -> Ranking {
        let empty = || Ranking::new(case.classes, case.labels.len()).unwrap();
        let mut sum = empty();
        for rank in 0..ranks {
            let mut own = empty();
            let examples = case.labels.iter().zip(case.probabilities());
            for (label, probabilities) in examples.skip(rank).step_by(ranks) {
                own.note(*label, &probabilities);
            }
            sum.add(&own.words(case.labels.len().div_ceil(ranks)));
        }
        sum
    }

    #[test]
    fn measures_are_scikit_learns() {
        assert!(cases().len() >= 7);
        for case in cases() {
            let found = noted(&case, 1).measures();
            let check = |what: &str, found: Option<f64>, expected: Option<f64>| {
                let gap = found.unwrap_or(-1.0) - expected.unwrap_or(-1.0);
                assert!(gap.abs() < 1e-12, "{}: {what} {found:?} {expected:?}", case.name);
            };
            check("AUROC", found.auroc, Some(case.auroc));
            check("AP", found.average_precision, Some(case.average_precision));
            check("F1", found.best_threshold.map(|best| best.f1), case.best_f1);
        }
    }

    #[test]
    fn every_number_of_ranks_gives_the_same_bits() {
        for case in cases() {
            for ranks in [2, 3, 8] {
                assert_eq!(
                    noted(&case, ranks).measures(),
                    noted(&case, 1).measures(),
                    "{}",
                    case.name
                );
            }
        }
    }

    #[test]
    fn a_threshold_is_short_and_gives_what_it_promises() {
        for case in cases().iter().filter(|case| case.classes == 2) {
            let best = noted(case, 1).measures().best_threshold.unwrap();
            let probabilities: Vec<Vec<f64>> = case.probabilities().collect();
            let is_found = |at: usize| probabilities[at][1] >= best.threshold;
            let count =
                |of: &dyn Fn(usize) -> bool| (0..case.labels.len()).filter(|at| of(*at)).count();
            let hits = count(&|at| is_found(at) && case.labels[at] == 1);
            let sum = count(&is_found) + count(&|at| case.labels[at] == 1);
            assert_eq!(best.f1, 2.0 * hits as f64 / sum as f64, "{}", case.name);
        }
        assert_eq!(between(Some(0.3), 0.8), 0.55);
        assert_eq!(between(Some(0.5), 0.5001), 0.5001);
        assert_eq!(between(Some(0.5), 0.500_09), 0.5001 - 0.000_05);
        assert_eq!(between(None, 1e-9), 0.0);
        assert_eq!(between(Some(0.3), 0.300_000_000_000_000_04), 0.300_000_000_000_000_04);
    }

    #[test]
    fn what_cannot_be_ranked_has_no_measures() {
        let of = |classes: usize, examples: &[(u64, &[f64])]| {
            let mut ranking = Ranking::new(classes, examples.len()).unwrap();
            examples.iter().for_each(|(label, values)| ranking.note(*label, values));
            ranking.measures()
        };
        let nothing = RankingMeasures::default();
        assert_eq!(of(2, &[]), nothing);
        assert_eq!(of(2, &[(1, &[0.1, 0.9]), (1, &[0.6, 0.4])]), nothing);
        assert_eq!(of(2, &[(1, &[f64::NAN; 2]), (0, &[0.6, 0.4])]), nothing);
        assert_eq!(Ranking::new(2, MOST), None);
        // A class without an example does not count.
        let found = of(3, &[(0, &[0.8, 0.1, 0.1]), (1, &[0.3, 0.6, 0.1])]);
        assert_eq!(found.auroc, Some(1.0));
    }
}
