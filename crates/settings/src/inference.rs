//! What follows from the other values where nothing was written.

use std::path::Path;

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
        Some(DataSource::File(path)) => of_files(&path),
        Some(DataSource::Hub(HubSplit { id, config, .. })) => {
            let name = id.rsplit('/').next().unwrap_or_default();
            config.map_or_else(|| name.to_owned(), |config| format!("{name}-{config}"))
        }
        Some(DataSource::Reviews) => "reviews".to_owned(),
        None => "run".to_owned(),
    }
}

/// The name of a file without its extension; of several files or a pattern that of their folder.
fn of_files(path: &Path) -> String {
    let is_several = |text: &str| text.contains(['*', '?', '[', ',']);
    let first = path.to_string_lossy();
    let first = Path::new(first.split(',').next().unwrap_or_default());
    let named = match is_several(&path.to_string_lossy()) {
        true => first.parent().and_then(Path::file_name),
        false => path.file_stem(),
    };
    let named = named.unwrap_or_default().to_string_lossy();
    if named.is_empty() || is_several(&named) { "run".to_owned() } else { named.into_owned() }
}
