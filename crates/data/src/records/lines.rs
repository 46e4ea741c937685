//! Physical lines of a file, numbered from 1, each held only up to a limit.
//!
//! Everything above counts in these lines, so a number in a message is the one an editor shows. A
//! file that is one endless line costs no more memory than [`ROW_LIMIT`].

use std::io::{self, BufRead, Cursor, Read};

use crate::bad_row::ROW_LIMIT;
use crate::foreign::Look;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The lines of `reader`, without their ends and without a byte order mark.
///
/// They end in LF or CRLF. Where the first bytes have no line feed at all, but a carriage return, they
/// end in that, as on old Macs.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    /// Bytes that were read to learn how lines end.
    ahead: Cursor<Vec<u8>>,
    reader: R,
    end: u8,
    number: u64,
    buffer: Vec<u8>,
    look: Look,
}

/// One line of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// A line within the limit.
    Whole(&'a [u8]),
    /// A line that was passed over because it is longer than [`ROW_LIMIT`].
    TooLong,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(reader: R) -> Self {
        let (ahead, buffer) = (Cursor::new(Vec::new()), Vec::new());
        Self { ahead, reader, end: b'\n', number: 0, buffer, look: Look::default() }
    }

    /// What the lines so far tell of a file that is no UTF-8 text.
    pub(crate) fn look(&self) -> &Look {
        &self.look
    }

    /// The number of the line that [`Self::next`] gave last.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The line that [`Self::next`] gave last, where it is not too long.
    pub(crate) fn last(&self) -> &[u8] {
        let line = without_end(&self.buffer);
        if self.number == 1 { without_mark(line) } else { line }
    }

    /// What the lines are read from.
    pub(crate) fn reader(&self) -> &R {
        &self.reader
    }

    /// The next line, or nothing at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.read()?;
        if self.number == 0 && !self.buffer.ends_with(b"\n") && self.buffer.contains(&b'\r') {
            self.end = b'\r';
            self.ahead = Cursor::new(std::mem::take(&mut self.buffer));
            self.read()?;
        }
        if self.buffer.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        if self.number == 1 {
            self.look.begin(&self.buffer);
        }
        self.look.line(&self.buffer);
        let ended = self.buffer.last() == Some(&self.end);
        if !ended && self.buffer.len() > ROW_LIMIT {
            (&mut self.ahead).chain(&mut self.reader).skip_until(self.end)?;
        }
        let line = without_end(&self.buffer);
        let line = if self.number == 1 { without_mark(line) } else { line };
        Ok(Some(if line.len() > ROW_LIMIT { Line::TooLong } else { Line::Whole(line) }))
    }

    /// Reads a line with its end into the buffer, or its beginning if it is too long.
    fn read(&mut self) -> io::Result<()> {
        self.buffer.clear();
        // Two more than the limit, for the line's end.
        let most = ROW_LIMIT as u64 + 2;
        let reader = (&mut self.ahead).chain(&mut self.reader);
        reader.take(most).read_until(self.end, &mut self.buffer).map(|_| ())
    }
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn without_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &[u8], lines: &[&str]) {
        let mut reader = Lines::new(file);
        let mut seen = Vec::new();
        while let Some(line) = reader.next().unwrap() {
            seen.push(match line {
                Line::Whole(line) if line.len() > 100 => format!("{} bytes", line.len()),
                Line::Whole(line) => String::from_utf8_lossy(line).into_owned(),
                Line::TooLong => "too long".to_owned(),
            });
        }
        assert_eq!(seen, lines);
        assert_eq!(reader.number(), lines.len() as u64);
    }

    #[test]
    fn lines_lose_their_ends_and_the_mark() {
        check(b"", &[]);
        check(b"\n", &[""]);
        check(b"a\nb", &["a", "b"]);
        check(b"a\r\n\r\nb\r\n", &["a", "", "b"]);
        check(b"\xEF\xBB\xBFa\n\xEF\xBB\xBFb\n", &["a", "\u{feff}b"]);
        check(b"a\rb\n", &["a\rb"]);
        check(b"a\r", &["a"]);
        check(b"a\rb\r\rc", &["a", "b", "", "c"]);
        check(b"\xEF\xBB\xBFa\rb\nc\r", &["a\rb", "c"]);
    }

    #[test]
    fn a_long_line_is_passed_over() {
        let line =
            |length: usize, end: &str| ["x".repeat(length).as_bytes(), end.as_bytes()].concat();
        let most = format!("{ROW_LIMIT} bytes");
        check(&[line(ROW_LIMIT, "\r\n"), b"next".to_vec()].concat(), &[&most, "next"]);
        check(&[line(ROW_LIMIT + 1, "\n"), b"next".to_vec()].concat(), &["too long", "next"]);
        check(&[line(3 * ROW_LIMIT, "\n"), b"next".to_vec()].concat(), &["too long", "next"]);
        check(&line(ROW_LIMIT + 1, ""), &["too long"]);
        let old = [b"a\r".to_vec(), line(3 * ROW_LIMIT, "\r"), b"b\rc".to_vec()].concat();
        check(&old, &["a", "too long", "b", "c"]);
    }
}
