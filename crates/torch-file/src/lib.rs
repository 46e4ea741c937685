//! Files of `torch.save`: a ZIP archive of values, uncompressed, and a pickle that says which of
//! them are tensors. Before PyTorch 1.6 there was no archive, see `legacy.rs`.
//!
//! Candle reads such files too, but it trusts them: a wrong one makes it panic, and a hostile one
//! takes all memory. Here every size is compared with what the archive holds before anything is
//! allocated, and all values are covered by the archive's checksums.

mod claim;
mod fault;
mod legacy;
mod outcome;
mod pickle;
mod program;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::rc::Rc;

use candle_core::{Device, Tensor};
use zip::ZipArchive;

pub use claim::ClaimFault;
use claim::{Claim, ElementOrder};
use fault::LARGEST_PICKLE;
pub use fault::PytorchFault;
use outcome::Described;
pub use pickle::PickleFault;
pub use program::Truncated;

/// How often the file's size all tensors together may have: tied weights are one storage under
/// several names.
const LARGEST_SHARE: u64 = 4;

type Archive<R> = ZipArchive<BufReader<R>>;

/// The tensors of each storage.
type ByStorage = BTreeMap<Rc<str>, Vec<(Rc<str>, Claim)>>;

/// All tensors of a file.
///
/// # Errors
/// [`PytorchFault`] when it is not what PyTorch writes, or holds less than it claims.
pub fn read(file: File) -> Result<BTreeMap<String, Tensor>, PytorchFault> {
    let size = file.metadata().map_err(PytorchFault::Io)?.len();
    read_from(BufReader::new(file), size)
}

/// All tensors of a stream of `size` bytes.
fn read_from<R: Read + Seek>(
    mut file: BufReader<R>,
    size: u64,
) -> Result<BTreeMap<String, Tensor>, PytorchFault> {
    let mut head = Vec::new();
    let magic = legacy::MAGIC.len() as u64;
    file.by_ref().take(magic).read_to_end(&mut head).map_err(PytorchFault::Io)?;
    file.rewind().map_err(PytorchFault::Io)?;
    if head == legacy::MAGIC {
        return legacy::read(file, size);
    }
    let mut archive = ZipArchive::new(file).map_err(PytorchFault::Archive)?;
    let folder = folder(&archive)?;
    let program = program(&mut archive, &format!("{folder}data.pkl"))?;
    let mut tensors = BTreeMap::new();
    for (storage, claims) in by_storage(outcome::run(&program)?.tensors()?, size)? {
        let values = values(&mut archive, format!("{folder}data/{storage}"), size)?;
        for (name, claim) in claims {
            tensors.insert(name.to_string(), tensor(&name, &claim, &values)?);
        }
    }
    Ok(tensors)
}

/// Claims that a file of `size` bytes may make, by the storage their values lie in.
fn by_storage(described: Described, size: u64) -> Result<ByStorage, PytorchFault> {
    let mut claims = ByStorage::new();
    let mut budget = size.saturating_mul(LARGEST_SHARE);
    for (name, claim) in described {
        let claim = match claim {
            Ok(claim) => claim,
            Err(fault) => return Err(PytorchFault::Tensor { name, fault }),
        };
        let bytes = claim.scalars.saturating_mul(claim.dtype.size_in_bytes()) as u64;
        if bytes > size {
            return Err(PytorchFault::Beyond { name, shape: claim.shape });
        }
        budget = budget.checked_sub(bytes).ok_or(PytorchFault::Repeated)?;
        claims.entry(Rc::clone(&claim.storage)).or_default().push((name, claim));
    }
    Ok(claims)
}

/// The folder of the archive everything lies in, with its slash.
fn folder<R: Read + Seek>(archive: &Archive<R>) -> Result<String, PytorchFault> {
    let names = archive.file_names().flatten();
    let mut folders = names.filter_map(|name| Some(name.strip_suffix("data.pkl")?.to_owned()));
    folders.find(|folder| folder.is_empty() || folder.ends_with('/')).ok_or(PytorchFault::NoPickle)
}

fn program<R: Read + Seek>(archive: &mut Archive<R>, name: &str) -> Result<Vec<u8>, PytorchFault> {
    let entry = archive.by_name(name).map_err(PytorchFault::Archive)?;
    let mut program = Vec::new();
    let read = entry.take(LARGEST_PICKLE + 1).read_to_end(&mut program);
    match read.map_err(|cause| PytorchFault::Archive(cause.into()))? as u64 {
        0..=LARGEST_PICKLE => Ok(program),
        _ => Err(PytorchFault::LargePickle),
    }
}

/// All bytes of a storage, which is no larger than the file.
fn values<R: Read + Seek>(
    archive: &mut Archive<R>,
    name: String,
    size: u64,
) -> Result<Vec<u8>, PytorchFault> {
    let mut bytes = Vec::new();
    let read = archive.by_name(&name).and_then(|entry| {
        if entry.size() > size {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        Ok(entry.take(size).read_to_end(&mut bytes)?)
    });
    read.map(|_| bytes).map_err(|cause| PytorchFault::Values { name, cause })
}

fn tensor(name: &Rc<str>, claim: &Claim, values: &[u8]) -> Result<Tensor, PytorchFault> {
    let width = claim.dtype.size_in_bytes();
    let end = claim.offset.checked_add(claim.reach);
    let range =
        end.and_then(|end| values.get(claim.offset.checked_mul(width)?..end.checked_mul(width)?));
    let beyond = || PytorchFault::Beyond { name: Rc::clone(name), shape: claim.shape.clone() };
    let range = range.ok_or_else(beyond)?;
    let from = |bytes| Tensor::from_raw_buffer(bytes, claim.dtype, &claim.shape, &Device::Cpu);
    Ok(match &claim.order {
        ElementOrder::RowByRow => from(range)?,
        ElementOrder::Strided(strides) => from(&gathered(range, width, &claim.shape, strides))?,
    })
}

/// The values of a tensor row by row. Its size was held against the file's.
fn gathered(values: &[u8], width: usize, shape: &[usize], strides: &[usize]) -> Vec<u8> {
    let mut places = vec![0];
    for (dim, stride) in shape.iter().zip(strides) {
        places = places
            .into_iter()
            .flat_map(|place| (0..*dim).map(move |index| place + index * stride))
            .collect();
    }
    places.into_iter().flat_map(|place| &values[place * width..][..width]).copied().collect()
}

#[cfg(test)]
mod tests;
