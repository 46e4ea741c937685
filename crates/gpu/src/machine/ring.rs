//! Which slot is next: of pinned memory for writes, and of events for marks.

use lockstep_program::{MachineError, Mark};

/// Writes of one class that the host may be ahead of the device.
pub(super) const LEAD: usize = 4;
/// Bytes of a slot of the smallest class.
const SMALLEST: usize = 1 << 12;
/// Classes, each with slots twice as large as the one before: up to 4 MiB.
pub(super) const CLASSES: usize = 11;

/// The class whose slots hold `bytes` bytes, or none where the write is too large for a ring.
pub(super) fn class(bytes: usize) -> Option<usize> {
    (0..CLASSES).find(|&class| bytes <= slot_bytes(class))
}

/// The bytes of a class' slots.
pub(super) const fn slot_bytes(class: usize) -> usize {
    SMALLEST << class
}

/// Whose turn it is in each class.
#[derive(Debug, Default)]
pub(super) struct Turns([usize; CLASSES]);

impl Turns {
    /// The slot for the next write of `class`: the one whose last write is the longest ago.
    pub(super) fn next(&mut self, class: usize) -> usize {
        let slot = self.0[class];
        self.0[class] = (slot + 1) % LEAD;
        slot
    }
}

/// Marks that can be asked for.
pub(super) const MARKS: usize = 64;

/// Which event stands for a mark.
#[derive(Debug, Default)]
pub(super) struct Marks {
    made: u64,
}

impl Marks {
    /// A new mark, and the place of its event, which stood for a mark [`MARKS`] earlier.
    pub(super) fn make(&mut self) -> (Mark, usize) {
        let mark = Mark(self.made);
        self.made += 1;
        (mark, place(mark))
    }

    /// The place of the event of `mark`.
    pub(super) fn find(&self, mark: Mark) -> Result<usize, MachineError> {
        if mark.0 < self.made && self.made - mark.0 <= MARKS as u64 {
            return Ok(place(mark));
        }
        Err(MachineError::Shape {
            what: format!("mark {}", mark.0),
            cause: format!("{} were made, and the last {MARKS} can be asked for", self.made),
        })
    }
}

fn place(mark: Mark) -> usize {
    usize::try_from(mark.0 % MARKS as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_takes_the_smallest_slot_that_holds_it() {
        let table = [
            (0, Some(0)),
            (1, Some(0)),
            (4096, Some(0)),
            (4097, Some(1)),
            (8192, Some(1)),
            (4 << 20, Some(10)),
            ((4 << 20) + 1, None),
        ];
        for (bytes, expected) in table {
            assert_eq!(class(bytes), expected, "{bytes}");
            assert!(expected.is_none_or(|class| bytes <= slot_bytes(class)), "{bytes}");
        }
    }

    #[test]
    fn a_slot_comes_again_after_the_lead() {
        let mut turns = Turns::default();
        let first: Vec<_> = (0..6).map(|_| turns.next(2)).collect();
        assert_eq!(first, [0, 1, 2, 3, 0, 1]);
        assert_eq!(turns.next(3), 0, "classes do not share slots");
    }

    #[test]
    fn the_last_marks_can_be_asked_for() {
        let mut marks = Marks::default();
        assert!(marks.find(Mark(0)).is_err(), "none was made");
        let made: Vec<_> = (0..70).map(|_| marks.make()).collect();
        assert_eq!(made[69], (Mark(69), 5));
        for (mark, place) in &made[6..] {
            assert_eq!(marks.find(*mark), Ok(*place), "{mark:?}");
        }
        for mark in [5, 70] {
            assert!(marks.find(Mark(mark)).is_err(), "{mark}");
        }
    }
}
