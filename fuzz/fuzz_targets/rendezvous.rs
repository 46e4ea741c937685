//! What reaches the port of the rendezvous, and what a starter's store says of rank 0.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| lockstep_collective::fuzzing::rendezvous(bytes));
