//! A queue of lines and the thread that writes them: a caller never waits for a reader.
//!
//! The queue has a bound. Where the reader is slower, its oldest lines are dropped and counted.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::live::View;

/// Lines that may wait, and their bytes.
const MOST_LINES: usize = 1000;
const MOST_BYTES: usize = 1 << 20;

/// A standard stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

/// What waits in a queue.
pub(crate) enum Item {
    /// A whole line, or several.
    Line(Stream, String),
    /// A view to draw from now on.
    Show(View),
    /// The end of the view.
    Hide,
}

/// What a lane's thread does with its items; only this thread waits for the reader.
pub(crate) trait Screen: Send + 'static {
    /// Does what an item says, before which `dropped` lines were dropped.
    fn take(&mut self, item: Item, dropped: u64);
    /// Draws the view anew; returns after what time to do it again.
    fn refresh(&mut self) -> Option<Duration>;
}

/// A queue and its thread.
pub(crate) struct Lane(Arc<Queue>);

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    lines: usize,
    bytes: usize,
    /// Lines that were dropped since the last one that was taken.
    dropped: u64,
    is_busy: bool,
    /// Items that were taken and done with.
    done: u64,
}

impl Lane {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn start(mut screen: impl Screen) -> io::Result<Self> {
        let lane = Self(Arc::default());
        let queue = Arc::clone(&lane.0);
        thread::Builder::new().name("console".to_owned()).spawn(move || {
            loop {
                let pause = screen.refresh();
                if let Some((item, dropped)) = queue.next(pause) {
                    screen.take(item, dropped);
                    queue.finish_one();
                }
            }
        })?;
        Ok(lane)
    }

    /// Appends an item. Does not wait.
    pub(crate) fn push(&self, item: Item) {
        let mut state = self.0.state();
        if let Item::Line(_, text) = &item {
            state.lines += 1;
            state.bytes += text.len();
        }
        state.items.push_back(item);
        while state.lines > 1 && (state.lines > MOST_LINES || state.bytes > MOST_BYTES) {
            state.drop_oldest();
        }
        drop(state);
        self.0.changed.notify_all();
    }

    /// Waits until everything is written, as long as something is written every `patience`.
    pub(crate) fn drain(&self, patience: Duration) {
        let mut state = self.0.state();
        while state.is_busy || !state.items.is_empty() {
            let before = state.done;
            let waiting = |state: &mut State| {
                state.done == before && (state.is_busy || !state.items.is_empty())
            };
            let waited = self.0.changed.wait_timeout_while(state, patience, waiting);
            let (next, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = next;
            if timeout.timed_out() {
                return;
            }
        }
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next item, and how many lines before it were dropped; nothing after `pause` without one.
    fn next(&self, pause: Option<Duration>) -> Option<(Item, u64)> {
        let state = self.state();
        let is_empty = |state: &mut State| state.items.is_empty();
        let mut state = match pause {
            Some(pause) => {
                let waited = self.changed.wait_timeout_while(state, pause, is_empty);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                self.changed.wait_while(state, is_empty).unwrap_or_else(PoisonError::into_inner)
            }
        };
        let item = state.items.pop_front()?;
        state.is_busy = true;
        let mut dropped = 0;
        if let Item::Line(_, text) = &item {
            state.lines -= 1;
            state.bytes -= text.len();
            dropped = std::mem::take(&mut state.dropped);
        }
        Some((item, dropped))
    }

    fn finish_one(&self) {
        let mut state = self.state();
        state.is_busy = false;
        state.done += 1;
        drop(state);
        self.changed.notify_all();
    }
}

impl State {
    fn drop_oldest(&mut self) {
        let oldest = self.items.iter().position(|item| matches!(item, Item::Line(..)));
        let Some(Item::Line(_, text)) = oldest.and_then(|at| self.items.remove(at)) else { return };
        self.lines -= 1;
        self.bytes -= text.len();
        self.dropped += text.lines().count() as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A screen that takes a line for each word it is sent.
    struct Reader {
        may_read: Receiver<()>,
        lines: Sender<(String, u64)>,
    }

    impl Screen for Reader {
        fn take(&mut self, item: Item, dropped: u64) {
            let Item::Line(_, text) = item else { return };
            let _ = self.may_read.recv();
            let _ = self.lines.send((text, dropped));
        }

        fn refresh(&mut self) -> Option<Duration> {
            None
        }
    }

    /// A lane and both ends of its reader.
    fn lane() -> (Lane, Sender<()>, Receiver<(String, u64)>) {
        let ((reads, may_read), (lines, written)) = (channel(), channel());
        (Lane::start(Reader { may_read, lines }).unwrap(), reads, written)
    }

    #[test]
    fn lines_that_are_not_read_are_dropped_from_the_front_and_counted() {
        let (lane, reads, written) = lane();
        let push = |number: usize| lane.push(Item::Line(Stream::Out, format!("{number}")));
        push(0);
        while !lane.0.state().is_busy {
            thread::yield_now();
        }
        (1..MOST_LINES + 6).for_each(push);
        lane.drain(Duration::from_millis(1));
        drop(reads);
        lane.drain(Duration::from_secs(60));
        let written: Vec<_> = written.try_iter().collect();
        assert_eq!(written.len(), 1 + MOST_LINES);
        assert_eq!(written[..3], [("0".into(), 0), ("6".into(), 5), ("7".into(), 0)]);
    }

    #[test]
    fn the_bytes_that_wait_are_bounded_and_one_line_is_always_kept() {
        let (lane, reads, written) = lane();
        for _ in 0..4 {
            lane.push(Item::Line(Stream::Err, "x".repeat(MOST_BYTES + 1)));
        }
        assert!(lane.0.state().bytes <= MOST_BYTES + 1);
        drop(reads);
        lane.drain(Duration::from_secs(60));
        let dropped: u64 = written.try_iter().map(|(_, dropped)| dropped).sum();
        assert!((2..=3).contains(&dropped), "{dropped}");
    }
}
