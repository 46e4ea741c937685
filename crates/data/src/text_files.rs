//! The texts of a set of files, one file after the other, for `predict`.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

use crate::bad_row::BadRow;
use crate::class_folders::{self, ClassFolders, UNLABELLED};
use crate::data_file;
use crate::error::DataError;
use crate::file_doubts::FileDoubt;
use crate::file_set::FileSet;
use crate::read_files::RowPlace;
use crate::text_reader::{TextReader, TextRow, TextSource};

/// The texts of a set of files. As an iterator it gives the file with each row, and an error, and then
/// ends, only where reading itself fails or the columns cannot be told.
#[derive(Debug)]
pub struct TextFiles {
    /// What is said of all files; the name is that of each.
    source: TextSource,
    waiting: vec::IntoIter<PathBuf>,
    current: Option<Current>,
    doubts: Vec<FileDoubt>,
}

#[derive(Debug)]
enum Current {
    File(Arc<Path>, Box<TextReader<BufReader<File>>>),
    /// Files that are a text each.
    Folders(vec::IntoIter<PathBuf>),
}

impl TextFiles {
    /// The texts of `files`, of which `source` says all but the name.
    ///
    /// # Errors
    /// [`DataError`] when a file is not there, or the first one cannot be read as [`TextReader::open`]
    /// says.
    pub fn open(files: FileSet, source: TextSource) -> Result<Self, DataError> {
        let absent = files.files.iter().find(|path| !path.exists());
        if let Some(path) = absent {
            data_file::open_stream(path)?;
        }
        let waiting = files.files.into_iter();
        let mut texts = Self { source, waiting, current: None, doubts: Vec::new() };
        texts.next_file()?;
        Ok(texts)
    }

    /// What is odd about the rows so far.
    #[must_use]
    pub fn doubts(&self) -> Vec<FileDoubt> {
        let current = match &self.current {
            Some(Current::File(_, reader)) => reader.doubts(),
            _ => Vec::new(),
        };
        self.doubts.iter().cloned().chain(current).collect()
    }

    fn next_file(&mut self) -> Result<(), DataError> {
        self.doubts = self.doubts();
        self.current = None;
        let Some(path) = self.waiting.next() else { return Ok(()) };
        let folders = if path.is_dir() { ClassFolders::of(&path)? } else { None };
        self.current = Some(match folders {
            Some(ClassFolders { files, has_unlabelled }) => {
                let left_out = FileDoubt::LeftOut { folder: UNLABELLED };
                self.doubts.extend(has_unlabelled.then_some(left_out));
                let files: Vec<PathBuf> = files.into_iter().map(|(_, file)| file).collect();
                Current::Folders(files.into_iter())
            }
            None => {
                let source = TextSource { name: path.clone(), ..self.source.clone() };
                Current::File(path.into(), Box::new(TextReader::open(source)?))
            }
        });
        Ok(())
    }

    fn next_row(&mut self) -> Result<Option<(Arc<Path>, TextRow)>, DataError> {
        loop {
            let row = match &mut self.current {
                None => return Ok(None),
                Some(Current::File(path, reader)) => {
                    reader.next().transpose()?.map(|row| (path.clone(), row))
                }
                Some(Current::Folders(files)) => match files.next() {
                    Some(path) => Some(self.whole(path)?),
                    None => None,
                },
            };
            match row {
                None => self.next_file()?,
                row => return Ok(row),
            }
        }
    }

    /// The row of a file that is one text.
    fn whole(&self, path: PathBuf) -> Result<(Arc<Path>, TextRow), DataError> {
        let text = class_folders::text(&path, self.source.dialect)?;
        let text = text.map_err(|kind| BadRow { place: RowPlace::line(1), kind });
        Ok((path.into(), TextRow { line: 1, text }))
    }
}

impl Iterator for TextFiles {
    type Item = Result<(Arc<Path>, TextRow), DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.next_row();
        if row.is_err() {
            self.current = None;
            self.waiting = Vec::new().into_iter();
        }
        row.transpose()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn texts(place: &Path, name: &str) -> Vec<String> {
        let files = FileSet::find(&place.join(name)).unwrap();
        let source = TextSource::from(PathBuf::new());
        let texts = TextFiles::open(files, source).unwrap();
        let shown = |row: Result<(Arc<Path>, TextRow), DataError>| match row {
            Ok((path, TextRow { line, text })) => {
                let name = path.strip_prefix(place).unwrap().display().to_string();
                format!("{name}:{line}: {}", text.unwrap_or_else(|bad| bad.kind.to_string()))
            }
            Err(error) => error.to_string().lines().next().unwrap_or_default().to_owned(),
        };
        texts.map(shown).collect()
    }

    #[test]
    fn files_of_any_format_follow_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path();
        let write = |name: &str, text: &str| fs::write(place.join(name), text).unwrap();
        write("a.csv", "text,label\nwarm,1\n\"\",0\n");
        write("b.jsonl", "{\"text\": \"cold\"}\n");
        write("c.txt", "last");
        let (b, c) = (place.join("b.jsonl"), place.join("c.txt"));
        let list = format!("a.csv,{},{}", b.display(), c.display());
        let expected = [
            "a.csv:2: warm",
            "a.csv:3: the text is empty or blank",
            "b.jsonl:1: cold",
            "c.txt:1: last",
        ];
        assert_eq!(texts(place, &list), expected);
        assert_eq!(texts(place, "*.csv"), expected[..2]);
        write("d.csv", "words\nno\n");
        let error =
            format!("{}: cannot tell which column holds the text", place.join("d.csv").display());
        assert_eq!(texts(place, "[cd].*"), ["c.txt:1: last", &error]);
    }

    #[test]
    fn a_folder_for_each_class_is_a_text_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path();
        for (name, text) in
            [("set/neg/1.txt", "bad\n"), ("set/pos/1.txt", ""), ("set/pos/2.txt", "a\nb")]
        {
            fs::create_dir_all(place.join(name).parent().unwrap()).unwrap();
            fs::write(place.join(name), text).unwrap();
        }
        let expected = [
            "set/neg/1.txt:1: bad",
            "set/pos/1.txt:1: the text is empty or blank",
            "set/pos/2.txt:1: a\nb",
        ];
        assert_eq!(texts(place, "set"), expected);
    }

    #[test]
    fn all_files_must_be_there_before_the_first_is_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.txt"), "a\n").unwrap();
        let list = format!("a.txt,{}", folder.path().join("b.txt").display());
        let files = FileSet::find(&folder.path().join(list)).unwrap();
        let opened = TextFiles::open(files, TextSource::from(PathBuf::new()));
        assert!(matches!(opened, Err(DataError::MissingFile { .. })));
    }
}
