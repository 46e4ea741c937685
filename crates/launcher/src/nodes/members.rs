//! The launchers that have joined, each with its connection.

use std::time::Instant;

use lockstep_wire::Line;

use super::verdict::NodeEnd;
use super::words::{Ended, Round, Word};
use super::{LAST_WORDS, SILENCE};

/// A launcher that has joined.
pub(super) struct Member {
    pub(super) node: u64,
    pub(super) host: String,
    /// The ranks of its machine.
    pub(super) ranks: u64,
    line: Line<Word>,
    heard: Instant,
    /// Whether it has ranks in the current round.
    pub(super) is_in: bool,
    /// How these ended.
    pub(super) ended: Option<Ended>,
    /// Whether they are to end.
    pub(super) is_stopped: bool,
}

impl Member {
    pub(super) fn new(node: u64, host: String, ranks: u64, line: Line<Word>) -> Self {
        let heard = Instant::now();
        Self { node, host, ranks, line, heard, is_in: false, ended: None, is_stopped: false }
    }

    /// What a reader calls it.
    pub(super) fn name(&self) -> String {
        format!("node {} (host {})", self.node, self.host)
    }

    pub(super) fn send(&mut self, word: &Word) {
        self.line.send(word);
    }

    /// Its last message, which is waited for.
    pub(super) fn send_last(&mut self, word: &Word) {
        self.line.send(word);
        self.line.flush_until(Instant::now() + LAST_WORDS);
    }

    pub(super) fn start(&mut self, round: Round) {
        (self.is_in, self.is_stopped, self.ended) = (true, false, None);
        self.send(&Word::Start(round));
    }

    /// Has its ranks end.
    pub(super) fn stop(&mut self, why: &str) {
        self.is_stopped = true;
        self.send(&Word::Stop(why.to_owned()));
    }

    /// How its ranks ended, and how it was lost if it was.
    pub(super) fn end(&self, loss: String) -> NodeEnd {
        let (name, ended, was_stopped) = (self.name(), self.ended, self.is_stopped);
        NodeEnd { name, ended, loss, was_stopped }
    }

    /// Hears it; says how it was lost, if it was.
    pub(super) fn listen(&mut self) -> Option<String> {
        for word in self.line.receive() {
            self.heard = Instant::now();
            if let Word::Ended(ended) = word {
                self.ended = Some(ended);
            }
        }
        let silence = self.heard.elapsed();
        match () {
            () if !self.line.is_open() => Some("its launcher is gone".to_owned()),
            () if silence > SILENCE => Some(format!(
                "its launcher sent nothing for {:.0} s, so it was stopped, or its machine or network \
                 failed",
                silence.as_secs_f64()
            )),
            () => None,
        }
    }

    /// A process that was stopped must not take its own sleep for the silence of others.
    pub(super) fn forgive(&mut self) {
        self.heard = Instant::now();
    }
}
