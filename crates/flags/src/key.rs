//! A key of the configuration: one row that TOML, flags, `--set`, the help and `run.toml` share.

use std::borrow::Cow;

use crate::kind::{Form, Kind};
use crate::table::Table;

/// A key whose values have the type `T`.
pub struct Key<T: 'static> {
    name: &'static str,
    table: Table,
    kind: Kind<T>,
    default: Option<&'static str>,
    unset: Option<&'static str>,
    meaning: &'static str,
}

impl<T> Key<T> {
    /// A key without a default.
    pub const fn new(
        table: Table,
        name: &'static str,
        kind: Kind<T>,
        meaning: &'static str,
    ) -> Self {
        Self { name, table, kind, default: None, unset: None, meaning }
    }

    /// The same key with a default, written as a user would.
    pub const fn or(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    /// The same key without a default, with what holds where it is not given, in words.
    pub const fn or_else(mut self, unset: &'static str) -> Self {
        self.unset = Some(unset);
        self
    }

    /// The value `text` stands for.
    pub fn read(&self, text: &str) -> Option<T> {
        self.kind.read(text)
    }
}

/// A key, whatever the type of its values.
pub trait Entry: Sync {
    /// The name in snake case.
    fn name(&self) -> &'static str;
    /// Where it stands in a TOML file.
    fn table(&self) -> Table;
    /// How its values are written in TOML.
    fn form(&self) -> Form;
    /// Its values' placeholder in the help.
    fn placeholder(&self) -> Cow<'static, str>;
    /// What is valid.
    fn valid(&self) -> Cow<'static, str>;
    /// Each word that is valid with its meaning, where there is a list of them.
    fn choices(&self) -> Vec<(&'static str, &'static str)>;
    /// The default, as a user would write it.
    fn default(&self) -> Option<&'static str>;
    /// What holds where it is not given, in words.
    fn unset(&self) -> Option<&'static str>;
    /// What it decides, for the help.
    fn meaning(&self) -> &'static str;
    /// Whether `text` is a valid value.
    fn accepts(&self, text: &str) -> bool;

    /// The name on the command line.
    fn flag(&self) -> String {
        format!("--{}", self.name().replace('_', "-"))
    }
}

impl<T> Entry for Key<T> {
    fn name(&self) -> &'static str {
        self.name
    }
    fn table(&self) -> Table {
        self.table
    }
    fn form(&self) -> Form {
        self.kind.form()
    }
    fn placeholder(&self) -> Cow<'static, str> {
        self.kind.placeholder()
    }
    fn valid(&self) -> Cow<'static, str> {
        self.kind.valid()
    }
    fn choices(&self) -> Vec<(&'static str, &'static str)> {
        self.kind.choices()
    }
    fn default(&self) -> Option<&'static str> {
        self.default
    }
    fn unset(&self) -> Option<&'static str> {
        self.unset.or(self.default)
    }
    fn meaning(&self) -> &'static str {
        self.meaning
    }
    fn accepts(&self, text: &str) -> bool {
        self.read(text).is_some()
    }
}

/// Keys of one command.
pub type Entries = [&'static dyn Entry];

/// The tables of `entries`, in the order of their first keys; not [`Table::COMMAND`], which is none.
pub(crate) fn tables(entries: &Entries) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for table in entries.iter().map(|entry| entry.table()) {
        if table != Table::COMMAND && !tables.contains(&table) {
            tables.push(table);
        }
    }
    tables
}
