//! Warnings of the crates below, on the standard error; `RUST_LOG` asks for more.

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;

use crate::Environment;

/// From now on warnings are shown.
pub fn show(environment: &Environment) {
    let asked = environment.get("RUST_LOG").and_then(|filter| filter.parse::<Targets>().ok());
    let filter = asked.unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN));
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(io::stderr)
        .with_ansi(environment.colours_errors())
        .with_target(false)
        .without_time()
        // It would tell them on the standard error, and panic where that is closed.
        .log_internal_errors(false)
        .finish()
        .with(filter);
    // There is one already only in a test.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
