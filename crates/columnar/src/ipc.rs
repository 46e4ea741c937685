//! Arrow IPC, a record batch at a time.
//!
//! A stream is read from front to back. Of a file the footer says where its messages are, since not every
//! library writes a whole stream between the marks of a file.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::vec;

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::{read_dictionary, read_record_batch};
use arrow_ipc::{Block, root_as_footer};
use arrow_schema::{Schema, SchemaRef};

use crate::ColumnarError;
use crate::bounds::allowed;
use crate::framing::{self, Framed, parsed};
use crate::guard::caught;

const MARK: &[u8] = b"ARROW1";
/// A footer's length and the mark, which end a file.
const ENDING: usize = 4 + MARK.len();

/// Where the messages are.
enum Messages {
    /// One behind another, in so many bytes.
    Stream { left: u64 },
    /// In these places.
    File(vec::IntoIter<Extent>),
}

/// Where a message is in a file.
struct Extent {
    start: u64,
    length: u64,
}

impl Extent {
    /// That of a block, if it is inside of a file of `size` bytes.
    fn of(block: &Block, size: u64) -> Option<Self> {
        let start = u64::try_from(block.offset()).ok()?;
        let header = u64::try_from(block.metaDataLength()).ok()?;
        let length = u64::try_from(block.bodyLength()).ok()?.checked_add(header)?;
        (start.checked_add(length)? <= size).then_some(Self { start, length })
    }
}

/// A file or a stream.
pub(crate) struct Reader {
    reader: BufReader<File>,
    /// Bytes of the file.
    size: u64,
    messages: Messages,
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
        let (schema, messages) = if reader.fill_buf()?.starts_with(MARK) {
            of_file(&mut reader, length)?
        } else {
            of_stream(&mut reader, length)?
        };
        let (schema, dictionaries) = (Arc::new(schema), HashMap::new());
        Ok(Self { reader, size: length, messages, schema, dictionaries, selected: None })
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
        while let Some(message) = self.message()? {
            if let Some(batch) = caught(|| self.decode(message))? {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    fn message(&mut self) -> Result<Option<Framed>, ColumnarError> {
        match &mut self.messages {
            Messages::Stream { left } => framing::next(&mut self.reader, left),
            Messages::File(blocks) => {
                let Some(Extent { start, mut length }) = blocks.next() else { return Ok(None) };
                self.reader.seek(SeekFrom::Start(start))?;
                framing::next(&mut self.reader, &mut length)
            }
        }
    }

    /// The batch that a message holds, if it holds one and not a dictionary.
    fn decode(&mut self, message: Framed) -> Result<Option<RecordBatch>, ColumnarError> {
        let (header, body) = (parsed(&message.header)?, Buffer::from_vec(message.body));
        let version = header.version();
        if let Some(dictionary) = header.header_as_dictionary_batch() {
            let dictionaries = &mut self.dictionaries;
            read_dictionary(&body, dictionary, &self.schema, dictionaries, &version)?;
            let held = dictionaries.values().map(|values| values.get_buffer_memory_size() as u64);
            let held: u64 = held.sum();
            if held > allowed(self.size) {
                return Err(ColumnarError::TooLarge(format!(
                    "its dictionaries hold {held} bytes, in a file of {}",
                    self.size
                )));
            }
        }
        let Some(batch) = header.header_as_record_batch() else { return Ok(None) };
        let (schema, selected) = (self.schema.clone(), self.selected.as_deref());
        let dictionaries = &self.dictionaries;
        Ok(Some(read_record_batch(&body, batch, schema, dictionaries, selected, &version)?))
    }
}

/// The schema of a stream, which is its first message.
fn of_stream(
    reader: &mut BufReader<File>,
    mut left: u64,
) -> Result<(Schema, Messages), ColumnarError> {
    let first = framing::next(reader, &mut left)?;
    caught(|| {
        let header = first.as_ref().map(|message| parsed(&message.header)).transpose()?;
        match header.and_then(|header| header.header_as_schema()) {
            Some(schema) => Ok((try_fb_to_schema(schema)?, Messages::Stream { left })),
            None => Err(damaged("it does not begin with a schema")),
        }
    })
}

/// The schema of a file of `length` bytes, and where its messages are.
fn of_file(reader: &mut BufReader<File>, length: u64) -> Result<(Schema, Messages), ColumnarError> {
    let cut = || damaged("it has no footer, so it was cut short");
    let ending = length.checked_sub(ENDING as u64).ok_or_else(cut)?;
    reader.seek(SeekFrom::Start(ending))?;
    let mut bytes = [0; ENDING];
    reader.read_exact(&mut bytes)?;
    let of_footer = bytes.first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let start = ending.checked_sub(u64::from(of_footer)).filter(|_| bytes.ends_with(MARK));
    reader.seek(SeekFrom::Start(start.ok_or_else(cut)?))?;
    let mut footer = Vec::new();
    reader.by_ref().take(u64::from(of_footer)).read_to_end(&mut footer)?;
    caught(|| {
        let unreadable = |_| damaged("its footer cannot be read");
        let footer = root_as_footer(&footer).map_err(unreadable)?;
        let schema = footer.schema().ok_or_else(|| damaged("it holds no schema"))?;
        let blocks =
            [footer.dictionaries(), footer.recordBatches()].into_iter().flatten().flatten();
        let outside = || damaged("its footer points behind its end");
        let extents = blocks.map(|block| Extent::of(block, length).ok_or_else(outside));
        let extents: Vec<Extent> = extents.collect::<Result<_, _>>()?;
        Ok((try_fb_to_schema(schema)?, Messages::File(extents.into_iter())))
    })
}

fn damaged(what: &str) -> ColumnarError {
    ColumnarError::Damaged(what.to_owned())
}
