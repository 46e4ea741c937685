//! "Did you mean": the known word nearest to a mistyped one.

/// The candidate that is close enough to `word` to have been meant, if there is one.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    let tolerance = length.max(3) / 3;
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(length) <= tolerance)
        .map(|candidate| (strsim::osa_distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
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
