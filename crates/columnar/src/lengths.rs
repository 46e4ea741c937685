//! The lists of lengths in front of texts in Parquet's delta encodings, which say themselves how long they are:
//! a few bytes may claim any number of equal lengths.

/// Whether each of the first `lists` lists in `values` has `most` lengths at most.
pub(crate) fn are_at_most(values: &[u8], lists: usize, most: u64) -> bool {
    let behind = |rest: Option<_>, _| rest.and_then(|rest| behind_list(rest, most));
    (0..lists).fold(Some(values), behind).is_some()
}

/// What is behind a list of delta-encoded numbers.
fn behind_list(mut bytes: &[u8], most: u64) -> Option<&[u8]> {
    let [of_block, parts, count, _first] = [(); 4].map(|()| varint(&mut bytes));
    let (of_block, parts, count) = (of_block?, parts?, count?);
    let of_part = of_block.checked_div(parts).filter(|_| count <= most)?;
    let mut left = count.saturating_sub(1);
    while left > 0 {
        varint(&mut bytes)?;
        let (widths, mut rest) = bytes.split_at_checked(usize::try_from(parts).ok()?)?;
        for width in widths {
            if left == 0 {
                break;
            }
            let bits = of_part.checked_mul(u64::from(*width))?;
            rest = rest.get(usize::try_from(bits / 8).ok()?..)?;
            left = left.saturating_sub(of_part);
        }
        bytes = rest;
    }
    Some(bytes)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for place in 0..10 {
        let byte = bytes.split_off_first()?;
        value |= u64::from(byte & 127) << (7 * place);
        if *byte < 128 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_walked_to_their_ends() {
        // Blocks of 128 in 4 parts: 40 lengths, in parts of 2 and of 0 bits.
        let mut list = vec![0x80, 1, 4, 40, 6, 0, 2, 0, 9, 9];
        list.extend([0; 8]);
        let twice = [&list[..], &list].concat();
        assert!(are_at_most(&list, 1, 40));
        assert!(!are_at_most(&list, 1, 39));
        assert!(are_at_most(&twice, 2, 40));
        assert!(!are_at_most(&list, 2, 40));
        assert_eq!(behind_list(&[&list[..], b"texts"].concat(), 40), Some(&b"texts"[..]));
        assert!(!are_at_most(&list[..list.len() - 1], 1, 40));
        // Many in few bytes, and none at all.
        assert!(!are_at_most(&[0x80, 1, 4, 0xFF, 0xFF, 0xFF, 0x7F, 0], 1, 1000));
        assert!(!are_at_most(&[0x80, 1, 0, 1, 0], 1, 1000));
        assert!(are_at_most(&[0x80, 1, 4, 0, 0], 1, 0));
    }
}
