//! A panic is a bug: it ends the process with its own exit code and asks for a report.

use std::panic::{self, PanicHookInfo};
use std::process;

use crate::{ExitCode, console, streams};

/// From now on a panic on any thread ends the process.
pub fn install() {
    panic::set_hook(Box::new(|info| {
        streams::print_error_line(report(info));
        console::finish();
        process::exit(ExitCode::Bug.number().into());
    }));
}

fn report(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message");
    let place = info.location().map_or_else(String::new, |location| format!(" at {location}"));
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "error: this is a bug in lockstep {version}: {text}{place}\n  \
         hint: report it with this line and your command; earlier checkpoints are complete, and a run \
         continues from them with --resume auto"
    )
}
