//! The calls that a program asks for.

use std::collections::HashSet;

use lockstep_program::{Item, Lane, MachineError, Program};

/// One call of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Starts operation `op` of the program, counted without other items.
    Start {
        /// Its stream.
        lane: Lane,
        /// The operation.
        op: usize,
    },
    /// Records an event.
    Signal {
        /// The stream that records it.
        lane: Lane,
        /// The event.
        event: usize,
    },
    /// Makes a stream wait for an event.
    Wait {
        /// The stream that waits.
        lane: Lane,
        /// The event.
        event: usize,
    },
    /// Records on a stream that it has done its part of a bucket. No lane waits for the other one here:
    /// who sums the bucket waits for both.
    Complete {
        /// The stream that records it.
        lane: Lane,
        /// The bucket.
        bucket: usize,
    },
}

impl Call {
    const fn lane(self) -> Lane {
        match self {
            Self::Start { lane, .. }
            | Self::Signal { lane, .. }
            | Self::Wait { lane, .. }
            | Self::Complete { lane, .. } => lane,
        }
    }
}

/// Whether the side lane has to start behind the main lane, and the main lane to end behind it.
pub(super) fn has_side(calls: &[Call]) -> bool {
    calls.iter().any(|call| call.lane() == Lane::Side)
}

/// How many buckets have to be told apart: one more than the largest number.
pub(super) fn buckets(calls: &[Call]) -> usize {
    let numbers = calls.iter().filter_map(|call| match call {
        Call::Complete { bucket, .. } => Some(bucket + 1),
        _ => None,
    });
    numbers.max().unwrap_or_default()
}

/// The calls of a program, in order.
pub(super) fn calls(program: &Program) -> Result<Vec<Call>, MachineError> {
    let mut calls = Vec::new();
    let mut events = Events::new(program);
    let mut op = 0;
    for item in &program.items {
        match *item {
            Item::Op(ref operation) => {
                calls.push(Call::Start { lane: operation.lane, op });
                op += 1;
            }
            Item::Signal { lane, event } => {
                events.signal(lane, event)?;
                calls.push(Call::Signal { lane, event });
            }
            Item::Wait { lane, event } if events.needs_wait(lane, event)? => {
                calls.push(Call::Wait { lane, event });
            }
            Item::Wait { .. } => {}
            Item::Complete { bucket } => {
                calls.extend(Lane::ALL.map(|lane| Call::Complete { lane, bucket }));
            }
        }
    }
    Ok(without_idle_signals(calls))
}

/// A signal without a waiter costs a call and means nothing.
fn without_idle_signals(mut calls: Vec<Call>) -> Vec<Call> {
    let waits = calls.iter().filter_map(|call| match call {
        Call::Wait { event, .. } => Some(*event),
        _ => None,
    });
    let awaited: HashSet<usize> = waits.collect();
    calls.retain(|call| match call {
        Call::Signal { event, .. } => awaited.contains(event),
        _ => true,
    });
    calls
}

/// Which lane signalled each event so far.
struct Events<'a> {
    program: &'a Program,
    by: Vec<Option<Lane>>,
}

impl<'a> Events<'a> {
    fn new(program: &'a Program) -> Self {
        Self { program, by: vec![None; program.events] }
    }

    fn signal(&mut self, lane: Lane, event: usize) -> Result<(), MachineError> {
        match self.by.get_mut(event) {
            Some(by @ None) => *by = Some(lane),
            Some(_) => return Err(self.wrong(event, "it is signalled twice")),
            None => return Err(self.wrong(event, "the program has fewer events")),
        }
        Ok(())
    }

    /// A lane keeps its own order.
    fn needs_wait(&self, lane: Lane, event: usize) -> Result<bool, MachineError> {
        match self.by.get(event) {
            Some(Some(by)) => Ok(*by != lane),
            Some(None) => Err(self.wrong(event, "a lane waits before it is signalled")),
            None => Err(self.wrong(event, "the program has fewer events")),
        }
    }

    fn wrong(&self, event: usize, cause: &str) -> MachineError {
        let what = format!("event {event} of program `{}`", self.program.name);
        MachineError::Shape { what, cause: cause.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use lockstep_program::{Launch, Op, Work};

    use super::*;

    /// `main` and `side` are operations, `main!0` signals, `main?0` waits, `=3` completes.
    fn program(items: &str) -> Program {
        let items: Vec<_> = items.split_whitespace().map(item).collect();
        Program { name: "test".to_owned(), items, events: 2 }
    }

    fn item(word: &str) -> Item {
        if let Some(bucket) = word.strip_prefix('=') {
            return Item::Complete { bucket: bucket.parse().unwrap() };
        }
        let lane = if word.starts_with("main") { Lane::Main } else { Lane::Side };
        let rest = &word[4..];
        match rest.chars().next() {
            None => operation(lane),
            Some('!') => Item::Signal { lane, event: rest[1..].parse().unwrap() },
            Some(_) => Item::Wait { lane, event: rest[1..].parse().unwrap() },
        }
    }

    fn operation(lane: Lane) -> Item {
        let launch = Launch {
            kernel: String::new(),
            grid: [1, 1],
            threads: 32,
            shared: 0,
            arguments: Vec::new(),
        };
        Item::Op(Box::new(Op {
            label: String::new(),
            lane,
            work: Work::Launch(launch),
            reads: Vec::new(),
            writes: Vec::new(),
        }))
    }

    /// The same language, with the number of each operation, and the lane that completes.
    fn written(calls: &[Call]) -> String {
        let words = calls.iter().map(|call| {
            let lane = if call.lane() == Lane::Main { "main" } else { "side" };
            match call {
                Call::Start { op, .. } => format!("{lane}{op}"),
                Call::Signal { event, .. } => format!("{lane}!{event}"),
                Call::Wait { event, .. } => format!("{lane}?{event}"),
                Call::Complete { bucket, .. } => format!("{lane}={bucket}"),
            }
        });
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_program_keeps_its_order() {
        let table = [
            ("", ""),
            ("main side main", "main0 side1 main2"),
            ("main main!0 side?0 side main", "main0 main!0 side?0 side1 main2"),
            ("main main!0 main", "main0 main1"),
            ("main main!0 main?0 main", "main0 main1"),
            ("main!0 side?0 side side!1 main?1 main", "main!0 side?0 side0 side!1 main?1 main1"),
        ];
        for (items, expected) in table {
            let calls = calls(&program(items)).unwrap();
            assert_eq!(written(&calls), expected, "{items}");
            assert_eq!(has_side(&calls), expected.contains("side"), "{items}");
            assert_eq!(buckets(&calls), 0, "{items}");
        }
    }

    /// Calls of one lane and the other are not joined where a bucket is complete.
    #[test]
    fn each_lane_records_that_a_bucket_is_complete_and_goes_on() {
        let table = [
            ("main =0", "main0 main=0 side=0", 1),
            ("main =4 side =2 main", "main0 main=4 side=4 side1 main=2 side=2 main2", 5),
            (
                "main main!0 =1 side?0 side =0",
                "main0 main!0 main=1 side=1 side?0 side1 main=0 side=0",
                2,
            ),
            ("side side!1 =0 main", "side0 main=0 side=0 main1", 1),
        ];
        for (items, expected, count) in table {
            let calls = calls(&program(items)).unwrap();
            assert_eq!(written(&calls), expected, "{items}");
            assert!(has_side(&calls), "{items}");
            assert_eq!(buckets(&calls), count, "{items}");
        }
    }

    #[test]
    fn wrong_events_are_named() {
        let table = [
            ("main?0", "before it is signalled"),
            ("main!0 side!0", "signalled twice"),
            ("main!2", "fewer events"),
            ("main?2", "fewer events"),
            ("main!0 =0 side!0", "signalled twice"),
        ];
        for (items, expected) in table {
            let error = calls(&program(items)).unwrap_err().to_string();
            assert!(error.contains(expected), "{items}: {error}");
        }
    }
}
