//! Files as records: a line number and either cells, an object, or what is wrong with them.
//!
//! A record knows nothing of texts and labels yet; which of its cells matter is decided in
//! `rows`. A fault stays inside its record, so that reading continues behind it.

mod csv;
mod json;
mod jsonl;
mod labelled_line;
mod lines;

use std::collections::VecDeque;
use std::io::{self, BufRead, Cursor, Read};
use std::vec;

use lockstep_columnar::{ColumnarError, ColumnarTable};
use serde_json::{Map, Value};

use crate::bad_row::BadRowKind;
use crate::dialect::{Delimiter, TextEncoding, Writing};
use crate::foreign::Foreign;
use crate::format::Format;
use crate::lazily::Again;
use crate::manner::Manner;
use crate::recoded::Recoded;
use crate::unpacked::Unpacked;
use json::{Elements, Shape};
use lines::{Line, Lines};

pub(crate) use jsonl::type_name;
pub(crate) use labelled_line::{columns, recognised};

/// What one record holds.
#[derive(Debug, PartialEq)]
pub(crate) enum Cells {
    /// The cells of a table's row, in the order of its columns.
    Row(Vec<String>),
    /// The values of the columns that are read of a column-oriented file.
    Values(Vec<Value>),
    /// The keys and values of a JSON object.
    Object(Map<String, Value>),
}

/// One record of a file.
#[derive(Debug)]
pub(crate) struct Record {
    /// The physical line on which it begins, or its number where there are no lines.
    pub(crate) line: u64,
    /// What it holds, or why that cannot be read.
    pub(crate) cells: Result<Cells, BadRowKind>,
}

/// Why reading broke off.
pub(crate) enum Broken {
    /// The file system, or a decoder of compressed or encoded text.
    Io(io::Error),
    /// A column-oriented file.
    Table(ColumnarError),
}

impl From<io::Error> for Broken {
    fn from(source: io::Error) -> Self {
        Self::Io(source)
    }
}

/// A reader that may be compressed, or in another encoding, as UTF-8 text.
type Text<R> = Recoded<Unpacked<R>>;

/// The records of a file, one at a time.
#[derive(Debug)]
pub(crate) struct Records<R: BufRead> {
    source: Source<R>,
    format: Format,
    csv: csv::Splitter,
    /// What separates the cells of a table, where it is not what the format says.
    delimiter: Option<Delimiter>,
    /// Records that were read already, and are given next.
    waiting: VecDeque<Record>,
    /// The objects or rows that were read.
    number: u64,
}

#[derive(Debug)]
enum Source<R: BufRead> {
    Lines(Box<Lines<Again<Text<R>>>>),
    Elements(Elements<Again<Text<R>>>),
    Objects(vec::IntoIter<Map<String, Value>>),
    Table(Box<ColumnarTable>),
}

impl<R: BufRead> Records<R> {
    /// The records of text. Of a pipe nothing is read yet, unless the format is [`Format::Json`].
    pub(crate) fn new(reader: R, writing: Writing) -> io::Result<Self> {
        let named = writing.dialect.encoding.and_then(TextEncoding::foreign);
        let text = Recoded::new(Unpacked::new(reader), named);
        let (format, delimiter) = writing.separated();
        let (source, format) = match format {
            Format::Json => match json::shape(text)? {
                Shape::Lines(lines) => (Source::Lines(Box::new(Lines::new(lines))), Format::Jsonl),
                Shape::Array(elements) => (Source::Elements(elements), format),
                Shape::Whole(objects) => (Source::Objects(objects), format),
            },
            _ => {
                let lines = Lines::new(Cursor::new(Vec::new()).chain(text));
                (Source::Lines(Box::new(lines)), format)
            }
        };
        Ok(Self::of(source, format, delimiter))
    }

    fn of(source: Source<R>, format: Format, delimiter: Option<Delimiter>) -> Self {
        let csv = csv::Splitter::new(delimiter.unwrap_or(Delimiter::COMMA));
        Self { source, format, csv, delimiter, waiting: VecDeque::new(), number: 0 }
    }

    /// The rows of a table, with the columns that are selected in it.
    pub(crate) fn of_table(table: ColumnarTable, format: Format) -> Self {
        Self::of(Source::Table(Box::new(table)), format, None)
    }

    /// Reads only the columns at `places` of a table.
    pub(crate) fn select(&mut self, places: &[usize]) -> Result<(), ColumnarError> {
        match &mut self.source {
            Source::Table(table) => table.select(places),
            _ => Ok(()),
        }
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// The line or row that was read last.
    pub(crate) fn line(&self) -> u64 {
        match &self.source {
            Source::Lines(lines) => lines.number(),
            _ => self.number,
        }
    }

    /// How the file is read, where its name does not say it.
    pub(crate) fn manner(&self) -> Manner {
        let text = match &self.source {
            Source::Lines(lines) => Some(lines.reader().get_ref().1),
            Source::Elements(elements) => Some(elements.reader().get_ref().1),
            Source::Objects(_) | Source::Table(_) => None,
        };
        Manner { encoding: text.and_then(Recoded::encoding), delimiter: self.delimiter }
    }

    /// What the file seems to be, where it is no UTF-8 text.
    pub(crate) fn foreign(&self) -> Option<Foreign> {
        let Source::Lines(lines) = &self.source else { return None };
        let quoted = self.format == Format::Tsv && lines.look().has_open_quote();
        lines.look().verdict().or_else(|| quoted.then_some(Foreign::Quoted))
    }

    /// The cells of the header, which was read last and began in `line`, between each of the other
    /// usual delimiters.
    pub(crate) fn other_headers(&self, line: u64) -> Vec<(Delimiter, Cells)> {
        let Source::Lines(lines) = &self.source else { return Vec::new() };
        if !self.format.is_separated() || lines.number() != line {
            return Vec::new();
        }
        let own = if self.format == Format::Tsv { Delimiter::TAB } else { Delimiter::COMMA };
        let others = Delimiter::USUAL.into_iter().filter(|delimiter| *delimiter != own);
        let split =
            |delimiter| Some((delimiter, csv::Splitter::new(delimiter).line(lines.last())?));
        others.filter_map(split).collect()
    }

    /// Reads on with `delimiter` between the cells, and quotes as in [`Format::Csv`].
    pub(crate) fn separate_by(&mut self, delimiter: Delimiter) {
        self.format = Format::Csv;
        self.csv = csv::Splitter::new(delimiter);
        self.delimiter = Some(delimiter);
    }

    /// Gives these records again, before those that are not read yet.
    pub(crate) fn give_again(&mut self, records: Vec<Record>) {
        self.waiting.extend(records);
    }

    /// The next record, or nothing at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Record>, Broken> {
        if let Some(record) = self.waiting.pop_front() {
            return Ok(Some(record));
        }
        let cells = match &mut self.source {
            Source::Lines(lines) => return Ok(of_lines(lines, self.format, &mut self.csv)?),
            Source::Elements(elements) => elements.next()?.map(|object| object.map(Cells::Object)),
            Source::Objects(objects) => objects.next().map(|object| Ok(Cells::Object(object))),
            Source::Table(table) => {
                table.next().map_err(Broken::Table)?.map(|values| Ok(Cells::Values(values)))
            }
        };
        let Some(cells) = cells else { return Ok(None) };
        self.number += 1;
        Ok(Some(Record { line: self.number, cells }))
    }
}

fn of_lines<R: BufRead>(
    lines: &mut Lines<R>,
    format: Format,
    csv: &mut csv::Splitter,
) -> io::Result<Option<Record>> {
    if format == Format::Csv {
        return csv.next(lines);
    }
    let Some(line) = lines.next()? else { return Ok(None) };
    let cells = readable(line).and_then(|text| match format {
        Format::Tsv => Ok(Cells::Row(text.split('\t').map(str::to_owned).collect())),
        Format::Jsonl => jsonl::object(text).map(Cells::Object),
        Format::FastText | Format::Trec => labelled_line::cells(format, text),
        _ => Ok(Cells::Row(vec![text.to_owned()])),
    });
    Ok(Some(Record { line: lines.number(), cells }))
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

    fn next(records: &mut Records<&[u8]>) -> Option<Record> {
        match records.next() {
            Ok(record) => record,
            Err(Broken::Io(error)) => panic!("{error}"),
            Err(Broken::Table(error)) => panic!("{error}"),
        }
    }

    fn check(format: Format, file: &[u8], records: &[&str]) {
        let mut reader = Records::new(file, format.into()).unwrap();
        let mut seen = Vec::new();
        while let Some(Record { line, cells }) = next(&mut reader) {
            seen.push(match cells {
                Ok(Cells::Row(cells)) => format!("{line}: {}", cells.join("|")),
                Ok(Cells::Values(values)) => format!("{line}: {}", Value::Array(values)),
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
        let mut records = Records::new(file.as_bytes(), Format::Csv.into()).unwrap();
        let mut seen = Vec::new();
        while let Some(Record { line, cells }) = next(&mut records) {
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
    fn a_document_is_rows_whatever_its_shape() {
        let rows = ["1: {\"label\":1,\"text\":\"a, ]\"}", "2: {\"label\":0,\"text\":\"\\\"}\"}"];
        let array = br#"[{"text": "a, ]", "label": 1}, {"text": "\"}", "label": 0}]"#;
        check(Format::Json, array, &rows);
        let pretty = br#"
            [
              {"text": "a, ]",
               "label": 1
              },
              {"text": "\"}", "label": 0}
            ]
            "#;
        check(Format::Json, pretty, &rows);
        check(Format::Json, br#"{"text": ["a, ]", "\"}"], "label": [1, 0]}"#, &rows);
        let pandas = br#"{"text": {"2": "a, ]", "10": "\"}"}, "label": {"2": 1, "10": 0}}"#;
        check(Format::Json, pandas, &rows);
        check(
            Format::Json,
            b"{\"text\": \"a, ]\",\n \"label\": 1}\n{\"text\": \"\\\"}\", \"label\": 0}",
            &rows,
        );
        let lines = b"\xEF\xBB\xBF{\"text\": \"a, ]\", \"label\": 1}\n\n{\"text\": [2]}\n";
        check(Format::Json, lines, &[rows[0], "2: empty line", "3: {\"text\":[2]}"]);
        check(Format::Json, b"[]", &[]);
        check(Format::Json, b"", &[]);
        check(
            Format::Json,
            b"[7, {\"a\": }, {\"a\": 1},\xFF, ]",
            &["1: not an object", "2: invalid JSON", "3: {\"a\":1}", "4: invalid UTF-8"],
        );
    }

    #[test]
    fn a_document_that_is_not_whole_is_an_error() {
        let check = |file: &str, said: &str| {
            let mut records = Records::new(file.as_bytes(), Format::Json.into());
            let error = loop {
                match records.as_mut().map(Records::next) {
                    Err(error) => break error.to_string(),
                    Ok(Err(Broken::Io(error))) => break error.to_string(),
                    Ok(Ok(Some(_))) => {}
                    Ok(_) => panic!("{file}"),
                }
            };
            assert_eq!(error, said, "{file}");
        };
        check("[{\"a\": 1}, {\"a\"", "its JSON array has no end, so the file was cut short");
        check("[{\"a\": 1}]\n[", "there is more behind the end of its JSON array");
        check(
            "{\"a\": [1, 2], \"b\": [1]}",
            "its columns differ in length: `a` has 2 values, `b` has 1",
        );
    }

    #[test]
    fn a_row_beyond_the_limit_is_passed_over() {
        let line = "x".repeat(ROW_LIMIT);
        check(Format::Csv, format!("a\n{line}x\nb\n").as_bytes(), &["1: a", "2: too long", "3: b"]);
        let endless = format!("\"{}", "line\n".repeat(ROW_LIMIT / 2));
        let mut reader = Records::new(endless.as_bytes(), Format::Csv.into()).unwrap();
        let kind = next(&mut reader).unwrap().cells.unwrap_err();
        assert_eq!(kind, BadRowKind::TooLong);
        assert!(next(&mut reader).unwrap().line > 2);
    }
}
