//! Text in another encoding as UTF-8: the one that the user names, or UTF-16 with a byte order mark, as
//! spreadsheets save "Unicode text".

use std::io::{self, BufRead, Cursor, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_16BE, UTF_16LE};

use crate::lazily::{Again, Choice, Lazily, beginning};

const LITTLE: &[u8] = b"\xFF\xFE";
const BIG: &[u8] = b"\xFE\xFF";
const UTF_8_MARK: &[u8] = b"\xEF\xBB\xBF";
/// Bytes of UTF-8 that are made at once.
const ROOM: usize = 1 << 14;

/// The UTF-8 text of a reader.
pub(crate) type Recoded<R> = Lazily<R, Named>;

/// The choice by a byte order mark; where there is none, the encoding that is named, if not UTF-8.
pub(crate) struct Named(Option<&'static Encoding>);

/// Text that is UTF-8, or becomes it.
pub(crate) enum Text<R> {
    Plain(Again<R>),
    Decoded(Decoded<Again<R>>),
}

impl<R: BufRead> Recoded<R> {
    /// The text of `reader`, in the encoding that is `named` unless a byte order mark says another.
    pub(crate) fn new(reader: R, named: Option<&'static Encoding>) -> Self {
        Self::of(reader, Named(named))
    }

    /// The encoding that was found, where it is not UTF-8.
    pub(crate) fn encoding(&self) -> Option<&'static str> {
        match self.chosen()? {
            Text::Decoded(decoded) => Some(decoded.encoding.name()),
            Text::Plain(_) => None,
        }
    }
}

impl<R: BufRead> Choice<R> for Named {
    type Reader = Text<R>;

    fn choose(&self, mut reader: R) -> io::Result<Text<R>> {
        let seen = beginning(&mut reader, &[LITTLE, BIG, UTF_8_MARK])?;
        let (encoding, is_text) = match seen.as_slice() {
            LITTLE => (Some(UTF_16LE), false),
            BIG => (Some(UTF_16BE), false),
            UTF_8_MARK => (None, true),
            _ => (self.0, true),
        };
        let again = Cursor::new(if is_text { seen } else { Vec::new() }).chain(reader);
        Ok(match encoding {
            Some(encoding) => Text::Decoded(Decoded::new(again, encoding)),
            None => Text::Plain(again),
        })
    }
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
            Self::Decoded(reader) => reader.fill_buf(),
        }
    }

    fn consume(&mut self, count: usize) {
        match self {
            Self::Plain(reader) => reader.consume(count),
            Self::Decoded(reader) => reader.consume(count),
        }
    }
}

/// Text in one encoding, a piece at a time.
pub(crate) struct Decoded<R> {
    reader: R,
    encoding: &'static Encoding,
    decoder: Decoder,
    text: Vec<u8>,
    used: usize,
    ended: bool,
    /// Whether the bytes behind the text are none of this encoding.
    is_broken: bool,
}

impl<R: BufRead> Decoded<R> {
    fn new(reader: R, encoding: &'static Encoding) -> Self {
        let decoder = encoding.new_decoder_without_bom_handling();
        let (text, used) = (Vec::new(), 0);
        Self { reader, encoding, decoder, text, used, ended: false, is_broken: false }
    }

    /// Decodes the next piece, where the last one is used up.
    fn refill(&mut self) -> io::Result<()> {
        while self.used == self.text.len() && !self.ended {
            if self.is_broken {
                let text = format!("it is not whole {} text", self.encoding.name());
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            self.text.resize(ROOM, 0);
            let bytes = self.reader.fill_buf()?;
            let last = bytes.is_empty();
            let (result, read, written) =
                self.decoder.decode_to_utf8_without_replacement(bytes, &mut self.text, last);
            self.reader.consume(read);
            self.text.truncate(written);
            self.used = 0;
            self.ended = last && matches!(result, DecoderResult::InputEmpty);
            // What was decoded before is read first, so that the error is met in its line.
            self.is_broken = matches!(result, DecoderResult::Malformed(..));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Decoded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.refill()?;
        Ok(self.text.get(self.used..).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.used = self.text.len().min(self.used + count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::TextEncoding;

    fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        format!("\u{feff}{text}").encode_utf16().flat_map(to_bytes).collect()
    }

    fn read(file: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        Recoded::new(file, None).read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn a_byte_order_mark_tells_utf_16() {
        for text in ["", "text\tlabel\nschön 😀\t1\n", &"é😀".repeat(20_000)] {
            assert_eq!(read(text.as_bytes()).unwrap(), text);
            assert_eq!(read(&utf16(text, u16::to_le_bytes)).unwrap(), text);
            assert_eq!(read(&utf16(text, u16::to_be_bytes)).unwrap(), text);
        }
    }

    #[test]
    fn half_a_character_is_an_error() {
        let whole = utf16("a😀", u16::to_le_bytes);
        for cut in [whole.len() - 1, whole.len() - 2] {
            let error = read(&whole[..cut]).unwrap_err().to_string();
            assert_eq!(error, "it is not whole UTF-16LE text");
        }
    }

    #[test]
    fn the_encoding_that_is_named_counts_unless_a_mark_says_another() {
        let read = |file: &[u8], label: &str| {
            let mut text = String::new();
            let named = TextEncoding::named(label).unwrap().foreign();
            Recoded::new(file, named).read_to_string(&mut text).map(|_| text)
        };
        assert_eq!(read(b"caf\xE9 \x80", "latin-1").unwrap(), "café €");
        assert_eq!(read("café".as_bytes(), "utf-8").unwrap(), "café");
        assert_eq!(read("\u{feff}café".as_bytes(), "latin-1").unwrap(), "\u{feff}café");
        assert_eq!(read(&utf16("é", u16::to_be_bytes), "latin-1").unwrap(), "é");
        assert_eq!(read(b"a\0\n\0", "utf-16").unwrap(), "a\n");
        assert_eq!(read(b"\xEF", "latin-1").unwrap(), "ï");
    }

    #[test]
    fn what_stands_before_a_broken_character_is_read() {
        let file = ["fine\n".repeat(10).as_bytes(), b"\x82"].concat();
        let named = TextEncoding::named("shift_jis").unwrap().foreign();
        let mut lines = Recoded::new(&file[..], named).lines();
        assert_eq!(lines.by_ref().take_while(Result::is_ok).count(), 10);
    }
}
