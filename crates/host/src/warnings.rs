//! Warnings of the crates below, on the standard error; `RUST_LOG` asks for more.

use std::io;

use tracing_subscriber::EnvFilter;

use crate::Environment;

/// From now on warnings are shown.
pub fn show(environment: &Environment) {
    let filter = EnvFilter::builder().parse_lossy(environment.get("RUST_LOG").unwrap_or("warn"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(environment.colours_errors())
        .with_target(false)
        .without_time()
        // It would tell them on the standard error, and panic where that is closed.
        .log_internal_errors(false)
        .finish();
    // There is one already only in a test.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
