//! What a user can do about a file that cannot be read as it is.

use std::path::Path;

use crate::bad_row::{BadRowKind, BadRows};
use crate::file_words::word;
use crate::foreign::{Foreign, Packed};

/// What messages call the standard input.
pub const STANDARD_INPUT: &str = "standard input";

/// What the bytes tell about a file, as a line of a message.
pub(crate) fn told(foreign: Option<&Foreign>) -> String {
    foreign.map_or_else(String::new, |foreign| format!("\n  the file is {}", foreign.told()))
}

/// What to do about rows of a labelled file that cannot be used.
pub(crate) fn of_rows(path: &Path, foreign: Option<&Foreign>, bad: &BadRows, rows: u64) -> String {
    let share = 100.0 * bad.total() as f64 / rows.max(1) as f64;
    let count = |kind: &str| bad.counts().find(|(name, _)| *name == kind).map_or(0, |(_, n)| n);
    let dropped = format!("{share:.*} % of", usize::from(share < 10.0));
    match foreign {
        Some(mixed @ Foreign::Mixed(_)) if share < HALF => {
            let remedy = mixed.remedy(path);
            format!("{remedy}; or drop these lines ({dropped} the rows) with `--on-bad-row skip`")
        }
        Some(foreign) => foreign.remedy(path),
        None if count(BadRowKind::UNKNOWN_LABEL) == rows => "name the column of the labels with \
             --label-column, or give each label its class with --label-map"
            .to_owned(),
        None if bad.total() >= rows => OTHER_COLUMNS.to_owned(),
        None if share >= HALF => {
            format!("mend the file; `--on-bad-row skip` would drop {dropped} its rows")
        }
        None => {
            format!("mend these lines, or drop them ({dropped} the rows) with `--on-bad-row skip`")
        }
    }
}

/// The share of rows, in percent, from which nobody is told to drop them.
const HALF: f64 = 50.0;

/// What to do about a labelled file without a row that can be used.
const OTHER_COLUMNS: &str =
    "mend the file, or name its columns with --text-column and --label-column";

/// What to do about texts of which none can be read.
pub(crate) fn of_texts(path: &Path, foreign: Option<&Foreign>) -> String {
    foreign.map_or_else(
        || "mend the texts, or say how they are written with --input-format".to_owned(),
        |foreign| foreign.remedy(path),
    )
}

/// What to do about a header that cannot be read.
pub(crate) fn of_header(path: &Path, foreign: Option<&Foreign>) -> String {
    foreign.map_or_else(
        || "save the file as UTF-8 text whose first line names the columns".to_owned(),
        |foreign| foreign.remedy(path),
    )
}

/// What to do about a file whose extension names no format.
pub(crate) fn of_extension(path: &Path, is_labelled: bool) -> String {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    let remedy = match extension.as_deref() {
        Some("gz") => Packed::Gzip.remedy(path),
        Some("bz2") => Packed::Bzip2.remedy(path),
        Some("xz") => Packed::Xz.remedy(path),
        Some("zst") => Packed::Zstd.remedy(path),
        Some("zip") => Packed::Zip.remedy(path),
        Some("parquet") => Packed::Parquet.remedy(path),
        Some("xls" | "xlsx" | "ods") => "save the spreadsheet as CSV in UTF-8".to_owned(),
        Some("json") => format!(
            "rename it to .jsonl if it has one JSON object a line, else convert it: \
             `jq -c '.[]' {} > NEW.jsonl`",
            word(path)
        ),
        _ => "rename or convert it".to_owned(),
    };
    let formats = ".tsv, .csv and .jsonl (one JSON object a line) are read";
    match is_labelled {
        true => format!("{remedy}; {formats}"),
        false => format!(
            "{remedy}; {formats}, and .txt with a text a line; \
             --input-format says how a file of any name is written"
        ),
    }
}
