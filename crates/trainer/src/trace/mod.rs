//! A trace: when a rank did what in its first updates, evaluations and checkpoints.
//!
//! Each rank notes spans on its own clock; at the end all ranks gather them, and the leader's file has
//! all of them on the leader's clock (`clock.rs`). What is traced is bounded. A tracer that is off reads
//! no clock. On a GPU the spans are those of the host, which starts work and waits for it.

mod clock;
mod events;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use lockstep_collective::{Collective, CollectiveError, gather_bytes};
use serde::{Deserialize, Serialize};

use clock::Clock;

/// Updates of a process that are traced: the first ones.
const UPDATES: u64 = 10;
/// Evaluations of a process that are traced, and checkpoints: the first ones.
const OTHERS: u64 = 3;
/// Spans of a rank at most; further ones are counted and not kept.
const MOST: usize = 20_000;
/// Spans of all ranks at most, since each rank has those of all for a moment.
const MOST_OF_ALL: usize = 400_000;
/// Bytes of a rank's spans at most.
const MOST_BYTES: usize = 4 << 20;

/// What a rank does at the same time as other things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Lane {
    /// The loop itself.
    Loop,
    /// The thread that sums gradients over the ranks.
    Reduction,
    /// The thread that writes checkpoints.
    Writer,
}

/// Notes spans, or nothing. A clone notes in the same place.
#[derive(Clone, Debug, Default)]
pub struct Tracer(Option<Arc<Notes>>);

#[derive(Debug)]
struct Notes {
    began: Instant,
    most: usize,
    spans: Mutex<Spans>,
    /// The first update that is not traced.
    until: u64,
    evaluations: AtomicU64,
    checkpoints: AtomicU64,
    clock: Mutex<Option<Clock>>,
}

/// What was noted.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Spans {
    spans: Vec<Span>,
    /// Spans that were not kept.
    dropped: u64,
}

/// A span, in nanoseconds since the tracer began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Span {
    lane: Lane,
    name: String,
    update: u64,
    start: u64,
    end: u64,
}

/// A span that ends when this is dropped.
pub(crate) struct Open<'a> {
    notes: &'a Notes,
    lane: Lane,
    name: &'static str,
    part: Option<usize>,
    update: u64,
    start: u64,
}

/// A tracer that is off.
pub(crate) static OFF: Tracer = Tracer(None);

impl Tracer {
    /// One that notes the first updates from the update `first` on, in a world of so many ranks.
    pub(crate) fn on(first: u64, ranks: usize) -> Self {
        Self(Some(Arc::new(Notes {
            began: Instant::now(),
            most: MOST.min(MOST_OF_ALL / ranks.max(1)),
            spans: Mutex::default(),
            until: first + UPDATES,
            evaluations: AtomicU64::new(0),
            checkpoints: AtomicU64::new(0),
            clock: Mutex::default(),
        })))
    }

    /// The tracer of an update: this one, or one that is off.
    pub(crate) fn of_update(&self, update: u64) -> &Self {
        match &self.0 {
            Some(notes) if update < notes.until => self,
            _ => &OFF,
        }
    }

    /// The tracer of the next evaluation.
    pub(crate) fn of_evaluation(&self) -> &Self {
        self.of_next(|notes| &notes.evaluations)
    }

    /// The tracer of the next checkpoint.
    pub(crate) fn of_checkpoint(&self) -> &Self {
        self.of_next(|notes| &notes.checkpoints)
    }

    fn of_next(&self, count: impl Fn(&Notes) -> &AtomicU64) -> &Self {
        match &self.0 {
            Some(notes) if count(notes).fetch_add(1, Ordering::Relaxed) < OTHERS => self,
            _ => &OFF,
        }
    }

    /// A span of the update from now on.
    pub(crate) fn span(&self, lane: Lane, name: &'static str, update: u64) -> Option<Open<'_>> {
        self.part(lane, name, None, update)
    }

    /// The same of a part of it that has a number.
    pub(crate) fn part(
        &self,
        lane: Lane,
        name: &'static str,
        part: Option<usize>,
        update: u64,
    ) -> Option<Open<'_>> {
        let notes = self.0.as_deref()?;
        Some(Open { notes, lane, name, part, update, start: notes.now() })
    }

    /// Compares the clocks of all ranks; all ranks call this.
    pub(crate) fn compare_clocks(
        &self,
        collective: &mut dyn Collective,
    ) -> Result<(), CollectiveError> {
        let Some(notes) = &self.0 else { return Ok(()) };
        let comparison = clock::compare(|| notes.now(), collective)?;
        let mut clock = notes.clock.lock().unwrap_or_else(PoisonError::into_inner);
        clock.get_or_insert_default().add(comparison);
        Ok(())
    }

    /// The trace of all ranks as JSON, for the leader; all ranks call this.
    pub(crate) fn gather(
        &self,
        collective: &mut dyn Collective,
    ) -> Result<Option<String>, CollectiveError> {
        let Some(notes) = &self.0 else { return Ok(None) };
        self.compare_clocks(collective)?;
        let spans = std::mem::take(&mut *notes.spans());
        let bytes = spans.bytes();
        let all = gather_bytes(collective, &bytes, MOST_BYTES)?;
        if !collective.seat().is_leader() {
            return Ok(None);
        }
        // What a peer sends is read as it is: what is not a list of spans is none.
        let all: Vec<Spans> =
            all.iter().map(|bytes| serde_json::from_slice(bytes).unwrap_or_default()).collect();
        let clock = notes.clock.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Some(events::json(&all, clock.as_ref().unwrap_or(&Clock::default()))))
    }
}

impl Spans {
    /// The spans for other ranks; fewer of them where they are too many bytes.
    fn bytes(mut self) -> Vec<u8> {
        loop {
            let bytes = serde_json::to_vec(&self).unwrap_or_default();
            if bytes.len() <= MOST_BYTES {
                return bytes;
            }
            let kept = self.spans.len() / 2;
            self.dropped += (self.spans.len() - kept) as u64;
            self.spans.truncate(kept);
        }
    }
}

impl Notes {
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn spans(&self) -> std::sync::MutexGuard<'_, Spans> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let Self { notes, lane, name, part, update, start } = *self;
        let end = notes.now();
        let name = match part {
            Some(part) => format!("{name} {part}"),
            None => name.to_owned(),
        };
        let mut spans = notes.spans();
        if spans.spans.len() < notes.most {
            spans.spans.push(Span { lane, name, update, start, end });
        } else {
            spans.dropped += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use lockstep_collective::Solo;
    use serde_json::Value;

    use super::*;

    #[test]
    fn only_the_first_updates_are_noted_and_nothing_where_it_is_off() {
        let tracer = Tracer::on(5, 1);
        for update in 5..100 {
            drop(tracer.of_update(update).span(Lane::Loop, "update", update));
            drop(tracer.of_evaluation().span(Lane::Loop, "evaluation", update));
        }
        assert!(OFF.span(Lane::Loop, "update", 1).is_none());
        assert_eq!(OFF.gather(&mut Solo).unwrap(), None);
        let json = tracer.gather(&mut Solo).unwrap().unwrap();
        let trace: Value = serde_json::from_str(&json).unwrap();
        let spans = trace["traceEvents"].as_array().unwrap().iter();
        let spans: Vec<&Value> = spans.filter(|event| event["ph"] == "X").collect();
        assert_eq!(spans.len(), usize::try_from(UPDATES + OTHERS).unwrap());
    }

    #[test]
    fn spans_are_bounded_and_those_that_were_not_kept_are_counted() {
        let tracer = Tracer::on(1, 100_000);
        for _ in 0..10 {
            drop(tracer.span(Lane::Loop, "data", 1));
        }
        let json = tracer.gather(&mut Solo).unwrap().unwrap();
        let trace: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(trace["otherData"]["spans not kept"], 6);
        let many = Spans {
            spans: vec![
                Span {
                    lane: Lane::Loop,
                    name: "x".repeat(100),
                    update: 1,
                    start: 0,
                    end: 1
                };
                MOST * 3
            ],
            dropped: 0,
        };
        assert!(many.bytes().len() <= MOST_BYTES);
    }
}
