//! How a file that cannot be read as it is becomes one that can.

use std::path::Path;

use lockstep_columnar::ColumnarError;

use crate::foreign::{Foreign, Packed};
use crate::format::Format;

/// What messages call the standard input.
pub const STANDARD_INPUT: &str = "standard input";

/// What the bytes say about a file, as a line of a message.
pub(crate) fn described(foreign: Option<&Foreign>) -> String {
    foreign.map_or_else(String::new, |foreign| format!("\n  the file is {}", foreign.description()))
}

/// What to do about a file whose extension names no format.
pub(crate) fn of_extension(path: &Path, is_labelled: bool) -> String {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    let remedy = match extension.as_deref() {
        Some("gz" | "gzip" | "zst" | "zstd") => {
            "name it after the format that is compressed, as in data.tsv.gz".to_owned()
        }
        Some("bz2") => Packed::Bzip2.remedy(path),
        Some("xz") => Packed::Xz.remedy(path),
        Some("zip") => Packed::Zip.remedy(path),
        Some("xls" | "xlsx" | "ods") => "save the spreadsheet as CSV in UTF-8".to_owned(),
        _ => "rename or convert it".to_owned(),
    };
    let texts = if is_labelled { "" } else { ", and .txt (one text per line)" };
    format!(
        "{remedy}; supported formats are .tsv, .csv, .jsonl (one JSON object per line) and .json, \
         also with .gz or .zst behind, .parquet and .arrow{texts}"
    )
}

/// What messages call a column-oriented format.
pub(crate) fn columnar(format: Format) -> &'static str {
    format.name()
}

/// What to do about a column-oriented file.
pub(crate) fn of_table(fault: &ColumnarError) -> &'static str {
    match fault {
        ColumnarError::Unsupported(_) => {
            "write the texts as strings, and the labels as strings or integers"
        }
        ColumnarError::TooLarge(_) => "write it in smaller batches, or as Parquet",
        _ => "check that the file is complete: copy or write it again",
    }
}
