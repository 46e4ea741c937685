//! A rank that waits for others says so from time to time: for whom, where, and why nothing comes.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::tcp::Patience;

/// When it is said first; later each pause is twice the one before.
const FIRST: Duration = Duration::from_secs(5);
const RAREST: Duration = Duration::from_secs(120);

/// What a rank waits for, as it is known now.
pub(super) struct Waiting<'a> {
    patience: &'a Patience<'a>,
    why: Mutex<String>,
    end: Instant,
}

impl<'a> Waiting<'a> {
    /// Does `work`, which may wait; tells meanwhile what it noted last, behind `who`.
    pub(super) fn during<T>(
        who: &str,
        patience: &'a Patience<'a>,
        work: impl FnOnce(&Self) -> T,
    ) -> T {
        let began = Instant::now();
        let waiting = Self { patience, why: Mutex::default(), end: began + patience.limit };
        thread::scope(|scope| {
            let (working, over) = channel::<()>();
            let waits = &waiting;
            scope.spawn(move || {
                let mut pause = FIRST;
                while over.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                    let seconds = began.elapsed().as_secs();
                    (patience.tell)(&format!("{who} has waited {seconds} s {}", waits.last()));
                    pause = (2 * pause).min(RAREST);
                }
            });
            let done = work(&waiting);
            drop(working);
            done
        })
    }

    /// Notes for what is waited now: the rest of a sentence.
    pub(super) fn note(&self, words: String) {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = words;
    }

    /// Tells at once.
    pub(super) fn tell(&self, words: &str) {
        (self.patience.tell)(words);
    }

    /// What was noted last.
    fn last(&self) -> String {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When it is given up.
    pub(super) fn end(&self) -> Instant {
        self.end
    }

    /// Whether that is now.
    pub(super) fn is_over(&self) -> bool {
        Instant::now() > self.end
    }
}
