//! Where a run says its facts: the console of the leader, and the log of each rank.

use std::io::Write;

use lockstep_host::{LogFormat, json_line};

use super::fact::{Account, Fact};
use super::rank_log::RankLog;

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// Warnings, errors and the closing lines.
    Quiet,
    /// What most want to see.
    Usual,
    /// All of it.
    Verbose,
}

/// Says facts, and notes them in the log.
pub(crate) struct Teller<'a> {
    /// The console; nothing on ranks that show nothing.
    out: Option<&'a mut dyn Write>,
    format: LogFormat,
    verbosity: Verbosity,
    has_view: bool,
    log: RankLog,
}

impl<'a> Teller<'a> {
    /// A teller that writes facts to `out`, where there is one, and to the log.
    pub(crate) fn new(
        out: Option<&'a mut dyn Write>,
        format: LogFormat,
        verbosity: Verbosity,
        log: RankLog,
    ) -> Self {
        Self { out, format, verbosity, has_view: false, log }
    }

    /// Whether facts may be shown in a live view instead.
    pub(crate) fn may_have_view(&self) -> bool {
        self.out.is_some() && self.verbosity != Verbosity::Quiet && self.format == LogFormat::Text
    }

    /// From now on a live view shows what it can.
    pub(crate) fn leave_to_view(&mut self) {
        self.has_view = true;
    }

    /// The log.
    pub(crate) fn log(&self) -> &RankLog {
        &self.log
    }

    /// Whether details are wanted.
    pub(crate) fn is_verbose(&self) -> bool {
        self.verbosity == Verbosity::Verbose
    }

    /// Says a fact. It cannot fail: the run's output says itself when it cannot be written.
    pub(crate) fn tell(&mut self, fact: &Fact) {
        let json = json_line("info", fact.kind, &fact.fields);
        self.log.append(&json);
        let is_left_out = self.verbosity == Verbosity::Quiet && !fact.is_closing;
        if is_left_out || (self.has_view && fact.is_in_view) {
            return;
        }
        let Some(out) = &mut self.out else { return };
        let line = if self.format == LogFormat::Json { &json } else { &fact.text };
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }

    /// Says the rows of an account.
    pub(crate) fn account(&mut self, account: Account) {
        account.facts().iter().for_each(|fact| self.tell(fact));
    }
}
