//! A configuration as it is written: keys in a table, and the layers that give them values.
//!
//! A program brings its table of [`Key`]s. TOML, flags and `--set` fill a [`Written`] from it, and
//! every fault is noted with its place, so that all of them are shown together.

mod bare;
mod command_line;
mod fault;
mod help;
mod key;
mod kind;
mod suggestion;
mod table;
pub mod toml_file;
mod words;
mod written;

pub use command_line::CommandLine;
pub use fault::{Fault, Faults, Origin, Problem};
pub use help::list;
pub use key::{Entries, Entry, Key};
pub use kind::{
    BELOW_ONE, DIRECTORY, DROPPED, FILE, Form, Kind, POSITIVE, SIZE, SWITCH, TEXT, UNIT, UPDATES,
    WHOLE,
};
pub use suggestion::nearest;
pub use table::Table;
pub use words::{Hint, Meant, WORDS, entry_named, hint};
pub use written::{Given, Written};

/// The flags of a command without a configuration file: which of them it cannot do without, and what
/// is said to words that are no flags.
///
/// # Errors
/// Everything that is wrong with them.
pub fn flags(
    arguments: &[String],
    entries: &'static Entries,
    required: &[&dyn Entry],
    expected: &'static str,
) -> Result<Written, Faults> {
    let mut config = Written::of(entries);
    let line = CommandLine::split(arguments, &config);
    note_words(&mut config, line.words.iter(), expected);
    line.apply(&mut config);
    for entry in required {
        config.require(*entry);
    }
    config.without_faults()
}

/// Notes words that are too many; one that begins with a dash was meant as a flag.
pub fn note_words<'a>(
    config: &mut Written,
    words: impl Iterator<Item = &'a String>,
    expected: &'static str,
) {
    for word in words {
        if is_dashed(word) {
            let hint = words::hint(word, config.entries());
            config.note(word.escape_debug().to_string(), Problem::UnknownFlag { hint });
        } else {
            bare::note(config, word, expected);
        }
    }
}

/// Whether a word was meant as a flag.
#[must_use]
pub fn is_dashed(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-')
}
