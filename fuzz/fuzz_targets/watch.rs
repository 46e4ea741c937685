//! What reaches the port of the watch.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| lockstep_collective::fuzzing::watch(bytes));
