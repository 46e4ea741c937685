//! Which combinations are kept from training.
//!
//! A combination is one word about one subject in one construction: ("the soup", "bland",
//! Negation) covers "The soup was not bland at all" and every other negation of it. A hash puts
//! each combination on one side for good, whatever the seed of the corpus. Training still shows
//! each word, each subject and each construction, only never these three together; a model passes
//! when it has learnt what each of them does.

use lockstep_world::{Purpose, Seed};

use super::Split;
use super::construction::Construction;

/// One combination in this many belongs to dev.
const DEV_ONE_IN: usize = 8;

/// A word said about a subject in a construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Combination {
    pub(super) construction: Construction,
    pub(super) subject: &'static str,
    pub(super) word: &'static str,
}

impl Combination {
    /// The only split this combination may occur in.
    pub(super) fn split(&self) -> Split {
        let name = format!("{}/{}/{}", self.construction.name(), self.subject, self.word);
        let key = name.bytes().fold(Seed(0), |key, byte| key.derive(Purpose::Corpus, byte.into()));
        if key.below(0, DEV_ONE_IN) == 0 { Split::Dev } else { Split::Train }
    }
}
