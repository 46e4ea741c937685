//! Runs a program: which lane continues is drawn by lot, so a missing join shows.

use std::collections::VecDeque;

use lockstep_program::{Lane, MachineError};

use super::load::{Act, LaneItem, Loaded, Task};
use crate::Emulator;
use crate::launch::mixed;

impl Emulator {
    pub(super) fn run_program(&self, program: &mut Loaded) -> Result<(), MachineError> {
        program.runs += 1;
        let mut lots = Lots::new(self.seed, program.runs);
        let mut signalled = vec![false; program.events];
        let mut lanes = [Lane::Main, Lane::Side].map(|lane| {
            program.items.iter().filter(|item| item.lane == lane).collect::<VecDeque<&LaneItem>>()
        });
        loop {
            let free = |lane: &VecDeque<&LaneItem>| {
                lane.front().is_some_and(|item| match item.act {
                    Act::Wait(event) => signalled[event],
                    _ => true,
                })
            };
            let lane = match [free(&lanes[0]), free(&lanes[1])] {
                [true, true] => lots.lane(),
                [true, false] => 0,
                [false, true] => 1,
                // Each event is signalled earlier in the program, so the first item that is left
                // never waits: nothing is left.
                [false, false] => break,
            };
            match &lanes[lane].pop_front().map(|item| &item.act) {
                Some(Act::Run { label, task }) => {
                    self.run_task(task).map_err(|error| named(error, label))?;
                }
                Some(Act::Signal(event)) => signalled[*event] = true,
                Some(Act::Wait(_)) | None => {}
            }
        }
        self.damage("a program")
    }

    fn run_task(&self, task: &Task) -> Result<(), MachineError> {
        match task {
            Task::Launch(launch) => self.run_launch(launch),
            Task::Product(product) => {
                product.compute(&self.memory.borrow());
                Ok(())
            }
        }
    }
}

/// Adds the operation's label to what a kernel did.
fn named(error: MachineError, label: &str) -> MachineError {
    match error {
        MachineError::Fault { kernel, block, thread, cause } => {
            let cause = format!("{cause} (in `{label}`)");
            MachineError::Fault { kernel, block, thread, cause }
        }
        MachineError::Device { what, cause } => {
            MachineError::Device { what: format!("{what}, in `{label}`"), cause }
        }
        other => other,
    }
}

/// Draws which lane continues. Seed 0 runs the main lane as far as it comes; other runs favour one
/// lane, the other or none.
struct Lots {
    seed: u64,
    drawn: u64,
    main_of_eight: u64,
}

impl Lots {
    fn new(seed: u64, run: u64) -> Self {
        let own = mixed(seed, run);
        let main_of_eight = if seed == 0 { 8 } else { [0, 1, 4, 7, 8][(own % 5) as usize] };
        Self { seed: own, drawn: 0, main_of_eight }
    }

    fn lane(&mut self) -> usize {
        self.drawn += 1;
        usize::from(mixed(self.seed, self.drawn) % 8 >= self.main_of_eight)
    }
}
