//! The console of a program that works for long: its lines are written by threads.
//!
//! A reader that does not read (a pager, a stopped terminal, a pipe without a reader) holds up such a
//! thread and nothing else. Streams that lead to the same place share a thread, so that their lines
//! keep their order.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use rustix::fd::{AsFd, OwnedFd};

use crate::columns::{folded, width_of};
use crate::lane::{Item, Lane, Screen, Stream};
use crate::live::{Live, View};
use crate::log_line::{LogFormat, json_line, of_text};
use crate::progress;

static IS_ALLOWED: AtomicBool = AtomicBool::new(false);
static IS_QUIET: AtomicBool = AtomicBool::new(false);
static CONSOLE: OnceLock<Console> = OnceLock::new();
static LISTENER: OnceLock<Listener> = OnceLock::new();

/// What takes each line of the standard error.
type Listener = Box<dyn Fn(&str) + Send + Sync>;

/// How long the end of a program waits for a reader that reads nothing.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a view is drawn.
const REFRESH: Duration = Duration::from_millis(100);

/// The lanes of the standard output and of the standard error.
struct Console {
    format: LogFormat,
    out: Lane,
    /// Nothing where it shares that of the standard output.
    err: Option<Lane>,
}

/// Allows consoles: this process's streams are its program's, and not a test's.
pub(crate) fn allow() {
    IS_ALLOWED.store(true, Ordering::Relaxed);
}

/// From now on lines are written by threads, in this format; not in a test of the library.
pub fn begin(format: LogFormat) {
    if !IS_ALLOWED.load(Ordering::Relaxed) || CONSOLE.get().is_some() {
        return;
    }
    if format == LogFormat::Json {
        progress::forbid();
    }
    // Without threads or copies of the streams lines are written as before.
    let _ = Console::open(format).map(|console| CONSOLE.set(console));
}

/// From now on neither notices nor bars are shown.
pub fn be_quiet() {
    IS_QUIET.store(true, Ordering::Relaxed);
    progress::forbid();
}

/// Whether notices are left out.
pub(crate) fn is_quiet() -> bool {
    IS_QUIET.load(Ordering::Relaxed)
}

/// Whether lines are JSON objects.
#[must_use]
pub fn is_json() -> bool {
    CONSOLE.get().is_some_and(|console| console.format == LogFormat::Json)
}

/// Hands each line of the standard error, as JSON, to a log from now on.
pub fn listen(listener: impl Fn(&str) + Send + Sync + 'static) {
    if CONSOLE.get().is_some() {
        let _ = LISTENER.set(Box::new(listener));
    }
}

/// Prints a line without waiting; whether there is a console that does.
pub(crate) fn print(stream: Stream, line: &str) -> bool {
    let Some(console) = CONSOLE.get() else { return false };
    let mut text = line.to_owned();
    if stream == Stream::Err && (console.format == LogFormat::Json || LISTENER.get().is_some()) {
        let json = of_text(line);
        if let Some(listener) = LISTENER.get() {
            listener(&json);
        }
        if console.format == LogFormat::Json {
            text = json;
        }
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    console.lane(stream).push(Item::Line(stream, text));
    true
}

/// A view at the bottom of the terminal, until this is dropped; nothing where bars are not shown.
pub struct Shown(());

/// Shows a view.
pub fn show(view: View) -> Option<Shown> {
    let console = CONSOLE.get().filter(|_| progress::are_shown())?;
    console.lane(Stream::Err).push(Item::Show(view));
    Some(Shown(()))
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(console) = CONSOLE.get() {
            console.lane(Stream::Err).push(Item::Hide);
        }
    }
}

/// Removes the view and waits until all lines are written, unless nothing reads them: the last thing
/// before a process exits.
pub fn finish() {
    let Some(console) = CONSOLE.get() else { return };
    console.lane(Stream::Err).push(Item::Hide);
    console.out.drain(PATIENCE);
    if let Some(err) = &console.err {
        err.drain(PATIENCE);
    }
}

impl Console {
    fn open(format: LogFormat) -> io::Result<Self> {
        let out = Output::of(&io::stdout())?;
        let err = Output::of(&io::stderr())?;
        let is_same = out.place()? == err.place()?;
        let terminal = |out, err| Terminal { format, out, err, live: None };
        Ok(match is_same {
            true => Self { format, out: Lane::start(terminal(Some(out), Some(err)))?, err: None },
            false => {
                let err = Lane::start(terminal(None, Some(err)))?;
                Self { format, out: Lane::start(terminal(Some(out), None))?, err: Some(err) }
            }
        })
    }

    fn lane(&self, stream: Stream) -> &Lane {
        match (stream, &self.err) {
            (Stream::Err, Some(err)) => err,
            _ => &self.out,
        }
    }
}

/// A copy of a standard stream, which others may hold locked.
struct Output {
    file: File,
    is_terminal: bool,
}

impl Output {
    fn of<S: AsFd + IsTerminal>(stream: &S) -> io::Result<Self> {
        let copy: OwnedFd = stream.as_fd().try_clone_to_owned()?;
        Ok(Self { file: copy.into(), is_terminal: stream.is_terminal() })
    }

    /// Equal for streams that lead to the same place.
    fn place(&self) -> io::Result<(u64, u64)> {
        let metadata = self.file.metadata()?;
        Ok((metadata.dev(), metadata.ino()))
    }

    fn columns(&self) -> Option<usize> {
        self.is_terminal.then(|| width_of(&self.file)).flatten()
    }

    /// Writes all of it, also where another process made the stream return at once.
    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        const PAUSE: Duration = Duration::from_millis(10);
        while !bytes.is_empty() {
            match self.file.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(cause) if cause.kind() == ErrorKind::WouldBlock => sleep(PAUSE),
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                Err(cause) => return Err(cause),
            }
        }
        Ok(())
    }
}

/// Where a lane's lines go.
struct Terminal {
    format: LogFormat,
    out: Option<Output>,
    err: Option<Output>,
    live: Option<Live>,
}

impl Terminal {
    fn write(&mut self, stream: Stream, text: &str) {
        let output = match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        };
        let Some(open) = output else { return };
        let width = open.columns().filter(|_| self.format == LogFormat::Text);
        let text = width.map_or_else(|| text.to_owned(), |width| folded(text, width));
        let mut written = Ok(());
        let write = || written = open.write(text.as_bytes());
        match &self.live {
            Some(live) => live.above(write),
            None => progress::above(write),
        }
        if let Err(cause) = written {
            *output = None;
            if stream == Stream::Out {
                tracing::warn!(
                    "the standard output cannot be written ({cause}), so the run continues without it"
                );
            }
        }
    }

    fn tell_of_dropped(&mut self, stream: Stream, lines: u64) {
        let text = match lines {
            1 => "1 line was not shown: the console did not read".to_owned(),
            lines => format!("{lines} lines were not shown: the console did not read"),
        };
        let text = match self.format {
            LogFormat::Text => format!("warning: {text}\n"),
            LogFormat::Json => {
                let fields =
                    [("message".to_owned(), text.into()), ("lines".to_owned(), lines.into())];
                json_line("warning", "dropped", &fields.into_iter().collect()) + "\n"
            }
        };
        self.write(stream, &text);
    }
}

impl Screen for Terminal {
    fn take(&mut self, item: Item, dropped: u64) {
        match item {
            Item::Line(stream, text) => {
                if dropped > 0 {
                    self.tell_of_dropped(stream, dropped);
                }
                self.write(stream, &text);
            }
            Item::Show(view) => self.live = Some(Live::new(view)),
            Item::Hide => {
                if let Some(live) = self.live.take() {
                    live.clear();
                }
            }
        }
    }

    fn refresh(&mut self) -> Option<Duration> {
        const WITHOUT: usize = 80;
        let columns = self.err.as_ref().and_then(Output::columns).unwrap_or(WITHOUT);
        let live = self.live.as_mut()?;
        live.draw(columns);
        Some(REFRESH)
    }
}
