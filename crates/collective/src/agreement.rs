//! Whether all ranks mean the same: named values, compared with those of rank 0.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Collective, CollectiveError, gather_bytes};

/// The facts of a rank take no more bytes; the names of many classes are the longest.
const MOST_BYTES: usize = 4 << 20;
/// How many differences are listed: a thousand ranks may differ from rank 0 in the same.
const LISTED: usize = 20;

/// What differs between the ranks, in words that name the rank and both values. All ranks get the same
/// answer.
///
/// # Errors
/// [`CollectiveError`] when a peer is lost.
pub fn differences(
    collective: &mut dyn Collective,
    facts: &BTreeMap<String, String>,
) -> Result<Vec<String>, CollectiveError> {
    let mine = serde_json::to_vec(facts).unwrap_or_default();
    let all = gather_bytes(collective, &mine, MOST_BYTES)?;
    let read = |bytes: &Vec<u8>| -> BTreeMap<String, String> {
        serde_json::from_slice(bytes).unwrap_or_default()
    };
    let ranks: Vec<_> = all.iter().map(read).collect();
    let Some(leaders) = ranks.first() else { return Ok(Vec::new()) };
    let value = |facts: &BTreeMap<String, String>, name: &str| {
        facts.get(name).map_or_else(|| "nothing".to_owned(), String::clone)
    };
    let names: BTreeSet<&String> = ranks.iter().flat_map(BTreeMap::keys).collect();
    let mut differences = Vec::new();
    for name in names {
        let expected = value(leaders, name);
        for (rank, theirs) in ranks.iter().enumerate() {
            let found = value(theirs, name);
            if found != expected {
                differences.push(format!("{name}: rank {rank} has {found}, rank 0 has {expected}"));
            }
        }
    }
    let more = differences.len().saturating_sub(LISTED);
    if more > 0 {
        differences.truncate(LISTED);
        differences.push(format!("and {more} more"));
    }
    Ok(differences)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Threads;

    #[test]
    fn each_difference_names_the_rank_and_both_values() {
        let facts = |rows: &[(&str, &str)]| -> BTreeMap<String, String> {
            rows.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
        };
        let of_rank = |rank| match rank {
            1 => facts(&[("seed", "7"), ("eval_steps", "5")]),
            _ => facts(&[("seed", "42")]),
        };
        let found = Threads::run(3, |mut ranks| {
            let rank = ranks.seat().rank().0;
            differences(&mut ranks, &of_rank(rank)).unwrap()
        });
        let expected =
            ["eval_steps: rank 1 has 5, rank 0 has nothing", "seed: rank 1 has 7, rank 0 has 42"];
        assert_eq!(found, vec![expected; 3]);
        let found = Threads::run(40, |mut ranks| {
            let rank = ranks.seat().rank().0.to_string();
            differences(&mut ranks, &facts(&[("rank", &rank)])).unwrap()
        });
        assert_eq!((found[0].len(), &*found[39][20]), (21, "and 19 more"));
    }
}
