//! Texts as a stream, for `predict`: one answer for each row, in order, whatever the row holds.
//!
//! Nothing is collected: a file larger than memory and an endless pipe are read alike. A bad row is
//! an item of the stream and not its end.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::bad_row::BadRow;
use crate::columns::Wanted;
use crate::data_file;
use crate::error::DataError;
use crate::records::Format;
use crate::rows::Rows;

/// A stream of texts, as the user names it.
#[derive(Clone, Debug)]
pub struct TextSource {
    /// What messages call it: the path, or for example `standard input`.
    pub name: PathBuf,
    /// How it is written.
    pub format: Format,
    /// The column of the text; detected when not given, and unused for plain text.
    pub text_column: Option<String>,
}

/// One item of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextRow {
    /// The physical line on which it begins, counted from 1.
    pub line: u64,
    /// The text, or what is wrong with the row.
    pub text: Result<String, BadRow>,
}

/// The texts of one source. As an iterator it gives an error, and then ends, only where reading
/// itself fails or the columns cannot be told.
#[derive(Debug)]
pub struct TextReader<R> {
    rows: Rows<R>,
    failed: bool,
}

impl TextReader<BufReader<File>> {
    /// The texts of the file at `path`: a data format if its extension names one, else plain text.
    ///
    /// # Errors
    /// [`DataError`] when the file cannot be opened or its header does not show the text.
    pub fn open(path: &Path, text_column: Option<String>) -> Result<Self, DataError> {
        let file = data_file::open(path)?;
        let format = Format::of(path).unwrap_or(Format::Plain);
        Self::new(file, &TextSource { name: path.to_owned(), format, text_column })
    }
}

impl<R: BufRead> TextReader<R> {
    /// The texts that `reader` holds.
    ///
    /// # Errors
    /// [`DataError`] when reading fails or the header does not show the text.
    pub fn new(reader: R, source: &TextSource) -> Result<Self, DataError> {
        let wanted = Wanted { text: source.text_column.clone().into(), label: None };
        let rows = Rows::new(reader, source.format, wanted, &source.name)?;
        Ok(Self { rows, failed: false })
    }
}

impl<R: BufRead> Iterator for TextReader<R> {
    type Item = Result<TextRow, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let row = match self.rows.next() {
            Ok(None) => self.rows.check_end().map(|()| None),
            row => row,
        };
        self.failed = !matches!(row, Ok(Some(_)));
        let row = row.transpose()?;
        Some(row.map(|row| TextRow {
            line: row.line,
            text: match row.content {
                Ok(content) => Ok(content.text),
                Err(kind) => Err(BadRow { line: row.line, kind }),
            },
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bad_row::ROW_LIMIT;

    fn check(format: Format, file: &[u8], items: &[&str]) {
        let source = TextSource { name: "input".into(), format, text_column: None };
        let reader = TextReader::new(file, &source).unwrap();
        let seen: Vec<String> = reader
            .map(|item| match item {
                Ok(TextRow { line, text: Ok(text) }) => format!("{line}: {text}"),
                Ok(TextRow { text: Err(bad), .. }) => bad.to_string(),
                Err(error) => format!("end: {}", error.to_string().lines().next().unwrap()),
            })
            .collect();
        assert_eq!(seen, items);
    }

    #[test]
    fn every_line_is_answered_in_order() {
        check(Format::Plain, b"", &[]);
        check(
            Format::Plain,
            b"good\n\n \t\nb\xFFd\nlast",
            &[
                "1: good",
                "line 2: the line is empty",
                "line 3: the text is empty or blank",
                "line 4: not valid UTF-8",
                "5: last",
            ],
        );
        check(
            Format::Tsv,
            b"id\tText\n1\ta\n2\n\n3\tb\n",
            &[
                "2: a",
                "line 3: wrong number of columns: 1 here, 2 in the header",
                "line 4: the line is empty",
                "5: b",
            ],
        );
        check(Format::Csv, b"text\n\"a\nb\"\nc\n", &["2: a\nb", "4: c"]);
    }

    #[test]
    fn columns_may_show_late_and_must_show() {
        check(
            Format::Jsonl,
            b"?\n{\"text\": \"a\"}\n{\"text\": null}\n{}\n{\"text\": 1}\n",
            &[
                "line 1: not valid JSON at column 1: expected value",
                "2: a",
                "line 3: there is no text: `text` is null or absent",
                "line 4: there is no text: `text` is null or absent",
                "line 5: `text` holds a number, not a string",
            ],
        );
        check(
            Format::Jsonl,
            b"{\"a\": 1}\n{\"text\": \"b\"}\n",
            &["line 1: there is no text: `text` is null or absent", "2: b"],
        );
        check(
            Format::Jsonl,
            b"{\"a\": 1}\n{\"a\": \"b\"}\n",
            &[
                "line 1: there is no text: `text` is null or absent",
                "line 2: there is no text: `text` is null or absent",
                "end: input: no column is plainly the text",
            ],
        );
        check(
            Format::Csv,
            b"text\n",
            &["end: input: the file has a header (text `text`) but no rows"],
        );
    }

    #[test]
    fn an_endless_line_is_one_bad_row() {
        let file = format!("a\n{}\nb\n", "x".repeat(5 * ROW_LIMIT));
        check(
            Format::Plain,
            file.as_bytes(),
            &["1: a", "line 2: more than 1 MiB in one row", "3: b"],
        );
    }
}
