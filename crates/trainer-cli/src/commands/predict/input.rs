//! The rows of a stream, some at a time.

use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::vec;

use lockstep_data::{
    BadRow, DataError, FileDoubt, FileSet, STANDARD_INPUT, TextFiles, TextReader, TextRow,
    TextSource,
};

/// Rows that may wait for the model. A row has a mebibyte at most.
const AHEAD: usize = 64;

/// Where texts come from.
pub(super) enum Texts {
    /// From the command line.
    Given(Vec<String>),
    /// From the standard input.
    StandardInput(TextSource),
    /// From files, of which the source says all but the name.
    Files(FileSet, TextSource),
}

/// A row, and where it was.
pub(super) struct Item {
    /// The file, where there are several.
    pub(super) file: Option<Arc<Path>>,
    /// The line or row of the file, or the number of the text on the command line, from 1.
    pub(super) line: u64,
    pub(super) text: Result<String, BadRow>,
}

/// How many rows are taken at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Rows at most.
    pub(super) rows: usize,
    /// Bytes of texts after which no further row is taken.
    pub(super) bytes: usize,
}

/// Rows as a thread reads them.
pub(super) struct Rows {
    arrived: Receiver<Result<Item, DataError>>,
    patience: Patience,
    /// The thread; what it found odd.
    reading: JoinHandle<Vec<FileDoubt>>,
    /// What ended the stream behind the rows that were given last.
    broken: Option<DataError>,
}

/// When fewer rows than the limits allow are returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    /// At the end only.
    Full,
    /// As soon as no further row has arrived.
    Arrived,
}

/// What a thread reads.
trait Stream: Iterator<Item = Result<Item, DataError>> + Send + 'static {
    fn doubts(&self) -> Vec<FileDoubt>;
}

struct Given {
    texts: vec::IntoIter<String>,
    number: u64,
}

struct Lines<R: BufRead>(TextReader<R>);

struct Files {
    texts: TextFiles,
    are_several: bool,
}

impl Texts {
    /// The rows.
    ///
    /// # Errors
    /// A file that cannot be opened, or whose header does not show the text.
    pub(super) fn open(self) -> Result<Rows, DataError> {
        Ok(match self {
            Self::Given(texts) => {
                let given = Given { texts: texts.into_iter(), number: 0 };
                Rows::spawn(given, Patience::Full)
            }
            Self::StandardInput(source) => {
                let source = TextSource { name: PathBuf::from(STANDARD_INPUT), ..source };
                let reader = TextReader::new(BufReader::new(io::stdin()), source)?;
                Rows::spawn(Lines(reader), Patience::Arrived)
            }
            Self::Files(files, source) => {
                let are_several = are_several(&files);
                let texts = TextFiles::open(files, source)?;
                Rows::spawn(Files { texts, are_several }, Patience::Full)
            }
        })
    }

    /// Whether rows are in several files, so that a line alone does not say where one is.
    pub(super) fn are_in_several_files(&self) -> bool {
        matches!(self, Self::Files(files, _) if are_several(files))
    }
}

fn are_several(files: &FileSet) -> bool {
    files.files.len() > 1 || files.files.iter().any(|path| path.is_dir())
}

impl Iterator for Given {
    type Item = Result<Item, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.number += 1;
        Some(Ok(Item { file: None, line: self.number, text: Ok(self.texts.next()?) }))
    }
}

impl Stream for Given {
    fn doubts(&self) -> Vec<FileDoubt> {
        Vec::new()
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<Item, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.0.next()?;
        Some(row.map(|TextRow { line, text }| Item { file: None, line, text }))
    }
}

impl<R: BufRead + Send + 'static> Stream for Lines<R> {
    fn doubts(&self) -> Vec<FileDoubt> {
        self.0.doubts()
    }
}

impl Iterator for Files {
    type Item = Result<Item, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.texts.next()?;
        Some(row.map(|(file, TextRow { line, text })| Item {
            file: self.are_several.then_some(file),
            line,
            text,
        }))
    }
}

impl Stream for Files {
    fn doubts(&self) -> Vec<FileDoubt> {
        self.texts.doubts()
    }
}

impl Rows {
    fn spawn(mut stream: impl Stream, patience: Patience) -> Self {
        let (sender, arrived) = mpsc::sync_channel(AHEAD);
        let reading = thread::spawn(move || {
            for row in stream.by_ref() {
                if sender.send(row).is_err() {
                    break;
                }
            }
            stream.doubts()
        });
        Self { arrived, patience, broken: None, reading }
    }

    /// What is odd about the rows, after the last one.
    pub(super) fn into_doubts(self) -> Vec<FileDoubt> {
        drop(self.arrived);
        self.reading.join().unwrap_or_default()
    }

    /// The next rows, at least one; nothing at the end.
    ///
    /// # Errors
    /// A stream that breaks, after the rows before.
    pub(super) fn next_some(&mut self, limits: Limits) -> Result<Option<Vec<Item>>, DataError> {
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        let Ok(first) = self.arrived.recv() else { return Ok(None) };
        let mut rows = vec![first?];
        let mut bytes = size(&rows[0]);
        while rows.len() < limits.rows && bytes < limits.bytes {
            match self.next_row() {
                Some(Ok(row)) => {
                    bytes += size(&row);
                    rows.push(row);
                }
                Some(Err(error)) => {
                    self.broken = Some(error);
                    break;
                }
                None => break,
            }
        }
        Ok(Some(rows))
    }

    fn next_row(&self) -> Option<Result<Item, DataError>> {
        match self.patience {
            Patience::Full => self.arrived.recv().ok(),
            Patience::Arrived => self.arrived.try_recv().ok(),
        }
    }
}

fn size(row: &Item) -> usize {
    row.text.as_ref().map_or(0, String::len)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn sizes(rows: usize, bytes: usize) -> Vec<usize> {
        let text: String = (0..150).map(|i| format!("text {i:03}\n")).collect();
        let source = TextSource::from(PathBuf::from("test"));
        let reader = TextReader::new(Cursor::new(text), source).unwrap();
        let mut all = Rows::spawn(Lines(reader), Patience::Full);
        let mut sizes = Vec::new();
        let mut next = 1;
        while let Some(some) = all.next_some(Limits { rows, bytes }).unwrap() {
            sizes.push(some.len());
            for row in some {
                assert_eq!(row.line, next);
                next += 1;
            }
        }
        sizes
    }

    #[test]
    fn rows_come_in_order_and_some_at_a_time() {
        assert_eq!(sizes(64, 1 << 20), [64, 64, 22]);
        assert_eq!(sizes(1000, 1 << 20), [150]);
        assert_eq!(sizes(64, 400), [50, 50, 50]);
        assert_eq!(sizes(64, 0), [1; 150]);
    }
}
