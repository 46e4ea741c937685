//! The calls that a program asks for, as a whole and in the parts between which ranks add gradients.
//!
//! A part begins when everything before it is done on both lanes, so that it can be a graph of its
//! own. Events of earlier parts need no call in it.

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
}

impl Call {
    const fn lane(self) -> Lane {
        match self {
            Self::Start { lane, .. } | Self::Signal { lane, .. } | Self::Wait { lane, .. } => lane,
        }
    }
}

/// Calls between two points where both lanes are joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// In order.
    pub(super) calls: Vec<Call>,
    /// The bucket whose gradients are complete behind it.
    pub(super) bucket: Option<usize>,
}

impl Part {
    /// Whether the side lane has to start behind the main lane, and the main lane to end behind it.
    pub(super) fn has_side(&self) -> bool {
        self.calls.iter().any(|call| call.lane() == Lane::Side)
    }
}

/// The whole program as one part.
pub(super) fn whole(program: &Program) -> Result<Part, MachineError> {
    let mut parts = split(program, |_| false)?;
    Ok(parts.pop().unwrap_or_default())
}

/// The program cut behind each item that completes a bucket. The last part completes none, and is
/// left out where it has no calls.
pub(super) fn parts(program: &Program) -> Result<Vec<Part>, MachineError> {
    let mut parts = split(program, |item| matches!(item, Item::Complete { .. }))?;
    if parts.last().is_some_and(|part| part.calls.is_empty()) {
        parts.pop();
    }
    Ok(parts)
}

/// One part more than there are cuts.
fn split(program: &Program, cuts: impl Fn(&Item) -> bool) -> Result<Vec<Part>, MachineError> {
    let mut parts = Vec::new();
    let mut current = Part::default();
    let mut events = Events::new(program);
    let mut op = 0;
    for item in &program.items {
        match item {
            Item::Op(operation) => {
                current.calls.push(Call::Start { lane: operation.lane, op });
                op += 1;
            }
            Item::Signal { lane, event } => {
                events.signal(*lane, *event)?;
                current.calls.push(Call::Signal { lane: *lane, event: *event });
            }
            Item::Wait { lane, event } if events.needs_wait(*lane, *event)? => {
                current.calls.push(Call::Wait { lane: *lane, event: *event });
            }
            Item::Complete { bucket } if cuts(item) => {
                current.bucket = Some(*bucket);
                parts.push(without_idle_signals(std::mem::take(&mut current)));
                events.join();
            }
            Item::Wait { .. } | Item::Complete { .. } => {}
        }
    }
    parts.push(without_idle_signals(current));
    Ok(parts)
}

/// A signal that nobody waits for in its part costs a call and means nothing.
fn without_idle_signals(mut part: Part) -> Part {
    let waits = part.calls.iter().filter_map(|call| match call {
        Call::Wait { event, .. } => Some(*event),
        _ => None,
    });
    let awaited: HashSet<usize> = waits.collect();
    part.calls.retain(|call| match call {
        Call::Signal { event, .. } => awaited.contains(event),
        _ => true,
    });
    part
}

/// Which events were signalled so far.
struct Events<'a> {
    program: &'a Program,
    states: Vec<State>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Open,
    Signalled(Lane),
    /// In an earlier part.
    Past,
}

impl<'a> Events<'a> {
    fn new(program: &'a Program) -> Self {
        Self { program, states: vec![State::Open; program.events] }
    }

    fn signal(&mut self, lane: Lane, event: usize) -> Result<(), MachineError> {
        match self.states.get_mut(event) {
            Some(state @ State::Open) => *state = State::Signalled(lane),
            Some(_) => return Err(self.wrong(event, "it is signalled twice")),
            None => return Err(self.wrong(event, "the program has fewer events")),
        }
        Ok(())
    }

    /// A lane keeps its own order, and a part that of the parts.
    fn needs_wait(&self, lane: Lane, event: usize) -> Result<bool, MachineError> {
        match self.states.get(event) {
            Some(State::Signalled(by)) => Ok(*by != lane),
            Some(State::Past) => Ok(false),
            Some(State::Open) => Err(self.wrong(event, "a lane waits before it is signalled")),
            None => Err(self.wrong(event, "the program has fewer events")),
        }
    }

    fn join(&mut self) {
        for state in &mut self.states {
            if *state != State::Open {
                *state = State::Past;
            }
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

    /// The same language, with the number of each operation.
    fn written(part: &Part) -> String {
        let words = part.calls.iter().map(|call| {
            let lane = if call.lane() == Lane::Main { "main" } else { "side" };
            match call {
                Call::Start { op, .. } => format!("{lane}{op}"),
                Call::Signal { event, .. } => format!("{lane}!{event}"),
                Call::Wait { event, .. } => format!("{lane}?{event}"),
            }
        });
        let end = part.bucket.map(|bucket| format!("={bucket}"));
        words.chain(end).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_whole_program_keeps_its_order() {
        let table = [
            ("", ""),
            ("main side main", "main0 side1 main2"),
            ("main main!0 side?0 side =0 main", "main0 main!0 side?0 side1 main2"),
            ("main main!0 main", "main0 main1"),
            ("main main!0 main?0 main", "main0 main1"),
        ];
        for (items, expected) in table {
            let part = whole(&program(items)).unwrap();
            assert_eq!(written(&part), expected, "{items}");
            assert_eq!(part.has_side(), expected.contains("side"), "{items}");
        }
    }

    #[test]
    fn parts_end_where_a_bucket_is_complete() {
        let table = [
            ("", ""),
            ("main =4 side =2 main", "main0 =4 | side1 =2 | main2"),
            ("main =0", "main0 =0"),
            ("main =0 =1", "main0 =0 | =1"),
            ("main main!0 =0 side?0 side", "main0 =0 | side1"),
            ("main!0 side?0 side side!1 =0 main?1 main", "main!0 side?0 side0 =0 | main1"),
        ];
        for (items, expected) in table {
            let parts = parts(&program(items)).unwrap();
            let parts: Vec<_> = parts.iter().map(written).collect();
            assert_eq!(parts.join(" | "), expected, "{items}");
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
            let error = whole(&program(items)).unwrap_err().to_string();
            assert!(error.contains(expected), "{items}: {error}");
            assert!(parts(&program(items)).is_err(), "{items}");
        }
    }
}
