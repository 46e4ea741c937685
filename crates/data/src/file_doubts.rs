//! What is odd about a file that could still be read.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::bad_row::{BadRowKind, BadRows};
use crate::excerpt::excerpt;
use crate::foreign::Foreign;

/// Something odd about a file.
#[derive(Clone, Debug, PartialEq)]
pub enum FileDoubt {
    /// Texts in quotes, as a table has them that is written for spreadsheets, where quotes are
    /// letters.
    Quoted {
        /// How many texts there are.
        texts: usize,
        /// Where the first stands, in words.
        place: String,
        /// The first.
        text: String,
    },
    /// A column that is called as the user says but for the case of letters.
    OtherCapitals {
        /// What the user calls it.
        wanted: String,
        /// What the file calls it.
        found: String,
    },
    /// A folder of texts that is not a class and was left out.
    LeftOut {
        /// Its name.
        folder: &'static str,
    },
    /// Rows that were passed over, and why they could not be read.
    Foreign {
        /// How many there are.
        rows: u64,
        /// What the file seems to be.
        foreign: Foreign,
        /// The file.
        path: PathBuf,
    },
}

impl FileDoubt {
    /// What rows of a file that could not be used say of it.
    pub(crate) fn foreign(path: &Path, foreign: Foreign, bad: &BadRows) -> Option<Self> {
        let found = || Self::Foreign { rows: bad.total(), foreign, path: path.to_owned() };
        foreign.explains(bad).then(found)
    }
}

impl Foreign {
    /// Whether rows of these kinds follow from it.
    pub(crate) fn explains(self, bad: &BadRows) -> bool {
        let has = |kind: &str| bad.counts().any(|(name, _)| name == kind);
        match self {
            Self::Encoded(_) | Self::Mixed(_) | Self::Packed(_) => {
                has(BadRowKind::InvalidUtf8.name()) || has(BadRowKind::NulByte.name())
            }
            Self::Quoted => has(BadRowKind::WRONG_COLUMN_COUNT),
        }
    }
}

impl fmt::Display for FileDoubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quoted { texts, place, text } => write!(
                f,
                "{} quoted as pandas writes them, the first in {place} ({}), but \
                 quotes are ordinary characters in a .tsv; {QUOTED}",
                if *texts == 1 { "1 text is".to_owned() } else { format!("{texts} texts are") },
                excerpt(text)
            ),
            Self::OtherCapitals { wanted, found } => write!(
                f,
                "the column {} is called {}, and was taken for it",
                excerpt(wanted),
                excerpt(found)
            ),
            Self::LeftOut { folder } => write!(
                f,
                "the folder `{folder}` is not a class, since its texts have no label; it was left out"
            ),
            Self::Foreign { rows, foreign, path } => write!(
                f,
                "{} skipped; {} is {}",
                if *rows == 1 { "1 row was".to_owned() } else { format!("{rows} rows were") },
                path.display(),
                foreign.description()
            ),
        }
    }
}

/// What is to be done about a .tsv with quotes.
const QUOTED: &str = "write it without quotes (in pandas `to_csv(..., sep='\\t', \
     quoting=csv.QUOTE_NONE)`), or as .csv or .jsonl";

/// Whether `cell`, in a table where quotes are letters, is in quotes as a table has it where they are
/// none: around it, and doubled inside.
pub(crate) fn is_quoted(cell: &str) -> bool {
    let inner = cell.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|inner| inner.contains("\"\"") && !inner.replace("\"\"", "").contains('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_of_a_spreadsheet_are_seen() {
        let check = |cell: &str, expected| assert_eq!(is_quoted(cell), expected, "{cell}");
        check("\"a \"\"quoted\"\" text\"", true);
        check("\"\"\"all\"\"\"", true);
        check("\"a quoted text\"", false);
        check("\"yes\" or \"no\"", false);
        check("a \"\"quoted\"\" text", false);
        for short in ["", "\"", "\"\"", "\"\"\""] {
            check(short, false);
        }
    }
}
