//! What is wrong with a configuration: where it is, and what would be right.
//!
//! Faults are collected, never thrown one by one: a user who corrects a file wants to see all of them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

use super::hint::Hint;

/// Where a value was written.
#[derive(Clone, Debug)]
pub enum Origin {
    /// Nowhere: it follows from the other values.
    Inferred,
    /// A TOML file.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// A flag of its own.
    Flag,
    /// `--set`.
    Set,
}

impl Origin {
    /// Which of two values is the later word.
    pub fn cmp_layer(&self, other: &Self) -> Ordering {
        self.layer().cmp(&other.layer())
    }

    /// Whether it is a line of a TOML file.
    #[must_use]
    pub fn is_file(&self) -> bool {
        matches!(self, Self::File { .. })
    }

    fn layer(&self) -> u8 {
        match self {
            Self::Inferred => 0,
            Self::File { .. } => 1,
            Self::Flag => 2,
            Self::Set => 3,
        }
    }
}

/// One fault: a place and what is wrong there.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The place as a reader finds it again, such as `a.toml:3: seed = -1` or `--seed -1`.
    pub place: String,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong in a place.
#[derive(Clone, Debug, Error)]
pub enum Problem {
    /// A file that cannot be read.
    #[error("cannot be read: {cause}; pass a TOML file, see configs/ for complete ones")]
    Unreadable {
        /// The system's words.
        cause: String,
    },
    /// Data where a configuration is expected.
    #[error(
        "this is a data file, and a configuration file, which ends in .toml, is expected here; \
         pass training data with --train-file"
    )]
    DataFile,
    /// Not TOML.
    #[error("this is not TOML: {cause}")]
    Syntax {
        /// The parser's words.
        cause: String,
    },
    /// A table that does not exist.
    #[error("there is no such table; {}", table_hint(*.near, .known))]
    UnknownTable {
        /// The table that was probably meant.
        near: Option<&'static str>,
        /// The tables there are.
        known: Vec<&'static str>,
    },
    /// A key that does not exist.
    #[error("there is no such key; {}", .hint.of_key())]
    UnknownKey {
        /// What to write instead.
        hint: Hint,
    },
    /// A key that belongs elsewhere.
    #[error("this key belongs in the table [{table}]")]
    WrongTable {
        /// Where it belongs.
        table: &'static str,
    },
    /// A flag that does not exist.
    #[error("there is no such flag; {}", .hint.of_flag())]
    UnknownFlag {
        /// What to write instead.
        hint: Hint,
    },
    /// A word in front of which a flag was meant.
    #[error("the flag before this value is missing; write {}", .flags.join(" or "))]
    Bare {
        /// The flags it may be meant for, each with the word.
        flags: Vec<String>,
    },
    /// A command that is one process.
    #[error("the launcher starts trainings only; run other commands without it: trainer {line}")]
    OneProcess {
        /// Its words.
        line: String,
    },
    /// A word where none was expected.
    #[error("unexpected argument; {expected}")]
    Unexpected {
        /// What the command takes.
        expected: &'static str,
    },
    /// A flag or a `--set` without its value.
    #[error("the value is missing; valid: {valid}")]
    NoValue {
        /// What would be valid.
        valid: Cow<'static, str>,
    },
    /// A value of the wrong type in TOML.
    #[error("this is not {form}; valid: {valid}")]
    WrongType {
        /// How such values are written.
        form: &'static str,
        /// What would be valid.
        valid: Cow<'static, str>,
    },
    /// A value that cannot be read, or is out of its range.
    #[error("this value is not valid; valid: {valid}")]
    Invalid {
        /// What would be valid.
        valid: Cow<'static, str>,
    },
    /// A key without which nothing can be done.
    #[error("required, but not given; valid: {valid}")]
    Missing {
        /// What would be valid.
        valid: Cow<'static, str>,
    },
    /// Two keys that contradict each other.
    #[error("this contradicts {other}; {remedy}")]
    Contradiction {
        /// The other key's place.
        other: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A key that makes no sense without another.
    #[error("this needs {need}; {remedy}")]
    Needs {
        /// What is missing.
        need: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// Something a later version will do.
    #[error("this version does not support {what} yet; {instead}")]
    NotYet {
        /// What was asked for.
        what: &'static str,
        /// What works now.
        instead: &'static str,
    },
    /// What the program that reads the configuration found, in its words.
    #[error("{0}")]
    Program(String),
}

fn table_hint(near: Option<&str>, known: &[&str]) -> String {
    match near {
        Some(table) => format!("did you mean [{table}]?"),
        None => format!("valid: {}", known.join(", ")),
    }
}

/// All faults of a configuration; there is at least one.
#[derive(Clone, Debug)]
pub struct Faults(pub Vec<Fault>);

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => writeln!(f, "one fault in the configuration:")?,
            count => writeln!(f, "{count} faults in the configuration:")?,
        }
        for (index, Fault { place, problem }) in self.0.iter().enumerate() {
            let end = if index + 1 < self.0.len() { "\n" } else { "" };
            write!(f, "  {place}\n      {problem}{end}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
