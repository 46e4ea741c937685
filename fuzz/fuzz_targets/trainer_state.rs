//! What a run remembers of itself, of a checkpoint whose hashes are right.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| lockstep_trainer::fuzzing::trainer_state(bytes));
