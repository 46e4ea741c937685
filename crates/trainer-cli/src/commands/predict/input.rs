//! The rows of a stream, a chunk at a time.

use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use lockstep_data::{DataError, Format, TextReader, TextRow, TextSource};

/// Rows of one chunk: one packed batch.
const CHUNK: usize = 64;
/// Chunks that may wait for the model.
const AHEAD: usize = 8;

/// Rows as a thread reads them.
pub(super) struct Rows {
    arrived: Receiver<Result<TextRow, DataError>>,
    patience: Patience,
}

/// When a chunk that is not full goes on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    /// At the end only.
    Full,
    /// As soon as no further row has arrived.
    Arrived,
}

impl Rows {
    /// The rows of a file, or of the standard input for `-`.
    ///
    /// # Errors
    /// A file that cannot be opened, or whose header does not show the text.
    pub(super) fn open(path: &Path, text_column: Option<String>) -> Result<Self, DataError> {
        if path.as_os_str() != "-" {
            let reader = TextReader::open(path, text_column)?;
            return Ok(Self::spawn(reader, Patience::Full));
        }
        let name = "standard input".into();
        let source = TextSource { name, format: Format::Plain, text_column };
        let reader = TextReader::new(BufReader::new(io::stdin()), &source)?;
        Ok(Self::spawn(reader, Patience::Arrived))
    }

    fn spawn<R: BufRead + Send + 'static>(reader: TextReader<R>, patience: Patience) -> Self {
        let (sender, arrived) = mpsc::sync_channel(AHEAD * CHUNK);
        thread::spawn(move || {
            for row in reader {
                if sender.send(row).is_err() {
                    break;
                }
            }
        });
        Self { arrived, patience }
    }

    /// The next rows, at least one and at most [`CHUNK`]; nothing at the end.
    ///
    /// # Errors
    /// A stream that breaks.
    pub(super) fn next_chunk(&mut self) -> Result<Option<Vec<TextRow>>, DataError> {
        let Ok(first) = self.arrived.recv() else { return Ok(None) };
        let mut chunk = vec![first?];
        while chunk.len() < CHUNK {
            match self.next_row() {
                Some(row) => chunk.push(row?),
                None => break,
            }
        }
        Ok(Some(chunk))
    }

    fn next_row(&self) -> Option<Result<TextRow, DataError>> {
        match self.patience {
            Patience::Full => self.arrived.recv().ok(),
            Patience::Arrived => self.arrived.try_recv().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn rows_come_in_order_in_chunks() {
        let text: String = (0..150).map(|i| format!("text {i}\n")).collect();
        let source = TextSource { name: "test".into(), format: Format::Plain, text_column: None };
        let reader = TextReader::new(Cursor::new(text), &source).unwrap();
        let mut rows = Rows::spawn(reader, Patience::Full);
        let mut sizes = Vec::new();
        let mut next = 1;
        while let Some(chunk) = rows.next_chunk().unwrap() {
            sizes.push(chunk.len());
            for row in chunk {
                assert_eq!(row.line, next);
                next += 1;
            }
        }
        assert_eq!(sizes, [64, 64, 22]);
    }
}
