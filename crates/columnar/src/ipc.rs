//! Arrow IPC, a record batch at a time.
//!
//! A file is a stream between two marks and a footer, so that both are read from front to back.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_schema::{Schema, SchemaRef};

use crate::ColumnarError;
use crate::framing;
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
    decoder: StreamDecoder,
    schema: SchemaRef,
}

impl Reader {
    pub(crate) fn open(file: File) -> Result<Self, ColumnarError> {
        let length = file.metadata()?.len();
        let mut reader = BufReader::new(file);
        let left = if reader.fill_buf()?.starts_with(MARK) {
            messages_of_file(&mut reader, length)?
        } else {
            length
        };
        let schema = Arc::new(Schema::empty());
        let mut opened = Self { reader, left, decoder: StreamDecoder::new(), schema };
        // The first message is the schema.
        let Some(first) = framing::next(&mut opened.reader, &mut opened.left)? else {
            return Err(ColumnarError::Damaged("it holds no schema".to_owned()));
        };
        opened.decode(first)?;
        match opened.decoder.schema() {
            Some(schema) => opened.schema = schema,
            None => {
                return Err(ColumnarError::Damaged("it does not begin with a schema".to_owned()));
            }
        }
        Ok(opened)
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>, ColumnarError> {
        while let Some(message) = framing::next(&mut self.reader, &mut self.left)? {
            if let Some(batch) = self.decode(message)? {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    fn decode(&mut self, message: Vec<u8>) -> Result<Option<RecordBatch>, ColumnarError> {
        let mut buffer = Buffer::from_vec(message);
        caught(|| {
            while !buffer.is_empty() {
                if let Some(batch) = self.decoder.decode(&mut buffer)? {
                    return Ok(Some(batch));
                }
            }
            Ok(None)
        })
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
