//! The upper layers: flags and `--set`.
//!
//! The flags come from the same table as the keys of a file. They are parsed here, not by a library,
//! because all faults of a command line and of its file are to be shown together, and parsers of
//! command lines end at the first.

use crate::fault::{Origin, Problem};
use crate::key::Entry;
use crate::kind::Form;
use crate::table::Table;
use crate::words::{entry_named, hint, is_called};
use crate::written::Written;

/// A command line, taken apart but not yet judged.
#[derive(Debug, Default)]
pub struct CommandLine {
    /// Words that are no flags, in their order.
    pub words: Vec<String>,
    flags: Vec<Flag>,
    settings: Vec<String>,
}

#[derive(Debug)]
struct Flag {
    /// As it was typed, without the leading dashes.
    name: String,
    value: Option<String>,
}

impl CommandLine {
    /// Takes `arguments` apart. Only whether a flag takes a value is asked of `config`'s keys.
    pub fn split(arguments: &[String], config: &Written) -> Self {
        let mut line = Self::default();
        let mut rest = arguments.iter().peekable();
        while let Some(argument) = rest.next() {
            let Some(flag) = argument.strip_prefix("--") else {
                line.words.push(argument.clone());
                continue;
            };
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (flag, rest.next_if(|next| is_value(config, flag, next)).cloned()),
            };
            line.push(name, value);
        }
        line
    }

    /// Whether `entry` is given somewhere on this line.
    pub fn names(&self, entry: &dyn Entry) -> bool {
        let is_meant = |name: &str| is_called(entry, name.trim());
        let set = |setting: &String| {
            let path = setting.split('=').next().unwrap_or_default();
            is_meant(path.rsplit('.').next().unwrap_or_default())
        };
        self.flags.iter().any(|flag| is_meant(&flag.name)) || self.settings.iter().any(set)
    }

    fn push(&mut self, name: &str, value: Option<String>) {
        match (name, value) {
            ("set", Some(setting)) => self.settings.push(setting),
            (name, value) => self.flags.push(Flag { name: name.to_owned(), value }),
        }
    }

    /// Puts the flags, then the settings into `config`.
    pub fn apply(self, config: &mut Written) {
        for flag in self.flags {
            apply_flag(config, flag);
        }
        for setting in self.settings {
            apply_setting(config, &setting);
        }
    }
}

/// Whether the word after a flag is its value: `-` and `-1` are, another flag is not.
fn is_value(config: &Written, flag: &str, word: &str) -> bool {
    match entry_named(config.entries(), flag).map(|entry| entry.form()) {
        Some(Form::Switch) => matches!(word, "true" | "false"),
        Some(_) => !word.starts_with("--"),
        None => !word.starts_with("--") && !word.ends_with(".toml"),
    }
}

fn apply_flag(config: &mut Written, flag: Flag) {
    let place = format!("--{}", flag.name.escape_debug());
    match (entry_named(config.entries(), &flag.name), flag.value) {
        (Some(entry), Some(value)) => config.give(entry, value, Origin::Flag),
        (Some(entry), None) if entry.form() == Form::Switch => {
            config.give(entry, "true".to_owned(), Origin::Flag);
        }
        (Some(entry), None) => config.note(place, Problem::NoValue { valid: entry.valid() }),
        (None, None) if flag.name == "set" => config.note(place, NO_SETTING),
        (None, _) => {
            let hint = hint(&flag.name, config.entries());
            config.note(place, Problem::UnknownFlag { hint });
        }
    }
}

const NO_SETTING: Problem = Problem::NoValue { valid: "key=value, such as seed=7" };

fn apply_setting(config: &mut Written, setting: &str) {
    let place = format!("--set {}", setting.escape_debug());
    let Some((path, value)) = setting.split_once('=') else {
        return config.note(place, NO_SETTING);
    };
    let (table, name) = match path.trim().split_once('.') {
        Some((table, name)) => (Some(table), name),
        None => (None, path.trim()),
    };
    match entry_named(config.entries(), name) {
        Some(entry) if stands_in(entry, table) => {
            config.give(entry, unquoted(value.trim()).to_owned(), Origin::Set);
        }
        Some(entry) => config.note(place, Problem::WrongTable { table: entry.table().name() }),
        None => {
            let hint = hint(name, config.entries());
            config.note(place, Problem::UnknownKey { hint });
        }
    }
}

fn stands_in(entry: &dyn Entry, table: Option<&str>) -> bool {
    entry.table() != Table::COMMAND && table.is_none_or(|table| entry.table().name() == table)
}

/// A value without the quotes it has when a line of TOML is copied.
fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}
