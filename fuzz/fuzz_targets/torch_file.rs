//! A file of `torch.save`, as it is.
#![no_main]

use std::fs::File;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let path = lockstep_fuzz::file("pytorch_model.bin", bytes);
    if let Err(error) = lockstep_torch_file::read(File::open(path).expect("it was written")) {
        let _ = error.to_string();
    }
});
