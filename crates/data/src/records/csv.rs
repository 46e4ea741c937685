//! Comma separated values (RFC 4180), record by record.
//!
//! Written here and not taken from the `csv` crate for two reasons: a record must be bounded, also
//! when a quote never closes, and its line must be the physical one. The `csv` crate is the oracle
//! in the tests instead: what it accepts is read alike.

use std::io::{self, BufRead};
use std::mem;

use super::lines::{Line, Lines};
use super::{Cells, Record, text_of};
use crate::bad_row::BadRowKind;
use crate::bad_row::ROW_LIMIT;

/// Where in a cell the scan stands. As in the `csv` crate, a quote means something only at the
/// start of a cell or inside a quoted one; elsewhere it is a letter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    Plain,
    Quoted,
    AfterQuote,
}

/// The next record of `lines`, or nothing at the end.
pub(super) fn next_record<R: BufRead>(lines: &mut Lines<R>) -> io::Result<Option<Record>> {
    let mut scan = Scan { place: Place::Start, bytes: Vec::new(), ends: Vec::new() };
    let mut extent = match lines.next()? {
        None => return Ok(None),
        Some(Line::Whole(b"")) => Err(BadRowKind::EmptyLine),
        Some(line) => scan.line(line),
    };
    let line = lines.number();
    let cells = loop {
        extent = match extent {
            Ok(Extent::Whole) => break scan.cells(),
            Err(kind) => break Err(kind),
            Ok(Extent::Open) => match lines.next()? {
                Some(line) => scan.line(line),
                None => Err(BadRowKind::UnclosedQuote),
            },
        };
    };
    Ok(Some(Record { line, cells }))
}

/// Whether a record ends with the line that was scanned last.
enum Extent {
    Whole,
    Open,
}

struct Scan {
    place: Place,
    /// The bytes of all finished cells and the present one, quotes removed.
    bytes: Vec<u8>,
    /// Where in `bytes` each finished cell ends.
    ends: Vec<usize>,
}

impl Scan {
    fn line(&mut self, line: Line<'_>) -> Result<Extent, BadRowKind> {
        let Line::Whole(line) = line else { return Err(BadRowKind::TooLong) };
        if self.bytes.len() + line.len() > ROW_LIMIT {
            return Err(BadRowKind::TooLong);
        }
        for &byte in line {
            self.byte(byte);
        }
        if self.place == Place::Quoted {
            self.bytes.push(b'\n');
            return Ok(Extent::Open);
        }
        self.end_cell();
        Ok(Extent::Whole)
    }

    fn byte(&mut self, byte: u8) {
        let quote = byte == b'"';
        self.place = match self.place {
            Place::Start if quote => Place::Quoted,
            Place::Quoted if quote => Place::AfterQuote,
            Place::Quoted => self.keep(byte, Place::Quoted),
            // A doubled quote stands for one.
            Place::AfterQuote if quote => self.keep(byte, Place::Quoted),
            _ if byte == b',' => {
                self.end_cell();
                Place::Start
            }
            _ => self.keep(byte, Place::Plain),
        };
    }

    fn keep(&mut self, byte: u8, next: Place) -> Place {
        self.bytes.push(byte);
        next
    }

    fn end_cell(&mut self) {
        self.ends.push(self.bytes.len());
    }

    fn cells(mut self) -> Result<Cells, BadRowKind> {
        let text = text_of(&self.bytes)?;
        let mut start = 0;
        let mut cells = Vec::with_capacity(self.ends.len());
        for end in mem::take(&mut self.ends) {
            // A multi-byte character cannot straddle a comma, so this slice always exists.
            cells.push(text.get(start..end).unwrap_or_default().to_owned());
            start = end;
        }
        Ok(Cells::Row(cells))
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
        let mut records = Records::new(file.as_bytes(), Format::Csv);
        let mut rows = Vec::new();
        while let Some(record) = records.next().unwrap() {
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
