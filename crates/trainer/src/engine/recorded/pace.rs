//! How far the host may be ahead of the machine, and how it waits for it.
//!
//! A call of a driver that waits for a sum never returns when a peer is gone. So the host makes none: it
//! asks a mark whether it has passed, and the collective whether it ever will.

use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant};

use lockstep_collective::Collective;
use lockstep_program::{Machine, MachineError, Mark};

use crate::TrainError;

/// Passes that were started and may not be done. A machine takes the input of one more before a write
/// has to wait.
const AHEAD: usize = 3;
/// How long until a mark is asked again; little beside an update, and the machine has work meanwhile.
const NAP: Duration = Duration::from_micros(50);
/// How long a machine may take to end what it was given, after a failure.
pub(super) const LAST: Duration = Duration::from_secs(5);

/// What was started and may not be done.
#[derive(Debug, Default)]
pub(super) struct Pace(VecDeque<Mark>);

impl Pace {
    /// Waits until another pass may be started.
    pub(super) fn make_room<M: Machine>(
        &mut self,
        machine: &mut M,
        collective: &mut dyn Collective,
    ) -> Result<(), TrainError> {
        self.wait_until(AHEAD - 1, machine, collective)
    }

    /// Notes that a pass was started, and what belongs to it.
    pub(super) fn note<M: Machine>(&mut self, machine: &mut M) -> Result<(), MachineError> {
        self.0.push_back(machine.mark()?);
        Ok(())
    }

    /// Waits for all that was noted.
    pub(super) fn wait<M: Machine>(
        &mut self,
        machine: &mut M,
        collective: &mut dyn Collective,
    ) -> Result<(), TrainError> {
        self.wait_until(0, machine, collective)
    }

    /// Until at most `left` passes may not be done.
    fn wait_until<M: Machine>(
        &mut self,
        left: usize,
        machine: &mut M,
        collective: &mut dyn Collective,
    ) -> Result<(), TrainError> {
        while self.0.len() > left
            && let Some(mark) = self.0.front()
        {
            let began = Instant::now();
            while !machine.has_passed(*mark)? {
                collective.check(began.elapsed())?;
                thread::sleep(NAP);
            }
            self.0.pop_front();
        }
        Ok(())
    }
}

/// After a failure, for which the collective has ended what was under way: whether the machine comes
/// to its end within this time, so that giving it back waits for nothing.
pub(super) fn comes_to_an_end<M: Machine>(machine: &mut M, within: Duration) -> bool {
    let began = Instant::now();
    // A machine that fails does nothing any more.
    let Ok(mark) = machine.mark() else { return true };
    while matches!(machine.has_passed(mark), Ok(false)) {
        if began.elapsed() > within {
            return false;
        }
        thread::sleep(NAP);
    }
    true
}

#[cfg(test)]
mod tests {
    use lockstep_collective::CollectiveError;
    use lockstep_program::{Memory, Program, Region};
    use lockstep_world::{Rank, Seat};

    use super::*;

    /// A machine that is asked so many times before it has come to another mark.
    struct Slow {
        polls_a_mark: u64,
        polls: u64,
        marks: u64,
    }

    impl Slow {
        fn new(polls_a_mark: u64) -> Self {
            Self { polls_a_mark, polls: 0, marks: 0 }
        }
    }

    impl Machine for Slow {
        type Loaded = ();

        fn allocate(&mut self, bytes: usize) -> Result<Region, MachineError> {
            Ok(Region { address: 0, bytes })
        }

        fn write(&mut self, _: Region, _: &[u8]) -> Result<(), MachineError> {
            Ok(())
        }

        fn read(&mut self, _: Region, _: &mut [u8]) -> Result<(), MachineError> {
            Ok(())
        }

        fn load(&mut self, _: &Program, _: &Memory) -> Result<(), MachineError> {
            Ok(())
        }

        fn run(&mut self, (): &mut ()) -> Result<(), MachineError> {
            Ok(())
        }

        fn mark(&mut self) -> Result<Mark, MachineError> {
            self.marks += 1;
            Ok(Mark(self.marks))
        }

        fn has_passed(&mut self, mark: Mark) -> Result<bool, MachineError> {
            self.polls += 1;
            Ok(self.polls >= mark.0 * self.polls_a_mark)
        }

        fn wait(&mut self, _: Mark) -> Result<(), MachineError> {
            unreachable!("a driver's wait never ends when a peer is gone")
        }
    }

    /// A rank whose peer is there for so many questions.
    struct Peer {
        checks: u32,
    }

    impl Collective for Peer {
        fn seat(&self) -> Seat {
            Seat::SOLO
        }

        fn all_reduce_sum(&mut self, _: &mut [f32]) -> Result<(), CollectiveError> {
            Ok(())
        }

        fn check(&mut self, _: Duration) -> Result<(), CollectiveError> {
            self.checks = self.checks.checked_sub(1).ok_or_else(|| CollectiveError::Lost {
                peer: "rank 1 (10.0.0.2)".to_owned(),
                call: "start_sums_on_gpu",
                cause: "its process is gone".to_owned(),
            })?;
            Ok(())
        }

        fn sum_by_tree(&mut self) -> Result<(), CollectiveError> {
            Ok(())
        }

        fn broadcast(&mut self, _: &mut [f32], _: Rank) -> Result<(), CollectiveError> {
            Ok(())
        }

        fn all_gather(&mut self, values: &[u64]) -> Result<Vec<u64>, CollectiveError> {
            Ok(values.to_vec())
        }
    }

    #[test]
    fn the_host_is_a_few_passes_ahead() {
        let (mut machine, mut peer, mut pace) =
            (Slow::new(5), Peer { checks: 100 }, Pace::default());
        for pass in 0..20 {
            pace.make_room(&mut machine, &mut peer).unwrap();
            pace.note(&mut machine).unwrap();
            assert_eq!(pace.0.len(), AHEAD.min(pass + 1));
        }
        pace.wait(&mut machine, &mut peer).unwrap();
        assert_eq!((pace.0.len(), machine.polls), (0, 20 * 5));
        pace.wait(&mut machine, &mut peer).unwrap();
        assert_eq!(machine.polls, 20 * 5, "nothing is left to ask for");
    }

    #[test]
    fn a_wait_ends_when_the_peer_is_lost() {
        let (mut machine, mut peer, mut pace) =
            (Slow::new(u64::MAX), Peer { checks: 3 }, Pace::default());
        pace.note(&mut machine).unwrap();
        let error = pace.wait(&mut machine, &mut peer).unwrap_err().to_string();
        assert!(
            error.starts_with("rank 1 (10.0.0.2) was lost during start_sums_on_gpu"),
            "{error}"
        );
        assert_eq!(machine.polls, 4);
        assert!(pace.make_room(&mut machine, &mut peer).is_ok(), "there is room for another pass");
    }

    #[test]
    fn a_machine_that_does_not_end_is_not_waited_for() {
        let short = Duration::from_millis(20);
        assert!(comes_to_an_end(&mut Slow::new(5), LAST));
        assert!(!comes_to_an_end(&mut Slow::new(u64::MAX), short));
    }
}
