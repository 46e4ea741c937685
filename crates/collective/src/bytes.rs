//! Bytes from one rank to all, by the verbs every backend has.
//!
//! The length that a peer sends decides how much memory is taken, so each caller says what it expects
//! at most, and the length travels behind a mark: other data are not taken for one.

use lockstep_world::Rank;

use crate::{Collective, CollectiveError};

/// In front of a length.
const MARK: u64 = 0x6279_7465_735f_6f66;

/// The bytes that `root` gives, at most `most`, on every rank; what the others give is not looked at.
///
/// # Errors
/// [`CollectiveError`] when a peer is lost, the root does not exist, or gives more.
pub fn broadcast_bytes(
    collective: &mut dyn Collective,
    bytes: &[u8],
    root: Rank,
    most: usize,
) -> Result<Vec<u8>, CollectiveError> {
    let mine = if collective.seat().rank() == root { bytes } else { &[] };
    crate::check_root(root, collective.seat())?;
    let mut all = gather_bytes(collective, mine, most)?;
    Ok(all.swap_remove(root.0))
}

/// The bytes of each rank, at most `most`, in the order of the ranks.
///
/// # Errors
/// [`CollectiveError`] when a peer is lost, or a rank gives more; on all ranks.
pub fn gather_bytes(
    collective: &mut dyn Collective,
    bytes: &[u8],
    most: usize,
) -> Result<Vec<Vec<u8>>, CollectiveError> {
    let told = collective.all_gather(&[MARK, bytes.len() as u64])?;
    let lengths: Vec<usize> = told
        .chunks_exact(2)
        .enumerate()
        .map(|(rank, told)| length(rank, told, most))
        .collect::<Result<_, _>>()?;
    let longest = lengths.iter().max().map_or(0, |length| length.div_ceil(8));
    let mut words: Vec<u64> = bytes.chunks(8).map(word).collect();
    words.resize(longest, 0);
    let all = collective.all_gather(&words)?;
    let of_rank = |(rank, &length): (usize, &usize)| {
        let words = all.get(rank * words.len()..).unwrap_or_default();
        let bytes = words.iter().flat_map(|word| word.to_le_bytes());
        bytes.take(length).collect()
    };
    Ok(lengths.iter().enumerate().map(of_rank).collect())
}

/// The length that a rank says its bytes have.
fn length(rank: usize, told: &[u64], most: usize) -> Result<usize, CollectiveError> {
    let [mark, length] = *told else { return Err(CollectiveError::NoLength { rank }) };
    let short = usize::try_from(length).ok().filter(|length| *length <= most);
    match short {
        _ if mark != MARK => Err(CollectiveError::NoLength { rank }),
        Some(length) => Ok(length),
        None => Err(CollectiveError::TooLong { rank, length, most }),
    }
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

    const MOST: usize = 100;

    /// Ranks 1 and 2 give bytes; rank 0 makes a call of its own in place of the first one.
    fn refused(first: [u64; 2]) -> Vec<String> {
        Threads::run(3, |mut ranks| match ranks.seat().is_leader() {
            true => ranks.all_gather(&first).map(|_| String::new()).unwrap(),
            false => gather_bytes(&mut ranks, b"lockstep", MOST).unwrap_err().to_string(),
        })
    }

    #[test]
    fn a_length_is_not_believed_before_it_is_looked_at() {
        for (first, expected) in [
            ([MARK, u64::MAX], "rank 0 would send 18446744073709551615 bytes where at most 100"),
            ([MARK, 101], "rank 0 would send 101 bytes where at most 100"),
            ([7, 8], "rank 0 sent other data than the length of its bytes"),
        ] {
            let told = refused(first);
            assert!(told[1..].iter().all(|told| told.contains(expected)), "{told:?}");
        }
        let told = Threads::run(2, |mut ranks| {
            let bytes = vec![0; if ranks.seat().is_leader() { MOST + 1 } else { 0 }];
            gather_bytes(&mut ranks, &bytes, MOST).unwrap_err().to_string()
        });
        assert!(told.iter().all(|told| told.contains("rank 0 would send 101 bytes")), "{told:?}");
    }

    #[test]
    fn bytes_of_any_length_arrive() {
        let text = |rank: usize| "lockstep, all of us".repeat(rank).into_bytes();
        let expected: Vec<_> = (0..3).map(text).collect();
        let found = Threads::run(3, |mut ranks| {
            let rank = ranks.seat().rank().0;
            let all = gather_bytes(&mut ranks, &text(rank), MOST).unwrap();
            (all, broadcast_bytes(&mut ranks, &text(rank), Rank(2), MOST).unwrap())
        });
        for (all, from_last) in found {
            assert_eq!((&all, &from_last), (&expected, &expected[2]));
        }
    }
}
