//! Compressed text as text: gzip with several members, zstd with several frames, known by the first
//! bytes and not by the file's name.
//!
//! What is read is unpacked as it is read, so that the size of the text costs no memory.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};
use std::mem;

use flate2::bufread::MultiGzDecoder;
use zstd::stream::read::Decoder;

const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";

/// A reader behind bytes that were read from it before.
pub(crate) type Again<R> = Chain<Cursor<Vec<u8>>, R>;

/// The text of a reader that may be compressed.
pub(crate) struct Unpacked<R: BufRead>(State<R>);

enum State<R: BufRead> {
    /// Nothing is read yet, as the first bytes of a pipe may be long in coming.
    Start(R),
    Plain(Again<R>),
    Gzip(Box<BufReader<MultiGzDecoder<Again<R>>>>),
    Zstd(Box<BufReader<Decoder<'static, Again<R>>>>),
    Broken,
}

impl<R: BufRead> Unpacked<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self(State::Start(reader))
    }

    fn started(&mut self) -> io::Result<&mut dyn BufRead> {
        if matches!(self.0, State::Start(_)) {
            let State::Start(reader) = mem::replace(&mut self.0, State::Broken) else {
                return Err(io::ErrorKind::InvalidInput.into());
            };
            self.0 = start(reader)?;
        }
        match &mut self.0 {
            State::Plain(reader) => Ok(reader),
            State::Gzip(reader) => Ok(reader),
            State::Zstd(reader) => Ok(reader),
            State::Start(_) | State::Broken => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn explained(&self, error: io::Error) -> io::Error {
        let kind = match &self.0 {
            State::Gzip(_) => "gzip",
            State::Zstd(_) => "zstd",
            _ => return error,
        };
        let what = match error.kind() {
            io::ErrorKind::UnexpectedEof => "end too early, so the file was cut short".to_owned(),
            _ => format!("are damaged: {error}"),
        };
        io::Error::new(error.kind(), format!("its {kind} data {what}"))
    }
}

fn start<R: BufRead>(mut reader: R) -> io::Result<State<R>> {
    let seen = beginning(&mut reader, &[GZIP, ZSTD])?;
    let (is_gzip, is_zstd) = (seen == GZIP, seen == ZSTD);
    let again = Cursor::new(seen).chain(reader);
    Ok(match (is_gzip, is_zstd) {
        (true, _) => State::Gzip(Box::new(BufReader::new(MultiGzDecoder::new(again)))),
        (_, true) => State::Zstd(Box::new(BufReader::new(Decoder::with_buffer(again)?))),
        _ => State::Plain(again),
    })
}

/// Takes the first bytes of `reader`, as long as they are the beginning of one of `marks`.
pub(crate) fn beginning<R: BufRead>(reader: &mut R, marks: &[&[u8]]) -> io::Result<Vec<u8>> {
    let mut seen = Vec::new();
    while marks.iter().any(|mark| mark.len() > seen.len() && mark.starts_with(&seen)) {
        if reader.by_ref().take(1).read_to_end(&mut seen)? == 0 {
            break;
        }
    }
    Ok(seen)
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let found = self.started().and_then(|reader| reader.read(buffer));
        found.map_err(|error| self.explained(error))
    }
}

impl<R: BufRead> BufRead for Unpacked<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        // Filled twice, since the borrow of an error's path would last as long as that of the bytes.
        if let Err(error) = self.started().and_then(|reader| reader.fill_buf().map(|_| ())) {
            return Err(self.explained(error));
        }
        self.started()?.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        if let Ok(reader) = self.started() {
            reader.consume(count);
        }
    }
}

impl<R: BufRead> std::fmt::Debug for Unpacked<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unpacked").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        zstd::encode_all(text, 1).unwrap()
    }

    fn read(file: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        Unpacked::new(file).read_to_end(&mut text).map(|_| text)
    }

    #[test]
    fn several_members_and_frames_are_one_text() {
        for plain in [&b""[..], b"(", b"a\n", b"\x1f", b"\x1fa", "(\u{b5}/".as_bytes()] {
            assert_eq!(read(plain).unwrap(), plain);
        }
        assert_eq!(read(&[gzip(b"a\nb"), gzip(b""), gzip(b"c\n")].concat()).unwrap(), b"a\nbc\n");
        assert_eq!(read(&[zstd(b"a\nb"), zstd(b""), zstd(b"c\n")].concat()).unwrap(), b"a\nbc\n");
    }

    #[test]
    fn what_was_cut_short_is_an_error() {
        let check = |whole: Vec<u8>, name: &str| {
            for cut in [whole.len() - 1, whole.len() / 2] {
                let error = read(&whole[..cut]).unwrap_err().to_string();
                let expected = format!("its {name} data end too early, so the file was cut short");
                assert_eq!(error, expected, "cut at {cut} of {}", whole.len());
            }
        };
        let text = b"a warm day\t1\n".repeat(100);
        check(gzip(&text), "gzip");
        check(zstd(&text), "zstd");
        let mut damaged = gzip(&text);
        let place = damaged.len() - 5;
        damaged[place] ^= 1;
        assert!(read(&damaged).unwrap_err().to_string().starts_with("its gzip data are damaged"));
    }
}
