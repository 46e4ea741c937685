//! What follows from the other values where nothing was written.

use lockstep_flags::{Origin, Problem, Written};

use super::keys::{
    ACCUMULATION, DETERMINISTIC, EVAL_STRATEGY, GLOBAL_BATCH, OUTPUT_DIR, PER_DEVICE_BATCH,
    TRAIN_FILE,
};
use super::meaning::has_validation;
use super::terms::{DataSource, HubSplit};

/// Fills in what follows, and notes what must be written because it does not follow.
/// `name` is the configuration file's, empty without one.
pub(crate) fn infer(config: &mut Written, name: &str) {
    config.require(&TRAIN_FILE);
    if !has_validation(config) {
        config.give(&EVAL_STRATEGY, "no".to_owned(), Origin::Inferred);
    }
    if config.find(&GLOBAL_BATCH).is_none() && config.find(&PER_DEVICE_BATCH).is_none() {
        let key = match config.find(&DETERMINISTIC) {
            Some(true) => &GLOBAL_BATCH,
            _ => &PER_DEVICE_BATCH,
        };
        config.give(key, "16".to_owned(), Origin::Inferred);
    }
    if let Some(examples) = config.find(&GLOBAL_BATCH)
        && config.find(&ACCUMULATION).is_some_and(|passes| passes > examples)
    {
        let (other, remedy) = (config.place(&GLOBAL_BATCH), "each pass needs an example");
        config.note(config.place(&ACCUMULATION), Problem::Contradiction { other, remedy });
    }
    if config.find(&OUTPUT_DIR).is_none() {
        let directory = format!("runs/{}", run_name(config, name));
        config.give(&OUTPUT_DIR, directory, Origin::Inferred);
    }
}

/// The configuration file's name, else the training file's.
fn run_name(config: &Written, name: &str) -> String {
    match config.find(&TRAIN_FILE) {
        _ if !name.is_empty() => name.to_owned(),
        Some(DataSource::File(path)) => {
            path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
        }
        Some(DataSource::Hub(HubSplit { id, config, .. })) => {
            let name = id.rsplit('/').next().unwrap_or_default();
            config.map_or_else(|| name.to_owned(), |config| format!("{name}-{config}"))
        }
        Some(DataSource::Reviews) => "reviews".to_owned(),
        None => "run".to_owned(),
    }
}
