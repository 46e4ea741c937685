//! Numbers with their nouns.

use std::fmt::Display;

/// `1 row`, or `2 rows`.
#[must_use]
pub fn counted(count: impl Display, noun: &str) -> String {
    let count = count.to_string();
    let ending = if count == "1" { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular() {
        let found = [0, 1, 2, 11].map(|count: u64| counted(count, "rank"));
        assert_eq!(found, ["0 ranks", "1 rank", "2 ranks", "11 ranks"]);
    }
}
