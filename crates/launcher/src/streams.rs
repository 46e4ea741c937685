//! The standard streams, of which none is worth a run: a pipe may close, a device may be full.

use std::fmt::Display;
use std::io::{self, Write};

/// Writes a line to the standard error in one go, so that lines of several ranks stay whole.
pub(crate) fn tell(line: impl Display) {
    let text = format!("{line}\n");
    let _ = io::stderr().write_all(text.as_bytes());
}

/// The output of a command whose product is files: where nobody can read it any more, the command
/// goes on without it.
pub(crate) struct Optional<'a> {
    out: &'a mut dyn Write,
    is_open: bool,
}

impl<'a> Optional<'a> {
    /// `out` as long as it can be written.
    pub(crate) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, is_open: true }
    }

    fn close(&mut self, cause: &io::Error) {
        self.is_open = false;
        tell(format_args!(
            "note: the standard output cannot be written ({cause}), so the run goes on without it"
        ));
    }
}

impl Write for Optional<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_open {
            match self.out.write(bytes) {
                Ok(written) => return Ok(written),
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => return Err(cause),
                Err(cause) => self.close(&cause),
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_open
            && let Err(cause) = self.out.flush()
        {
            self.close(&cause);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes.
    struct Full(usize);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            if taken == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(taken) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_cannot_be_written_is_let_go() {
        let mut full = Full(5);
        let mut out = Optional::new(&mut full);
        for _ in 0..3 {
            out.write_all(b"some words").unwrap();
            out.flush().unwrap();
        }
        assert!(!out.is_open);
    }
}
