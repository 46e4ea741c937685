//! The lowest layer: a TOML file, read with the line of each key.
//!
//! An unknown table, an unknown key or a value of the wrong type is noted, and the rest is still
//! looked at. A key in the wrong place counts for its value, so that no other fault follows from it.
//! Only where the text is not TOML, its keys are not looked at.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use lockstep_world::file_content;
use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue};

use crate::bare::{self, DATA};
use crate::fault::{Origin, Problem};
use crate::key::{Entries, Entry, tables};
use crate::kind::Form;
use crate::near::nearest;
use crate::table::Table;
use crate::words::{entry_named, hint};
use crate::written::Written;

/// The table `run.toml` has beside those a user writes: who made it, and where.
pub const RECORD: &str = "record";

/// Lines with an error of syntax that are shown; a file of another format would have nothing else.
const SYNTAX_SHOWN: usize = 5;

/// Puts the file at `path` into `config`.
pub fn read_file(config: &mut Written, path: &Path) {
    let place = path.display().to_string();
    let extension = path.extension().and_then(|extension| extension.to_str());
    if extension.is_some_and(|extension| DATA.contains(&extension)) {
        return config.note(place, Problem::DataFile);
    }
    if path.is_dir() && extension != Some("toml") {
        return bare::note(config, &place, "name a TOML file, see configs/ for complete ones");
    }
    match text(path) {
        Ok(source) => read(config, path, &source),
        Err(error) => config.note(place, Problem::Unreadable { cause: error.to_string() }),
    }
}

fn text(path: &Path) -> io::Result<String> {
    const LIMIT: u64 = 1 << 20;
    let bytes = file_content(path, LIMIT).map_err(|cause| match cause.kind() {
        io::ErrorKind::FileTooLarge => io::Error::other("more than 1 MiB is no configuration"),
        _ => cause,
    })?;
    String::from_utf8(bytes).map_err(|_| io::Error::other("stream did not contain valid UTF-8"))
}

/// Puts TOML text into `config`; `path` is what messages call it.
pub fn read(config: &mut Written, path: &Path, source: &str) {
    let file = Source { path, source };
    let (document, errors) = DeTable::parse_recoverable(source);
    if !errors.is_empty() {
        return file.note_syntax(config, &errors);
    }
    for (key, value) in in_order(document.get_ref()) {
        match (table_named(config.entries(), key.get_ref()), value.get_ref()) {
            (Some(table), DeValue::Table(keys)) => file.read_table(config, table, keys),
            (None, DeValue::Table(_)) if key.get_ref() == RECORD => {}
            (None, DeValue::Table(keys)) => file.read_unknown_table(config, key, keys),
            _ => file.note_top_level(config, key, value),
        }
    }
}

type Line<'t, 's> = (&'t Spanned<DeString<'s>>, &'t Spanned<DeValue<'s>>);

/// The keys as they stand in the file; the parser sorts them by name.
fn in_order<'t, 's>(table: &'t DeTable<'s>) -> Vec<Line<'t, 's>> {
    let mut lines: Vec<Line<'t, 's>> = table.iter().collect();
    lines.sort_by_key(|(key, _)| key.span().start);
    lines
}

/// A file under the name messages call it.
struct Source<'a> {
    path: &'a Path,
    source: &'a str,
}

impl Source<'_> {
    /// Notes the first error of each line; what a parser says after it is mostly a consequence.
    fn note_syntax(&self, config: &mut Written, errors: &[toml::de::Error]) {
        let at = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
        let mut by_line: BTreeMap<usize, &toml::de::Error> = BTreeMap::new();
        for error in errors {
            by_line.entry(self.line(at(error))).or_insert(error);
        }
        for error in by_line.into_values().take(SYNTAX_SHOWN) {
            let cause = error.message().to_owned();
            config.note(self.line_place(at(error)), Problem::Syntax { cause });
        }
    }

    fn read_table(&self, config: &mut Written, table: Table, keys: &DeTable<'_>) {
        for (key, value) in in_order(keys) {
            let at = key.span().start;
            match key_named(config.entries(), key.get_ref()) {
                Some(entry) if entry.table() == table => self.read_value(config, entry, at, value),
                Some(entry) => {
                    let problem = Problem::WrongTable { table: entry.table().name() };
                    config.note(self.key_place(table.name(), key), problem);
                    self.read_misplaced(config, entry, at, value);
                }
                None => {
                    let hint = hint(key.get_ref(), config.entries());
                    config.note(self.key_place(table.name(), key), Problem::UnknownKey { hint });
                }
            }
        }
    }

    /// Reads the keys of an unknown table as those of the table that was probably meant, else each as
    /// a key in the wrong place.
    fn read_unknown_table(
        &self,
        config: &mut Written,
        name: &Spanned<DeString<'_>>,
        keys: &DeTable<'_>,
    ) {
        let near = table_near(config.entries(), name.get_ref());
        let at = name.span().start;
        let place = format!("{}: {}", self.line_place(at), name.get_ref().escape_debug());
        let known = tables(config.entries()).into_iter().map(Table::name).collect();
        config.note(place, Problem::UnknownTable { near: near.map(Table::name), known });
        if let Some(table) = near {
            return self.read_table(config, table, keys);
        }
        for (key, value) in in_order(keys) {
            if let Some(entry) = key_named(config.entries(), key.get_ref()) {
                self.read_misplaced(config, entry, key.span().start, value);
            }
        }
    }

    /// Reads the value of a key whose place was noted as wrong; what else is wrong with it is shown
    /// once it is in its place.
    fn read_misplaced(
        &self,
        config: &mut Written,
        entry: &'static dyn Entry,
        at: usize,
        value: &Spanned<DeValue<'_>>,
    ) {
        config.note_tried(entry);
        let text = text_of(entry.form(), value.get_ref()).filter(|text| entry.accepts(text));
        if let Some(text) = text.filter(|_| config.given(entry).is_none()) {
            config.give(entry, text, self.origin(at));
        }
    }

    fn origin(&self, at: usize) -> Origin {
        Origin::File { path: self.path.to_owned(), line: self.line(at) }
    }

    fn read_value(
        &self,
        config: &mut Written,
        entry: &'static dyn Entry,
        at: usize,
        value: &Spanned<DeValue<'_>>,
    ) {
        let origin = self.origin(at);
        match text_of(entry.form(), value.get_ref()) {
            // TOML refuses a key twice, but not a key and its other name.
            Some(_) if config.given(entry).is_some_and(|given| given.origin.is_file()) => {
                let other = config.place(entry);
                let remedy = "both are the same key; keep one";
                config.note(self.line_place(at), Problem::Contradiction { other, remedy });
            }
            Some(text) => config.give(entry, text, origin),
            None => {
                let literal = self.source.get(value.span()).unwrap_or_default();
                let literal: String = literal.lines().next().unwrap_or_default().to_owned();
                config.refuse(
                    entry,
                    &literal,
                    &origin,
                    Problem::WrongType { form: entry.form().description(), valid: entry.valid() },
                );
            }
        }
    }

    /// Notes a key in front of the first table.
    fn note_top_level(
        &self,
        config: &mut Written,
        key: &Spanned<DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let at = key.span().start;
        let place = format!("{}: {}", self.line_place(at), key.get_ref().escape_debug());
        match key_named(config.entries(), key.get_ref()) {
            Some(entry) => {
                config.note(place, Problem::WrongTable { table: entry.table().name() });
                self.read_misplaced(config, entry, at, value);
            }
            None => {
                let hint = hint(key.get_ref(), config.entries());
                config.note(place, Problem::UnknownKey { hint });
            }
        }
    }

    fn key_place(&self, table: &str, key: &Spanned<DeString<'_>>) -> String {
        let line = self.line_place(key.span().start);
        format!("{line}: {table}.{}", key.get_ref().escape_debug())
    }

    fn line_place(&self, at: usize) -> String {
        format!("{}:{}", self.path.display(), self.line(at))
    }

    fn line(&self, at: usize) -> usize {
        let before = self.source.as_bytes().get(..at).unwrap_or_default();
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }
}

/// A key of a file, which flags of one command are not.
fn key_named(entries: &Entries, name: &str) -> Option<&'static dyn Entry> {
    entry_named(entries, name).filter(|entry| entry.table() != Table::COMMAND)
}

fn table_named(entries: &Entries, name: &str) -> Option<Table> {
    tables(entries).into_iter().find(|table| table.name() == name)
}

/// The table that `name` was probably meant for: a misspelt one, or a longer word for it.
fn table_near(entries: &Entries, name: &str) -> Option<Table> {
    let known = tables(entries);
    let near = nearest(name, known.iter().map(|table| table.name()));
    let is_near = |table: &Table| near == Some(table.name()) || name.starts_with(table.name());
    known.into_iter().find(is_near)
}

/// The value as a user would type it on the command line, if its type fits.
fn text_of(form: Form, value: &DeValue<'_>) -> Option<String> {
    match (form, value) {
        (Form::Text | Form::List | Form::Files, DeValue::String(text)) => Some(text.to_string()),
        (Form::Number | Form::List, DeValue::Integer(integer)) if integer.radix() == 10 => {
            Some(integer.as_str().to_owned())
        }
        (Form::Number, DeValue::Float(float)) => Some(float.as_str().to_owned()),
        (Form::Switch, DeValue::Boolean(on)) => Some(on.to_string()),
        (Form::List | Form::Files, DeValue::Array(items)) => list_of(items),
        _ => None,
    }
}

fn list_of(items: &DeArray<'_>) -> Option<String> {
    if items.is_empty() {
        return Some("none".to_owned());
    }
    let word = |item: &Spanned<DeValue<'_>>| match item.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        number => text_of(Form::Number, number),
    };
    Some(items.iter().map(word).collect::<Option<Vec<String>>>()?.join(","))
}
