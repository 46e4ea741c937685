//! Warnings of all crates: `tracing` events, shown on the standard error as `warning: …`, each as one
//! line in one write. `RUST_LOG` shows more, or fewer.

use std::fmt;
use std::io;

use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;

use crate::{Environment, own_seat, streams};

/// Shows warnings from now on.
pub fn show(environment: &Environment) {
    let asked = environment.get("RUST_LOG").and_then(|filter| filter.parse::<Targets>().ok());
    let filter = asked.unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN));
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(|| WholeLine)
        .with_ansi(environment.colours_errors())
        // They would go to the standard error, and panic where that is closed.
        .log_internal_errors(false)
        .event_format(Plain)
        .finish()
        .with(filter);
    // There is one already only in a test.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// `warning: text`, or `warning: rank 1 of 2: text`.
struct Plain;

impl<S, N> FormatEvent<S, N> for Plain
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let (word, colour) = word(*event.metadata().level());
        let (bold, plain) = if writer.has_ansi_escapes() { (colour, "\x1b[0m") } else { ("", "") };
        write!(writer, "{bold}{word}:{plain} ")?;
        if let Some(seat) = own_seat::other_than_leader() {
            write!(writer, "{seat}: ")?;
        }
        context.field_format().format_fields(writer, event)
    }
}

fn word(level: Level) -> (&'static str, &'static str) {
    match level {
        Level::ERROR => ("error", "\x1b[1;31m"),
        Level::WARN => ("warning", "\x1b[1;33m"),
        Level::INFO => ("info", "\x1b[1m"),
        Level::DEBUG => ("debug", "\x1b[2m"),
        _ => ("trace", "\x1b[2m"),
    }
}

/// The standard error; an event is written to it at once.
struct WholeLine;

impl io::Write for WholeLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        streams::print_error_line(String::from_utf8_lossy(bytes).trim_end_matches('\n'));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A writer that keeps each write.
    #[derive(Clone, Default)]
    struct Writes(Arc<Mutex<Vec<String>>>);

    impl io::Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push(String::from_utf8(bytes.to_vec()).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_write_that_begins_with_its_level() {
        let check = |is_coloured, expected: &[&str]| {
            let writes = Writes::default();
            let writer = writes.clone();
            let subscriber = tracing_subscriber::fmt()
                .with_writer(move || writer.clone())
                .with_ansi(is_coloured)
                .event_format(Plain)
                .finish();
            tracing::subscriber::with_default(subscriber, || {
                tracing::warn!("a.tsv: {} rows\n  hint: none", 3);
                tracing::info!(step = 7, "saved");
            });
            assert_eq!(*writes.0.lock().unwrap(), expected);
        };
        check(false, &["warning: a.tsv: 3 rows\n  hint: none", "info: saved step=7"]);
        let yellow = "\x1b[1;33mwarning:\x1b[0m a.tsv: 3 rows\n  hint: none";
        check(true, &[yellow, "\x1b[1minfo:\x1b[0m saved \x1b[3mstep\x1b[0m\x1b[2m=\x1b[0m7"]);
    }
}
