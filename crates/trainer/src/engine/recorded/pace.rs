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
const LAST: Duration = Duration::from_secs(5);

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
/// to its end, so that giving it back waits for nothing.
pub(super) fn comes_to_an_end<M: Machine>(machine: &mut M) -> bool {
    let began = Instant::now();
    // A machine that fails does nothing any more.
    let Ok(mark) = machine.mark() else { return true };
    while matches!(machine.has_passed(mark), Ok(false)) {
        if began.elapsed() > LAST {
            return false;
        }
        thread::sleep(NAP);
    }
    true
}
