//! A configuration as it is written: keys in a table, and the layers that give them values.
//!
//! A program brings its table of [`Key`]s and its [`Command`]s. TOML, flags and `--set` fill a
//! [`Written`] from them, and every fault is noted with its place, so that all of them are shown
//! together. clap takes command lines apart, and shows and completes them.

mod bare;
mod command;
mod explanation;
mod fault;
mod hint;
mod key;
mod kind;
mod line;
mod man;
mod near;
mod parser;
mod table;
pub mod toml_file;
mod words;
mod written;

pub use bare::note as note_word;
pub use command::{Command, CommandSet, Words};
pub use fault::{Fault, Faults, Origin, Problem};
pub use hint::Hint;
pub use key::{Entries, Entry, Key};
pub use kind::{
    BELOW_ONE, Choice, DIRECTORY, DROPPED, FILE, Form, Kind, POSITIVE, SIZE, SWITCH, TEXT, UNIT,
    UPDATES, WHOLE,
};
pub use line::CommandLine;
pub use man::ManPage;
pub use near::nearest;
pub use parser::Set;
pub use table::Table;
pub use words::{Meant, WORDS, entry_named, hint};
pub use written::{Given, Written};

#[cfg(test)]
mod tests;
