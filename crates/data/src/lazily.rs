//! Readers that are chosen by the first bytes: which unpacker, which decoder.
//!
//! Nothing is read before the first reading, as the first bytes of a pipe may be long in coming.

use std::io::{self, BufRead, Chain, Cursor, Read};
use std::mem;

/// A reader behind bytes that were read from it before.
pub(crate) type Again<R> = Chain<Cursor<Vec<u8>>, R>;

/// How a reader is chosen.
pub(crate) trait Choice<R> {
    /// What reads on.
    type Reader: BufRead;

    /// The reader that the first bytes of `reader` ask for.
    fn choose(&self, reader: R) -> io::Result<Self::Reader>;
}

/// What a choice has made of a reader, once something is read.
pub(crate) struct Lazily<R, C: Choice<R>>(State<R, C>);

enum State<R, C: Choice<R>> {
    Start(R, C),
    Chosen(C::Reader),
    Broken,
}

impl<R, C: Choice<R>> Lazily<R, C> {
    pub(crate) fn of(reader: R, choice: C) -> Self {
        Self(State::Start(reader, choice))
    }

    /// The reader, where something was read.
    pub(crate) fn chosen(&self) -> Option<&C::Reader> {
        match &self.0 {
            State::Chosen(reader) => Some(reader),
            State::Start(..) | State::Broken => None,
        }
    }

    fn reader(&mut self) -> io::Result<&mut C::Reader> {
        self.0 = match mem::replace(&mut self.0, State::Broken) {
            State::Start(reader, choice) => State::Chosen(choice.choose(reader)?),
            other => other,
        };
        match &mut self.0 {
            State::Chosen(reader) => Ok(reader),
            State::Start(..) | State::Broken => Err(io::ErrorKind::InvalidInput.into()),
        }
    }
}

impl<R, C: Choice<R>> Read for Lazily<R, C> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader()?.read(buffer)
    }
}

impl<R, C: Choice<R>> BufRead for Lazily<R, C> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader()?.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        if let Ok(reader) = self.reader() {
            reader.consume(count);
        }
    }
}

impl<R, C: Choice<R>> std::fmt::Debug for Lazily<R, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lazily").finish_non_exhaustive()
    }
}

/// Takes the first bytes of `reader`, as long as they are the beginning of one of `marks`.
pub(crate) fn beginning<R: BufRead>(reader: &mut R, marks: &[&[u8]]) -> io::Result<Vec<u8>> {
    let mut seen = Vec::new();
    while marks.iter().any(|mark| mark.len() > seen.len() && mark.starts_with(&seen)) {
        if reader.by_ref().take(1).read_to_end(&mut seen)? == 0 {
            break;
        }
    }
    Ok(seen)
}
