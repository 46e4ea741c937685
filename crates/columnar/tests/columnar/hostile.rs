//! Files that claim more than they hold: each is refused in words, before the memory is taken.

use std::fs::File;
use std::io::{Seek, Write};
use std::sync::Arc;

use arrow_array::{ArrayRef, NullArray, RecordBatch};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema};
use flate2::Compression as GzipLevel;
use flate2::write::GzEncoder;
use lockstep_columnar::{ColumnarFormat, ColumnarTable};
use parquet::basic::{Compression, GzipLevel as OfPages, ZstdLevel};
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, ParquetMetaData, ParquetMetaDataWriter, RowGroupMetaData,
};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::SchemaDescriptor;

const HUGE: i32 = i32::MAX;
const PLAIN: i32 = 0;
const DELTA_LENGTH: i32 = 6;
const DELTA: i32 = 7;

/// A page as it is in a file.
struct Page {
    is_dictionary: bool,
    /// What the header claims.
    uncompressed: i32,
    compressed: i32,
    values: i32,
    encoding: i32,
    body: Vec<u8>,
}

impl Page {
    /// A page of values whose header is right.
    fn of(body: &[u8], values: i32, encoding: i32) -> Self {
        let size = i32::try_from(body.len()).unwrap();
        let (uncompressed, compressed) = (size, size);
        let body = body.to_vec();
        Self { is_dictionary: false, uncompressed, compressed, values, encoding, body }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut put = |field: u8, value: i32| {
            bytes.push(field);
            put_varint(&mut bytes, value);
        };
        put(0x15, if self.is_dictionary { 2 } else { 0 });
        put(0x15, self.uncompressed);
        put(0x15, self.compressed);
        // Field 7 or 5, a structure of values, encoding and those of the levels.
        bytes.push(if self.is_dictionary { 0x4C } else { 0x2C });
        for value in [self.values, self.encoding] {
            bytes.push(0x15);
            put_varint(&mut bytes, value);
        }
        if !self.is_dictionary {
            bytes.extend([0x15, 6, 0x15, 6]);
        }
        bytes.extend([0, 0]);
        bytes.extend(&self.body);
        bytes
    }
}

/// A number as Thrift folds it.
fn put_varint(bytes: &mut Vec<u8>, value: i32) {
    let mut folded = ((value << 1) ^ (value >> 31)).cast_unsigned();
    while folded >= 128 {
        bytes.push(folded.to_le_bytes()[0] | 128);
        folded >>= 7;
    }
    bytes.push(folded.to_le_bytes()[0]);
}

/// A Parquet file of one column of texts with these pages, whose footer claims so many rows.
fn parquet(compression: Compression, pages: &[Page], rows: i64) -> Vec<u8> {
    let schema = parse_message_type("message m { required binary text (UTF8); }").unwrap();
    let schema = Arc::new(SchemaDescriptor::new(Arc::new(schema)));
    let mut bytes = b"PAR1".to_vec();
    pages.iter().for_each(|page| bytes.extend(page.bytes()));
    let size = i64::try_from(bytes.len() - 4).unwrap();
    let first = pages[0].is_dictionary.then_some(4);
    let column = ColumnChunkMetaData::builder(schema.column(0))
        .set_compression(compression)
        .set_num_values(rows)
        .set_total_compressed_size(size)
        .set_total_uncompressed_size(size)
        .set_data_page_offset(4)
        .set_dictionary_page_offset(first)
        .build()
        .unwrap();
    let group = RowGroupMetaData::builder(schema.clone())
        .set_num_rows(rows)
        .set_total_byte_size(size)
        .add_column_metadata(column)
        .build()
        .unwrap();
    let file = FileMetaData::new(1, rows, None, None, schema, None);
    let metadata = ParquetMetaData::new(file, vec![group]);
    ParquetMetaDataWriter::new(&mut bytes, &metadata).finish().unwrap();
    bytes
}

/// The texts of a file, or why it is refused.
fn read(bytes: &[u8], layout: ColumnarFormat) -> Result<Vec<String>, String> {
    let mut file: File = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    let mut table = ColumnarTable::open(file, layout).map_err(|error| error.to_string())?;
    let mut texts = Vec::new();
    while let Some(row) = table.next().map_err(|error| error.to_string())? {
        texts.push(row[0].as_str().unwrap_or_default().to_owned());
    }
    Ok(texts)
}

fn refusal(compression: Compression, pages: &[Page], rows: i64) -> String {
    read(&parquet(compression, pages, rows), ColumnarFormat::Parquet).unwrap_err()
}

fn plain(texts: &[&str]) -> Vec<u8> {
    let with_length = |text: &&str| {
        let length = u32::try_from(text.len()).unwrap();
        [&length.to_le_bytes(), text.as_bytes()].concat()
    };
    texts.iter().flat_map(with_length).collect()
}

#[test]
fn the_files_that_these_tests_make_are_whole() {
    let page = Page::of(&plain(&["a", "bc"]), 2, PLAIN);
    let bytes = parquet(Compression::UNCOMPRESSED, &[page], 2);
    assert_eq!(read(&bytes, ColumnarFormat::Parquet).unwrap(), ["a", "bc"]);
}

#[test]
fn sizes_of_pages_are_compared_with_the_file() {
    let zstd = Compression::ZSTD(ZstdLevel::default());
    let page = || Page::of(&plain(&["a"]), 1, PLAIN);
    for compression in [zstd, Compression::SNAPPY, Compression::LZ4_RAW] {
        let page = Page { uncompressed: HUGE, ..page() };
        let expected = "a page of 5 bytes claims to hold 2147483647 bytes";
        assert_eq!(refusal(compression, &[page], 1), expected);
    }
    let page_of = |compressed| Page { compressed, ..page() };
    let expected = "a page of it claims more bytes than there are";
    for claim in [6, HUGE, -1] {
        assert_eq!(refusal(Compression::UNCOMPRESSED, &[page_of(claim)], 1), expected, "{claim}");
    }
    let page = Page { uncompressed: -5, ..page() };
    assert_eq!(refusal(Compression::SNAPPY, &[page], 1), "a page of it has a negative size");
}

#[test]
fn counts_of_values_are_compared_with_the_bytes() {
    let none = Compression::UNCOMPRESSED;
    let dictionary = Page { is_dictionary: true, ..Page::of(&plain(&["a"]), HUGE, PLAIN) };
    let expected = "a dictionary of it claims more values than it has bytes";
    assert_eq!(refusal(none, &[dictionary], 1), expected);
    let rows = refusal(none, &[Page::of(&plain(&["a"]), 1, PLAIN)], 1 << 40);
    assert!(rows.ends_with(" bytes claims to hold 1099511627776 rows"), "{rows}");
    let values = refusal(none, &[Page::of(&plain(&["a"]), HUGE, PLAIN)], 1);
    assert!(values.ends_with(" bytes claims to hold 2147483647 values"), "{values}");
}

#[test]
fn lists_of_lengths_are_as_long_as_a_page_has_values() {
    // Blocks of 128 lengths in 4 parts, and 2^31 - 1 of them, all equal to the first, which is 0.
    let endless = [0x80, 1, 4, 0xFF, 0xFF, 0xFF, 0xFF, 7, 0, 0, 0, 0, 0, 0];
    let expected = "a page of it counts other texts than it holds";
    let refused = |body: &[u8], encoding| {
        refusal(Compression::UNCOMPRESSED, &[Page::of(body, 3, encoding)], 3)
    };
    for encoding in [DELTA_LENGTH, DELTA] {
        assert!(refused(&endless, encoding).ends_with(expected), "{encoding}");
    }
    // The prefixes are three, and only the suffixes endless.
    let three = [0x80, 1, 4, 3, 0, 0, 0, 0, 0, 0];
    assert!(refused(&[&three[..], &endless].concat(), DELTA).ends_with(expected));
    let whole = [&three[..], &three].concat();
    for (encoding, body) in [(DELTA_LENGTH, &three[..]), (DELTA, &whole)] {
        let bytes = parquet(Compression::UNCOMPRESSED, &[Page::of(body, 3, encoding)], 3);
        assert_eq!(read(&bytes, ColumnarFormat::Parquet).unwrap(), ["", "", ""]);
    }
}

#[test]
fn a_page_by_gzip_holds_what_it_claims() {
    let gzip = |megabytes: usize| {
        let mut packed = GzEncoder::new(Vec::new(), GzipLevel::best());
        (0..megabytes).for_each(|_| packed.write_all(&vec![0; 1 << 20]).unwrap());
        packed.finish().unwrap()
    };
    let compression = Compression::GZIP(OfPages::default());
    let page = Page { uncompressed: 1000, ..Page::of(&gzip(400), 1, PLAIN) };
    let expected = "a page of it holds more bytes than it claims";
    assert_eq!(refusal(compression, &[page], 1), expected);
}

#[test]
fn columns_are_not_nested_without_end() {
    // version: 1, schema: a list of structures with a name and one child each
    let depth: u32 = 100_000;
    let mut footer = vec![0x15, 2, 0x19, 0xFC];
    let [low, middle, high] = [0, 7, 14].map(|bits| u8::try_from(depth >> bits & 127).unwrap());
    footer.extend([low | 128, middle | 128, high]);
    (0..depth).for_each(|_| footer.extend([0x48, 1, b'a', 0x15, 2, 0]));
    footer.extend([0x16, 0, 0x19, 0x0C, 0]);
    let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
    let bytes = [b"PAR1", &footer[..], &length, b"PAR1"].concat();
    let error = read(&bytes, ColumnarFormat::Parquet).unwrap_err();
    assert_eq!(error, "its columns are nested too deeply");
}

#[test]
fn rows_of_a_batch_are_compared_with_its_bytes() {
    let schema = Arc::new(Schema::new(vec![Field::new("text", DataType::Null, true)]));
    let column: ArrayRef = Arc::new(NullArray::new(1 << 40));
    let batch = RecordBatch::try_new(schema.clone(), vec![column]).unwrap();
    let mut bytes = Vec::new();
    let mut writer = StreamWriter::try_new(&mut bytes, &schema).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    drop(writer);
    let error = read(&bytes, ColumnarFormat::Arrow).unwrap_err();
    assert_eq!(error, "a batch of 0 bytes claims to hold 1099511627776 rows");
}
