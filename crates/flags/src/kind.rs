//! Kinds of values: how a text becomes a typed value, and how the valid ones are described.
//!
//! A key of the configuration names its kind; everything that reads a value (TOML, flags, `--set`)
//! goes through it, so a value is judged in one place and the message lists what would be valid.

use std::borrow::Cow;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

/// One kind of value.
pub enum Kind<T> {
    /// One of these words.
    OneOf(fn() -> Vec<Choice<T>>),
    /// Any text that `read` takes.
    Read {
        /// How it is written in TOML.
        form: Form,
        /// Its placeholder in the help.
        placeholder: &'static str,
        /// What is valid, to follow "valid: ".
        valid: &'static str,
        /// The value a text stands for, if it is valid.
        read: fn(&str) -> Option<T>,
    },
}

/// One word that a user may choose, the one place for its spelling, its help and its value.
pub struct Choice<T> {
    /// As it is written.
    pub name: &'static str,
    /// What it chooses, for the help and the completions.
    pub meaning: &'static str,
    /// What it stands for.
    pub value: T,
}

impl<T> Choice<T> {
    /// The choice of `value` by `name`.
    pub const fn new(name: &'static str, meaning: &'static str, value: T) -> Self {
        Self { name, meaning, value }
    }
}

impl<T> Kind<T> {
    /// The value `text` stands for, if it is valid.
    pub fn read(&self, text: &str) -> Option<T> {
        match self {
            Self::OneOf(choices) => {
                let named = choices().into_iter().find(|choice| choice.name == text);
                named.map(|choice| choice.value)
            }
            Self::Read { read, .. } => read(text),
        }
    }

    /// How it is written in TOML.
    pub fn form(&self) -> Form {
        match self {
            Self::OneOf(_) => Form::Text,
            Self::Read { form, .. } => *form,
        }
    }

    /// Its placeholder in the help.
    pub fn placeholder(&self) -> Cow<'static, str> {
        match self {
            Self::OneOf(_) => self.names().join("|").into(),
            Self::Read { placeholder, .. } => (*placeholder).into(),
        }
    }

    /// What is valid, to follow "valid: ".
    pub fn valid(&self) -> Cow<'static, str> {
        match self {
            Self::OneOf(_) => match self.names().as_slice() {
                [first @ .., last] if !first.is_empty() => {
                    format!("{} or {last}", first.join(", ")).into()
                }
                names => names.concat().into(),
            },
            Self::Read { valid, .. } => (*valid).into(),
        }
    }

    /// Each word with its meaning, where there is a list of them.
    pub fn choices(&self) -> Vec<(&'static str, &'static str)> {
        match self {
            Self::OneOf(choices) => {
                choices().iter().map(|choice| (choice.name, choice.meaning)).collect()
            }
            Self::Read { .. } => Vec::new(),
        }
    }

    fn names(&self) -> Vec<&'static str> {
        self.choices().into_iter().map(|(name, _)| name).collect()
    }
}

/// How a value is written in TOML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// In quotes.
    Text,
    /// As a number.
    Number,
    /// `true` or `false`; on the command line the bare flag means `true`.
    Switch,
    /// A text with commas, or an array of texts.
    List,
    /// The same for files; a flag that is given again adds to them, and so do files behind its value, as
    /// a shell makes them of a pattern.
    Files,
}

impl Form {
    /// How it is written in TOML, in words.
    pub fn description(self) -> &'static str {
        match self {
            Self::Text => "a text in quotes",
            Self::Number => "a decimal number without quotes",
            Self::Switch => "true or false without quotes",
            Self::List => "a list of texts",
            Self::Files => "a text in quotes, or a list of texts",
        }
    }
}

/// Any text but an empty one.
pub const TEXT: Kind<String> = Kind::Read {
    form: Form::Text,
    placeholder: "NAME",
    valid: "any text but an empty one",
    read: |text| readable(text).map(str::to_owned),
};

/// A file.
pub const FILE: Kind<PathBuf> = Kind::Read {
    form: Form::Text,
    placeholder: "FILE",
    valid: "the path of a file",
    read: |text| readable(text).map(PathBuf::from),
};

/// A directory.
pub const DIRECTORY: Kind<PathBuf> = Kind::Read {
    form: Form::Text,
    placeholder: "DIR",
    valid: "the path of a directory",
    read: |text| readable(text).map(PathBuf::from),
};

/// On or off.
pub const SWITCH: Kind<bool> = Kind::Read {
    form: Form::Switch,
    placeholder: "",
    valid: "true or false",
    read: |text| text.parse().ok(),
};

/// Any non-negative whole number.
pub const WHOLE: Kind<u64> = Kind::Read {
    form: Form::Number,
    placeholder: "N",
    valid: "a whole number, at least 0",
    read: |text| text.parse().ok(),
};

/// A number of things there is at least one of.
pub const SIZE: Kind<NonZeroUsize> = Kind::Read {
    form: Form::Number,
    placeholder: "N",
    valid: "a whole number from 1 to 1000000000",
    read: |text| text.parse().ok().filter(|size: &NonZeroUsize| size.get() <= 1_000_000_000),
};

/// A number of updates.
pub const UPDATES: Kind<NonZeroU64> = Kind::Read {
    form: Form::Number,
    placeholder: "N",
    valid: "a whole number from 1 to 1000000000",
    read: |text| text.parse().ok().filter(|updates: &NonZeroU64| updates.get() <= 1_000_000_000),
};

/// A share of what is dropped.
pub const DROPPED: Kind<f32> = Kind::Read {
    form: Form::Number,
    placeholder: "X",
    valid: "a number from 0 to below 1",
    read: |text| text.parse().ok().filter(|share| (0.0..1.0).contains(share)),
};

/// A number in [0, 1].
pub const UNIT: Kind<f64> = Kind::Read {
    form: Form::Number,
    placeholder: "X",
    valid: "a number from 0 to 1",
    read: |text| number(text).filter(|x| (0.0..=1.0).contains(x)),
};

/// A number in [0, 1).
pub const BELOW_ONE: Kind<f64> = Kind::Read {
    form: Form::Number,
    placeholder: "X",
    valid: "a number from 0 to below 1",
    read: |text| number(text).filter(|x| (0.0..1.0).contains(x)),
};

/// A number above 0, also as an f32, which is what the kernels compute with.
pub const POSITIVE: Kind<f64> = Kind::Read {
    form: Form::Number,
    placeholder: "X",
    valid: "a number from 1e-38 to 1e9",
    read: |text| number(text).filter(|x| *x >= 1e-38 && *x <= 1e9),
};

fn readable(text: &str) -> Option<&str> {
    (!text.trim().is_empty() && !text.contains('\0')).then_some(text)
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|x: &f64| x.is_finite())
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;

    fn check<T: Debug + PartialEq>(kind: &Kind<T>, text: &str, expected: Option<T>) {
        assert_eq!(kind.read(text), expected, "{text:?} as {}", kind.valid());
    }

    #[test]
    fn only_valid_texts_are_read() {
        check(&TEXT, "a b", Some("a b".to_owned()));
        check(&TEXT, " ", None);
        check(&FILE, "a\0b", None);
        check(&SWITCH, "true", Some(true));
        check(&SWITCH, "yes", None);
        check(&WHOLE, "0", Some(0));
        check(&WHOLE, "-1", None);
        check(&SIZE, "0", None);
        check(&SIZE, "1.5", None);
        check(&SIZE, "7", NonZeroUsize::new(7));
        check(&UPDATES, "99999999999999999999", None);
        check(&DROPPED, "0.1", Some(0.1));
        check(&DROPPED, "1", None);
        check(&DROPPED, "0.9999999999", None);
        check(&UNIT, "2e-5", Some(2e-5));
        check(&UNIT, "nan", None);
        check(&UNIT, "fast", None);
        check(&BELOW_ONE, "1", None);
        check(&POSITIVE, "0", None);
        check(&POSITIVE, "inf", None);
        check(&POSITIVE, "1e-50", None);
        check(&POSITIVE, "1e-8", Some(1e-8));
    }

    #[test]
    fn one_list_of_choices_says_what_is_valid_and_reads_it() {
        const SIZES: Kind<u8> =
            Kind::OneOf(|| vec![Choice::new("s", "small", 1), Choice::new("m", "middle", 2)]);
        check(&SIZES, "m", Some(2));
        check(&SIZES, "M", None);
        check(&SIZES, "", None);
        assert_eq!((&*SIZES.placeholder(), &*SIZES.valid()), ("s|m", "s or m"));
        assert_eq!(SIZES.choices(), [("s", "small"), ("m", "middle")]);
        const ONE: Kind<u8> = Kind::OneOf(|| vec![Choice::new("s", "small", 1)]);
        assert_eq!(ONE.valid(), "s");
    }
}
