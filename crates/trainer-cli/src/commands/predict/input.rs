//! The rows of a stream, a chunk at a time.

use std::io::{self, BufRead, BufReader};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};

use lockstep_data::{DataError, FileDoubt, STANDARD_INPUT, TextReader, TextRow, TextSource};

/// Rows of one chunk: one packed batch.
const CHUNK: usize = 64;
/// Chunks that may wait for the model.
const AHEAD: usize = 8;

/// Rows as a thread reads them.
pub(super) struct Rows {
    arrived: Receiver<Result<TextRow, DataError>>,
    patience: Patience,
    /// The thread; what it found odd.
    reading: JoinHandle<Vec<FileDoubt>>,
    /// What ended the stream behind the rows that were given last.
    broken: Option<DataError>,
}

/// When a chunk that is not full is returned.
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
    pub(super) fn open(source: TextSource) -> Result<Self, DataError> {
        if source.name.as_os_str() != "-" {
            return Ok(Self::spawn(TextReader::open(source)?, Patience::Full));
        }
        let source = TextSource { name: STANDARD_INPUT.into(), ..source };
        let reader = TextReader::new(BufReader::new(io::stdin()), source)?;
        Ok(Self::spawn(reader, Patience::Arrived))
    }

    fn spawn<R: BufRead + Send + 'static>(reader: TextReader<R>, patience: Patience) -> Self {
        let (sender, arrived) = mpsc::sync_channel(AHEAD * CHUNK);
        let reading = thread::spawn(move || {
            let mut reader = reader;
            for row in reader.by_ref() {
                if sender.send(row).is_err() {
                    break;
                }
            }
            reader.doubts()
        });
        Self { arrived, patience, broken: None, reading }
    }

    /// What is odd about the rows, after the last one.
    pub(super) fn into_doubts(self) -> Vec<FileDoubt> {
        drop(self.arrived);
        self.reading.join().unwrap_or_default()
    }

    /// The next rows, at least one and at most [`CHUNK`]; nothing at the end.
    ///
    /// # Errors
    /// A stream that breaks, after the rows before.
    pub(super) fn next_chunk(&mut self) -> Result<Option<Vec<TextRow>>, DataError> {
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        let Ok(first) = self.arrived.recv() else { return Ok(None) };
        let mut chunk = vec![first?];
        while chunk.len() < CHUNK {
            match self.next_row() {
                Some(Ok(row)) => chunk.push(row),
                Some(Err(error)) => {
                    self.broken = Some(error);
                    break;
                }
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
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn rows_come_in_order_in_chunks() {
        let text: String = (0..150).map(|i| format!("text {i}\n")).collect();
        let source = TextSource::from(PathBuf::from("test"));
        let reader = TextReader::new(Cursor::new(text), source).unwrap();
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
