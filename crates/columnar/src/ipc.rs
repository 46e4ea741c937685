//! Arrow IPC, a record batch at a time.
//!
//! A file is a stream between two marks and a footer, so that both are read from front to back.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::{read_dictionary, read_record_batch};
use arrow_schema::SchemaRef;

use crate::ColumnarError;
use crate::framing::{self, Framed, parsed};
use crate::guard::caught;

const MARK: &[u8] = b"ARROW1";
/// The mark at the start of a file is padded to this length.
const PADDED_MARK: u64 = 8;
/// A footer's length and the mark, which end a file.
const ENDING: u64 = 4 + MARK.len() as u64;

/// A file or a stream.
pub(crate) struct Reader {
    reader: BufReader<File>,
    /// How many bytes of messages are left.
    left: u64,
    schema: SchemaRef,
    /// The values of dictionaries, by their number.
    dictionaries: HashMap<i64, ArrayRef>,
    /// The columns of a batch, in their order; all of them where nothing is selected.
    selected: Option<Vec<usize>>,
}

impl Reader {
    pub(crate) fn open(file: File) -> Result<Self, ColumnarError> {
        let length = file.metadata()?.len();
        let mut reader = BufReader::new(file);
        let mut left = if reader.fill_buf()?.starts_with(MARK) {
            messages_of_file(&mut reader, length)?
        } else {
            length
        };
        let first = framing::next(&mut reader, &mut left)?;
        let schema = caught(|| {
            let header = first.as_ref().map(|message| parsed(&message.header)).transpose()?;
            match header.and_then(|header| header.header_as_schema()) {
                Some(schema) => Ok(try_fb_to_schema(schema)?),
                None => Err(ColumnarError::Damaged("it does not begin with a schema".to_owned())),
            }
        })?;
        let (schema, dictionaries) = (Arc::new(schema), HashMap::new());
        Ok(Self { reader, left, schema, dictionaries, selected: None })
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    pub(crate) fn select(&mut self, places: &[usize]) {
        self.selected = Some(places.to_vec());
    }

    /// Where the column at `place` of the file is in a batch.
    pub(crate) fn place(&self, place: usize) -> Option<usize> {
        match &self.selected {
            None => Some(place),
            Some(selected) => selected.iter().position(|selected| *selected == place),
        }
    }

    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>, ColumnarError> {
        while let Some(message) = framing::next(&mut self.reader, &mut self.left)? {
            if let Some(batch) = caught(|| self.decode(message))? {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    /// The batch that a message holds, if it holds one and not a dictionary.
    fn decode(&mut self, message: Framed) -> Result<Option<RecordBatch>, ColumnarError> {
        let (header, body) = (parsed(&message.header)?, Buffer::from_vec(message.body));
        let version = header.version();
        if let Some(dictionary) = header.header_as_dictionary_batch() {
            let dictionaries = &mut self.dictionaries;
            read_dictionary(&body, dictionary, &self.schema, dictionaries, &version)?;
        }
        let Some(batch) = header.header_as_record_batch() else { return Ok(None) };
        let (schema, selected) = (self.schema.clone(), self.selected.as_deref());
        let dictionaries = &self.dictionaries;
        Ok(Some(read_record_batch(&body, batch, schema, dictionaries, selected, &version)?))
    }
}

/// Moves behind the mark of a file; how many bytes there are up to its footer.
fn messages_of_file(reader: &mut BufReader<File>, length: u64) -> Result<u64, ColumnarError> {
    let cut = || ColumnarError::Damaged("it has no footer, so it was cut short".to_owned());
    let ending = length.checked_sub(ENDING).filter(|start| *start >= PADDED_MARK);
    reader.seek(SeekFrom::Start(ending.ok_or_else(cut)?))?;
    let mut bytes = [0; ENDING as usize];
    reader.read_exact(&mut bytes)?;
    let footer = bytes.first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let messages = length.checked_sub(ENDING + PADDED_MARK + u64::from(footer));
    match messages {
        Some(messages) if bytes.ends_with(MARK) => {
            reader.seek(SeekFrom::Start(PADDED_MARK))?;
            Ok(messages)
        }
        _ => Err(cut()),
    }
}
