//! The upper layers: flags and `--set`, taken apart by clap.
//!
//! clap ends at the first unknown flag, and all faults of a command line and of its file are to be
//! shown together. So an unknown flag is marked where it is, and the line is parsed again. Values
//! stay texts: the kinds of the keys judge them.

use std::borrow::Cow;
use std::ffi::OsString;

use clap::ArgMatches;
use clap::error::{ContextKind, ContextValue};

use crate::bare::is_data_file;
use crate::fault::{Origin, Problem};
use crate::key::{Entries, Entry};
use crate::kind::Form;
use crate::parser::{NO_VALUE, Set, UNKNOWN, parser};
use crate::table::Table;
use crate::words::{entry_named, hint, is_called};
use crate::written::Written;

/// The unknown flags that are shown; each costs a pass over the line.
const UNKNOWN_SHOWN: usize = 100;

/// A command line, taken apart but not yet judged.
#[derive(Debug, Default)]
pub struct CommandLine {
    /// Words that are no flags, in their order.
    pub words: Vec<String>,
    /// What `--help` was asked for: a key, or everything where it is empty.
    pub help: Option<String>,
    /// Whether the version was asked for.
    pub wants_version: bool,
    flags: Vec<Flag>,
    settings: Vec<Option<String>>,
}

#[derive(Debug)]
enum Flag {
    /// A key's name, and its value unless that is missing.
    Known(&'static str, Option<String>),
    /// As it was typed.
    Unknown(String),
}

impl CommandLine {
    /// Takes `arguments` apart.
    #[must_use]
    pub fn parse(arguments: &[String], entries: &'static Entries, set: Set) -> Self {
        let mut command = parser(entries, set);
        let mut words = with_joined_files(with_joined_switches(arguments, entries), entries);
        for count in 0..=words.len() {
            let line = words.iter().map(OsString::from);
            let unknown = match command.try_get_matches_from_mut(line) {
                Ok(matches) => return Self::of(&matches, entries, set),
                Err(error) => place_of_unknown(&words, &error),
            };
            match unknown {
                Some(place) if count < UNKNOWN_SHOWN => mark(&mut words, place),
                place => words.truncate(place.unwrap_or_default()),
            }
        }
        Self::default()
    }

    fn of(matches: &ArgMatches, entries: &'static Entries, set: Set) -> Self {
        let mut flags = texts(matches, UNKNOWN)
            .map(|(place, flag)| (place, Flag::Unknown(flag)))
            .collect::<Vec<_>>();
        for entry in entries {
            let given = texts(matches, entry.name());
            flags.extend(
                given.map(|(place, value)| (place, Flag::Known(entry.name(), some(value)))),
            );
        }
        flags.sort_by_key(|(place, _)| *place);
        let settings = match set {
            Set::Taken => texts(matches, "set").map(|(_, setting)| some(setting)).collect(),
            Set::NotTaken => Vec::new(),
        };
        Self {
            words: texts(matches, "words").map(|(_, word)| word).collect(),
            help: texts(matches, "help").last().map(|(_, key)| key),
            wants_version: matches.get_flag("version"),
            flags: flags.into_iter().map(|(_, flag)| flag).collect(),
            settings,
        }
    }

    /// Whether `entry` is given somewhere on this line.
    #[must_use]
    pub fn names(&self, entry: &dyn Entry) -> bool {
        let is_flag = |flag: &Flag| matches!(flag, Flag::Known(name, _) if *name == entry.name());
        let set = |setting: &String| {
            let path = setting.split('=').next().unwrap_or_default();
            is_called(entry, path.rsplit('.').next().unwrap_or_default().trim())
        };
        self.flags.iter().any(is_flag) || self.settings.iter().flatten().any(set)
    }

    /// Puts the flags, then the settings into `config`.
    pub fn apply(self, config: &mut Written) {
        for flag in self.flags {
            apply_flag(config, flag);
        }
        for setting in self.settings {
            apply_setting(config, setting);
        }
    }
}

/// Whether a word was meant as a flag.
fn is_dashed(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-')
}

/// The values of one argument, each with its place on the line.
fn texts(matches: &ArgMatches, id: &str) -> impl Iterator<Item = (usize, String)> {
    let places = matches.indices_of(id).into_iter().flatten();
    let values = matches.get_many::<String>(id).into_iter().flatten();
    places.zip(values.cloned())
}

fn some(value: String) -> Option<String> {
    (value != NO_VALUE).then_some(value)
}

/// `--switch true` as `--switch=true`; a bare switch leaves the word behind it alone.
fn with_joined_switches(arguments: &[String], entries: &Entries) -> Vec<String> {
    let is_switch = |word: &str| {
        let name = word.strip_prefix("--").unwrap_or_default();
        entry_named(entries, name).is_some_and(|entry| entry.form() == Form::Switch)
    };
    let mut words: Vec<String> = Vec::with_capacity(arguments.len());
    for word in arguments {
        match words.last_mut() {
            Some(switch) if matches!(&**word, "true" | "false") && is_switch(switch) => {
                *switch += &format!("={word}");
            }
            _ => words.push(word.clone()),
        }
    }
    words
}

/// `--train-file a.csv b.csv` as `--train-file a.csv,b.csv`.
fn with_joined_files(words: Vec<String>, entries: &Entries) -> Vec<String> {
    let takes_files = |word: &str| {
        let name = word.split('=').next()?.strip_prefix("--")?;
        let entry = entry_named(entries, name).filter(|entry| entry.form() == Form::Files);
        entry.map(|_| word.contains('='))
    };
    // How many values are still missing before further files are a part of the last one.
    let mut missing: Option<usize> = None;
    let mut joined: Vec<String> = Vec::with_capacity(words.len());
    for word in words {
        match (missing, joined.last_mut()) {
            (Some(0), Some(files)) if is_data_file(&word) => {
                *files += &format!(",{word}");
                continue;
            }
            _ => {}
        }
        missing = match (takes_files(&word), missing) {
            (Some(has_value), _) => Some(usize::from(!has_value)),
            (None, Some(1)) => Some(0),
            (None, _) => None,
        };
        joined.push(word);
    }
    joined
}

/// Where the flag is that clap does not know.
fn place_of_unknown(words: &[String], error: &clap::Error) -> Option<usize> {
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else { return None };
    let is_short = !flag.starts_with("--");
    words.iter().position(|word| match word.strip_prefix(&**flag) {
        Some(rest) => is_short && !is_number(word) || rest.is_empty() || rest.starts_with('='),
        None => false,
    })
}

/// Marks the word at `place` as an unknown flag, and takes away what would be its value.
fn mark(words: &mut Vec<String>, place: usize) {
    let is_value =
        |word: &String| (!is_dashed(word) || is_number(word)) && !word.ends_with(".toml");
    let has_value = words.get(place + 1).is_some_and(is_value);
    let Some(word) = words.get_mut(place) else { return };
    let (flag, value) = word.split_once('=').map_or((&**word, None), |(flag, v)| (flag, Some(v)));
    let takes_next = value.is_none() && has_value;
    *word = format!("--{UNKNOWN}={flag}");
    if takes_next {
        words.remove(place + 1);
    }
}

fn is_number(word: &str) -> bool {
    word.parse::<f64>().is_ok()
}

fn apply_flag(config: &mut Written, flag: Flag) {
    match flag {
        Flag::Known(name, value) => match (entry_named(config.entries(), name), value) {
            (Some(entry), Some(value)) => {
                let before = config.given(entry).filter(|given| {
                    entry.form() == Form::Files && matches!(given.origin, Origin::Flag)
                });
                let files = before.map(|before| format!("{},{value}", before.text));
                config.give(entry, files.unwrap_or(value), Origin::Flag);
            }
            (Some(entry), None) => {
                config.note(entry.flag(), Problem::NoValue { valid: entry.valid() });
            }
            (None, _) => {}
        },
        Flag::Unknown(word) => {
            let hint = hint(&word, config.entries());
            config.note(word.escape_debug().to_string(), Problem::UnknownFlag { hint });
        }
    }
}

const NO_SETTING: Problem = Problem::NoValue { valid: Cow::Borrowed("key=value, such as seed=7") };

fn apply_setting(config: &mut Written, setting: Option<String>) {
    let Some(setting) = setting else { return config.note("--set".to_owned(), NO_SETTING) };
    let place = format!("--set {}", setting.escape_debug());
    let Some((path, value)) = setting.split_once('=') else {
        return config.note(place, NO_SETTING);
    };
    let (table, name) = match path.trim().split_once('.') {
        Some((table, name)) => (Some(table), name),
        None => (None, path.trim()),
    };
    let known = entry_named(config.entries(), name).filter(|entry| entry.table() != Table::COMMAND);
    match known {
        Some(entry) if table.is_none_or(|table| entry.table().name() == table) => {
            config.give(entry, unquoted(value.trim()).to_owned(), Origin::Set);
        }
        Some(entry) => config.note(place, Problem::WrongTable { table: entry.table().name() }),
        None => {
            let hint = hint(name, config.entries());
            config.note(place, Problem::UnknownKey { hint });
        }
    }
}

/// A value without the quotes it has when a line of TOML is copied.
fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}
