//! Files that are read, and not what else may have a path: a pipe without a writer would be waited for
//! without end, and a device such as `/dev/zero` never ends. What a shell has opened for a process,
//! as by `<(command)`, is a pipe with a writer.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// Opens a regular file, or a pipe that this process was given, to read it.
///
/// # Errors
/// The system's; of [`io::ErrorKind::IsADirectory`] for a directory, and of
/// [`io::ErrorKind::InvalidInput`], with what it is, for anything else that is not a regular file.
pub fn open_file(path: &Path) -> io::Result<File> {
    let found = fs::metadata(path)?.file_type();
    let (kind, what) = match () {
        () if found.is_file() || found.is_fifo() && is_given(path) => return File::open(path),
        () if found.is_dir() => (io::ErrorKind::IsADirectory, "a directory"),
        () if found.is_fifo() => (io::ErrorKind::InvalidInput, "a pipe"),
        () if found.is_socket() => (io::ErrorKind::InvalidInput, "a socket"),
        () => (io::ErrorKind::InvalidInput, "a device"),
    };
    Err(io::Error::new(kind, format!("it is {what}, not a file")))
}

fn is_given(path: &Path) -> bool {
    ["/dev/fd", "/dev/stdin", "/proc/self/fd"].iter().any(|place| path.starts_with(place))
}

/// The content of a regular file of at most `limit` bytes.
///
/// # Errors
/// As [`open_file`]; of [`io::ErrorKind::FileTooLarge`] for a larger one.
pub fn file_content(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    open_file(path)?.take(limit.saturating_add(1)).read_to_end(&mut content)?;
    if content.len() as u64 > limit {
        let text = format!("it has more than {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_are_opened() {
        let kind = |path: &str| open_file(Path::new(path)).err().map(|error| error.kind());
        assert_eq!(kind("/dev/zero"), Some(io::ErrorKind::InvalidInput));
        assert_eq!(kind("/"), Some(io::ErrorKind::IsADirectory));
        assert_eq!(kind("/nowhere"), Some(io::ErrorKind::NotFound));
        let own = std::env::current_exe().unwrap();
        assert_eq!(kind(own.to_str().unwrap()), None);
        let error = open_file(Path::new("/dev/null")).unwrap_err();
        assert_eq!(error.to_string(), "it is a device, not a file");
    }

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let own = std::env::current_exe().unwrap();
        let length = fs::metadata(&own).unwrap().len();
        assert_eq!(file_content(&own, length).unwrap().len() as u64, length);
        let error = file_content(&own, length - 1).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }
}
