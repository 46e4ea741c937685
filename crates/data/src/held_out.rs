//! A part of the training file that is evaluated on instead of learned from.

use std::collections::BTreeMap;

use lockstep_world::{Fingerprint, Purpose, Seed};

use crate::source::Example;

/// Which part of the training examples is held out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeldOut {
    /// The share of the examples, between 0 and 1.
    pub share: f64,
    /// What decides which texts.
    pub seed: Seed,
}

/// The rows of one text.
struct Text {
    /// Where it comes in the order in which texts are held out.
    place: u64,
    rows: Vec<usize>,
}

impl HeldOut {
    /// For each example whether it is held out.
    ///
    /// Each class gives its share, rounded to the nearest row. Rows of one text stay together, with the
    /// class of the first of them, so a class can give some more. Which texts are held out depends on
    /// the seed and the texts, not on the order of the rows. At least one text of each class is learned from.
    pub(crate) fn of(self, examples: &[Example]) -> Vec<bool> {
        let mut held = vec![false; examples.len()];
        for mut texts in self.by_class(examples).into_values() {
            texts.sort_by_key(|text| (text.place, text.rows.first().copied()));
            let rows: usize = texts.iter().map(|text| text.rows.len()).sum();
            let wanted = (self.share * rows as f64).round();
            let mut given = 0;
            for text in texts.iter().skip(1) {
                if given as f64 >= wanted {
                    break;
                }
                given += text.rows.len();
                text.rows.iter().for_each(|row| held[*row] = true);
            }
        }
        held
    }

    /// The texts of each class.
    fn by_class(self, examples: &[Example]) -> BTreeMap<u32, Vec<Text>> {
        let mut texts: BTreeMap<&str, (u32, Text)> = BTreeMap::new();
        for (row, Example { text, label, .. }) in examples.iter().enumerate() {
            let place = || {
                let hash = Fingerprint::of_bytes(text.as_bytes());
                self.seed.derive(Purpose::ValidationSplit, hash).bits(0)
            };
            let fresh = || (*label, Text { place: place(), rows: Vec::new() });
            texts.entry(text).or_insert_with(fresh).1.rows.push(row);
        }
        let mut classes: BTreeMap<u32, Vec<Text>> = BTreeMap::new();
        for (label, text) in texts.into_values() {
            classes.entry(label).or_default().push(text);
        }
        classes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::read_files::RowPlace;

    fn examples(count: usize) -> Vec<Example> {
        // Of three rows two are of class 0; each text of class 1 stands in two rows.
        let example = |row: usize| match row % 3 {
            2 => Example { text: format!("one {}", row / 6), label: 1, place: RowPlace::default() },
            _ => Example { text: format!("nought {row}"), label: 0, place: RowPlace::default() },
        };
        (0..count).map(example).collect()
    }

    #[test]
    fn each_class_gives_its_share_and_texts_stay_together() {
        let examples = examples(600);
        let held = HeldOut { share: 0.1, seed: Seed(7) }.of(&examples);
        let count = |label: u32| {
            let all = examples.iter().zip(&held);
            all.filter(|(example, held)| **held && example.label == label).count()
        };
        assert_eq!((count(0), count(1)), (40, 20));
        let mut sides: HashMap<&str, bool> = HashMap::new();
        for (example, held) in examples.iter().zip(&held) {
            assert_eq!(*sides.entry(&example.text).or_insert(*held), *held, "{example:?}");
        }
    }

    #[test]
    fn the_seed_and_the_texts_decide_and_not_the_order() {
        let rule = HeldOut { share: 0.3, seed: Seed(1) };
        let mut examples = examples(90);
        let texts = |examples: &[Example], held: Vec<bool>| {
            let held = examples.iter().zip(held).filter(|(_, held)| *held);
            let mut texts: Vec<String> = held.map(|(example, _)| example.text.clone()).collect();
            texts.sort();
            texts
        };
        let before = texts(&examples, rule.of(&examples));
        let other = texts(&examples, HeldOut { seed: Seed(2), ..rule }.of(&examples));
        examples.reverse();
        assert_eq!(texts(&examples, rule.of(&examples)), before);
        assert_ne!(other, before);
    }

    #[test]
    fn a_text_of_each_class_is_learned_from() {
        let held = HeldOut { share: 0.99, seed: Seed(1) }.of(&examples(6));
        assert_eq!(held.iter().filter(|held| !**held).count(), 1 + 2);
    }
}
