//! Opening the file a user named, or telling what lies there instead.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use lockstep_world::open_file;

use crate::class_folders::ClassFolders;
use crate::columns::Wanted;
use crate::dialect::{Delimiter, Dialect, Header, TextEncoding, Writing};
use crate::error::DataError;
use crate::file_set::FileSet;
use crate::file_set_error::{FileSetError, TablePart};
use crate::format::{Format, plain_extension};
use crate::recoded::Recoded;
use crate::records;
use crate::rows::Rows;
use crate::unpacked::Unpacked;

/// Opens the file at `path`.
pub(crate) fn open(path: &Path) -> Result<BufReader<File>, DataError> {
    open_file(path).map(BufReader::new).map_err(|source| not_opened(path, source))
}

/// Opens texts that are read one by one: a file, a pipe or a terminal.
pub(crate) fn open_stream(path: &Path) -> Result<BufReader<File>, DataError> {
    let is_pipe = fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo());
    let is_stream = |file: &File| is_pipe || file.is_terminal();
    let opened = match open_file(path) {
        Err(refused) if refused.kind() == io::ErrorKind::InvalidInput => {
            File::open(path).and_then(|file| if is_stream(&file) { Ok(file) } else { Err(refused) })
        }
        opened => opened,
    };
    opened.map(BufReader::new).map_err(|source| not_opened(path, source))
}

/// The rows of `file`, which is at `path`.
pub(crate) fn rows(
    file: BufReader<File>,
    writing: Writing,
    wanted: Wanted,
    path: &Path,
) -> Result<Rows<BufReader<File>>, DataError> {
    match writing.format {
        format @ (Format::Parquet | Format::Arrow) => {
            check_dialect(writing, path)?;
            Rows::of_table(file.into_inner(), format, wanted, path)
        }
        _ => rows_of(file, writing, wanted, path),
    }
}

/// The rows of `reader`, which is not column-oriented; `path` is what messages call it.
pub(crate) fn rows_of<R: BufRead>(
    reader: R,
    writing: Writing,
    wanted: Wanted,
    path: &Path,
) -> Result<Rows<R>, DataError> {
    check_dialect(writing, path)?;
    Rows::new(reader, writing, wanted, path)
}

/// Refuses what the user says of tables for a file that is none.
fn check_dialect(writing: Writing, path: &Path) -> Result<(), DataError> {
    let Writing { format, dialect } = writing;
    let part = match dialect {
        _ if format.is_separated() => return Ok(()),
        Dialect { header: Header::Absent, .. } => TablePart::Header,
        Dialect { delimiter: Some(_), .. } => TablePart::Delimiter,
        _ => return Ok(()),
    };
    Err(FileSetError::NotATable { path: path.to_owned(), format: format.name(), part }.into())
}

/// Whether the files of a set are there, in formats that are read. Of a file whose name tells no format
/// the beginning is read.
///
/// # Errors
/// [`DataError`], for the first path that leads to no such file.
pub fn check_files(set: &FileSet, dialect: Dialect) -> Result<(), DataError> {
    for path in &set.files {
        if !path.is_dir() || ClassFolders::of(path)?.is_none() {
            open(path)?;
            format(path, dialect)?;
        }
    }
    Ok(())
}

/// The data format of `path`: by its extension, else by the delimiter that is given, else by the first
/// lines.
pub(crate) fn format(path: &Path, dialect: Dialect) -> Result<Format, DataError> {
    let known = Format::of(path).or_else(|| format_by(dialect));
    known
        .or_else(|| path.is_file().then(|| recognised(path, dialect)).flatten())
        .ok_or_else(|| DataError::UnknownExtension { path: path.to_owned(), is_labelled: true })
}

/// The format of a table whose delimiter is given. Quotes are letters between tabs.
pub(crate) fn format_by(dialect: Dialect) -> Option<Format> {
    let delimiter = dialect.delimiter?;
    Some(if delimiter == Delimiter::TAB { Format::Tsv } else { Format::Csv })
}

/// The format that the first lines of a file show.
fn recognised(path: &Path, dialect: Dialect) -> Option<Format> {
    const ROOM: u64 = 1 << 16;
    let named = dialect.encoding.and_then(TextEncoding::foreign);
    let mut beginning = Vec::new();
    let text = Recoded::new(Unpacked::new(open(path).ok()?), named);
    text.take(ROOM).read_to_end(&mut beginning).ok()?;
    let text = String::from_utf8_lossy(&beginning);
    records::recognised(text.trim_start_matches('\u{feff}'))
}

/// The format of texts in `path`, by its extension or the delimiter that is given: without them, or with
/// the extension of texts, a text a line.
pub(crate) fn format_of_texts(path: &Path, dialect: Dialect) -> Result<Format, DataError> {
    let is_plain = matches!(plain_extension(path).as_str(), "" | "txt" | "text");
    match Format::of(path).or_else(|| format_by(dialect)) {
        Some(format) => Ok(format),
        None if is_plain => Ok(Format::Plain),
        None => Err(DataError::UnknownExtension { path: path.to_owned(), is_labelled: false }),
    }
}

fn not_opened(path: &Path, source: io::Error) -> DataError {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::IsADirectory => DataError::Directory { files: data_files(&path), path },
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory if !folder.is_dir() => {
            DataError::MissingFolder { folder: folder.to_owned(), path }
        }
        io::ErrorKind::NotFound => {
            DataError::MissingFile { similar: similar_files(folder, &path), path }
        }
        io::ErrorKind::InvalidInput => DataError::NotAFile { path, source },
        _ => DataError::CannotOpen { path, source },
    }
}

/// The data files in `folder`, by name.
fn data_files(folder: &Path) -> Vec<String> {
    let mut names = file_names(folder);
    // In a model's directory the .json files are the model's.
    let is_models = names.iter().any(|name| name == "config.json");
    names.retain(|name| {
        Format::of(Path::new(name)).is_some() && !(is_models && name.ends_with(".json"))
    });
    names
}

/// The files in `folder` that may be meant by `path`: the nearest names first, then the data files.
fn similar_files(folder: &Path, path: &Path) -> Vec<String> {
    const NEAR: usize = 3;
    let wanted = path.file_name().unwrap_or_default().to_string_lossy();
    let mut near: Vec<(usize, String)> = file_names(folder)
        .into_iter()
        .map(|name| (edits(&wanted, &name), name))
        .filter(|(edits, name)| *edits <= NEAR || Format::of(Path::new(name)).is_some())
        .collect();
    near.sort();
    near.into_iter().map(|(_, name)| name).collect()
}

/// The names of the files in `folder`, sorted; of a huge folder only a part.
fn file_names(folder: &Path) -> Vec<String> {
    const MOST: usize = 10_000;
    let entries = fs::read_dir(folder).into_iter().flatten().take(MOST).flatten();
    let files = entries.filter(|entry| !entry.path().is_dir());
    let mut names: Vec<String> =
        files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// How many characters must be inserted, deleted or replaced to make `b` of `a`
/// (Levenshtein distance, row by row).
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(&b) {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = *cell;
            left = replaced.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        let check = |a: &str, b: &str, count: usize| {
            assert_eq!((edits(a, b), edits(b, a)), (count, count), "{a} {b}");
        };
        check("", "", 0);
        check("", "abc", 3);
        check("kitten", "sitting", 3);
        check("trian.tsv", "train.tsv", 2);
        check("same", "same", 0);
    }

    #[test]
    fn the_nearest_file_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["dev.tsv", "train.tsv", "trian.txt", "notes.md", "more.csv"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let similar = similar_files(folder.path(), Path::new("trian.tsv"));
        assert_eq!(similar, ["train.tsv", "trian.txt", "dev.tsv", "more.csv"]);
        assert_eq!(data_files(folder.path()), ["dev.tsv", "more.csv", "train.tsv"]);
    }
}
