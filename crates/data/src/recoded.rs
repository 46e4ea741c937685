//! Text in another encoding as UTF-8: the one that the user names, or UTF-16 with a byte order mark, as
//! spreadsheets save "Unicode text".

use std::io::{self, BufRead, Cursor, Read};
use std::mem;

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_16BE, UTF_16LE};

use crate::unpacked::{Again, beginning};

const LITTLE: &[u8] = b"\xFF\xFE";
const BIG: &[u8] = b"\xFE\xFF";
const UTF_8_MARK: &[u8] = b"\xEF\xBB\xBF";
/// Bytes of UTF-8 that are made at once.
const ROOM: usize = 1 << 14;

/// The UTF-8 text of a reader.
pub(crate) struct Recoded<R> {
    state: State<R>,
    /// The encoding where no byte order mark says it, if not UTF-8.
    named: Option<&'static Encoding>,
}

enum State<R> {
    Start(R),
    Plain(Again<R>),
    Decoded(Decoded<Again<R>>),
    Broken,
}

impl<R: BufRead> Recoded<R> {
    /// The text of `reader`, in the encoding that is `named` unless a byte order mark says another.
    pub(crate) fn new(reader: R, named: Option<&'static Encoding>) -> Self {
        Self { state: State::Start(reader), named }
    }

    /// The encoding that was found, where it is not UTF-8.
    pub(crate) fn encoding(&self) -> Option<&'static str> {
        match &self.state {
            State::Decoded(decoded) => Some(decoded.encoding.name()),
            _ => None,
        }
    }

    fn started(&mut self) -> io::Result<&mut dyn BufRead> {
        if matches!(self.state, State::Start(_)) {
            let State::Start(mut reader) = mem::replace(&mut self.state, State::Broken) else {
                return Err(io::ErrorKind::InvalidInput.into());
            };
            let seen = beginning(&mut reader, &[LITTLE, BIG, UTF_8_MARK])?;
            let (encoding, is_text) = match seen.as_slice() {
                LITTLE => (Some(UTF_16LE), false),
                BIG => (Some(UTF_16BE), false),
                UTF_8_MARK => (None, true),
                _ => (self.named, true),
            };
            let again = Cursor::new(if is_text { seen } else { Vec::new() }).chain(reader);
            self.state = match encoding {
                Some(encoding) => State::Decoded(Decoded::new(again, encoding)),
                None => State::Plain(again),
            };
        }
        match &mut self.state {
            State::Plain(reader) => Ok(reader),
            State::Decoded(reader) => Ok(reader),
            State::Start(_) | State::Broken => Err(io::ErrorKind::InvalidInput.into()),
        }
    }
}

impl<R: BufRead> Read for Recoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.started()?.read(buffer)
    }
}

impl<R: BufRead> BufRead for Recoded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.started()?.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        if let Ok(reader) = self.started() {
            reader.consume(count);
        }
    }
}

impl<R> std::fmt::Debug for Recoded<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recoded").finish_non_exhaustive()
    }
}

/// Text in one encoding, a piece at a time.
struct Decoded<R> {
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
