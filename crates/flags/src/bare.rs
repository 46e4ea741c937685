//! Words that stand by themselves, where a flag in front of them was meant.

use std::path::Path;

use crate::fault::Problem;
use crate::key::Entry;
use crate::written::Written;

/// What files of data end in.
pub(crate) const DATA: [&str; 6] = ["tsv", "csv", "jsonl", "json", "parquet", "txt"];
/// Whether a word is called as a file of data is.
pub(crate) fn is_data_file(word: &str) -> bool {
    let extension = Path::new(word).extension().and_then(|extension| extension.to_str());
    !word.starts_with('-') && extension.is_some_and(|extension| DATA.contains(&extension))
}

/// Flags that take a directory.
const DIRECTORIES: [&str; 3] = ["checkpoint", "model", "output_dir"];
/// Flags that take a file of data.
const FILES: [&str; 5] = ["data", "input", "train_file", "validation_file", "test_file"];

/// Notes a word with the flag it needs, or else that `expected` is all there is.
pub fn note(config: &mut Written, word: &str, expected: &'static str) {
    let names = flags_for(word);
    let is_meant = |entry: &&'static dyn Entry| names.contains(&entry.name());
    let meant: Vec<_> = config.entries().iter().copied().filter(is_meant).collect();
    let place = word.escape_debug().to_string();
    let flags: Vec<String> =
        meant.iter().map(|entry| format!("`{} {place}`", entry.flag())).collect();
    let problem = match flags.is_empty() {
        true => Problem::Unexpected { expected },
        false => Problem::Bare { flags },
    };
    config.note_meant(&meant, place, problem);
}

/// Whether a word is a path rather than a text: what is there, or what is called as a file of data is.
pub(crate) fn is_path(word: &str) -> bool {
    !word.contains(char::is_whitespace) && (Path::new(word).exists() || is_data_file(word))
}

/// By what is there under this name, else by the name.
fn flags_for(word: &str) -> &'static [&'static str] {
    let path = Path::new(word);
    let extension = path.extension().and_then(|extension| extension.to_str());
    match extension {
        _ if path.is_dir() => &DIRECTORIES,
        Some("toml") => &[],
        Some(extension) if DATA.contains(&extension) => &FILES,
        _ if path.is_file() => &FILES,
        _ if word.contains('/') => &DIRECTORIES,
        _ => &[],
    }
}
