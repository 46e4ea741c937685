//! Tensors out of files: safetensors and PyTorch's pickled format.
//!
//! What is read may be hostile: sizes are checked against the file before anything is allocated.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use candle_core::safetensors::Load;
use candle_core::{DType, Device, Tensor};
use lockstep_weights_index::{INDEX_ENDING, IndexError, shards};
use lockstep_world::open_file;
use safetensors::SafeTensors;

use crate::ParamName;
use crate::foreign::{Foreign, foreign};

/// All tensors of one file, floating-point ones widened to f32.
#[derive(Debug)]
pub struct TensorFile {
    path: PathBuf,
    tensors: BTreeMap<ParamName, Tensor>,
}

/// Why a tensor file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TensorFileError {
    /// The file system refused.
    #[error("cannot {verb} {}: {cause}", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The format is right, but not all of it is read here.
    #[error("{} is of a kind that is not supported: {cause}", path.display())]
    OtherKind {
        /// The file.
        path: PathBuf,
        /// What is not read.
        cause: String,
    },
    /// It is something else than its name says.
    #[error("{} {what}; {remedy}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
        /// What to do about it.
        remedy: &'static str,
    },
    /// An index and its files do not fit.
    #[error(
        "{} does not fit the files beside it: {cause}; download all of them again from the same source",
        path.display()
    )]
    Index {
        /// The index.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// The bytes are not what the format says.
    #[error(
        "{} is not a readable {format} file: {cause}; it may be cut short or damaged: \
         compare its size with the original, or download it again",
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The format its name promises.
        format: &'static str,
        /// What is wrong.
        cause: String,
    },
}

impl From<IndexError> for TensorFileError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::Io { path, cause } => Self::Io { verb: "read", path, cause },
            IndexError::Malformed { path, cause } => {
                Self::Malformed { path, format: "index", cause }
            }
        }
    }
}

impl TensorFile {
    /// Reads a file; one that ends in `.bin` is taken for PyTorch's pickled format, and one that
    /// ends in `.index.json` means the files that it names.
    ///
    /// # Errors
    /// [`TensorFileError`] when the file cannot be read or is not what its name says.
    pub fn read(path: &Path) -> Result<Self, TensorFileError> {
        let is_index =
            path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(INDEX_ENDING));
        let tensors = if is_index { read_shards(path) } else { read_one(path) }?;
        Ok(Self { path: path.to_owned(), tensors })
    }

    /// Reads safetensors out of the bytes of the file at `path`.
    ///
    /// # Errors
    /// [`TensorFileError::Malformed`] when they are not what the format says.
    pub fn of_bytes(path: &Path, bytes: &[u8]) -> Result<Self, TensorFileError> {
        Ok(Self { path: path.to_owned(), tensors: safetensors_of(path, bytes)? })
    }

    /// Gives a tensor another name, unless there is one of that name.
    pub fn rename(&mut self, name: &ParamName, other: ParamName) {
        if !self.tensors.contains_key(&other)
            && let Some(tensor) = self.tensors.remove(name)
        {
            self.tensors.insert(other, tensor);
        }
    }

    /// Where the tensors came from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The tensor's value, which is taken out of the file.
    pub fn take(&mut self, name: &ParamName) -> Option<Tensor> {
        self.tensors.remove(name)
    }

    /// Whether there is a tensor of this name.
    #[must_use]
    pub fn contains(&self, name: &ParamName) -> bool {
        self.tensors.contains_key(name)
    }

    /// The tensors that were not taken yet.
    pub fn iter(&self) -> impl Iterator<Item = (&ParamName, &Tensor)> {
        self.tensors.iter()
    }
}

fn read_one(path: &Path) -> Result<BTreeMap<ParamName, Tensor>, TensorFileError> {
    let is_pickle = path.extension().is_some_and(|extension| extension == "bin");
    let read = if is_pickle { read_pickle(path) } else { read_safetensors(path) };
    // What is wrong is looked at only then: a name may be wrong and the bytes right.
    read.map_err(|fault| match (fault, foreign(path)) {
        (TensorFileError::Malformed { path, .. }, Some(Foreign { what, remedy })) => {
            TensorFileError::Foreign { path, what, remedy }
        }
        (fault, _) => fault,
    })
}

/// The tensors of all files that an index names.
fn read_shards(index: &Path) -> Result<BTreeMap<ParamName, Tensor>, TensorFileError> {
    let fault = |cause: String| TensorFileError::Index { path: index.to_owned(), cause };
    let mut tensors = BTreeMap::new();
    for name in shards(index)? {
        let path = index.with_file_name(&name);
        if !path.exists() {
            return Err(fault(format!("it names {name}, which is not there")));
        }
        for (tensor, value) in read_one(&path)? {
            if let Some((tensor, _)) = tensors.remove_entry(&tensor) {
                return Err(fault(format!("tensor `{tensor}` is in {name} and in another file")));
            }
            tensors.insert(tensor, value);
        }
    }
    Ok(tensors)
}

fn read_safetensors(path: &Path) -> Result<BTreeMap<ParamName, Tensor>, TensorFileError> {
    let bytes = content(path).map_err(|cause| cannot_read(path, cause))?;
    safetensors_of(path, &bytes)
}

fn safetensors_of(
    path: &Path,
    bytes: &[u8],
) -> Result<BTreeMap<ParamName, Tensor>, TensorFileError> {
    let malformed = |cause: String| TensorFileError::Malformed {
        path: path.to_owned(),
        format: "safetensors",
        cause,
    };
    let file = SafeTensors::deserialize(bytes).map_err(|cause| malformed(cause.to_string()))?;
    let mut tensors = BTreeMap::new();
    for (name, view) in file.tensors() {
        let named = |cause: candle_core::Error| malformed(format!("tensor `{name}`: {cause}"));
        let tensor = view.load(&Device::Cpu).and_then(widened).map_err(named)?;
        tensors.insert(ParamName::from(name.as_str()), tensor);
    }
    Ok(tensors)
}

fn read_pickle(path: &Path) -> Result<BTreeMap<ParamName, Tensor>, TensorFileError> {
    let malformed = |cause: String| TensorFileError::Malformed {
        path: path.to_owned(),
        format: "PyTorch",
        cause,
    };
    let file = open_file(path).map_err(|cause| cannot_read(path, cause))?;
    let tensors = lockstep_torch_file::read(file).map_err(|fault| match fault.to_string() {
        cause if fault.is_of_another_kind() => {
            TensorFileError::OtherKind { path: path.to_owned(), cause }
        }
        cause => malformed(cause),
    })?;
    let named = |(name, tensor)| Ok((ParamName::from(name), widened(tensor)?));
    tensors
        .into_iter()
        .map(named)
        .collect::<Result<_, _>>()
        .map_err(|cause: candle_core::Error| malformed(cause.to_string()))
}

fn widened(tensor: Tensor) -> candle_core::Result<Tensor> {
    match tensor.dtype() {
        DType::F16 | DType::BF16 | DType::F64 => tensor.to_dtype(DType::F32),
        _ => Ok(tensor),
    }
}

fn content(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = open_file(path)?;
    let length = usize::try_from(file.metadata()?.len()).unwrap_or_default();
    let mut content = Vec::new();
    content.try_reserve_exact(length)?;
    file.read_to_end(&mut content)?;
    Ok(content)
}

fn cannot_read(path: &Path, cause: std::io::Error) -> TensorFileError {
    TensorFileError::Io { verb: "read", path: path.to_owned(), cause }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::write_tensors;

    fn one_tensor() -> BTreeMap<ParamName, Tensor> {
        [("w".into(), Tensor::new(&[[1_f32, 2.0], [3.0, 4.0]], &Device::Cpu).unwrap())].into()
    }

    #[test]
    fn what_is_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.safetensors");
        write_tensors(&path, &one_tensor()).unwrap();
        let mut file = TensorFile::read(&path).unwrap();
        let values = file.take(&"w".into()).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(values, [[1.0, 2.0], [3.0, 4.0]]);
        assert_eq!(file.iter().count(), 0);
    }

    #[test]
    fn half_precision_is_widened() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.safetensors");
        let half =
            |(name, tensor): (ParamName, Tensor)| (name, tensor.to_dtype(DType::BF16).unwrap());
        write_tensors(&path, &one_tensor().into_iter().map(half).collect()).unwrap();
        let mut file = TensorFile::read(&path).unwrap();
        assert_eq!(file.take(&"w".into()).unwrap().dtype(), DType::F32);
    }

    #[test]
    fn no_prefix_of_a_file_is_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.safetensors");
        write_tensors(&path, &one_tensor()).unwrap();
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            for name in ["cut.safetensors", "cut.bin"] {
                let cut = directory.path().join(name);
                fs::write(&cut, &whole[..length]).unwrap();
                let error = TensorFile::read(&cut).unwrap_err();
                let is_named = match length {
                    0 => matches!(error, TensorFileError::Foreign { .. }),
                    // Eight bytes are the length of the head, and so those of safetensors.
                    9.. if name == "cut.bin" => matches!(error, TensorFileError::Foreign { .. }),
                    _ => matches!(error, TensorFileError::Malformed { .. }),
                };
                assert!(is_named, "{length}: {error}");
            }
        }
    }

    #[test]
    fn a_hostile_header_is_an_error_and_costs_no_memory() {
        let file = |length: u64, header: &str, scalars: &[u8]| {
            [&length.to_le_bytes()[..], header.as_bytes(), scalars].concat()
        };
        let tensor = |name: &str, shape: &str, offsets: [u64; 2]| {
            let [begin, end] = offsets;
            format!(r#""{name}":{{"dtype":"F32","shape":{shape},"data_offsets":[{begin},{end}]}}"#)
        };
        let of = |tensors: &[String]| format!("{{{}}}", tensors.join(","));
        let huge = format!("[{},{}]", u64::MAX, u64::MAX);
        let headers = [
            of(&[tensor("huge", &huge, [0, 4])]),
            of(&[tensor("many axes", &format!("[{}1]", "1,".repeat(10_000)), [0, 400])]),
            of(&[tensor("behind the end", "[1]", [1 << 40, (1 << 40) + 4])]),
            of(&[tensor("backwards", "[1]", [4, 0])]),
            of(&[tensor("first", "[1]", [0, 4]), tensor("over it", "[1]", [0, 4])]),
            of(&[tensor("first", "[1]", [0, 4]), tensor("a gap", "[1]", [8, 12])]),
            of(&[tensor("negative", "[-1]", [0, 4])]),
            of(&[tensor("larger than its bytes", "[1000000000]", [0, 4])]),
            "[".repeat(100_000),
            "{\"a\":".repeat(100_000),
            "{}".to_owned(),
        ];
        let mut files: Vec<Vec<u8>> =
            headers.iter().map(|header| file(header.len() as u64, header, &[0; 4])).collect();
        files.extend([u64::MAX, 1 << 63, 1 << 40, 9, 3].map(|length| file(length, "{}", &[])));
        for bytes in files {
            let error = TensorFile::of_bytes(Path::new("x.safetensors"), &bytes).unwrap_err();
            assert!(matches!(error, TensorFileError::Malformed { .. }), "{error}");
        }
    }
}
