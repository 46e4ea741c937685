//! "Did you mean": the known word nearest to a mistyped one.

/// The candidate that is close enough to `word` to have been meant, if there is one.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let tolerance = word.chars().count().max(3) / 3;
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance: insertions, deletions and replacements that turn `a` into `b`
/// (Wagner and Fischer, "The string-to-string correction problem", 1974, one row at a time).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_offered_when_it_is_near() {
        let check = |word, expected| {
            let known = ["learning_rate", "head_learning_rate", "seed", "head", "model"];
            assert_eq!(nearest(word, known), expected, "{word}");
        };
        check("lerning_rate", Some("learning_rate"));
        check("learning-rate", Some("learning_rate"));
        check("sed", Some("seed"));
        check("heda", None);
        check("modle", None);
        check("mode", Some("model"));
        check("batch", None);
        check("", None);
    }
}
