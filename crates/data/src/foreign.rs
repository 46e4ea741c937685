//! What a file is that is not the UTF-8 text it should be, as far as its bytes tell.

use std::path::Path;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};

use crate::file_words::{new_name, word};
use crate::format::Format;

/// Bytes that are kept to guess by.
const ROOM: usize = 1 << 16;

/// What a file seems to be instead of UTF-8 text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// Text in another encoding, under the name that `iconv` has for it.
    Encoded(&'static str),
    /// Text in another encoding and UTF-8, in one file.
    Mixed(&'static str),
    /// A table with tabs whose cells are in quotes that hold line ends or tabs.
    Quoted,
    /// No text.
    Packed(Packed),
}

/// Kinds of files that are no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packed {
    /// Compressed by gzip.
    Gzip,
    /// Compressed by bzip2.
    Bzip2,
    /// Compressed by xz.
    Xz,
    /// Compressed by zstd.
    Zstd,
    /// A zip archive, as .xlsx and .npz are.
    Zip,
    /// A table for pandas and Spark.
    Parquet,
}

impl Packed {
    const ALL: [(Self, &'static [u8]); 6] = [
        (Self::Gzip, b"\x1f\x8b"),
        (Self::Bzip2, b"BZh"),
        (Self::Xz, b"\xfd7zXZ\0"),
        (Self::Zstd, b"\x28\xb5\x2f\xfd"),
        (Self::Zip, b"PK\x03\x04"),
        (Self::Parquet, b"PAR1"),
    ];

    fn of(start: &[u8]) -> Option<Self> {
        // Text may begin with the letters of some, but not hold a control character besides.
        let is_text = |bytes: &[u8]| !bytes.iter().any(|byte| *byte < 9 || *byte > 126);
        let found = Self::ALL.iter().find(|(_, magic)| start.starts_with(magic))?.0;
        (!is_text(start)).then_some(found)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "compressed by gzip",
            Self::Bzip2 => "compressed by bzip2",
            Self::Xz => "compressed by xz",
            Self::Zstd => "compressed by zstd",
            Self::Zip => "a zip archive (as .xlsx is)",
            Self::Parquet => "a Parquet table",
        }
    }

    /// How it becomes a file that is read.
    pub(crate) fn remedy(self, path: &Path) -> String {
        let file = word(path);
        let unpacked = |program: &str| {
            let stem = Path::new(path.file_stem().unwrap_or_default());
            let new = new_name(if Format::of(path).is_some() { path } else { stem });
            format!("unpack it: `{program} -dc {file} > {new}`")
        };
        match self {
            Self::Gzip => unpacked("gzip"),
            Self::Bzip2 => unpacked("bzip2"),
            Self::Xz => unpacked("xz"),
            Self::Zstd => unpacked("zstd"),
            Self::Zip => "unpack it (unzip), or save the spreadsheet as CSV in UTF-8".to_owned(),
            Self::Parquet => "rename it so that its name ends in .parquet".to_owned(),
        }
    }
}

impl Foreign {
    /// What it is, as the end of `it is`.
    #[must_use]
    pub fn description(self) -> String {
        match self {
            Self::Encoded(name) => format!("not UTF-8: its bytes look like {}", called(name)),
            Self::Mixed(name) => {
                format!("partly UTF-8, and the rest looks like {}", called(name))
            }
            Self::Quoted => "quoted as pandas writes tables; quotes are ordinary characters in a \
                 .tsv, so a text with a line break is split"
                .to_owned(),
            Self::Packed(kind) => kind.name().to_owned(),
        }
    }

    /// How it becomes a file that is read; nothing where it is enough to name its encoding.
    #[must_use]
    pub fn conversion(self, path: &Path) -> String {
        let (file, new) = (word(path), new_name(path));
        match self {
            Self::Encoded(_) => String::new(),
            Self::Mixed(name) => format!(
                "the file seems to be made of files in two encodings; convert those that are not \
                 UTF-8 first: `iconv -f {name} -t UTF-8 OLD > {new}`"
            ),
            Self::Quoted => format!(
                "convert it: `python -c \"import pandas; pandas.read_csv('{file}', sep='\\t')\
                 .to_csv('NEW.csv', index=False)\"`"
            ),
            Self::Packed(kind) => kind.remedy(path),
        }
    }
}

/// An encoding with what people call it.
fn called(name: &str) -> String {
    let known = match name {
        "WINDOWS-1252" => " (Latin-1, Western European)",
        "WINDOWS-1250" | "ISO-8859-2" => " (Central European)",
        "WINDOWS-1251" | "KOI8-U" | "IBM866" | "ISO-8859-5" => " (Cyrillic)",
        "GBK" | "GB18030" | "BIG5" => " (Chinese)",
        "SHIFT_JIS" | "EUC-JP" => " (Japanese)",
        "EUC-KR" => " (Korean)",
        _ => "",
    };
    name.to_owned() + known
}

/// What was seen of a file's lines, to tell what it is if it is no UTF-8 text.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// What the first bytes tell.
    start: Option<Foreign>,
    /// Some of the lines that are no UTF-8.
    others: Vec<u8>,
    /// Whether there are lines of UTF-8 that are not ASCII.
    has_utf8: bool,
    /// Whether there are lines with a cell between tabs that opens a quote, and none that ends it.
    has_open_quote: bool,
}

impl Look {
    /// Looks at the beginning of the file.
    pub(crate) fn begin(&mut self, start: &[u8]) {
        let zeros = |rest: usize| {
            start.iter().skip(rest).step_by(2).filter(|byte| **byte == 0).count() * 3 > start.len()
        };
        self.start = match start {
            [_, 0, ..] if zeros(1) => Some(Foreign::Encoded("UTF-16LE")),
            [0, _, ..] if zeros(0) => Some(Foreign::Encoded("UTF-16BE")),
            _ => Packed::of(start).map(Foreign::Packed),
        };
    }

    /// Whether a table with tabs may hold quoted cells over several lines. A quote may be a letter too, so
    /// that this tells something only of rows that do not fit.
    pub(crate) fn has_open_quote(&self) -> bool {
        self.has_open_quote
    }

    /// Looks at one line.
    pub(crate) fn line(&mut self, line: &[u8]) {
        self.has_open_quote = self.has_open_quote || opens_quote(line);
        if line.is_ascii() {
            return;
        }
        if std::str::from_utf8(line).is_ok() {
            self.has_utf8 = true;
        } else if self.others.len() < ROOM {
            let room = ROOM - self.others.len();
            self.others.extend_from_slice(line.get(..room).unwrap_or(line));
            self.others.push(b'\n');
        }
    }

    /// What the file seems to be; nothing where nothing speaks against UTF-8.
    pub(crate) fn verdict(&self) -> Option<Foreign> {
        if self.start.is_some() || self.others.is_empty() {
            return self.start;
        }
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
        detector.feed(&self.others, true);
        let name = name(detector.guess(None, Utf8Detection::Deny).name());
        Some(if self.has_utf8 { Foreign::Mixed(name) } else { Foreign::Encoded(name) })
    }
}

/// Whether a cell between tabs begins with a quote that is open where the line ends.
fn opens_quote(line: &[u8]) -> bool {
    let Some(place) = (0..line.len()).rev().find(|&place| {
        line[place] == b'"' && place.checked_sub(1).is_none_or(|before| line[before] == b'\t')
    }) else {
        return false;
    };
    line[place..].iter().filter(|byte| **byte == b'"').count() % 2 == 1
}

/// What `iconv` calls an encoding of the Encoding Standard.
fn name(standard: &'static str) -> &'static str {
    match standard {
        "windows-874" => "WINDOWS-874",
        "windows-1250" => "WINDOWS-1250",
        "windows-1251" => "WINDOWS-1251",
        "windows-1252" => "WINDOWS-1252",
        "windows-1253" => "WINDOWS-1253",
        "windows-1254" => "WINDOWS-1254",
        "windows-1255" => "WINDOWS-1255",
        "windows-1256" => "WINDOWS-1256",
        "windows-1257" => "WINDOWS-1257",
        "windows-1258" => "WINDOWS-1258",
        "Shift_JIS" => "SHIFT_JIS",
        "Big5" => "BIG5",
        "gb18030" => "GB18030",
        "ISO-8859-8-I" => "ISO-8859-8",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &[u8], expected: Option<Foreign>) {
        let mut look = Look::default();
        look.begin(file);
        file.split(|byte| *byte == b'\n').for_each(|line| look.line(line));
        assert_eq!(look.verdict(), expected, "{}", String::from_utf8_lossy(file));
    }

    #[test]
    fn a_file_is_known_by_its_bytes() {
        use Foreign::{Encoded, Mixed};
        check(b"text\tlabel\n", None);
        check("text\tlabel\nétait\t1\n".as_bytes(), None);
        // `Das hätte nicht schöner sein können, £5 für alle` as Windows writes it.
        let german = b"text\nDas h\xE4tte nicht sch\xF6ner sein k\xF6nnen, \xA35 f\xFCr alle\n";
        check(german, Some(Encoded("WINDOWS-1252")));
        check(b"text\nit\x92s a caf\xE9\n", Some(Encoded("WINDOWS-1252")));
        check(&[german, "schön\n".as_bytes()].concat(), Some(Mixed("WINDOWS-1252")));
        // `не стоит смотреть этот фильм`
        let russian = b"\xED\xE5 \xF1\xF2\xEE\xE8\xF2 \xF1\xEC\xEE\xF2\xF0\xE5\xF2\xFC \
                        \xFD\xF2\xEE\xF2 \xF4\xE8\xEB\xFC\xEC\n";
        check(russian, Some(Encoded("WINDOWS-1251")));
        // `この映画はとても面白かったです。` in Shift JIS.
        let japanese = b"\x82\xb1\x82\xcc\x89f\x89\xe6\x82\xcd\x82\xc6\x82\xc4\x82\xe0\x96\xca\
                         \x94\x92\x82\xa9\x82\xc1\x82\xbd\x82\xc5\x82\xb7\x81B\n";
        check(japanese, Some(Encoded("SHIFT_JIS")));
        check(b"t\0e\0x\0t\0\n\0", Some(Encoded("UTF-16LE")));
        check(b"\0t\0e\0x\0t\0\n", Some(Encoded("UTF-16BE")));
    }

    #[test]
    fn what_is_no_text_is_known_by_its_start() {
        check(b"\x1f\x8b\x08\0\0\0", Some(Foreign::Packed(Packed::Gzip)));
        check(b"PK\x03\x04\x14\0", Some(Foreign::Packed(Packed::Zip)));
        check(b"PAR1\x15\0", Some(Foreign::Packed(Packed::Parquet)));
        check(b"PAR1 is a text\n", None);
        check(b"BZh is one too\n", None);
    }
}
