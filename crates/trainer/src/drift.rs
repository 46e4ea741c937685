//! Whether all replicas hold the same weights, and whether weights and moments are numbers.
//!
//! Each rank hashes its own weights and gives the others one number. Only where the numbers differ do
//! the ranks exchange the hashes of all tensors, which show who differs in what. Moments are not
//! compared: on CPUs a rank has current ones of its own shards only, and what is wrong with them
//! reaches the weights of all ranks alike.

use bytemuck::cast_slice;
use lockstep_collective::Collective;
use lockstep_params::{ParamName, Parameters, are_numbers};
use lockstep_world::WorldSize;
use rayon::prelude::*;
use twox_hash::XxHash3_128;

use crate::TrainError;

/// Scalars that a thread takes at once; they stay in its cache.
const PART: usize = 64 * 1024;

/// Whether all replicas hold the same bits.
///
/// # Errors
/// [`TrainError::Drifted`] says which ranks differ, and in what first.
pub(crate) fn compare(
    collective: &mut dyn Collective,
    weights: &Parameters,
    update: u64,
) -> Result<(), TrainError> {
    if collective.seat().world() == WorldSize::ONE {
        return Ok(());
    }
    let hashes = hashes(weights)?;
    let whole = hash(cast_slice(&hashes));
    let all = collective.all_gather(&[whole])?;
    if all.iter().all(|theirs| *theirs == whole) {
        return Ok(());
    }
    let all = collective.all_gather(&hashes)?;
    let rows: Vec<&[u64]> = all.chunks_exact(hashes.len().max(1)).collect();
    let differs = |at: &usize| rows.iter().any(|row| row[*at] != rows[0][*at]);
    let first = (0..hashes.len()).find(differs);
    let parameter = first.and_then(|at| weights.iter().nth(at));
    let parameter = parameter.map_or_else(String::new, |(name, _)| name.to_string());
    Err(TrainError::Drifted { update, parameter, groups: groups(&rows) })
}

/// One hash of all weights.
///
/// # Errors
/// [`TrainError`] when they cannot be read from their device.
pub(crate) fn hash_of_all(weights: &Parameters) -> Result<u64, TrainError> {
    Ok(hash(cast_slice(&hashes(weights)?)))
}

/// A hash of each tensor.
fn hashes(weights: &Parameters) -> Result<Vec<u64>, TrainError> {
    let mut hashes = Vec::with_capacity(weights.len());
    weights.see_each(|_, values| -> Result<(), TrainError> {
        hashes.push(hash_of(values));
        Ok(())
    })?;
    Ok(hashes)
}

/// The ranks with the same hashes, the largest group first.
fn groups(rows: &[&[u64]]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (rank, row) in rows.iter().enumerate() {
        match groups.iter_mut().find(|group| rows[group[0]] == *row) {
            Some(group) => group.push(rank),
            None => groups.push(vec![rank]),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    groups
}

/// Whether all values are numbers, before they are written for others.
///
/// # Errors
/// [`TrainError::NotNumbers`] names the first tensor that has others.
pub(crate) fn check_numbers(tensors: &Parameters, update: u64) -> Result<(), TrainError> {
    tensors.see_each(|name: &ParamName, values| {
        let is_right = values.par_chunks(PART).all(are_numbers);
        let error = || TrainError::NotNumbers { update, tensor: name.to_string() };
        is_right.then_some(()).ok_or_else(error)
    })
}

fn hash_of(values: &[f32]) -> u64 {
    let parts: Vec<u64> = values.par_chunks(PART).map(|part| hash(cast_slice(part))).collect();
    hash(cast_slice(&parts))
}

#[expect(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
fn hash(bytes: &[u8]) -> u64 {
    XxHash3_128::oneshot(bytes) as u64
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};
    use lockstep_collective::Threads;
    use lockstep_params::{GradientLayout, ParameterInfo};

    use super::*;

    /// Three tensors; one is larger than a part.
    fn weights() -> Parameters {
        let mut all = Parameters::default();
        for (name, length) in [("a", 7), ("b", 3 * PART + 1), ("c", 64)] {
            let values: Vec<f32> = (0..length).map(|at| (at as f32).sin()).collect();
            let tensor = Tensor::from_vec(values, length, &Device::Cpu).unwrap();
            all.insert(name.into(), &tensor, ParameterInfo::new(GradientLayout::Vector)).unwrap();
        }
        all
    }

    /// Flips one bit of one value.
    fn flip(weights: &Parameters, tensor: usize, place: usize, bit: u32) {
        let mut at = 0;
        let flip = |values: &mut [f32]| -> Result<(), candle_core::Error> {
            if at == tensor {
                values[place] = f32::from_bits(values[place].to_bits() ^ 1 << bit);
            }
            at += 1;
            Ok(())
        };
        weights.change_each(flip).unwrap();
    }

    /// What all ranks say when some of them have another bit: (rank, tensor, place, bit).
    fn compared(ranks: usize, flips: &[(usize, usize, usize, u32)]) -> Option<String> {
        let said = Threads::run(ranks, |mut rank| {
            let weights = weights();
            for (_, tensor, place, bit) in
                flips.iter().filter(|flip| flip.0 == rank.seat().rank().0)
            {
                flip(&weights, *tensor, *place, *bit);
            }
            compare(&mut rank, &weights, 12).err().map(|error| error.to_string())
        });
        assert_eq!(said.len(), ranks);
        assert!(said.iter().all(|words| *words == said[0]), "{said:?}");
        said.into_iter().next().flatten()
    }

    #[test]
    fn a_flipped_bit_is_found_and_its_rank_is_named() {
        assert_eq!(compared(1, &[(0, 0, 0, 0)]), None);
        for ranks in [2, 3, 4] {
            assert_eq!(compared(ranks, &[]), None);
        }
        for ranks in [3, 4] {
            for rank in 0..ranks {
                for (tensor, place, bit) in [(0, 6, 0), (1, 3 * PART, 31), (1, PART, 7), (2, 5, 22)]
                {
                    let words = compared(ranks, &[(rank, tensor, place, bit)]).unwrap();
                    let name = ["a", "b", "c"][tensor];
                    let expected = format!(
                        "after update 12 the weights of rank {rank} differ from those of the \
                         other {} ranks, first in `{name}`;",
                        ranks - 1
                    );
                    assert!(words.starts_with(&expected), "{words}");
                }
            }
        }
    }

    #[test]
    fn where_no_majority_agrees_no_rank_is_blamed() {
        let check = |ranks, flips: &[_], expected: &str| {
            let words = compared(ranks, flips).unwrap();
            assert!(words.contains(expected), "{words}");
        };
        check(2, &[(1, 2, 0, 3)], "rank 0 and rank 1 hold different weights, first in `c`");
        check(
            4,
            &[(1, 2, 0, 3), (3, 2, 0, 3)],
            "the ranks hold 2 different sets of weights (rank 0, 2; rank 1, 3), first in `c`",
        );
        check(
            4,
            &[(1, 2, 0, 3), (2, 1, 0, 3)],
            "the ranks hold 3 different sets of weights (rank 0, 3; rank 1; rank 2), first in `b`",
        );
        check(4, &[(1, 2, 0, 3), (3, 1, 0, 3), (0, 0, 0, 1)], "4 different sets of weights");
    }

    #[test]
    fn what_is_no_number_is_named() {
        let check = |tensor, place, value: f32, expected: Option<&str>| {
            let weights = weights();
            let mut at = 0;
            let set = |values: &mut [f32]| -> Result<(), candle_core::Error> {
                if at == tensor {
                    values[place] = value;
                }
                at += 1;
                Ok(())
            };
            weights.change_each(set).unwrap();
            let words = check_numbers(&weights, 12).err().map(|error| error.to_string());
            let expected = expected.map(|name| {
                format!("after update 12 the tensor `{name}` has infinite or NaN values")
            });
            assert_eq!(words.is_some(), expected.is_some(), "{words:?}");
            assert!(words.unwrap_or_default().starts_with(&expected.unwrap_or_default()));
        };
        check(0, 0, f32::MAX, None);
        check(0, 0, f32::MIN, None);
        check(0, 6, f32::NAN, Some("a"));
        check(1, 3 * PART, f32::NEG_INFINITY, Some("b"));
        check(2, 63, -f32::NAN, Some("c"));
    }
}
