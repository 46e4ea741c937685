//! Batches of about as many tokens each.

/// Puts the texts of `order` into batches, in this order: whole texts, about `at_once` tokens each, one at
/// least.
pub(crate) fn batches(
    order: impl IntoIterator<Item = usize>,
    lengths: &[u32],
    at_once: usize,
) -> Vec<Vec<usize>> {
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut tokens = 0;
    for index in order {
        let length = lengths.get(index).map_or(0, |length| *length as usize);
        tokens += length;
        match batches.last_mut().filter(|_| tokens <= at_once) {
            Some(batch) => batch.push(index),
            None => {
                batches.push(vec![index]);
                tokens = length;
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_no_more_tokens_unless_one_text_has() {
        let check = |order: &[usize], at_once, expected: &[&[usize]]| {
            assert_eq!(batches(order.iter().copied(), &[3, 9, 2, 2, 1], at_once), expected);
        };
        check(&[], 4, &[]);
        check(&[0, 1, 2, 3, 4], 4, &[&[0], &[1], &[2, 3], &[4]]);
        check(&[0, 1, 2, 3, 4], 1, &[&[0], &[1], &[2], &[3], &[4]]);
        check(&[1, 0, 2, 3, 4], 100, &[&[1, 0, 2, 3, 4]]);
        check(&[4, 3, 2, 0, 1], 5, &[&[4, 3, 2], &[0], &[1]]);
    }
}
