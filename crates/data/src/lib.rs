//! From users' files to packed batches of tokens.
//!
//! ```text
//! file ─ Corpus ─▶ Example ─ Tokenizer ─▶ TokenStore ─┐
//! seed, epoch, lengths, seat ─ BatchPlan ─▶ indices ──┴▶ Batch (packed)
//! ```
//!
//! Nothing here knows tensors, devices or the command line. A fault of a file is reported
//! with the line that an editor shows ([`DataError`], [`BadRow`]) and with a [`DataRemedy`]; an order is a function of the seed and the step.

mod account;
mod bad_row;
mod batch;
mod batch_plan;
mod changed;
mod class_folders;
mod clues;
mod column_error;
mod column_role;
mod columns;
mod conversion;
mod corpus;
mod corpus_file;
mod data_file;
mod dialect;
mod disguise;
mod doubts;
mod error;
mod excerpt;
mod facts;
mod file_doubts;
mod file_set;
mod file_set_error;
mod file_state;
mod file_words;
mod foreign;
mod format;
mod hashed;
mod held_out;
mod label_rows;
mod label_value;
mod labels;
mod lazily;
mod manner;
mod pair;
mod phrases;
mod raw_corpus;
mod read_files;
mod recoded;
mod records;
mod remedy;
mod renames;
mod rows;
mod sample;
mod sorted_rows;
mod source;
mod survey;
mod text_files;
mod text_reader;
mod token_cache;
mod token_store;
mod tokenizer;
mod unpacked;

pub use bad_row::{BadRow, BadRowKind, BadRows};
pub use batch::Batch;
pub use batch_plan::{BatchPlan, Order};
pub use changed::ChangedFile;
pub use clues::Clues;
pub use column_error::ColumnError;
pub use column_role::ColumnRole;
pub use columns::{ColumnChoice, Columns};
pub use conversion::STANDARD_INPUT;
pub use corpus::Corpus;
pub use corpus_file::{CorpusFile, RawCorpusFile};
pub use data_file::check_files;
pub use dialect::{Delimiter, Dialect, Header, TextEncoding};
pub use disguise::{Disguise, is_name_of_texts};
pub use doubts::Doubt;
pub use error::DataError;
pub use facts::CorpusFacts;
pub use file_doubts::FileDoubt;
pub use file_set::FileSet;
pub use file_set_error::{FileSetError, TablePart};
pub use foreign::{Foreign, Packed};
pub use format::{Format, Numbering};
pub use held_out::HeldOut;
pub use labels::{LabelError, LabelMap, Labels};
pub use manner::Manner;
pub use pair::{paired, texts_of};
pub use phrases::ColumnSample;
pub use raw_corpus::RawCorpus;
pub use read_files::RowPlace;
pub use remedy::{DataRemedy, Dropped};
pub use renames::Renames;
pub use sample::{Sample, Sampled};
pub use source::{CorpusSource, Example, OnBadRow};
pub use survey::{Bin, Conflict, Lengths, Repeats, overlap};
pub use text_files::TextFiles;
pub use text_reader::{TextReader, TextRow, TextSource};
pub use token_cache::{Duty, TokenCache};
pub use token_store::{Exchange, Overlap, TokenStore, Tokenising};
pub use tokenizer::{Encoded, MaxLength, Tokenizer, TokenizerError};
