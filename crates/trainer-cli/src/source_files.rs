//! The files of a source of examples, on this machine or in the cache of the hub.

use std::path::PathBuf;

use lockstep_data::{CorpusSource, DataError, FileSet, RawCorpus, Renames};
use lockstep_hub::{HubError, HubSettings, SplitName, find_split};
use lockstep_settings::{DataSource, HubSplit, Reading};

use crate::failure::Failure;

/// The examples of files in memory, before it is known which of their labels are classes.
///
/// # Errors
/// A file that cannot be read, or whose columns are not known.
pub(crate) fn in_memory(
    source: &CorpusSource,
    renames: Option<&Renames>,
) -> Result<RawCorpus, DataError> {
    let raw = RawCorpus::read(source)?;
    Ok(match renames {
        Some(renames) => raw.renamed(renames),
        None => raw,
    })
}

/// Files as the reading of a plan says.
pub(crate) fn corpus_source(files: FileSet, reading: &Reading) -> CorpusSource {
    CorpusSource {
        files,
        text_column: reading.text_column.clone(),
        label_column: reading.label_column.clone(),
        dialect: reading.dialect,
        on_bad_row: reading.on_bad_row,
    }
}

/// The files of a source, in the order of their rows; those of a split of the hub are in its cache.
///
/// # Errors
/// Files that are not there, and what the hub or its cache lacks.
pub(crate) fn file_set(source: &DataSource, hub: &HubSettings) -> Result<FileSet, Failure> {
    match source {
        DataSource::Hub(split) => {
            let files = of_hub(split, hub)?;
            Ok(match files.as_slice() {
                [file] => file.clone().into(),
                _ => FileSet { name: split.to_string().into(), files },
            })
        }
        DataSource::File(path) => Ok(FileSet::find(path)?),
        DataSource::Reviews => Ok(FileSet::from(PathBuf::from("builtin:reviews"))),
    }
}

/// The files of a split of the hub, in the order of its rows.
///
/// # Errors
/// What the hub or its cache lacks.
pub(crate) fn of_hub(split: &HubSplit, hub: &HubSettings) -> Result<Vec<PathBuf>, HubError> {
    let HubSplit { id, config, split } = split;
    find_split(&SplitName { id, config: config.as_deref(), split }, hub)
}
