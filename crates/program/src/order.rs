//! The check that two lanes never touch the same memory without an order between them.

use crate::{Item, Lane, Op, Program, Span};

/// Two operations of different lanes, one of which writes what the other touches, that may run in
/// either order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unordered {
    /// The label of the one that stands first in the program.
    pub first: String,
    /// The label of the other.
    pub second: String,
}

/// How far each lane is known to have come, from the view of one lane: places in the program.
#[derive(Clone, Copy, Debug, Default)]
struct View([usize; 2]);

impl View {
    fn join(&mut self, other: Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = (*mine).max(theirs);
        }
    }
}

/// All pairs of operations that a signal should order and none does.
#[must_use]
pub fn unordered(program: &Program) -> Vec<Unordered> {
    let mut views = [View::default(); 2];
    let mut events = vec![View::default(); program.events];
    let mut before: Vec<(usize, &Op)> = Vec::new();
    let mut found = Vec::new();
    for (place, item) in (1..).zip(&program.items) {
        match item {
            Item::Signal { lane, event } => events[*event] = views[*lane as usize],
            Item::Wait { lane, event } => views[*lane as usize].join(events[*event]),
            Item::Complete { .. } => {}
            Item::Op(op) => {
                let known = views[op.lane as usize];
                let unknown = before.iter().filter(|(place, earlier)| {
                    *place > known.0[earlier.lane as usize] && conflict(earlier, op)
                });
                found.extend(unknown.map(|(_, earlier)| Unordered {
                    first: earlier.label.clone(),
                    second: op.label.clone(),
                }));
                views[op.lane as usize].0[op.lane as usize] = place;
                before.push((place, op));
            }
        }
    }
    found
}

/// Whether two operations of different lanes must not run at the same time.
fn conflict(one: &Op, other: &Op) -> bool {
    one.lane != other.lane
        && (touch(&one.writes, &other.writes)
            || touch(&one.writes, &other.reads)
            || touch(&one.reads, &other.writes))
}

fn touch(some: &[Span], others: &[Span]) -> bool {
    some.iter().any(|span| others.iter().any(|other| span.overlaps(other)))
}

impl Lane {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Main, Self::Side];
}
