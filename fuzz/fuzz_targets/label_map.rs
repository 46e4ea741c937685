//! The file of `--label-map`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockstep_data::Renames;

fuzz_target!(|bytes: &[u8]| {
    match Renames::read(&lockstep_fuzz::file("labels.json", bytes)) {
        Ok(renames) => drop(renames.classes()),
        Err(error) => drop((error.to_string(), error.remedy())),
    }
});
