//! JSON documents: an array of objects, objects one after another, or an object of columns.
//!
//! An array is read element by element. A document of another shape is held as a whole, so that it may
//! have [`DOCUMENT_LIMIT`] bytes; what is larger, or no document, is read as JSON lines.

use std::fmt;
use std::io::{self, BufRead, Cursor, Read};
use std::vec;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::jsonl;
use crate::bad_row::{BadRowKind, ROW_LIMIT};
use crate::lazily::Again;

/// The bytes of a document that is held as a whole.
const DOCUMENT_LIMIT: u64 = 256 << 20;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What a `.json` file turns out to be.
pub(super) enum Shape<R> {
    /// JSON lines.
    Lines(Again<R>),
    /// An array, behind its bracket.
    Array(Elements<Again<R>>),
    /// A document that was read as a whole.
    Whole(vec::IntoIter<Map<String, Value>>),
}

/// Looks at the beginning of `reader`, and reads it where it is a whole document.
pub(super) fn shape<R: BufRead>(mut reader: R) -> io::Result<Shape<R>> {
    let mut start = Vec::new();
    let is_blank = |bytes: &[u8]| bytes.trim_ascii().is_empty();
    while is_blank(without_mark(&start)) && start.len() <= ROW_LIMIT {
        if (&mut reader).take(ROW_LIMIT as u64).read_until(b'\n', &mut start)? == 0 {
            break;
        }
    }
    let content = without_mark(&start).trim_ascii_start();
    if let Some(rest) = content.strip_prefix(b"[") {
        return Ok(Shape::Array(Elements::new(Cursor::new(rest.to_vec()).chain(reader))));
    }
    let first_line: Option<Map<String, Value>> = serde_json::from_slice(content).ok();
    if first_line
        .is_none_or(|object| object.values().all(|value| value.is_array() || value.is_object()))
    {
        (&mut reader).take(DOCUMENT_LIMIT).read_to_end(&mut start)?;
        if (start.len() as u64) < DOCUMENT_LIMIT
            && let Some(rows) = whole(without_mark(&start))?
        {
            return Ok(Shape::Whole(rows.into_iter()));
        }
    }
    Ok(Shape::Lines(Cursor::new(start).chain(reader)))
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

/// The rows of a whole document; nothing where it is none.
fn whole(document: &[u8]) -> io::Result<Option<Vec<Map<String, Value>>>> {
    if let Ok(columns) = serde_json::from_slice::<Columns>(document) {
        return columns.into_rows().map(Some);
    }
    let objects = serde_json::Deserializer::from_slice(document).into_iter();
    Ok(objects.collect::<Result<_, _>>().ok())
}

/// The elements of an array.
#[derive(Debug)]
pub(super) struct Elements<R> {
    reader: R,
    ended: bool,
}

impl<R: BufRead> Elements<R> {
    fn new(reader: R) -> Self {
        Self { reader, ended: false }
    }

    /// What the elements are read from.
    pub(super) fn reader(&self) -> &R {
        &self.reader
    }

    /// The next element, or nothing behind the last.
    pub(super) fn next(&mut self) -> io::Result<Option<Result<Map<String, Value>, BadRowKind>>> {
        if self.ended {
            return Ok(None);
        }
        let mut element = Element::default();
        while !element.take_from(&mut self.reader)? {}
        self.ended = element.is_last;
        if self.ended {
            self.check_end()?;
        }
        let text = element.text.trim_ascii();
        if self.ended && text.is_empty() && !element.is_long {
            return Ok(None);
        }
        Ok(Some(match (element.is_long, std::str::from_utf8(text)) {
            (true, _) => Err(BadRowKind::TooLong),
            (_, Err(_)) => Err(BadRowKind::InvalidUtf8),
            (_, Ok(text)) => jsonl::object(text),
        }))
    }

    /// Refuses anything but white space behind the array.
    fn check_end(&mut self) -> io::Result<()> {
        loop {
            let bytes = self.reader.fill_buf()?;
            if !bytes.trim_ascii().is_empty() {
                let text = "there is more behind the end of its JSON array";
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            match bytes.len() {
                0 => return Ok(()),
                length => self.reader.consume(length),
            }
        }
    }
}

/// An element as far as it is read.
#[derive(Default)]
struct Element {
    text: Vec<u8>,
    depth: usize,
    is_string: bool,
    is_escaped: bool,
    is_long: bool,
    is_last: bool,
}

impl Element {
    /// Takes what `reader` has at hand; whether the element ends with it.
    fn take_from<R: BufRead>(&mut self, reader: &mut R) -> io::Result<bool> {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            let text = "its JSON array has no end, so the file was cut short";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        let end = bytes.iter().position(|byte| self.ends_with(*byte));
        let content = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        let room = ROW_LIMIT.saturating_sub(self.text.len());
        self.is_long = self.is_long || content.len() > room;
        self.text.extend_from_slice(content.get(..room).unwrap_or(content));
        let used = end.map_or(bytes.len(), |end| end + 1);
        reader.consume(used);
        Ok(end.is_some())
    }

    /// Whether `byte` ends the element.
    fn ends_with(&mut self, byte: u8) -> bool {
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' if self.is_string => self.is_escaped = true,
            b'"' => self.is_string = !self.is_string,
            _ if self.is_string => {}
            b',' if self.depth == 0 => return true,
            b']' if self.depth == 0 => {
                self.is_last = true;
                return true;
            }
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        false
    }
}

/// A document of columns: each an array, or an object of values by row name, as pandas writes them.
struct Columns(Vec<(String, Vec<Value>)>);

impl Columns {
    /// The rows.
    fn into_rows(self) -> io::Result<Vec<Map<String, Value>>> {
        let rows = self.0.first().map_or(0, |(_, values)| values.len());
        if let (Some((first, _)), Some((name, values))) =
            (self.0.first(), self.0.iter().find(|(_, values)| values.len() != rows))
        {
            let text = format!(
                "its columns differ in length: `{first}` has {rows} values, `{name}` has {}",
                values.len()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let mut table = vec![Map::new(); rows];
        for (name, values) in self.0 {
            for (row, value) in table.iter_mut().zip(values) {
                row.insert(name.clone(), value);
            }
        }
        Ok(table)
    }
}

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Document;
        impl<'de> Visitor<'de> for Document {
            type Value = Columns;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of columns")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Columns, A::Error> {
                let mut columns = Vec::new();
                while let Some((name, Column(values))) = map.next_entry()? {
                    columns.push((name, values));
                }
                match columns.is_empty() {
                    true => Err(A::Error::custom("no columns")),
                    false => Ok(Columns(columns)),
                }
            }
        }
        from.deserialize_map(Document)
    }
}

/// The values of a column in the order of the document.
struct Column(Vec<Value>);

impl<'de> Deserialize<'de> for Column {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Values;
        impl<'de> Visitor<'de> for Values {
            type Value = Column;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the values of a column")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Column, A::Error> {
                let mut column = Vec::new();
                while let Some(value) = values.next_element()? {
                    column.push(value);
                }
                Ok(Column(column))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut values: A) -> Result<Column, A::Error> {
                let mut column = Vec::new();
                while let Some((_, value)) = values.next_entry::<String, Value>()? {
                    column.push(value);
                }
                Ok(Column(column))
            }
        }
        from.deserialize_any(Values)
    }
}
