//! Parquet files, a batch of rows at a time.

use std::fs::File;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};

use crate::ColumnarError;
use crate::guard::caught;

/// Rows that are decoded together.
const BATCH: usize = 256;

/// A Parquet file that is read from its first row to its last.
pub(crate) struct Reader {
    file: File,
    metadata: ArrowReaderMetadata,
    /// The selected columns in the order of the file; all of them where nothing is selected.
    selected: Option<Vec<usize>>,
    batches: Option<ParquetRecordBatchReader>,
}

impl Reader {
    pub(crate) fn open(file: File) -> Result<Self, ColumnarError> {
        let metadata =
            caught(|| Ok(ArrowReaderMetadata::load(&file, ArrowReaderOptions::default())?))?;
        Ok(Self { file, metadata, selected: None, batches: None })
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
        let mut batches = match self.batches.take() {
            Some(batches) => batches,
            None => self.start()?,
        };
        let batch = caught(|| Ok(batches.next().transpose()?))?;
        self.batches = Some(batches);
        Ok(batch)
    }

    fn start(&self) -> Result<ParquetRecordBatchReader, ColumnarError> {
        let file = self.file.try_clone()?;
        caught(|| {
            let builder =
                ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
            let mask = match &self.selected {
                Some(selected) => {
                    ProjectionMask::roots(builder.parquet_schema(), selected.iter().copied())
                }
                None => ProjectionMask::all(),
            };
            Ok(builder.with_projection(mask).with_batch_size(BATCH).build()?)
        })
    }
}
