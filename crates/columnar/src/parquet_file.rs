//! Parquet files, a batch of rows at a time.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, RowGroups,
};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::column::page::{PageIterator, PageReader};
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};

use crate::ColumnarError;
use crate::bounds::{ALWAYS_ALLOWED, allowed_rows};
use crate::guard::caught;
use crate::pages::{self, Chunk, Pages};
use crate::thrift::Compact;

/// Rows that are decoded together at most.
const BATCH: u64 = 256;
/// What ends a file, behind the four bytes of its footer's length.
const MARK: &[u8] = b"PAR1";

/// A Parquet file that is read from its first row to its last.
pub(crate) struct Reader {
    file: Arc<File>,
    /// Bytes of the file.
    size: u64,
    metadata: ArrowReaderMetadata,
    /// The selected columns in the order of the file; all of them where nothing is selected.
    selected: Option<Vec<usize>>,
    /// The row groups that are not read yet.
    groups: Range<usize>,
    batches: Option<ParquetRecordBatchReader>,
}

impl Reader {
    pub(crate) fn open(file: File) -> Result<Self, ColumnarError> {
        let size = file.metadata()?.len();
        check_schema(&file, size)?;
        let metadata =
            caught(|| Ok(ArrowReaderMetadata::load(&file, ArrowReaderOptions::default())?))?;
        let groups = metadata.metadata().row_groups();
        let rows = groups
            .iter()
            .try_fold(0, |rows: u64, group| rows.checked_add(group.num_rows().try_into().ok()?));
        if rows.is_none_or(|rows| rows > allowed_rows(size)) {
            let rows = rows.map_or_else(|| "impossible numbers of".to_owned(), |n| n.to_string());
            return Err(ColumnarError::TooLarge(format!(
                "a file of {size} bytes claims to hold {rows} rows"
            )));
        }
        let groups = 0..groups.len();
        Ok(Self { file: Arc::new(file), size, metadata, selected: None, groups, batches: None })
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.metadata.schema().clone()
    }

    pub(crate) fn select(&mut self, places: &[usize]) {
        let mut places = places.to_vec();
        places.sort_unstable();
        places.dedup();
        self.selected = Some(places);
    }

    /// Where the column at `place` of the file is in a batch.
    pub(crate) fn place(&self, place: usize) -> Option<usize> {
        match &self.selected {
            None => Some(place),
            Some(selected) => selected.binary_search(&place).ok(),
        }
    }

    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>, ColumnarError> {
        loop {
            let mut batches = match self.batches.take() {
                Some(batches) => batches,
                None => match self.groups.next() {
                    Some(group) => caught(|| self.start(group))?,
                    None => return Ok(None),
                },
            };
            if let Some(batch) = caught(|| Ok(batches.next().transpose()?))? {
                self.batches = Some(batches);
                return Ok(Some(batch));
            }
        }
    }

    fn start(&self, group: usize) -> Result<ParquetRecordBatchReader, ColumnarError> {
        let metadata = self.metadata.metadata();
        let schema = metadata.file_metadata().schema_descr();
        let mask = match &self.selected {
            Some(selected) => ProjectionMask::roots(schema, selected.iter().copied()),
            None => ProjectionMask::all(),
        };
        let columns = metadata.row_group(group).columns().iter().enumerate();
        let read = columns.filter(|(leaf, _)| mask.leaf_included(*leaf));
        let mut largest = read.map(|(_, column)| pages::check(&self.file, column, self.size));
        let largest = largest.try_fold(1, |most, found| found.map(|bytes| bytes.max(most)))?;
        // One long text that many rows share is copied for each of them.
        let rows = (ALWAYS_ALLOWED / largest).clamp(1, BATCH);
        let hint = Some(self.metadata.schema().fields());
        let levels = parquet_to_arrow_field_levels(schema, mask, hint)?;
        let (file, metadata) = (self.file.clone(), metadata.clone());
        let group = Group { file, metadata, group };
        let rows = usize::try_from(rows).unwrap_or(1);
        Ok(ParquetRecordBatchReader::try_new_with_row_groups(&levels, &group, rows, None)?)
    }
}

/// Whether the footer's schema is one that the `parquet` crate can read. What else is wrong with a footer is
/// for that to say.
fn check_schema(file: &File, size: u64) -> Result<(), ColumnarError> {
    let mut reader = BufReader::new(file);
    let mut ending = [0; 8];
    let Some(start) = size.checked_sub(ending.len() as u64) else { return Ok(()) };
    reader.seek(SeekFrom::Start(start))?;
    reader.read_exact(&mut ending)?;
    let length = ending.first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let Some(start) = start.checked_sub(u64::from(length)).filter(|_| ending.ends_with(MARK))
    else {
        return Ok(());
    };
    reader.seek(SeekFrom::Start(start))?;
    let unreadable = || ColumnarError::Damaged("its footer cannot be read".to_owned());
    match Compact::new(reader.take(u64::from(length))).is_schema_flat() {
        Ok(true) => Ok(()),
        Ok(false) => Err(ColumnarError::Damaged("its columns are nested too deeply".to_owned())),
        Err(_) => Err(unreadable()),
    }
}

/// One row group.
struct Group {
    file: Arc<File>,
    metadata: Arc<ParquetMetaData>,
    group: usize,
}

impl Group {
    fn group(&self) -> &RowGroupMetaData {
        self.metadata.row_group(self.group)
    }
}

impl RowGroups for Group {
    fn num_rows(&self) -> usize {
        usize::try_from(self.group().num_rows()).unwrap_or_default()
    }

    fn column_chunks(&self, column: usize) -> ParquetResult<Box<dyn PageIterator>> {
        let pages = Pages::new(self.file.clone(), self.group().column(column));
        let pages = pages.map(|pages| -> Box<dyn PageReader> { Box::new(pages) });
        Ok(Box::new(Chunk(Some(pages))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.group()))
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}
