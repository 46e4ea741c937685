//! The small files of a checkpoint, with a border between them.
#![no_main]

use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 2] = ["MANIFEST.json", "trainer_state.json"];

fuzz_target!(|bytes: &[u8]| {
    let directory = lockstep_fuzz::files(&NAMES, bytes);
    lockstep_fuzz::file("model.safetensors", &[0; 8]);
    lockstep_fuzz::file("optimizer.safetensors", &[0; 16]);
    lockstep_trainer::fuzzing::checkpoint(&directory);
});
