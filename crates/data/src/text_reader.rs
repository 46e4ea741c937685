//! Texts as a stream, for `predict`: one answer for each row, in order, whatever the row holds.
//!
//! Nothing is collected: a file larger than memory and an endless pipe are read alike. A bad row is
//! an item of the stream and not its end.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::mem;
use std::path::PathBuf;

use crate::bad_row::{BadRow, BadRows};
use crate::columns::{ColumnChoice, Wanted};
use crate::data_file;
use crate::dialect::{Dialect, Writing};
use crate::disguise::Disguise;
use crate::error::DataError;
use crate::file_doubts::{FileDoubt, is_quoted};
use crate::format::Format;
use crate::manner::Manner;
use crate::pair::as_line;
use crate::read_files::{ReadFile, ReadFiles, RowPlace};
use crate::rows::{Row, Rows};

/// A stream of texts, as the user names it.
#[derive(Clone, Debug)]
pub struct TextSource {
    /// What messages call it: the path, or for example `standard input`.
    pub name: PathBuf,
    /// How it is written; by default one text per line, unless the first line looks like something else.
    pub format: Option<Format>,
    /// The column of the text. Of plain text it only says whether a line is a pair, with a tab between
    /// its texts.
    pub text_column: ColumnChoice,
    /// How it is written, where the user says more than the format.
    pub dialect: Dialect,
}

impl From<PathBuf> for TextSource {
    /// A stream of which nothing but the name is said.
    fn from(name: PathBuf) -> Self {
        let (text_column, dialect) = (ColumnChoice::Detect, Dialect::default());
        Self { name, format: None, text_column, dialect }
    }
}

/// One item of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextRow {
    /// The physical line on which it begins, or the number of the row in a file without lines,
    /// counted from 1.
    pub line: u64,
    /// The text or the pair of texts ([`crate::paired`]), or what is wrong with the row.
    pub text: Result<String, BadRow>,
}

/// The texts of one source. As an iterator it gives an error, and then ends, only where reading
/// itself fails or the columns cannot be told.
#[derive(Debug)]
pub struct TextReader<R: BufRead> {
    rows: Rows<R>,
    /// Whether the format was not given, and no text was seen yet.
    is_doubtful: bool,
    /// Whether a row could be read.
    is_readable: bool,
    /// The rows that could not be read.
    bad: BadRows,
    /// How many texts are in quotes that were read as letters, and the first of them.
    quoted: (usize, Option<(String, String)>),
    failed: bool,
}

impl TextReader<BufReader<File>> {
    /// The texts of a file, whose extension tells the format when the source does not.
    ///
    /// # Errors
    /// [`DataError`] when the file cannot be opened, its extension names no format, or its header does
    /// not show the text.
    pub fn open(source: TextSource) -> Result<Self, DataError> {
        let file = data_file::open_stream(&source.name)?;
        let dialect = source.dialect;
        let format = match source.format {
            None => Some(data_file::format_of_texts(&source.name, dialect)?),
            told => told,
        };
        // Texts by the extension alone may be something else.
        let format = format.filter(|format| source.format.is_some() || *format != Format::Plain);
        let wanted = Wanted { text: source.text_column, label: None };
        let writing = Writing { format: format.unwrap_or(Format::Plain), dialect };
        let rows = data_file::rows(file, writing, wanted, &source.name)?;
        Ok(Self::of(rows, format.is_none()))
    }
}

impl<R: BufRead> TextReader<R> {
    /// The texts that `reader` holds.
    ///
    /// # Errors
    /// [`DataError`] when reading fails or the header does not show the text.
    pub fn new(reader: R, source: TextSource) -> Result<Self, DataError> {
        let wanted = Wanted { text: source.text_column, label: None };
        let TextSource { name, format, dialect, .. } = source;
        let format = format.or_else(|| data_file::format_by(dialect));
        let writing = Writing { format: format.unwrap_or(Format::Plain), dialect };
        Ok(Self::of(data_file::rows_of(reader, writing, wanted, &name)?, format.is_none()))
    }

    fn of(rows: Rows<R>, is_doubtful: bool) -> Self {
        let format = rows.format();
        let (path, manner, foreign) = (rows.path().to_owned(), Manner::default(), None);
        let numbering = format.numbering();
        let files = ReadFiles::from(vec![ReadFile { path, format, numbering, manner, foreign }]);
        let bad = BadRows::default().in_files(files);
        Self { rows, is_doubtful, is_readable: false, bad, quoted: (0, None), failed: false }
    }

    /// What is odd about the rows so far.
    #[must_use]
    pub fn doubts(&self) -> Vec<FileDoubt> {
        let foreign = self.rows.foreign();
        let foreign =
            foreign.and_then(|foreign| FileDoubt::foreign(self.rows.path(), foreign, &self.bad));
        let (texts, first) = self.quoted.clone();
        let quoted = first.map(|(place, text)| FileDoubt::Quoted { texts, place, text });
        foreign.into_iter().chain(quoted).collect()
    }

    fn note_quotes(&mut self, line: u64, text: &str) {
        if self.rows.format() == Format::Tsv && is_quoted(text) {
            self.quoted.0 += 1;
            self.quoted.1.get_or_insert_with(|| (format!("line {line}"), text.to_owned()));
        }
    }

    fn next_row(&mut self) -> Result<Option<TextRow>, DataError> {
        let Some(Row { line, content }) = self.rows.next()? else {
            self.rows.check_end()?;
            return self.check_texts().map(|()| None);
        };
        let text = match content {
            Ok(content) => {
                self.is_readable = true;
                self.check_first(line, &content.text)?;
                self.note_quotes(line, &content.text);
                Ok(content.text)
            }
            Err(kind) => Err(BadRow { place: RowPlace::line(line), kind }),
        };
        if let Err(fault) = &text {
            self.bad.note(fault.clone());
        }
        Ok(Some(TextRow { line, text }))
    }

    /// Refuses lines whose first one is clearly not a text, where no format was given.
    fn check_first(&mut self, line: u64, text: &str) -> Result<(), DataError> {
        let is_first = mem::take(&mut self.is_doubtful);
        match is_first.then(|| Disguise::of(&as_line(text))).flatten() {
            None => Ok(()),
            Some(look) => {
                let (path, text) = (self.rows.path().to_owned(), as_line(text).into_owned());
                Err(DataError::NotTexts { path, line, text, look })
            }
        }
    }

    /// Refuses rows of which none could be read.
    fn check_texts(&mut self) -> Result<(), DataError> {
        if self.is_readable || self.bad.is_empty() {
            return Ok(());
        }
        let (path, foreign) = (self.rows.path().to_owned(), self.rows.foreign().map(Box::new));
        Err(DataError::NoTexts { path, bad: mem::take(&mut self.bad), foreign })
    }
}

impl<R: BufRead> Iterator for TextReader<R> {
    type Item = Result<TextRow, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let row = self.next_row();
        self.failed = !matches!(row, Ok(Some(_)));
        row.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bad_row::ROW_LIMIT;

    fn check(format: Format, file: &[u8], items: &[&str]) {
        check_source(Some(format), file, items);
    }

    fn check_source(format: Option<Format>, file: &[u8], items: &[&str]) {
        let source = TextSource { format, ..PathBuf::from("input").into() };
        let reader = TextReader::new(file, source).unwrap();
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
                "line 4: the line is not valid UTF-8",
                "5: last",
            ],
        );
        check(
            Format::Tsv,
            b"id\tText\n1\ta\n2\n\n3\tb\n",
            &[
                "2: a",
                "line 3: the row has 1 column, but the header has 2",
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
                "line 1: the line is not valid JSON at column 1: expected value",
                "2: a",
                "line 3: the text is missing: `text` is null or absent",
                "line 4: the text is missing: `text` is null or absent",
                "line 5: `text` holds a number, not a string",
            ],
        );
        check(
            Format::Jsonl,
            b"{\"a\": 1}\n{\"text\": \"b\"}\n",
            &["line 1: the text is missing: `text` is null or absent", "2: b"],
        );
        check(
            Format::Jsonl,
            b"{\"a\": 1}\n{\"a\": \"b\"}\n",
            &[
                "line 1: the text is missing: `text` is null or absent",
                "line 2: the text is missing: `text` is null or absent",
                "end: input: cannot tell which column holds the text",
            ],
        );
        check(
            Format::Csv,
            b"text\n",
            &["end: input: the file has a header (text `text`) but no rows"],
        );
    }

    #[test]
    fn tables_and_objects_need_a_format() {
        check_source(
            None,
            b"a warm day\n{\"text\": \"a\"}\n",
            &["1: a warm day", "2: {\"text\": \"a\"}"],
        );
        check_source(
            None,
            b"\n{\"text\": \"a\"}\n",
            &[
                "line 1: the line is empty",
                "end: input: line 2 looks like a JSON object, but each line would be read as a text",
            ],
        );
        check(Format::Plain, b"{\"text\": \"a\"}\n", &["1: {\"text\": \"a\"}"]);
        check_source(
            None,
            b"text,label\nfine,1\n",
            &[
                "end: input: line 1 looks like the header of a table, but each line would be read as a text",
            ],
        );
        check(Format::Plain, b"text,label\n", &["1: text,label"]);
    }

    #[test]
    fn texts_of_which_none_can_be_read_are_refused_at_their_end() {
        check(
            Format::Plain,
            b"caf\xE9 au lait\n\n",
            &[
                "line 1: the line is not valid UTF-8",
                "line 2: the line is empty",
                "end: input: no text can be read (2 rows answered with an error)",
            ],
        );
    }

    #[test]
    fn an_endless_line_is_one_bad_row() {
        let file = format!("a\n{}\nb\n", "x".repeat(5 * ROW_LIMIT));
        check(
            Format::Plain,
            file.as_bytes(),
            &["1: a", "line 2: the row has more than 1 MiB", "3: b"],
        );
    }
}
