//! What this process was given: its arguments and its environment, each read once.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};

/// The variable with the name that a user, or the launcher, gives to a run.
pub const RUN_ID: &str = "LOCKSTEP_RUN_ID";

/// The variable with the name of a launcher's run that replaces an earlier one, the same in each of its
/// attempts.
pub const REPLACING_RUN: &str = "LOCKSTEP_REPLACING_RUN";

/// The arguments and the environment of a process, as values that a test can make up.
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// The arguments behind the program's name.
    pub arguments: Vec<String>,
    /// The environment.
    pub environment: Environment,
}

/// The environment variables of a process.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Process {
    /// This process. What is not UTF-8 is shown with replacement characters, and so will not be
    /// found under its name.
    pub fn current() -> Self {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        Self {
            arguments: std::env::args_os().skip(1).map(text).collect(),
            environment: std::env::vars_os().map(|(key, value)| (text(key), text(value))).collect(),
        }
    }
}

impl Environment {
    /// The value of a variable, unless it is unset or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The value of a variable for which the empty one has a meaning.
    pub fn given(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether a variable says yes, as Python's hub library reads it.
    pub fn is_on(&self, name: &str) -> bool {
        let value = self.get(name).unwrap_or_default().to_uppercase();
        ["1", "ON", "YES", "TRUE"].contains(&value.as_str())
    }

    /// Whether errors may be coloured (<https://no-color.org>).
    pub fn colours_errors(&self) -> bool {
        let may = self.get("NO_COLOR").is_none() && !self.has_dumb_terminal();
        may && io::stderr().is_terminal()
    }

    /// Whether the terminal knows neither colours nor how to move its cursor.
    pub fn has_dumb_terminal(&self) -> bool {
        self.get("TERM").is_none_or(|term| term == "dumb")
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}
