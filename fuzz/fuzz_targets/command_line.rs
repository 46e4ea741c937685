//! A command line, one word a line: flags, `--set`, and no file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockstep_flags::{CommandLine, Set};
use lockstep_settings::{keys, plan_of, run_config};

fuzz_target!(|text: &str| {
    let words: Vec<String> = text.lines().map(str::to_owned).collect();
    if words.iter().any(|word| word.contains('/') || word.ends_with(".toml")) {
        return;
    }
    let line = CommandLine::parse(&words, keys::ALL, Set::Taken);
    match plan_of(run_config(line, keys::ALL)) {
        Ok(plan) => drop(plan),
        Err(faults) => drop(faults.to_string()),
    }
});
