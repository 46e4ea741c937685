//! Why a file of `torch.save` cannot be read.

use std::io;
use std::rc::Rc;

use zip::result::ZipError;

use super::claim::ClaimFault;
use super::pickle::PickleFault;

/// Far more than the pickle of a model with a thousand blocks.
pub(super) const LARGEST_PICKLE: u64 = 64 << 20;

/// Why a file of `torch.save` cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PytorchFault {
    /// It is no archive, or a damaged one.
    #[error(
        "it is neither an archive of PyTorch 1.6 or later ({0}) nor a file of an earlier \
         version"
    )]
    Archive(ZipError),
    /// An archive of something else.
    #[error("the archive has no data.pkl")]
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
    #[error("tensor `{name}` has shape {shape:?}, but the file holds fewer values")]
    Beyond {
        /// Its name.
        name: Rc<str>,
        /// The shape it claims.
        shape: Vec<usize>,
    },
    /// The tensors claim the same values again and again.
    #[error("its tensors claim to be many times larger than the file")]
    Repeated,
    /// A storage is missing, or its values are not those that were written.
    #[error("the values in {name} cannot be read ({cause})")]
    Values {
        /// The storage's name in the archive.
        name: String,
        /// What the archive said.
        cause: ZipError,
    },
    /// A file of before PyTorch 1.6 of an unknown version.
    #[error("the version of its format is unknown")]
    Version,
    /// A file of before PyTorch 1.6 from another machine.
    #[error("its values have an unsupported byte order")]
    ByteOrder,
    /// A file of before PyTorch 1.6 without its list.
    #[error("the order of its values is missing")]
    NoNames,
    /// The values are not those that were announced.
    #[error("the values in {name} do not match its pickle in number, or have an unsupported type")]
    Short {
        /// The storage's name.
        name: Rc<str>,
    },
    /// The file system failed.
    #[error(transparent)]
    Io(io::Error),
    /// The tensor library failed.
    #[error(transparent)]
    Library(#[from] candle_core::Error),
}

impl PytorchFault {
    /// Whether the file may well be whole, and is only of a kind that is not read.
    #[must_use]
    pub fn is_of_another_kind(&self) -> bool {
        matches!(
            self,
            Self::Pickle(PickleFault::NoDictionary)
                | Self::ByteOrder
                | Self::Tensor { fault: ClaimFault::Storage(_), .. }
        )
    }
}
