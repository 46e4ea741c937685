//! Bytes from one rank to all, by the verbs every backend has.

use lockstep_world::Rank;

use crate::{Collective, CollectiveError};

/// The bytes that `root` gives, on every rank; what the others give is not looked at.
///
/// # Errors
/// [`CollectiveError`] when a peer is lost, or the root does not exist.
pub fn broadcast_bytes(
    collective: &mut dyn Collective,
    bytes: &[u8],
    root: Rank,
) -> Result<Vec<u8>, CollectiveError> {
    let mine = if collective.seat().rank() == root { bytes } else { &[] };
    crate::check_root(root, collective.seat())?;
    let mut all = gather_bytes(collective, mine)?;
    Ok(all.swap_remove(root.0))
}

/// The bytes of each rank, in the order of the ranks.
///
/// # Errors
/// [`CollectiveError`] when a peer is lost.
pub fn gather_bytes(
    collective: &mut dyn Collective,
    bytes: &[u8],
) -> Result<Vec<Vec<u8>>, CollectiveError> {
    let lengths = collective.all_gather(&[bytes.len() as u64])?;
    let longest = lengths.iter().max().map_or(0, |&length| length.div_ceil(8));
    let mut words: Vec<u64> = bytes.chunks(8).map(word).collect();
    words.resize(usize::try_from(longest).unwrap_or(usize::MAX), 0);
    let all = collective.all_gather(&words)?;
    let of_rank = |(rank, &length): (usize, &u64)| {
        let words = all.get(rank * words.len()..).unwrap_or_default();
        let bytes = words.iter().flat_map(|word| word.to_le_bytes());
        bytes.take(usize::try_from(length).unwrap_or(usize::MAX)).collect()
    };
    Ok(lengths.iter().enumerate().map(of_rank).collect())
}

fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Threads;

    #[test]
    fn bytes_of_any_length_arrive() {
        let text = |rank: usize| "lockstep, all of us".repeat(rank).into_bytes();
        let expected: Vec<_> = (0..3).map(text).collect();
        let found = Threads::run(3, |mut ranks| {
            let rank = ranks.seat().rank().0;
            let all = gather_bytes(&mut ranks, &text(rank)).unwrap();
            (all, broadcast_bytes(&mut ranks, &text(rank), Rank(2)).unwrap())
        });
        for (all, from_last) in found {
            assert_eq!((&all, &from_last), (&expected, &expected[2]));
        }
    }
}
