//! A key of the configuration: one row that TOML, flags, `--set`, the help and `run.toml` share.

use super::kind::{Form, Kind};
use super::words::is_called;

/// A key whose values have the type `T`.
pub(crate) struct Key<T: 'static> {
    name: &'static str,
    table: Table,
    kind: Kind<T>,
    default: Option<&'static str>,
    meaning: &'static str,
}

/// Where a key stands in a TOML file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    /// `[model]`: what is trained.
    Model,
    /// `[data]`: what it is trained on.
    Data,
    /// `[train]`: how long and in which portions.
    Train,
    /// `[optim]`: the optimiser and its schedule.
    Optim,
    /// `[run]`: where it runs, and what it writes.
    Run,
    /// No table: a flag of a command that has no configuration file.
    Command,
}

impl Table {
    /// The tables of a configuration file, in the order they are written.
    pub(crate) const ALL: [Self; 5] =
        [Self::Model, Self::Data, Self::Train, Self::Optim, Self::Run];

    /// The table's name in TOML.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Data => "data",
            Self::Train => "train",
            Self::Optim => "optim",
            Self::Run => "run",
            Self::Command => "command",
        }
    }
}

impl<T> Key<T> {
    /// A key without a default.
    pub(crate) const fn new(
        table: Table,
        name: &'static str,
        kind: Kind<T>,
        meaning: &'static str,
    ) -> Self {
        Self { name, table, kind, default: None, meaning }
    }

    /// The same key with a default, written as a user would.
    pub(crate) const fn or(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    /// The value `text` stands for.
    pub(crate) fn read(&self, text: &str) -> Option<T> {
        (self.kind.read)(text)
    }
}

/// A key, whatever the type of its values.
pub(crate) trait Entry: Sync {
    /// The name in snake case.
    fn name(&self) -> &'static str;
    /// Where it stands in a TOML file.
    fn table(&self) -> Table;
    /// How its values are written in TOML.
    fn form(&self) -> Form;
    /// Its values' placeholder in the help.
    fn placeholder(&self) -> &'static str;
    /// What is valid.
    fn valid(&self) -> &'static str;
    /// The default, as a user would write it.
    fn default(&self) -> Option<&'static str>;
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
        self.kind.form
    }
    fn placeholder(&self) -> &'static str {
        self.kind.placeholder
    }
    fn valid(&self) -> &'static str {
        self.kind.valid
    }
    fn default(&self) -> Option<&'static str> {
        self.default
    }
    fn meaning(&self) -> &'static str {
        self.meaning
    }
    fn accepts(&self, text: &str) -> bool {
        self.read(text).is_some()
    }
}

/// Keys of one command.
pub(crate) type Entries = [&'static dyn Entry];

/// The entry called `name`, in snake or kebab case, or by a word that means the same.
pub(crate) fn entry_named(entries: &Entries, name: &str) -> Option<&'static dyn Entry> {
    let snake = name.replace('-', "_");
    let own = entries.iter().copied().find(|entry| entry.name() == snake);
    own.or_else(|| entries.iter().copied().find(|entry| is_called(*entry, name)))
}
