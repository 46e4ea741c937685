//! The machines of a run that has a launcher on each, as the flags describe them.

use std::time::Duration;

use lockstep_host::{Environment, RUN_ID, TokenError, run_token};
use lockstep_wire::{DoorPurpose, MeetingPlace, Pass, RunIdentity, Token};

/// The machines of a run, as the flags describe them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cluster {
    /// The fewest machines that train.
    pub(super) min: u64,
    /// The most.
    pub(super) max: u64,
    /// Which of them this is.
    pub(super) node: u64,
    /// Where the launcher of node 0 listens.
    pub(super) place: MeetingPlace,
    /// How long more than the fewest are waited for.
    pub(super) window: Duration,
}

impl Cluster {
    /// Whether this is node 0, whose launcher keeps the list.
    pub(super) fn is_first(&self) -> bool {
        self.node == 0
    }

    /// What a launcher of the same run has to know.
    ///
    /// # Errors
    /// A token that cannot be used.
    pub(super) fn pass(&self, environment: &Environment) -> Result<Pass, TokenError> {
        let token = run_token(environment)?.map(|text| Token::new(&text));
        let run = environment.get(RUN_ID).map(|name| RunIdentity::named(RUN_ID, name));
        Ok(Pass::of_run(DoorPurpose::Launchers, token.as_ref(), run.unwrap_or_default()))
    }
}
