//! A file of JSON lines that a run appends to.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::appended::Appended;

/// The file; it is opened when the first line is written.
#[derive(Debug)]
pub(super) struct JsonLines(Appended);

impl JsonLines {
    /// The lines of the file at `path`, which need not exist.
    pub(super) fn at(path: PathBuf) -> Self {
        Self(Appended::at(path, open))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Appends a line. The first of several failures is a warning.
    pub(super) fn append(&mut self, line: &str) {
        self.0.append(format!("{line}\n").as_bytes());
    }

    /// Warns where something failed and the last attempt did not.
    pub(super) fn warn(&mut self, outcome: io::Result<()>) {
        self.0.warn(outcome);
    }
}

/// Opens a file to append to, without the last line of a killed run if that is torn.
fn open(path: &Path) -> io::Result<File> {
    path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let (length, whole) = (file.metadata()?.len(), whole_length(&mut file)?);
    if whole < length {
        file.set_len(whole)?;
    }
    Ok(file)
}

/// The length up to the end of the last whole line.
fn whole_length(file: &mut File) -> io::Result<u64> {
    const PIECE: u64 = 1 << 13;
    let mut end = file.metadata()?.len();
    while end > 0 {
        let begin = end.saturating_sub(PIECE);
        let mut piece = Vec::new();
        file.seek(SeekFrom::Start(begin))?;
        (&*file).take(end - begin).read_to_end(&mut piece)?;
        if let Some(at) = piece.iter().rposition(|byte| *byte == b'\n') {
            return Ok(begin + at as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_torn_last_line_is_cut_before_the_next_one() {
        let check = |before: &str, expected: &str| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("logs/rank-0.jsonl");
            fs::create_dir(folder.path().join("logs")).unwrap();
            fs::write(&path, before).unwrap();
            JsonLines::at(path.clone()).append("{}");
            assert_eq!(fs::read_to_string(&path).unwrap(), expected, "{before:?}");
        };
        check("", "{}\n");
        check("[1]\n", "[1]\n{}\n");
        check("[1]\n[2", "[1]\n{}\n");
        check("[1", "{}\n");
        let long = "x".repeat(20_000);
        check(&format!("[1]\n{long}"), "[1]\n{}\n");
        check(&long, "{}\n");
        check(&format!("{long}\n"), &format!("{long}\n{{}}\n"));
    }

    #[test]
    fn lines_are_written_again_once_that_is_possible() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/rank-0.jsonl");
        fs::write(folder.path().join("logs"), "in the way").unwrap();
        let mut lines = JsonLines::at(path.clone());
        lines.append("1");
        assert!(lines.0.is_failing());
        fs::remove_file(folder.path().join("logs")).unwrap();
        lines.append("2");
        assert!(!lines.0.is_failing());
        assert_eq!(fs::read_to_string(&path).unwrap(), "2\n");
    }
}
