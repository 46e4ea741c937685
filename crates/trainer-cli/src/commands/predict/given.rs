//! Texts as a user types them on the command line.

use lockstep_data::paired;
use lockstep_flags::{Fault, Faults, Problem, Written};
use lockstep_world::counted;

use super::INPUT;

/// What holds of texts of a model of pairs.
const PAIRS: &str = "two texts for each pair, since the model was trained on pairs: \"a man sleeps\" \
                     \"someone is asleep\"";

/// The texts among the words of a command line; nothing where there is none. For a model of pairs two
/// that follow each other are one.
///
/// # Errors
/// Texts that cannot be read, and texts beside `--input`.
pub(super) fn texts(
    words: Vec<String>,
    are_pairs: bool,
    config: &Written,
) -> Result<Option<Vec<String>>, Faults> {
    if words.is_empty() {
        return Ok(None);
    }
    let faults = faults(&words, are_pairs, config);
    if !faults.is_empty() {
        return Err(Faults(faults));
    }
    warn_of_quotes(&words);
    Ok(Some(match are_pairs {
        false => words,
        true => words.chunks_exact(2).map(|pair| paired(&pair[0], &pair[1])).collect(),
    }))
}

fn faults(words: &[String], are_pairs: bool, config: &Written) -> Vec<Fault> {
    let mut faults = Vec::new();
    if config.given(&INPUT).is_some() {
        let other = "the texts on the command line".to_owned();
        let remedy = "leave out one of them";
        let problem = Problem::Contradiction { other, remedy };
        faults.push(Fault { place: config.place(&INPUT), problem });
    }
    for (word, number) in words.iter().zip(1..) {
        let valid = match word {
            blank if blank.trim().is_empty() => "a text that is not empty or blank",
            broken if broken.contains(char::REPLACEMENT_CHARACTER) => {
                "a text in UTF-8; set the locale to UTF-8, or put the text into a file and convert \
                 that with iconv"
            }
            _ => continue,
        };
        let place = format!("text {number}: `{}`", word.escape_debug());
        faults.push(Fault { place, problem: Problem::Invalid { valid: valid.into() } });
    }
    if are_pairs && !words.len().is_multiple_of(2) {
        let place = counted(words.len(), "text");
        faults.push(Fault { place, problem: Problem::Invalid { valid: PAIRS.into() } });
    }
    faults
}

/// Warns where a sentence was probably typed without quotes around it.
fn warn_of_quotes(words: &[String]) {
    if words.len() > 2 && !words.iter().any(|word| word.contains(char::is_whitespace)) {
        tracing::warn!(
            "these are {} texts of one word each; if they are one text, put quotes around it: \"{}\"",
            words.len(),
            words.join(" ").escape_debug()
        );
    }
}
