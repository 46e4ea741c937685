//! A configuration file.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use lockstep_flags::{CommandLine, Set};
use lockstep_settings::{is_record, keys, plan_of, run_config};

fuzz_target!(|bytes: &[u8]| {
    let path = lockstep_fuzz::file("run.toml", bytes);
    let line = CommandLine::parse(&[path.display().to_string()], keys::ALL, Set::Taken);
    match plan_of(run_config(line, keys::ALL)) {
        Ok(plan) => drop(plan),
        Err(faults) => drop(faults.to_string()),
    }
    let _ = is_record(Path::new(&path));
});
