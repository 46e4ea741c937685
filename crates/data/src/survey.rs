//! What a labelled file holds beyond its classes: repeated texts, contradicting labels, lengths.

use std::collections::HashMap;

use crate::corpus::Corpus;
use crate::excerpt::excerpt;
use crate::read_files::RowPlace;

/// Texts that stand in more than one row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repeats {
    /// Rows whose text stands in an earlier row, whatever its label.
    pub rows: usize,
    /// Texts that have rows of more than one class.
    pub conflicts: usize,
    /// One of these texts, shortened, and where two of its rows stand.
    pub conflict: Option<Conflict>,
}

/// A text with two classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The text, shortened.
    pub text: String,
    /// Where its first row and the first of another class are, in words.
    pub places: [String; 2],
}

impl Repeats {
    /// Those of a corpus. Texts are compared byte by byte.
    #[must_use]
    pub fn of(corpus: &Corpus) -> Self {
        let mut first: HashMap<&str, First> = HashMap::with_capacity(corpus.examples().len());
        let mut found = Self::default();
        for example in corpus.examples() {
            let (label, place) = (example.label, example.place);
            let Some(known) = first.get_mut(example.text.as_str()) else {
                first.insert(&example.text, First { label, place, conflicts: false });
                continue;
            };
            found.rows += 1;
            if known.label != label && !known.conflicts {
                known.conflicts = true;
                found.conflicts += 1;
                let places = [known.place, place];
                found.conflict.get_or_insert_with(|| Conflict {
                    text: excerpt(&example.text),
                    places: places.map(|place| corpus.words(place)),
                });
            }
        }
        found
    }
}

/// The first row of a text.
struct First {
    label: u32,
    place: RowPlace,
    /// Whether a row of another class was found.
    conflicts: bool,
}

/// The rows of `held` whose text is in `train` too: a score on them says nothing of new texts.
#[must_use]
pub fn overlap(train: &Corpus, held: &Corpus) -> usize {
    let known: std::collections::HashSet<&str> =
        train.texts_and_labels().map(|(text, _)| text).collect();
    held.texts_and_labels().filter(|(text, _)| known.contains(text)).count()
}

/// How long texts are, in tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Lengths {
    /// The mean.
    pub mean: f64,
    /// The shortest, the median, the 90th and the 99th percentile, and the longest.
    pub quantiles: [u32; 5],
    /// How many texts have at most so many tokens and more than the bound before; bounds are powers of two.
    pub histogram: Vec<Bin>,
}

/// One bin of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bin {
    /// The most tokens of a text in this bin.
    pub most: u32,
    /// The number of texts.
    pub texts: usize,
}

impl Lengths {
    /// Those of texts with so many tokens each; nothing where there is no text.
    #[must_use]
    pub fn of(lengths: &[u32]) -> Option<Self> {
        let mut sorted = lengths.to_vec();
        sorted.sort_unstable();
        let (first, last) = (*sorted.first()?, *sorted.last()?);
        // The nearest rank: the smallest length that so many of 100 texts do not exceed.
        let percentile = |of_hundred: usize| {
            let rank = (sorted.len() * of_hundred).div_ceil(100);
            sorted.get(rank.saturating_sub(1)).copied().unwrap_or(last)
        };
        let total: u64 = sorted.iter().map(|length| u64::from(*length)).sum();
        Some(Self {
            mean: total as f64 / sorted.len() as f64,
            quantiles: [first, percentile(50), percentile(90), percentile(99), last],
            histogram: histogram(&sorted),
        })
    }
}

/// Bins from the one of the shortest text to that of the longest.
fn histogram(sorted: &[u32]) -> Vec<Bin> {
    let bound = |length: &u32| length.max(&1).checked_next_power_of_two().unwrap_or(u32::MAX);
    let (Some(shortest), Some(longest)) = (sorted.first(), sorted.last()) else {
        return Vec::new();
    };
    let mut bins = Vec::new();
    let mut most = bound(shortest);
    let mut before = 0;
    loop {
        let upto = sorted.partition_point(|length| *length <= most);
        bins.push(Bin { most, texts: upto - before });
        before = upto;
        if most >= *longest {
            return bins;
        }
        most = most.saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Example, LabelMap};

    fn corpus(rows: &[(&str, u32)]) -> Corpus {
        let names = LabelMap::new(vec!["no".to_owned(), "yes".to_owned()]).unwrap();
        let example = |((text, label), line): (&(&str, u32), u64)| Example {
            text: (*text).to_owned(),
            label: *label,
            place: RowPlace::line(line),
        };
        Corpus::from_examples(rows.iter().zip(2..).map(example).collect(), names).unwrap()
    }

    #[test]
    fn repeats_and_conflicts_are_counted() {
        let found =
            Repeats::of(&corpus(&[("a", 0), ("b", 1), ("a", 0), ("a", 1), ("a", 1), ("c", 1)]));
        let conflict =
            Conflict { text: "`a`".to_owned(), places: ["line 2", "line 5"].map(str::to_owned) };
        assert_eq!(found, Repeats { rows: 3, conflicts: 1, conflict: Some(conflict) });
        assert_eq!(Repeats::of(&corpus(&[("a", 0), ("A", 1)])), Repeats::default());
    }

    #[test]
    fn rows_that_are_learned_from_are_found_in_another_file() {
        let train = corpus(&[("a", 0), ("b", 1)]);
        assert_eq!(overlap(&train, &corpus(&[("b", 0), ("b", 1), ("c", 1)])), 2);
    }

    #[test]
    fn lengths_have_quantiles_and_a_histogram() {
        let lengths: Vec<u32> = (1..=100).collect();
        let found = Lengths::of(&lengths).unwrap();
        assert_eq!((found.mean, found.quantiles), (50.5, [1, 50, 90, 99, 100]));
        let bins: Vec<_> = found.histogram.iter().map(|bin| (bin.most, bin.texts)).collect();
        assert_eq!(bins, [(1, 1), (2, 1), (4, 2), (8, 4), (16, 8), (32, 16), (64, 32), (128, 36)]);
        assert_eq!(Lengths::of(&[]), None);
        assert_eq!(Lengths::of(&[7]).unwrap().quantiles, [7; 5]);
    }
}
