//! The table of a TOML file that a key stands in.

/// Where a key stands in a TOML file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table(&'static str);

impl Table {
    /// No table: a flag of a command that has no configuration file.
    pub const COMMAND: Self = Self("command");

    /// The table of this name.
    #[must_use]
    pub const fn named(name: &'static str) -> Self {
        Self(name)
    }

    /// The table's name in TOML.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0
    }
}
