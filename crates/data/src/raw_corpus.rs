//! A set of files that was read, before it is settled which labels are classes.
//!
//! All files are read to their end before the set is refused, so that one message tells all that is
//! wrong with their rows.

use std::path::Path;

use crate::class_folders::{self, ClassFolders, UNLABELLED};
use crate::column_error::ColumnError;
use crate::column_role::ColumnRole;
use crate::columns::{ColumnChoice, Columns, Wanted};
use crate::corpus::Corpus;
use crate::data_file;
use crate::dialect::Writing;
use crate::error::DataError;
use crate::facts::RawFacts;
use crate::file_doubts::FileDoubt;
use crate::file_set_error::FileSetError;
use crate::format::{Format, Numbering};
use crate::labels::Labels;
use crate::manner::Manner;
use crate::read_files::{ReadFile, ReadFiles, RowPlace};
use crate::renames::Renames;
use crate::sorted_rows::{Labelled, SortedRows};
use crate::source::{CorpusSource, Example};

/// Files of labelled texts that were read into memory.
#[derive(Clone, Debug)]
pub struct RawCorpus {
    facts: RawFacts,
    rows: Vec<Labelled>,
}

impl RawCorpus {
    /// Reads the files of `source`.
    ///
    /// # Errors
    /// [`DataError`], for a file that cannot be read or whose columns cannot be told or are others than
    /// the first file's, and for a set without rows.
    pub fn read(source: &CorpusSource) -> Result<Self, DataError> {
        let mut rows = Vec::new();
        let facts = read(source, &mut |row| rows.push(row))?;
        Ok(Self { facts, rows })
    }

    /// The same with each label called as the user calls it.
    #[must_use]
    pub fn renamed(mut self, renames: &Renames) -> Self {
        self.facts.rename(renames);
        self
    }

    /// The corpus with classes of `labels`.
    ///
    /// # Errors
    /// [`DataError`], for files that cannot be learned from.
    pub fn labelled(mut self, labels: Labels<'_>) -> Result<Corpus, DataError> {
        let facts = self.facts.labelled(labels)?;
        let classes = self.facts.rows.numbers(facts.labels());
        let example = |Labelled { label, text, place }: Labelled| {
            let label = (*classes.get(usize::try_from(label).ok()?)?)?;
            Some(Example { text, label, place })
        };
        let examples = self.rows.into_iter().filter_map(example).collect();
        Ok(Corpus { facts, examples })
    }
}

/// Reads the files of `source` and gives their usable rows to `keep`.
pub(crate) fn read(
    source: &CorpusSource,
    keep: &mut dyn FnMut(Labelled),
) -> Result<RawFacts, DataError> {
    let rows = SortedRows::default();
    let mut set = Set { source, columns: None, rows, files: Vec::new(), keep };
    let mut doubts = Vec::new();
    for path in &source.files.files {
        match if path.is_dir() { ClassFolders::of(path)? } else { None } {
            Some(folders) => {
                set.read_folders(&folders)?;
                let left_out = FileDoubt::LeftOut { folder: UNLABELLED };
                doubts.extend(folders.has_unlabelled.then_some(left_out));
            }
            None => set.read_file(path)?,
        }
    }
    doubts.extend(set.other_capitals());
    set.into_facts(doubts)
}

impl Corpus {
    /// Reads the files of `source`.
    ///
    /// # Errors
    /// [`DataError`], for files that cannot be read or that cannot be learned from.
    pub fn read(source: &CorpusSource, labels: Labels<'_>) -> Result<Self, DataError> {
        RawCorpus::read(source)?.labelled(labels)
    }
}

/// A set as far as it is read.
struct Set<'a> {
    source: &'a CorpusSource,
    /// The columns of the first file.
    columns: Option<Columns>,
    rows: SortedRows,
    files: Vec<ReadFile>,
    /// What takes the usable rows.
    keep: &'a mut dyn FnMut(Labelled),
}

impl Set<'_> {
    /// The number of the next file.
    fn next(&self) -> u32 {
        u32::try_from(self.files.len()).unwrap_or(u32::MAX)
    }

    fn count(&self) -> u64 {
        self.rows.usable() as u64 + self.rows.bad().total()
    }

    /// The columns that are wanted: in a further file those of the first.
    fn wanted(&self) -> Wanted {
        let CorpusSource { text_column, label_column, .. } = self.source;
        match &self.columns {
            None => Wanted { text: text_column.clone(), label: Some(label_column.clone()) },
            Some(Columns { text, second, label }) => Wanted {
                text: ColumnChoice::Named(match second {
                    None => text.clone(),
                    Some(second) => format!("{text},{second}"),
                }),
                label: label.clone().map(ColumnChoice::Named),
            },
        }
    }

    fn read_file(&mut self, path: &Path) -> Result<(), DataError> {
        let file = data_file::open(path)?;
        let dialect = self.source.dialect;
        let writing = Writing { format: data_file::format(path, dialect)?, dialect };
        let before = self.count();
        let opened = data_file::rows(file, writing, self.wanted(), path);
        let mut rows = opened.map_err(|error| self.beside_first(error))?;
        let number = self.next();
        self.rows.read(&mut rows, number, &mut *self.keep)?;
        let (format, foreign, manner) = (rows.format(), rows.foreign(), rows.manner());
        let columns = rows.into_columns().map_err(|error| self.beside_first(error))?;
        let path = path.to_owned();
        match (columns, self.count() - before) {
            (None, 0) => return Err(DataError::EmptyFile { path }),
            (Some(columns), _) => self.columns = Some(self.columns.take().unwrap_or(columns)),
            (None, _) => {}
        }
        self.files.push(ReadFile { path, format, numbering: format.numbering(), manner, foreign });
        Ok(())
    }

    /// The error that a further file lacks a column as what it is.
    fn beside_first(&self, error: DataError) -> DataError {
        match (error, self.files.first()) {
            (
                DataError::Column {
                    path,
                    fault: ColumnError::NotThere { role, wanted, present },
                    ..
                },
                Some(first),
            ) => FileSetError::OtherColumns {
                path,
                first: first.path.clone(),
                role,
                column: wanted,
                present,
            }
            .into(),
            (error, _) => error,
        }
    }

    fn read_folders(&mut self, folders: &ClassFolders) -> Result<(), DataError> {
        for (class, path) in &folders.files {
            let place = RowPlace { file: self.next(), line: 1 };
            let text = class_folders::text(path, self.source.dialect)?;
            self.rows.add(place, text.map(|text| (text, class.clone())), &mut *self.keep);
            self.files.push(ReadFile {
                path: path.clone(),
                format: Format::Plain,
                numbering: Numbering::Files,
                manner: Manner::default(),
                foreign: None,
            });
        }
        let name = |role: ColumnRole| role.to_string();
        let (text, label) = (name(ColumnRole::Text), Some(name(ColumnRole::Label)));
        self.columns.get_or_insert(Columns { text, second: None, label });
        Ok(())
    }

    /// A column that the user calls otherwise than the files do.
    fn other_capitals(&self) -> impl Iterator<Item = FileDoubt> + use<> {
        let Columns { text, second, label } = self.columns.clone().unwrap_or_default();
        // A choice of two columns is not the name of the first.
        let text = second.is_none().then_some(text);
        let CorpusSource { text_column, label_column, .. } = self.source;
        let choices = [(text_column.clone(), text), (label_column.clone(), label)];
        choices.into_iter().filter_map(|(choice, found)| match (choice, found) {
            (ColumnChoice::Named(wanted), Some(found)) if wanted != found => {
                Some(FileDoubt::OtherCapitals { wanted, found })
            }
            _ => None,
        })
    }

    fn into_facts(mut self, doubts: Vec<FileDoubt>) -> Result<RawFacts, DataError> {
        let name = self.source.files.name.clone();
        if self.count() == 0 {
            let Columns { text, label, .. } = self.columns.unwrap_or_default();
            let label = label.unwrap_or_default();
            return Err(DataError::NoRows { path: name, text, label });
        }
        let files = ReadFiles::from(self.files);
        self.rows.set_files(files.clone());
        let on_bad_row = self.source.on_bad_row;
        Ok(RawFacts { name, on_bad_row, columns: self.columns, rows: self.rows, files, doubts })
    }
}
