//! The files of flight records, which may be damaged or come from elsewhere.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use lockstep_collective::FlightRecord;
use lockstep_join::FLIGHT;

use crate::failure::Failure;

/// No record of ours is longer.
const LONGEST: u64 = 1 << 20;
/// So many files are read, and a record may speak of so many ranks.
const MOST: usize = 1 << 14;

/// What a directory has.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The records, by rank.
    pub(super) records: Vec<FlightRecord>,
    /// Files that are not records, and why.
    pub(super) unreadable: Vec<String>,
}

/// Reads the records in an output directory, or in a folder of records.
///
/// # Errors
/// A directory that cannot be listed, or has no record that can be read.
pub(super) fn read(directory: &Path) -> Result<Found, Failure> {
    let inner = directory.join(FLIGHT);
    let folder = if inner.is_dir() { inner } else { directory.to_owned() };
    let failed = |cause: String, are_damaged| Failure::Flight {
        directory: folder.clone(),
        cause,
        are_damaged,
    };
    let paths = paths(&folder).map_err(|cause| failed(cause.to_string(), false))?;
    if paths.is_empty() {
        return Err(failed("there is no flight record".to_owned(), false));
    }
    let mut found = Found::default();
    for (rank, path) in paths {
        match record(&path, rank) {
            Ok(record) => found.records.push(record),
            Err(cause) => found.unreadable.push(format!("rank-{rank}.json: {cause}")),
        }
    }
    if found.records.is_empty() {
        return Err(failed(found.unreadable.join("; "), true));
    }
    Ok(found)
}

/// The files that are called as records are, by rank.
fn paths(folder: &Path) -> io::Result<Vec<(usize, PathBuf)>> {
    let rank = |path: &Path| -> Option<usize> {
        let name = path.file_name()?.to_str()?;
        name.strip_prefix("rank-")?.strip_suffix(".json")?.parse().ok()
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        paths.extend(rank(&path).map(|rank| (rank, path)));
        if paths.len() > MOST {
            return Err(io::Error::other(format!("there are more than {MOST} records")));
        }
    }
    paths.sort();
    Ok(paths)
}

fn record(path: &Path, rank: usize) -> Result<FlightRecord, String> {
    if !fs::metadata(path).map_err(|cause| cause.to_string())?.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
    read.map_err(|cause| cause.to_string())?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!(
            "it is longer than {} KiB, so it is not a flight record",
            LONGEST >> 10
        ));
    }
    let record: FlightRecord = serde_json::from_slice(&bytes)
        .map_err(|cause| format!("it is not a flight record: {cause}"))?;
    match () {
        () if record.version != FlightRecord::VERSION => Err(format!(
            "it has version {}, and this program reads version {}",
            record.version,
            FlightRecord::VERSION
        )),
        () if record.rank != rank => Err(format!("it is the record of rank {}", record.rank)),
        () if record.world > MOST || record.rank >= record.world => {
            Err(format!("rank {} of {} is not a rank", record.rank, record.world))
        }
        () => Ok(record),
    }
}
