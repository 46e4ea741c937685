//! The index of a model whose weights are in several files.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let path = lockstep_fuzz::file("model.safetensors.index.json", bytes);
    match lockstep_weights_index::shards(&path) {
        Ok(names) => {
            assert!(names.iter().all(|name| !name.contains('/') && !name.starts_with('.')))
        }
        Err(error) => drop(error.to_string()),
    }
});
