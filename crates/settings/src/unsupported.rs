//! What the interface promises and this version does not have yet. Each answer names what works now.
//!
//! A feature that arrives takes its lines out of here.

use lockstep_flags::{Key, Problem, Written};

use super::keys::{REPORT_TO, TEST_FILE, TRAIN_FILE, VALIDATION_FILE};
use super::terms::{DataSource, Reporter};

/// Notes each wish that cannot be granted yet.
pub(crate) fn note_unsupported(config: &mut Written) {
    for key in [&TRAIN_FILE, &VALIDATION_FILE, &TEST_FILE] {
        note_source(config, key);
    }
    if config.find(&REPORT_TO).is_some_and(|list| list.contains(&Reporter::TensorBoard)) {
        let what = "TensorBoard's event files";
        let instead = "console and jsonl work, and metrics.jsonl has every number";
        config.note(config.place(&REPORT_TO), Problem::NotYet { what, instead });
    }
}

fn note_source(config: &mut Written, key: &Key<DataSource>) {
    let Some(DataSource::File(path)) = config.find(key) else { return };
    let text = path.to_string_lossy();
    let what = if text.starts_with("hub:") {
        "data sets from the hub"
    } else if text.ends_with(".parquet") {
        "Parquet files"
    } else {
        return;
    };
    let instead = "write it to a .tsv, .csv or .jsonl file, \
                   with pandas for example: frame.to_csv(\"train.csv\", index=False)";
    config.note(config.place(key), Problem::NotYet { what, instead });
}
