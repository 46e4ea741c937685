//! The words for where a run reports, and how.

use lockstep_flags::{Choice, Form, Kind};
use lockstep_host::LogFormat;

/// A place that a run reports to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reporter {
    /// Lines on the terminal.
    Console,
    /// `metrics.jsonl`.
    Jsonl,
    /// TensorBoard's event file.
    TensorBoard,
}

/// The kind of `--report-to`.
pub(crate) const REPORTERS: Kind<Vec<Reporter>> = Kind::Read {
    form: Form::List,
    placeholder: "LIST",
    valid: "none, or a list of console, jsonl and tensorboard",
    read: |text| match text {
        "none" => Some(Vec::new()),
        text => text.split(',').map(|word| reporter(word.trim())).collect(),
    },
};

fn reporter(word: &str) -> Option<Reporter> {
    match word {
        "console" => Some(Reporter::Console),
        "jsonl" => Some(Reporter::Jsonl),
        "tensorboard" => Some(Reporter::TensorBoard),
        _ => None,
    }
}

/// The kind of `--log-format`.
pub(crate) const LOG_FORMATS: Kind<LogFormat> = Kind::OneOf(|| {
    vec![
        Choice::new("text", "for people", LogFormat::Text),
        Choice::new("json", "one JSON object a line", LogFormat::Json),
    ]
});
