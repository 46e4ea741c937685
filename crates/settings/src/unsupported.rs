//! What the interface promises and this version does not have yet. Each answer names what works now.
//!
//! A feature that arrives takes its lines out of here.

use lockstep_flags::{Problem, Written};

use super::keys::REPORT_TO;
use super::terms::Reporter;

/// Notes each wish that cannot be granted yet.
pub(crate) fn note_unsupported(config: &mut Written) {
    if config.find(&REPORT_TO).is_some_and(|list| list.contains(&Reporter::TensorBoard)) {
        let what = "TensorBoard's event files";
        let instead = "use console and jsonl; metrics.jsonl has every number";
        config.note(config.place(&REPORT_TO), Problem::NotYet { what, instead });
    }
}
