//! Tensors into a safetensors file, one after the other, without a copy of the whole.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Error, Write};
use std::path::Path;

use safetensors::View;
use safetensors::tensor::{Metadata, TensorInfo};

use crate::digest::{Digest, Hashed};
use crate::{ParamName, TensorFileError};

/// Bytes that a header is padded to a multiple of, and those of its length.
const WORD: usize = 8;

/// Writes tensors as safetensors, in the order of their names, and waits until they are on disk.
/// All must be of one type of scalars. Returns the hash of the file.
///
/// # Errors
/// [`TensorFileError::Io`] when the file system refuses, a full disk included.
pub fn write_tensors<V: View>(
    path: &Path,
    tensors: &BTreeMap<ParamName, V>,
) -> Result<Digest, TensorFileError> {
    let write = || {
        let mut file = Hashed::new(BufWriter::new(File::create(path)?));
        file.write_all(&header(tensors)?)?;
        tensors.values().try_for_each(|tensor| file.write_all(&tensor.data()))?;
        let (file, digest) = file.finish();
        file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        Ok(digest)
    };
    write().map_err(|cause| TensorFileError::Io { verb: "write", path: path.to_owned(), cause })
}

/// What comes before the scalars: the header's length, and which tensor lies where.
fn header<V: View>(tensors: &BTreeMap<ParamName, V>) -> Result<Vec<u8>, Error> {
    let mut end = 0;
    let place = |(name, tensor): (&ParamName, &V)| {
        let begin = end;
        end += tensor.data_len();
        let shape = tensor.shape().to_vec();
        let info = TensorInfo { dtype: tensor.dtype(), shape, data_offsets: (begin, end) };
        (name.as_str().to_owned(), info)
    };
    let places = tensors.iter().map(place).collect();
    // Python's readers ask for this entry before they accept a file as PyTorch's.
    let format = Some([("format".to_owned(), "pt".to_owned())].into());
    let metadata = Metadata::new(format, places).map_err(Error::other)?;
    let mut text = serde_json::to_vec(&metadata)?;
    text.resize(text.len().next_multiple_of(WORD), b' ');
    Ok([&(text.len() as u64).to_le_bytes()[..], &text].concat())
}
