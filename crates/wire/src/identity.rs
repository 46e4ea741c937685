//! Which run a rank belongs to: what its starter gives to all ranks of one run, and to no other.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// No name and no value is longer on the wire.
const LONGEST: usize = 200;

/// What tells a run from others: names and their values, as `SLURM_JOB_ID` and `7`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunIdentity {
    parts: BTreeMap<String, String>,
    /// Whether all ranks of the run have exactly these parts.
    is_name: bool,
}

impl RunIdentity {
    /// A run that was given a name, which each of its ranks knows.
    #[must_use]
    pub fn named(name: &str, value: &str) -> Self {
        Self { is_name: true, ..[(name, value)].into_iter().collect() }
    }

    /// Whether two ranks belong to different runs: something that both know differs. What only one
    /// of them knows says nothing, since not every way to start a rank hands everything on; except
    /// for a name.
    #[must_use]
    pub fn differs_from(&self, other: &Self) -> bool {
        if self.is_name || other.is_name {
            return self.parts != other.parts;
        }
        let differs = |(name, value)| other.parts.get(name).is_some_and(|theirs| theirs != value);
        self.parts.iter().any(differs)
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for RunIdentity {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(parts: I) -> Self {
        let cut = |text: String| text.chars().take(LONGEST).collect::<String>();
        let parts = parts.into_iter().map(|(n, v)| (cut(n.into()), cut(v.into()))).collect();
        Self { parts, is_name: false }
    }
}

/// For people. It may come from a stranger, so nothing in it reaches a terminal as a command.
impl fmt::Display for RunIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.parts.is_empty() {
            return f.write_str("a run without a name");
        }
        for (index, (name, value)) in self.parts.iter().take(8).enumerate() {
            let gap = if index == 0 { "" } else { " " };
            let short = |text: &str| text.chars().take(LONGEST).collect::<String>();
            let (name, value) = (short(name), short(value));
            write!(f, "{gap}{}={}", name.escape_debug(), value.escape_debug())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(parts: &[(&str, &str)]) -> RunIdentity {
        parts.iter().map(|(name, value)| (*name, *value)).collect()
    }

    #[test]
    fn what_both_know_decides() {
        let check = |a: &[(&str, &str)], b: &[(&str, &str)], expected: bool| {
            assert_eq!(run(a).differs_from(&run(b)), expected, "{a:?} {b:?}");
            assert_eq!(run(b).differs_from(&run(a)), expected, "{b:?} {a:?}");
        };
        let step = |step| [("SLURM_JOB_ID", "7"), ("SLURM_STEP_ID", step)];
        check(&[], &[], false);
        check(&step("0"), &step("0"), false);
        check(&step("0"), &step("1"), true);
        check(&step("0"), &step("1")[..1], false);
        check(&step("0"), &[], false);
        check(&step("0"), &[("PBS_JOBID", "7")], false);
        let named = |value| RunIdentity::named("NAME", value);
        assert!(!named("a").differs_from(&named("a")));
        for other in [named("b"), run(&[]), run(&step("0"))] {
            assert!(named("a").differs_from(&other) && other.differs_from(&named("a")), "{other}");
        }
    }

    #[test]
    fn a_strangers_words_are_harmless() {
        assert_eq!(run(&[("A", "\u{1b}[31m"), ("B", "1\n")]).to_string(), "A=\\u{1b}[31m B=1\\n");
        assert_eq!(run(&[]).to_string(), "a run without a name");
        assert!(run(&[("A", &"x".repeat(9000))]).to_string().len() < 210);
    }
}
