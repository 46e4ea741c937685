//! "Did you mean": the known word nearest to a mistyped one.

/// The candidate that is close enough to `word` to have been meant, if there is one.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let tolerance = word.chars().count().max(3) / 3;
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`
/// (Damerau, "A technique for computer detection and correction of spelling errors", 1964).
/// `table[i][j]` is the distance of the first `i` letters from the first `j`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut table: Vec<Vec<usize>> = (0..=a.len()).map(|i| (i..=i + b.len()).collect()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let replaced = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let nearest = replaced.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
            let is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            table[i][j] = if is_swap { nearest.min(table[i - 2][j - 2] + 1) } else { nearest };
        }
    }
    table[a.len()][b.len()]
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
        check("heda", Some("head"));
        check("modle", Some("model"));
        check("dehad", None);
        check("mode", Some("model"));
        check("batch", None);
        check("", None);
    }
}
