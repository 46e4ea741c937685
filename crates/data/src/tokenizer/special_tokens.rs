//! The tokens that have a meaning of their own.

/// The texts of these tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SpecialTokens {
    pub(super) unk: String,
    pub(super) cls: String,
    pub(super) sep: String,
    pub(super) pad: String,
    pub(super) mask: String,
}

impl SpecialTokens {
    /// All of them, in the order in which a new vocabulary begins.
    pub(super) fn all(&self) -> [&String; 5] {
        [&self.pad, &self.unk, &self.cls, &self.sep, &self.mask]
    }
}
