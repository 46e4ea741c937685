//! Comma separated values (RFC 4180), record by record.
//!
//! The `csv-core` crate splits a record into its cells. It is given one line at a time, so that a
//! record stays bounded, also when a quote never closes, and empty lines and open quotes are seen.

use std::io::{self, BufRead};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

use super::lines::{Line, Lines};
use super::{Cells, Record, text_of};
use crate::bad_row::BadRowKind;
use crate::bad_row::ROW_LIMIT;
use crate::dialect::Delimiter;

/// Splits lines into records and cells.
#[derive(Debug)]
pub(super) struct Splitter {
    reader: Reader,
    /// The present line, with its end.
    line: Vec<u8>,
    /// The bytes of the record's cells, quotes removed, and how many there are.
    bytes: Vec<u8>,
    length: usize,
    /// Where in `bytes` each cell ends, and how many there are.
    ends: Vec<usize>,
    count: usize,
}

impl Splitter {
    /// For cells with `delimiter` between them.
    pub(super) fn new(delimiter: Delimiter) -> Self {
        // A carriage return is a letter: `Lines` has removed those of line ends.
        let reader = ReaderBuilder::new()
            .delimiter(delimiter.byte())
            .terminator(Terminator::Any(b'\n'))
            .build();
        let (line, bytes, ends) = (Vec::new(), Vec::new(), Vec::new());
        Self { reader, line, bytes, length: 0, ends, count: 0 }
    }

    /// The next record of `lines`, or nothing at the end.
    pub(super) fn next<R: BufRead>(&mut self, lines: &mut Lines<R>) -> io::Result<Option<Record>> {
        self.restart();
        let mut is_whole = match lines.next()? {
            None => return Ok(None),
            Some(Line::Whole(b"")) => Err(BadRowKind::EmptyLine),
            Some(line) => self.add(line),
        };
        let line = lines.number();
        while is_whole == Ok(false) {
            is_whole = match lines.next()? {
                Some(line) => self.add(line),
                None => Err(BadRowKind::UnclosedQuote),
            };
        }
        Ok(Some(Record { line, cells: is_whole.and_then(|_| self.cells()) }))
    }

    /// The cells of one line, where it is a whole record.
    pub(super) fn line(&mut self, line: &[u8]) -> Option<Cells> {
        self.restart();
        let is_whole = self.add(Line::Whole(line)).ok()?;
        if is_whole { self.cells().ok() } else { None }
    }

    fn restart(&mut self) {
        (self.length, self.count) = (0, 0);
        self.reader.reset();
        // The reader passes over an empty line. Without one it would remove a byte order mark from
        // each record; `Lines` has removed that of the file.
        self.reader.read_record(b"\n", &mut [0], &mut [0]);
    }

    /// Adds a line to the record; whether the record ends with it.
    fn add(&mut self, line: Line<'_>) -> Result<bool, BadRowKind> {
        let Line::Whole(line) = line else { return Err(BadRowKind::TooLong) };
        if self.length + line.len() > ROW_LIMIT {
            return Err(BadRowKind::TooLong);
        }
        self.line.clear();
        // Where lines end in carriage returns, a line feed is no end.
        self.line.extend(line.iter().map(|&byte| if byte == b'\n' { b'\r' } else { byte }));
        self.line.push(b'\n');
        // As many bytes and cells as the line can have, and one: the reader stops at a full buffer.
        let room = self.line.len() + 1;
        self.bytes.resize(self.bytes.len().max(self.length + room), 0);
        self.ends.resize(self.ends.len().max(self.count + room), 0);
        let (bytes, ends) = (&mut self.bytes[self.length..], &mut self.ends[self.count..]);
        let (found, _, length, count) = self.reader.read_record(&self.line, bytes, ends);
        self.length += length;
        self.count += count;
        Ok(found == ReadRecordResult::Record)
    }

    fn cells(&self) -> Result<Cells, BadRowKind> {
        let text = text_of(&self.bytes[..self.length])?;
        let mut start = 0;
        let cells = self.ends[..self.count].iter().map(|&end| {
            // A multi-byte character cannot straddle a comma, so this slice always exists.
            let cell = text.get(start..end).unwrap_or_default();
            start = end;
            cell.to_owned()
        });
        Ok(Cells::Row(cells.collect()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::Format;
    use crate::records::Records;

    /// The rows of `file`, or nothing when a quote stays open, which the oracle lets pass.
    fn ours(file: &str) -> Option<Vec<Vec<String>>> {
        let mut records = Records::new(file.as_bytes(), Format::Csv.into()).unwrap();
        let mut rows = Vec::new();
        while let Ok(Some(record)) = records.next() {
            match record.cells {
                Ok(Cells::Row(row)) => rows.push(row),
                Err(BadRowKind::UnclosedQuote) => return None,
                other => assert_eq!(other, Err(BadRowKind::EmptyLine)),
            }
        }
        Some(rows)
    }

    fn oracle(file: &str) -> Vec<Vec<String>> {
        let mut reader = ::csv::ReaderBuilder::new();
        let mut reader = reader.flexible(true).has_headers(false).from_reader(file.as_bytes());
        let row = |row: ::csv::StringRecord| row.iter().map(str::to_owned).collect();
        reader.records().map(|record| row(record.unwrap())).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn what_the_csv_crate_reads_is_read_alike(file in "[ab\",\n é]{0,30}") {
            if let Some(rows) = ours(&file) {
                prop_assert_eq!(rows, oracle(&file));
            }
        }

        #[test]
        fn whatever_the_csv_crate_writes_is_read_back(
            rows in prop::collection::vec(prop::collection::vec("[ab\",\n é]{0,6}", 2..4), 0..5)
        ) {
            let mut writer = ::csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let file = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            prop_assert_eq!(ours(&file), Some(rows));
        }
    }
}
