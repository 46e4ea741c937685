//! Compressed text as text: gzip with several members, zstd with several frames, known by the first
//! bytes and not by the file's name.
//!
//! What is read is unpacked as it is read, so that the size of the text costs no memory.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;
use zstd::stream::read::Decoder;

use crate::lazily::{Again, Choice, Lazily, beginning};

const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";

/// The text of a reader that may be compressed.
pub(crate) type Unpacked<R> = Lazily<R, Packing>;

/// The choice by the first bytes.
pub(crate) struct Packing;

/// Text that was compressed, or was not.
pub(crate) enum Text<R: BufRead> {
    Plain(Again<R>),
    Gzip(Box<BufReader<MultiGzDecoder<Again<R>>>>),
    Zstd(Box<BufReader<Decoder<'static, Again<R>>>>),
}

impl<R: BufRead> Unpacked<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self::of(reader, Packing)
    }
}

impl<R: BufRead> Choice<R> for Packing {
    type Reader = Text<R>;

    fn choose(&self, mut reader: R) -> io::Result<Text<R>> {
        let seen = beginning(&mut reader, &[GZIP, ZSTD])?;
        let (is_gzip, is_zstd) = (seen == GZIP, seen == ZSTD);
        let again = Cursor::new(seen).chain(reader);
        Ok(match (is_gzip, is_zstd) {
            (true, _) => Text::Gzip(Box::new(BufReader::new(MultiGzDecoder::new(again)))),
            (_, true) => Text::Zstd(Box::new(BufReader::new(Decoder::with_buffer(again)?))),
            _ => Text::Plain(again),
        })
    }
}

fn explained(kind: &str, error: &io::Error) -> io::Error {
    let what = match error.kind() {
        io::ErrorKind::UnexpectedEof => "end too early, so the file was cut short".to_owned(),
        _ => format!("are damaged: {error}"),
    };
    io::Error::new(error.kind(), format!("its {kind} data {what}"))
}

impl<R: BufRead> Read for Text<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Text<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self {
            Self::Plain(reader) => reader.fill_buf(),
            Self::Gzip(reader) => reader.fill_buf().map_err(|error| explained("gzip", &error)),
            Self::Zstd(reader) => reader.fill_buf().map_err(|error| explained("zstd", &error)),
        }
    }

    fn consume(&mut self, count: usize) {
        match self {
            Self::Plain(reader) => reader.consume(count),
            Self::Gzip(reader) => reader.consume(count),
            Self::Zstd(reader) => reader.consume(count),
        }
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
