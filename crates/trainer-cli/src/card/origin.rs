//! What the card of the model that a run started from says of it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use lockstep_settings::ModelName;

/// Bytes of another card that are looked at.
const LONGEST: u64 = 1 << 20;

/// The license in the metadata of the card in a model's directory, where it is one word, as the hub has
/// them.
pub(super) fn license(directory: Option<&PathBuf>) -> Option<String> {
    let file = File::open(directory?.join("README.md")).ok()?;
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    of_metadata(&text)
}

fn of_metadata(card: &str) -> Option<String> {
    let mut lines = card.trim_start().lines();
    lines.next().filter(|first| first.trim_end() == "---")?;
    let metadata = lines.take_while(|line| line.trim_end() != "---");
    let value = metadata.into_iter().find_map(|line| line.strip_prefix("license:"))?;
    let value = value.trim().trim_matches(['"', '\'']);
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-.+_".contains(c);
    (!value.is_empty() && value.chars().all(is_word)).then(|| value.to_owned())
}

/// The hub id of the model that a run started from, where its name is one.
pub(super) fn hub_id(name: &ModelName) -> Option<&str> {
    let ModelName::Named(name) = name else { return None };
    let is_legal = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let is_id = name.matches('/').count() <= 1 && name.chars().all(is_legal);
    let is_path = Path::new(name).exists() || name.starts_with(['.', '/']) || name.ends_with('/');
    (is_id && !is_path).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_license_is_taken_from_the_metadata_and_from_nowhere_else() {
        let check = |card: &str, expected: Option<&str>| {
            assert_eq!(of_metadata(card).as_deref(), expected, "{card:?}");
        };
        check("---\nlanguage: en\nlicense: apache-2.0\n---\n# A\n", Some("apache-2.0"));
        check("---\r\nlicense: \"mit\"\r\n---\r\n", Some("mit"));
        check("---\nlanguage: en\n---\nlicense: mit\n", None);
        check("license: mit\n", None);
        check("---\nlicense:\n- mit\n---\n", None);
        check("---\nlicense: a: b\n---\n", None);
        check("", None);
    }

    #[test]
    fn only_a_name_of_the_hub_is_a_base_model() {
        let check = |name: &str, expected: bool| {
            let name = ModelName::Named(name.to_owned());
            assert_eq!(hub_id(&name).is_some(), expected, "{name:?}");
        };
        check("distilbert-base-uncased", true);
        check("distilbert/distilbert-base-uncased", true);
        for path in ["/models/x", "./x", "../x", "a/b/c", ".", "a b", "x/"] {
            check(path, false);
        }
        assert_eq!(hub_id(&ModelName::Tiny), None);
    }
}
