//! Files of `torch.save`: a ZIP archive of values, uncompressed, and a pickle that says which of
//! them are tensors.
//!
//! Candle reads such files too, but it trusts them: a wrong one makes it panic, and a hostile one
//! takes all memory. Here every size is compared with what the archive holds before anything is
//! allocated, and all values are covered by the archive's checksums.

mod claim;
mod pickle;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use candle_core::{Device, Tensor};
use zip::ZipArchive;
use zip::result::ZipError;

use crate::ParamName;
use claim::{Claim, ClaimFault, Order};
use pickle::PickleFault;

/// Far more than the pickle of a model with a thousand blocks.
const LARGEST_PICKLE: u64 = 64 << 20;

/// How often the file's size all tensors together may have: tied weights are one storage under
/// several names.
const LARGEST_SHARE: u64 = 4;

/// Why a file of `torch.save` cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PytorchFault {
    /// It is no archive, or a damaged one.
    #[error("it is not an archive as PyTorch has written it since version 1.6 ({0})")]
    Archive(ZipError),
    /// An archive of something else.
    #[error("the archive holds no data.pkl")]
    NoPickle,
    /// The pickle is no model's.
    #[error("its pickle has more than {} MiB", LARGEST_PICKLE >> 20)]
    LargePickle,
    /// The pickle cannot be read.
    #[error(transparent)]
    Pickle(#[from] PickleFault),
    /// A tensor cannot be read.
    #[error("tensor `{name}`: {fault}")]
    Tensor {
        /// Its name.
        name: Rc<str>,
        /// What is wrong with it.
        fault: ClaimFault,
    },
    /// A tensor has more values than its storage.
    #[error("tensor `{name}` has shape {shape:?}, more than the file holds of it")]
    Beyond {
        /// Its name.
        name: Rc<str>,
        /// The shape it claims.
        shape: Vec<usize>,
    },
    /// The tensors claim the same values again and again.
    #[error("its tensors claim many times the size of the file")]
    Repeated,
    /// A storage is missing, or its values are not those that were written.
    #[error("the values in {name} cannot be read ({cause})")]
    Values {
        /// The storage's name in the archive.
        name: String,
        /// What the archive said.
        cause: ZipError,
    },
    /// The tensor library failed.
    #[error(transparent)]
    Library(#[from] candle_core::Error),
}

/// All tensors of a file.
pub(crate) fn read(file: File) -> Result<BTreeMap<ParamName, Tensor>, PytorchFault> {
    let size = file.metadata().map_err(|cause| PytorchFault::Archive(cause.into()))?.len();
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(PytorchFault::Archive)?;
    let folder = folder(&archive)?;
    let program = program(&mut archive, &format!("{folder}data.pkl"))?;
    let mut by_storage: BTreeMap<Rc<str>, Vec<(Rc<str>, Claim)>> = BTreeMap::new();
    let mut budget = size.saturating_mul(LARGEST_SHARE);
    for (name, claim) in pickle::run(&program)? {
        let claim = match claim {
            Ok(claim) => claim,
            Err(fault) => return Err(PytorchFault::Tensor { name, fault }),
        };
        let bytes = claim.scalars.saturating_mul(claim.dtype.size_in_bytes()) as u64;
        if bytes > size {
            return Err(PytorchFault::Beyond { name, shape: claim.shape });
        }
        budget = budget.checked_sub(bytes).ok_or(PytorchFault::Repeated)?;
        by_storage.entry(Rc::clone(&claim.storage)).or_default().push((name, claim));
    }
    let mut tensors = BTreeMap::new();
    for (storage, claims) in by_storage {
        let values = values(&mut archive, format!("{folder}data/{storage}"), size)?;
        for (name, claim) in claims {
            let value = tensor(&name, &claim, &values)?;
            tensors.insert(ParamName::from(&*name), value);
        }
    }
    Ok(tensors)
}

/// The folder of the archive everything lies in, with its slash.
fn folder(archive: &ZipArchive<BufReader<File>>) -> Result<String, PytorchFault> {
    let names = archive.file_names().flatten();
    let mut folders = names.filter_map(|name| Some(name.strip_suffix("data.pkl")?.to_owned()));
    folders.find(|folder| folder.is_empty() || folder.ends_with('/')).ok_or(PytorchFault::NoPickle)
}

fn program(archive: &mut ZipArchive<BufReader<File>>, name: &str) -> Result<Vec<u8>, PytorchFault> {
    let entry = archive.by_name(name).map_err(PytorchFault::Archive)?;
    let mut program = Vec::new();
    let read = entry.take(LARGEST_PICKLE + 1).read_to_end(&mut program);
    match read.map_err(|cause| PytorchFault::Archive(cause.into()))? as u64 {
        0..=LARGEST_PICKLE => Ok(program),
        _ => Err(PytorchFault::LargePickle),
    }
}

/// All bytes of a storage, which is no larger than the file.
fn values(
    archive: &mut ZipArchive<BufReader<File>>,
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
    let end = claim.offset.checked_add(claim.scalars);
    let range =
        end.and_then(|end| values.get(claim.offset.checked_mul(width)?..end.checked_mul(width)?));
    let beyond = || PytorchFault::Beyond { name: Rc::clone(name), shape: claim.shape.clone() };
    let range = range.ok_or_else(beyond)?;
    let from = |shape: &[usize]| Tensor::from_raw_buffer(range, claim.dtype, shape, &Device::Cpu);
    Ok(match (claim.order, &claim.shape[..]) {
        (Order::ColumnByColumn, [rows, columns]) => from(&[*columns, *rows])?.t()?.contiguous()?,
        (_, shape) => from(shape)?,
    })
}
