//! The config.json of a model.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockstep_model::EncoderConfig;

fuzz_target!(|bytes: &[u8]| {
    match EncoderConfig::read(&lockstep_fuzz::file("config.json", bytes)) {
        Ok(config) => {
            assert!(config.width.is_multiple_of(config.heads));
            assert!((0.0..1.0).contains(&config.dropout), "{}", config.dropout);
            assert!((0.0..1.0).contains(&config.attention_dropout));
        }
        Err(error) => drop(error.to_string()),
    }
});
