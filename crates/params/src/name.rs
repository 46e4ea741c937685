//! The name of a parameter, which is also its place in every ordered walk.

use std::fmt;

/// A parameter's name as it stands in `model.safetensors`; it sorts as text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParamName(String);

impl ParamName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for ParamName {
    fn from(name: String) -> Self {
        Self(name)
    }
}

impl From<&str> for ParamName {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl fmt::Display for ParamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
