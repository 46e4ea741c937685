//! Files as records: a line number and either cells, an object, or what is wrong with them.
//!
//! A record knows nothing of texts and labels yet; which of its cells matter is decided in
//! `rows.rs`. A fault stays inside its record, so that reading continues behind it.

mod csv;
mod jsonl;
mod lines;

use std::io::{self, BufRead};

use serde_json::{Map, Value};

use crate::bad_row::BadRowKind;
use crate::foreign::Foreign;
use crate::format::Format;
use lines::{Line, Lines};

pub(crate) use jsonl::type_name;

/// What one record holds.
#[derive(Debug, PartialEq)]
pub(crate) enum Cells {
    /// The cells of a table's row, in the order of its columns.
    Row(Vec<String>),
    /// The keys and values of a JSON object.
    Object(Map<String, Value>),
}

/// One record of a file.
#[derive(Debug)]
pub(crate) struct Record {
    /// The physical line on which it begins.
    pub(crate) line: u64,
    /// What it holds, or why that cannot be read.
    pub(crate) cells: Result<Cells, BadRowKind>,
}

/// The records of `reader`, one at a time.
#[derive(Debug)]
pub(crate) struct Records<R> {
    lines: Lines<R>,
    format: Format,
    csv: csv::Splitter,
}

impl<R: BufRead> Records<R> {
    pub(crate) fn new(reader: R, format: Format) -> Self {
        Self { lines: Lines::new(reader), format, csv: csv::Splitter::new() }
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// The line that was read last.
    pub(crate) fn line(&self) -> u64 {
        self.lines.number()
    }

    /// What the file seems to be, where it is no UTF-8 text.
    pub(crate) fn foreign(&self) -> Option<Foreign> {
        let quoted = self.format == Format::Tsv && self.lines.look().has_open_quote();
        self.lines.look().verdict().or_else(|| quoted.then_some(Foreign::Quoted))
    }

    /// The next record, or nothing at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Record>> {
        let format = self.format;
        if format == Format::Csv {
            return self.csv.next(&mut self.lines);
        }
        let Some(line) = self.lines.next()? else { return Ok(None) };
        let cells = readable(line).and_then(|text| match format {
            Format::Plain | Format::Csv => Ok(Cells::Row(vec![text.to_owned()])),
            Format::Tsv => Ok(Cells::Row(text.split('\t').map(str::to_owned).collect())),
            Format::Jsonl => jsonl::object(text).map(Cells::Object),
        });
        Ok(Some(Record { line: self.lines.number(), cells }))
    }
}

/// The text of a line that holds one.
fn readable(line: Line<'_>) -> Result<&str, BadRowKind> {
    match line {
        Line::TooLong => Err(BadRowKind::TooLong),
        Line::Whole(b"") => Err(BadRowKind::EmptyLine),
        Line::Whole(bytes) => text_of(bytes),
    }
}

fn text_of(bytes: &[u8]) -> Result<&str, BadRowKind> {
    let text = std::str::from_utf8(bytes).map_err(|_| BadRowKind::InvalidUtf8)?;
    if text.contains('\0') { Err(BadRowKind::NulByte) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bad_row::ROW_LIMIT;

    fn check(format: Format, file: &[u8], records: &[&str]) {
        let mut reader = Records::new(file, format);
        let mut seen = Vec::new();
        while let Some(Record { line, cells }) = reader.next().unwrap() {
            seen.push(match cells {
                Ok(Cells::Row(cells)) => format!("{line}: {}", cells.join("|")),
                Ok(Cells::Object(object)) => format!("{line}: {}", Value::Object(object)),
                Err(kind) => format!("{line}: {}", kind.name()),
            });
        }
        assert_eq!(seen, records);
    }

    #[test]
    fn tabs_separate_and_quotes_are_letters() {
        check(Format::Tsv, b"a\tb\r\n\"x\ty\"\n", &["1: a|b", "2: \"x|y\""]);
        check(Format::Tsv, b"\t\n\nx\n", &["1: |", "2: empty line", "3: x"]);
        check(Format::Tsv, b"\xFF\ta\nb\0\nc", &["1: invalid UTF-8", "2: NUL byte", "3: c"]);
    }

    #[test]
    fn a_quoted_cell_holds_anything() {
        check(Format::Csv, b"a,\"b,\"\"c\"\"\"\r\n", &["1: a|b,\"c\""]);
        check(Format::Csv, b"\"a\r\nb\",c\nd,e\n", &["1: a\nb|c", "3: d|e"]);
        check(Format::Csv, b"5\" disk,1\nx,\n", &["1: 5\" disk|1", "2: x|"]);
        check(Format::Csv, b"\"a\"b\"\n,\n", &["1: ab\"", "2: |"]);
        check(Format::Csv, b"\"\"\n\n\"", &["1: ", "2: empty line", "3: unclosed quote"]);
        check(Format::Csv, b"a\n\"b\n\xFF\",c\nd", &["1: a", "2: invalid UTF-8", "4: d"]);
        check(Format::Csv, b"\"a\n\nb\"\n", &["1: a\n\nb"]);
        check(Format::Csv, b"\"a\rb\",c\rd\n", &["1: a\rb|c\rd"]);
        check(Format::Csv, b"\"a\rb\",c\r\rd\r", &["1: a\nb|c", "3: empty line", "4: d"]);
    }

    #[test]
    fn a_byte_order_mark_is_removed_once() {
        check(Format::Csv, b"\xEF\xBB\xBFa\n\xEF\xBB\xBFb\n", &["1: a", "2: \u{FEFF}b"]);
        check(Format::Csv, b"\xEF\xBB\xBF\xEF\xBB\xBF\"a\"", &["1: \u{FEFF}\"a\""]);
    }

    #[test]
    fn a_line_feed_in_a_line_of_an_old_mac_ends_no_record() {
        let file = format!("{}p\nq,z\rb", "a\r".repeat(ROW_LIMIT));
        let mut records = Records::new(file.as_bytes(), Format::Csv);
        let mut seen = Vec::new();
        while let Some(Record { line, cells }) = records.next().unwrap() {
            seen.push((line, cells.unwrap()));
        }
        let row = |line, cells: &[&str]| {
            (line, Cells::Row(cells.iter().map(|&cell| cell.to_owned()).collect()))
        };
        let lines = ROW_LIMIT as u64;
        assert_eq!(
            seen[ROW_LIMIT - 1..],
            [row(lines, &["a"]), row(lines + 1, &["p\rq", "z"]), row(lines + 2, &["b"]),]
        );
    }

    #[test]
    fn a_line_is_an_object() {
        check(Format::Jsonl, b"{\"a\": 1}\r\n\n", &["1: {\"a\":1}", "2: empty line"]);
        check(
            Format::Jsonl,
            b"[1]\n7\n{\"a\": }",
            &["1: not an object", "2: not an object", "3: invalid JSON"],
        );
        check(Format::Jsonl, &b"{\"a\":".repeat(100_000), &["1: invalid JSON"]);
    }

    #[test]
    fn a_row_beyond_the_limit_is_passed_over() {
        let line = "x".repeat(ROW_LIMIT);
        check(Format::Csv, format!("a\n{line}x\nb\n").as_bytes(), &["1: a", "2: too long", "3: b"]);
        let endless = format!("\"{}", "line\n".repeat(ROW_LIMIT / 2));
        let mut reader = Records::new(endless.as_bytes(), Format::Csv);
        let kind = reader.next().unwrap().unwrap().cells.unwrap_err();
        assert_eq!(kind, BadRowKind::TooLong);
        assert!(reader.next().unwrap().unwrap().line > 2);
    }
}
