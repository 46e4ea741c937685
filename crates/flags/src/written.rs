//! A configuration as it was written: texts, each with the place it stands in.
//!
//! The layers (TOML, flags, `--set`) are put on one another in the order of their precedence. What
//! is not valid is noted as a fault and goes no further, so what [`Written::find`] reads is valid.

use crate::fault::{Fault, Faults, Origin, Problem};
use crate::key::{Entries, Entry, Key};
use crate::kind::Form;
use crate::table::Table;

/// What was written for one command, and what is wrong with it.
pub struct Written {
    entries: &'static Entries,
    given: Vec<Given>,
    refused: Vec<&'static str>,
    faults: Vec<Fault>,
}

/// One value as it was written.
#[derive(Clone, Debug)]
pub struct Given {
    /// The key's name.
    pub name: &'static str,
    /// The value, without TOML's quotes.
    pub text: String,
    /// Where it was written.
    pub origin: Origin,
}

impl Written {
    /// A configuration in which nothing was written yet.
    pub fn of(entries: &'static Entries) -> Self {
        Self { entries, given: Vec::new(), refused: Vec::new(), faults: Vec::new() }
    }

    /// The keys there are.
    pub fn entries(&self) -> &'static Entries {
        self.entries
    }

    /// Takes a value that was written for `entry`; a later one replaces an earlier one.
    pub fn give(&mut self, entry: &'static dyn Entry, text: String, origin: Origin) {
        if !entry.accepts(&text) {
            let problem = Problem::Invalid { valid: entry.valid() };
            return self.refuse(entry, &shown(entry, &text, &origin), &origin, problem);
        }
        self.drop_key(entry);
        self.given.push(Given { name: entry.name(), text, origin });
    }

    /// Notes a value of `entry` that is not taken; `literal` is the value as it stands there.
    pub fn refuse(
        &mut self,
        entry: &'static dyn Entry,
        literal: &str,
        origin: &Origin,
        problem: Problem,
    ) {
        self.refused.push(entry.name());
        self.note(place(entry, literal, origin), problem);
    }

    /// Notes that `entry` is missing, if it is and everything could be read.
    pub fn require(&mut self, entry: &dyn Entry) {
        let unread = |fault: &Fault| {
            matches!(
                fault.problem,
                Problem::Unreadable { .. } | Problem::Syntax { .. } | Problem::DataFile
            )
        };
        let was_tried = self.is_faulty(entry) || self.faults.iter().any(unread);
        if self.text(entry).is_none() && !was_tried {
            self.note(self.place(entry), Problem::Missing { valid: entry.valid() });
        }
    }

    /// Notes a fault in a value that was meant for one of these entries.
    pub(crate) fn note_meant(
        &mut self,
        entries: &[&'static dyn Entry],
        place: String,
        problem: Problem,
    ) {
        self.refused.extend(entries.iter().map(|entry| entry.name()));
        self.note(place, problem);
    }

    /// Notes that a value was meant for `entry`, so that it is not reported as missing.
    pub(crate) fn note_tried(&mut self, entry: &dyn Entry) {
        self.refused.push(entry.name());
    }

    /// Whether a value that was meant for `entry` has a fault.
    #[must_use]
    pub fn is_faulty(&self, entry: &dyn Entry) -> bool {
        self.refused.contains(&entry.name())
    }

    /// Forgets what was written for `entry`.
    pub fn drop_key(&mut self, entry: &dyn Entry) {
        self.given.retain(|given| given.name != entry.name());
    }

    /// Notes a fault.
    pub fn note(&mut self, place: String, problem: Problem) {
        self.faults.push(Fault { place, problem });
    }

    /// What was written for `entry`.
    pub fn given(&self, entry: &dyn Entry) -> Option<&Given> {
        self.given.iter().find(|given| given.name == entry.name())
    }

    /// The place where `entry` was written, or where it would be.
    pub fn place(&self, entry: &dyn Entry) -> String {
        match self.given(entry) {
            Some(given) => place(entry, &shown(entry, &given.text, &given.origin), &given.origin),
            None if entry.table() == Table::COMMAND => entry.flag(),
            None => format!("{}.{} ({})", entry.table().name(), entry.name(), entry.flag()),
        }
    }

    /// The value that was written for `entry`, or its default, as text.
    pub fn text(&self, entry: &dyn Entry) -> Option<&str> {
        self.given(entry).map(|given| given.text.as_str()).or_else(|| entry.default())
    }

    /// The value of an optional key.
    pub fn find<T>(&self, key: &Key<T>) -> Option<T> {
        self.text(key).and_then(|text| key.read(text))
    }

    /// The value of a key that has a default or must be given.
    ///
    /// # Errors
    /// A fault when nothing was given for a key without a default.
    pub fn get<T>(&self, key: &Key<T>) -> Result<T, Fault> {
        self.find(key).ok_or_else(|| Fault {
            place: self.place(key),
            problem: Problem::Missing { valid: key.valid() },
        })
    }

    /// Every key that has a value, with that value as text.
    pub fn values(&self) -> impl Iterator<Item = (&'static dyn Entry, &str)> {
        self.entries.iter().filter_map(|entry| Some((*entry, self.text(*entry)?)))
    }

    /// The configuration again, when it has no fault so far.
    ///
    /// # Errors
    /// All faults that were noted.
    pub fn without_faults(mut self) -> Result<Self, Faults> {
        match std::mem::take(&mut self.faults) {
            none if none.is_empty() => Ok(self),
            faults => Err(Faults(faults)),
        }
    }
}

/// A place as a reader finds it again. `literal` is the value as it stands there.
pub(crate) fn place(entry: &dyn Entry, literal: &str, origin: &Origin) -> String {
    let (table, name, flag) = (entry.table().name(), entry.name(), entry.flag());
    match origin {
        Origin::Inferred => format!("{table}.{name} = {literal}"),
        Origin::File { path, line } => {
            format!("{}:{line}: {table}.{name} = {literal}", path.display())
        }
        Origin::Flag if entry.form() == Form::Switch && literal == "true" => flag,
        Origin::Flag => format!("{flag} {literal}"),
        Origin::Set => format!("--set {table}.{name}={literal}"),
    }
}

/// A value as a message shows it: short, on one line, in quotes where they would be needed.
fn shown(entry: &dyn Entry, text: &str, origin: &Origin) -> String {
    const LONGEST: usize = 60;
    let short: String = text.chars().take(LONGEST).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    let is_one_word =
        !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    let on_command_line = matches!(origin, Origin::Flag | Origin::Set);
    let bare = on_command_line || matches!(entry.form(), Form::Number | Form::Switch);
    if is_one_word && bare { short + more } else { format!("{short:?}{more}") }
}
