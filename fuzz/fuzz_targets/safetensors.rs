//! A file of weights or moments.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockstep_params::TensorFile;

fuzz_target!(|bytes: &[u8]| {
    match TensorFile::read(&lockstep_fuzz::file("model.safetensors", bytes)) {
        Ok(file) => {
            let values: usize = file.iter().map(|(_, tensor)| tensor.elem_count()).sum();
            // A value takes a byte of the file at least.
            assert!(values <= bytes.len());
        }
        Err(error) => drop(error.to_string()),
    }
});
