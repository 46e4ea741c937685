//! The seeds of a series of trainings, as they are written.

use std::collections::BTreeSet;

use lockstep_flags::{Form, Kind};

/// The seeds of a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seeds {
    /// So many, from `seed` on.
    Count(u64),
    /// These, each once.
    These(Vec<u64>),
}

/// Seeds of a series at most.
const MOST: u64 = 100;

/// The kind of `--seeds`.
pub(crate) const SEEDS_KIND: Kind<Seeds> = Kind::Read {
    form: Form::List,
    placeholder: "N|LIST",
    valid: "a whole number from 2 to 100, or 2 to 100 different seeds such as 1,2,3",
    read: |text| {
        let inner = text.trim().strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let numbers = inner.unwrap_or(text).split(',');
        let numbers: Vec<u64> =
            numbers.map(|one| one.trim().parse().ok()).collect::<Option<_>>()?;
        let is_of_many = |count: u64| (2..=MOST).contains(&count);
        match *numbers {
            [count] => is_of_many(count).then_some(Seeds::Count(count)),
            _ => {
                let different: BTreeSet<&u64> = numbers.iter().collect();
                let is_valid = different.len() == numbers.len() && is_of_many(numbers.len() as u64);
                is_valid.then_some(Seeds::These(numbers))
            }
        }
    },
};

impl Seeds {
    /// All of them in their order; `first` is the value of `seed`, from which a number of seeds is
    /// counted.
    #[must_use]
    pub fn from(&self, first: u64) -> Vec<u64> {
        match self {
            Self::Count(count) => (0..*count).map(|number| first.wrapping_add(number)).collect(),
            Self::These(seeds) => seeds.clone(),
        }
    }
}

/// The name of a seed's folder in the output directory of its series.
#[must_use]
pub fn seed_folder(seed: u64) -> String {
    format!("{SEED_FOLDER}{seed}")
}

/// The seed whose folder has this name, if it is the name of one.
#[must_use]
pub fn seed_of_folder(name: &str) -> Option<u64> {
    let seed = name.strip_prefix(SEED_FOLDER)?.parse().ok()?;
    (seed_folder(seed) == name).then_some(seed)
}

const SEED_FOLDER: &str = "seed-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_counts_from_the_seed_and_a_list_is_taken_as_it_is() {
        let check = |text: &str, expected: Option<&[u64]>| {
            let found = SEEDS_KIND.read(text).map(|seeds| seeds.from(42));
            assert_eq!(found.as_deref(), expected, "{text:?}");
        };
        check("3", Some(&[42, 43, 44]));
        check("7,1", Some(&[7, 1]));
        check("[ 7, 1 ]", Some(&[7, 1]));
        check("18446744073709551615,0", Some(&[u64::MAX, 0]));
        for text in ["", "0", "1", "101", "1,1", "1,", "-1,2", "1.5", "a,b", "1;2", "[1,2"] {
            check(text, None);
        }
        let count = SEEDS_KIND.read("100").map(|seeds| seeds.from(u64::MAX).len());
        assert_eq!(count, Some(100));
    }

    #[test]
    fn a_folder_names_its_seed() {
        for (name, is_one) in
            [("seed-0", true), ("seed-18446744073709551615", true), ("seed-", false)]
        {
            assert_eq!(seed_of_folder(name).is_some(), is_one, "{name}");
        }
        for name in ["seed-01", "seed-+1", "seed-x", "seeds-1", "seed-18446744073709551616"] {
            assert_eq!(seed_of_folder(name), None, "{name}");
        }
        assert_eq!(seed_of_folder(&seed_folder(7)), Some(7));
    }
}
