//! Files of `torch.save` before version 1.6: five things one behind the other.
//!
//! ```text
//! pickle   a magic number
//! pickle   the version of the format
//! pickle   the machine's byte order and sizes
//! pickle   the object, in which storages stand for values
//! pickle   the names of the storages, in the order of the file
//! then for each storage the number of its values (8 bytes), and the values
//! ```

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::rc::Rc;

use candle_core::Tensor;

use super::claim::Stored;
use super::fault::{LARGEST_PICKLE, PytorchFault};
use super::outcome::{self, Outcome};
use super::pickle::PickleFault;
use super::{ByStorage, by_storage, tensor};

/// The first pickle.
pub(super) const MAGIC: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";
/// The only version there ever was.
const VERSION: i64 = 1001;

/// All tensors of a file of `size` bytes.
pub(super) fn read<R: Read + Seek>(
    mut file: BufReader<R>,
    size: u64,
) -> Result<BTreeMap<String, Tensor>, PytorchFault> {
    let mut head = Vec::new();
    file.by_ref().take(LARGEST_PICKLE).read_to_end(&mut head).map_err(PytorchFault::Io)?;
    let is_cut = head.len() as u64 == LARGEST_PICKLE;
    let front = Front::of(&head).map_err(|fault| match fault {
        PytorchFault::Pickle(PickleFault::Truncated(_)) if is_cut => PytorchFault::LargePickle,
        fault => fault,
    })?;
    let end = front.length as u64;
    file.seek(SeekFrom::Start(end)).map_err(PytorchFault::Io)?;
    let mut left = size.saturating_sub(end);
    let mut claims = by_storage(front.model.tensors()?, size)?;
    let storages = front.model.storages();
    let mut tensors = BTreeMap::new();
    for name in &front.names {
        let short = || PytorchFault::Short { name: Rc::clone(name) };
        let stored = storages.get(name).ok_or_else(short)?;
        let bytes = length(&mut file, stored, &mut left)?.ok_or_else(short)?;
        take(name, bytes, &mut file, &mut claims, &mut tensors)?;
    }
    match claims.into_iter().next() {
        Some((name, _)) => Err(PytorchFault::Short { name }),
        None => Ok(tensors),
    }
}

/// The pickles of a file.
struct Front<'a> {
    model: Outcome<'a>,
    names: Vec<Rc<str>>,
    /// Bytes of all of them.
    length: usize,
}

impl<'a> Front<'a> {
    fn of(head: &'a [u8]) -> Result<Self, PytorchFault> {
        let mut length = MAGIC.len();
        let mut next = || -> Result<Outcome<'a>, PickleFault> {
            let outcome = outcome::run(head.get(length..).unwrap_or_default())?;
            length += outcome.length;
            Ok(outcome)
        };
        if next()?.integer() != Some(VERSION) {
            return Err(PytorchFault::Version);
        }
        if next()?.entry("little_endian") == Some(0) {
            return Err(PytorchFault::ByteOrder);
        }
        let model = next()?;
        let names = next()?.texts().ok_or(PytorchFault::NoNames)?;
        Ok(Self { model, names, length })
    }
}

/// The bytes of the storage that comes next, if it is as announced and no longer than the file.
fn length<R: Read>(
    file: &mut R,
    stored: &Stored,
    left: &mut u64,
) -> Result<Option<u64>, PytorchFault> {
    let mut count = [0; 8];
    let Some(rest) = left.checked_sub(8) else { return Ok(None) };
    file.read_exact(&mut count).map_err(PytorchFault::Io)?;
    let count = u64::from_le_bytes(count);
    let bytes = stored.width.and_then(|width| count.checked_mul(width));
    let Some(rest) = bytes.and_then(|bytes| rest.checked_sub(bytes)) else { return Ok(None) };
    *left = rest;
    Ok(bytes.filter(|_| stored.count == Some(count)))
}

/// The tensors of a storage of so many bytes, which is passed over if it has none.
fn take<R: Read + Seek>(
    storage: &Rc<str>,
    bytes: u64,
    file: &mut BufReader<R>,
    claims: &mut ByStorage,
    tensors: &mut BTreeMap<String, Tensor>,
) -> Result<(), PytorchFault> {
    let Some(claims) = claims.remove(storage) else {
        let ahead = i64::try_from(bytes).unwrap_or(i64::MAX);
        return file.seek_relative(ahead).map_err(PytorchFault::Io);
    };
    let mut values = Vec::new();
    file.by_ref().take(bytes).read_to_end(&mut values).map_err(PytorchFault::Io)?;
    for (name, claim) in claims {
        tensors.insert(name.to_string(), tensor(&name, &claim, &values)?);
    }
    Ok(())
}
