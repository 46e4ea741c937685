//! Panics of other crates on damaged files, as errors.

use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_schema::ArrowError;
use parquet::errors::ParquetError;

use crate::ColumnarError;

/// What `work` gives; where it panics, an error with what the panic says.
///
/// What `work` was changing is not used after an error, so that no broken state is seen.
pub(crate) fn caught<T>(
    work: impl FnOnce() -> Result<T, ColumnarError>,
) -> Result<T, ColumnarError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let said = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        Err(ColumnarError::Damaged(first_line(said.unwrap_or("its values do not fit together"))))
    })
}

impl From<ArrowError> for ColumnarError {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, source) => Self::Io(source),
            ArrowError::NotYetImplemented(what) => Self::Unsupported(first_line(&what)),
            other => Self::Damaged(first_line(&other.to_string())),
        }
    }
}

impl From<ParquetError> for ColumnarError {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::NYI(what) => Self::Unsupported(first_line(&what)),
            other => Self::Damaged(first_line(&other.to_string())),
        }
    }
}

/// The first line of a message, without an end that would break a sentence.
fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().trim_end_matches(['.', ' ']).to_owned()
}
