//! Pages of a Parquet file whose claims are compared with what the file holds, before and after they are
//! unpacked.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::serialized_reader::SerializedPageReader;

use crate::ColumnarError;
use crate::bounds::{allowed, allowed_rows};
use crate::lengths;
use crate::thrift::{Compact, PageHeader};

/// Gzip makes at most so many bytes of one.
const MOST_OF_GZIP: u64 = 1032;

/// Looks at the headers of all pages of a column in one row group of a file of `size` bytes; gives the bytes
/// of the largest page of which one value may become a part of many.
pub(crate) fn check(
    file: &File,
    column: &ColumnChunkMetaData,
    size: u64,
) -> Result<u64, ColumnarError> {
    let (start, mut left) = column.byte_range();
    if start.checked_add(left).is_none_or(|end| end > size) {
        return Err(damaged("its footer points behind its end"));
    }
    let mut reader = BufReader::new(file);
    let (mut at, mut values, mut largest) = (start, 0_u64, 0);
    while left > 0 {
        reader.seek(SeekFrom::Start(at))?;
        let mut compact = Compact::new(reader.by_ref().take(left));
        let header = compact.page_header().map_err(unreadable)?;
        left -= compact.used;
        at += compact.used;
        let compressed = u64::try_from(header.compressed).ok().filter(|bytes| *bytes <= left);
        let compressed =
            compressed.ok_or_else(|| damaged("a page of it claims more bytes than there are"))?;
        let uncompressed = check_sizes(&header, compressed)?;
        if matches!(column.compression(), Compression::GZIP(_))
            && compressed.saturating_mul(MOST_OF_GZIP) > allowed(compressed)
        {
            check_gzip(reader.by_ref().take(compressed), uncompressed)?;
        }
        if header.repeats() {
            largest = largest.max(uncompressed);
        }
        if !header.is_dictionary() {
            values = values.saturating_add(u64::try_from(header.values).unwrap_or_default());
        }
        left -= compressed;
        at += compressed;
    }
    match values <= allowed_rows(size) {
        true => Ok(largest),
        false => Err(ColumnarError::TooLarge(format!(
            "a column in a file of {size} bytes claims to hold {values} values"
        ))),
    }
}

/// The uncompressed size of a page.
fn check_sizes(header: &PageHeader, compressed: u64) -> Result<u64, ColumnarError> {
    let negative = |_| damaged("a page of it has a negative size");
    let uncompressed = u64::try_from(header.uncompressed).map_err(negative)?;
    let values = u64::try_from(header.values).map_err(negative)?;
    if uncompressed > allowed(compressed) {
        return Err(ColumnarError::TooLarge(format!(
            "a page of {compressed} bytes claims to hold {uncompressed} bytes"
        )));
    }
    if header.is_dictionary() && values > uncompressed {
        return Err(damaged("a dictionary of it claims more values than it has bytes"));
    }
    Ok(uncompressed)
}

/// Whether a page by gzip, which says nowhere how much it holds, holds what its header claims.
fn check_gzip(compressed: impl Read, claimed: u64) -> Result<(), ColumnarError> {
    let mut unpacked = MultiGzDecoder::new(compressed).take(claimed.saturating_add(1));
    match io::copy(&mut unpacked, &mut io::sink()) {
        Ok(found) if found <= claimed => Ok(()),
        Ok(_) => Err(damaged("a page of it holds more bytes than it claims")),
        Err(error) => Err(damaged(&format!("a page of it cannot be unpacked ({error})"))),
    }
}

fn unreadable(error: io::Error) -> ColumnarError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged("it ends inside of a page"),
        io::ErrorKind::InvalidData => damaged("the header of a page of it cannot be read"),
        _ => ColumnarError::Io(error),
    }
}

fn damaged(what: &str) -> ColumnarError {
    ColumnarError::Damaged(what.to_owned())
}

/// The pages of one column in one row group.
pub(crate) struct Pages {
    inner: SerializedPageReader<File>,
    /// Whether there are levels of repetition and of definition in front of the values.
    levels: [bool; 2],
}

impl Pages {
    pub(crate) fn new(file: Arc<File>, column: &ColumnChunkMetaData) -> ParquetResult<Self> {
        let described = column.column_descr();
        let levels = [described.max_rep_level() > 0, described.max_def_level() > 0];
        Ok(Self { inner: SerializedPageReader::new(file, column, 0, None)?, levels })
    }

    /// Whether the lengths of texts that a page counts are as many as it has values.
    fn holds_its_lengths(&self, page: &Page) -> bool {
        let lists = match page.encoding() {
            Encoding::DELTA_LENGTH_BYTE_ARRAY => 1,
            Encoding::DELTA_BYTE_ARRAY => 2,
            _ => return true,
        };
        let values = match page {
            Page::DataPage { buf, .. } => {
                self.levels.iter().filter(|has| **has).try_fold(&buf[..], |rest, _| {
                    let (length, rest) = rest.split_first_chunk::<4>()?;
                    rest.get(usize::try_from(u32::from_le_bytes(*length)).ok()?..)
                })
            }
            Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, .. } => {
                let levels = def_levels_byte_len.checked_add(*rep_levels_byte_len);
                levels.and_then(|levels| buf.get(usize::try_from(levels).ok()?..))
            }
            Page::DictionaryPage { .. } => return true,
        };
        let most = u64::from(page.num_values()).min(allowed(page.buffer().len() as u64) / 8);
        values.is_some_and(|values| lengths::are_at_most(values, lists, most))
    }
}

impl Iterator for Pages {
    type Item = ParquetResult<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> ParquetResult<Option<Page>> {
        match self.inner.get_next_page()? {
            Some(page) if !self.holds_its_lengths(&page) => Err(ParquetError::General(
                "a page of it counts other texts than it holds".to_owned(),
            )),
            page => Ok(page),
        }
    }

    fn peek_next_page(&mut self) -> ParquetResult<Option<PageMetadata>> {
        self.inner.peek_next_page()
    }

    fn skip_next_page(&mut self) -> ParquetResult<()> {
        self.inner.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> ParquetResult<bool> {
        self.inner.at_record_boundary()
    }
}

/// The one chunk of a column in a row group.
pub(crate) struct Chunk(pub(crate) Option<ParquetResult<Box<dyn PageReader>>>);

impl Iterator for Chunk {
    type Item = ParquetResult<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take()
    }
}

impl PageIterator for Chunk {}
