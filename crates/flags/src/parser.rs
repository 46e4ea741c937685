//! What clap needs to take a command line apart.

use std::collections::BTreeSet;

use clap::{Arg, ArgAction};

use crate::key::{Entries, Entry};
use crate::kind::Form;
use crate::words::same_words;

/// The flag that marks an unknown one; no argument of a process can have its name.
pub(crate) const UNKNOWN: &str = "\0";
/// What is noted for a flag without its value.
pub(crate) const NO_VALUE: &str = "\0";

/// Whether a command takes `--set`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// It does.
    Taken,
    /// It does not.
    NotTaken,
}

/// A parser that takes every value for a text, and words of any number.
pub(crate) fn parser(entries: &Entries, set: Set) -> clap::Command {
    let text = |id: &'static str| {
        let value = Arg::new(id).long(id).num_args(0..=1).allow_negative_numbers(true);
        value.default_missing_value(NO_VALUE).action(ArgAction::Append)
    };
    let flag = |entry: &&'static dyn Entry| {
        let argument = named(text(entry.name()), *entry);
        match entry.form() {
            Form::Switch => argument.require_equals(true).default_missing_value("true"),
            Form::Text | Form::Number | Form::List | Form::Files => argument,
        }
    };
    let command = clap::Command::new("")
        .no_binary_name(true)
        .disable_help_flag(true)
        .args(entries.iter().map(flag))
        .arg(text(UNKNOWN))
        .arg(text("help").short('h').default_missing_value(""))
        .arg(Arg::new("version").short('V').long("version").action(ArgAction::SetTrue))
        .arg(Arg::new("words").num_args(0..).action(ArgAction::Append));
    if set == Set::Taken { command.arg(text("set")) } else { command }
}

/// An argument under all names that a key has.
pub(crate) fn named(argument: Arg, entry: &dyn Entry) -> Arg {
    let kebab = entry.name().replace('_', "-");
    let same = same_words(entry).flat_map(|word| [word.to_owned(), word.replace('_', "-")]);
    let others: Vec<String> = same.chain([entry.name().to_owned()]).collect();
    let others: BTreeSet<String> = others.into_iter().filter(|name| *name != kebab).collect();
    argument.long(kebab).aliases(others)
}
