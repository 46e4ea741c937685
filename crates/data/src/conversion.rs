//! How a file that cannot be read as it is becomes one that can.

use std::path::Path;

use crate::file_words::word;
use crate::foreign::{Foreign, Packed};

/// What messages call the standard input.
pub const STANDARD_INPUT: &str = "standard input";

/// What the bytes say about a file, as a line of a message.
pub(crate) fn described(foreign: Option<&Foreign>) -> String {
    foreign.map_or_else(String::new, |foreign| format!("\n  the file is {}", foreign.description()))
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
            "rename it to .jsonl if it has one JSON object per line, else convert it: \
             `jq -c '.[]' {} > NEW.jsonl`",
            word(path)
        ),
        _ => "rename or convert it".to_owned(),
    };
    let texts = if is_labelled { "" } else { ", and .txt (one text per line)" };
    format!(
        "{remedy}; supported formats are .tsv, .csv and .jsonl (one JSON object per line){texts}"
    )
}
