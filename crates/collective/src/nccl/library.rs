//! Whether the libraries are there, asked before their first call, which would panic without them;
//! and the id by which the ranks of a run find each other.

use std::ffi::{c_char, c_int};

use cudarc::nccl::result::get_nccl_version;
use cudarc::nccl::safe::Id;
use cudarc::nccl::sys::ncclUniqueId;
use lockstep_world::Rank;

use super::failed;
use crate::{Collective, CollectiveError, broadcast_bytes};

/// The first version in which communicators are configured, and finalised.
const OLDEST: c_int = 21_400;
/// An id's bytes.
const BYTES: usize = 128;

/// By which the ranks of one run find each other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NcclId([u8; BYTES]);

impl NcclId {
    /// A new one; wants neither GPU nor driver.
    ///
    /// # Errors
    /// [`CollectiveError::Missing`] without the library, [`CollectiveError::Library`] when it fails.
    pub fn new() -> Result<Self, CollectiveError> {
        require_nccl()?;
        let id = Id::new().map_err(|cause| failed("get_unique_id", format!("{:?}", cause.0)))?;
        Ok(Self(id.internal().map(c_char::cast_unsigned)))
    }

    /// The one that rank 0 makes, on all ranks of `company`.
    ///
    /// # Errors
    /// On rank 0 as [`NcclId::new`], on the others that rank 0 has none, and when a peer is lost.
    pub fn share(company: &mut dyn Collective) -> Result<Self, CollectiveError> {
        let mine = company.seat().is_leader().then(Self::new);
        let bytes = mine.as_ref().and_then(|id| id.as_ref().ok()).map(|id| id.0);
        let told = broadcast_bytes(company, bytes.as_ref().map_or(&[], |id| id), Rank(0), BYTES)?;
        if let Some(Err(failure)) = mine {
            return Err(failure);
        }
        let bytes = told.try_into();
        bytes.map(Self).map_err(|_| failed("init", "rank 0 could not create an id".to_owned()))
    }

    /// As the library takes it.
    pub(super) fn raw(&self) -> ncclUniqueId {
        ncclUniqueId { internal: self.0.map(u8::cast_signed) }
    }
}

/// Whether GPUs can be used at all.
pub(super) fn require() -> Result<(), CollectiveError> {
    // SAFETY: opening a library runs its initialisers; NVIDIA's driver is made for that.
    #[expect(unsafe_code, reason = "the driver's library is looked for by opening it")]
    let has_driver = unsafe { cudarc::driver::sys::is_culib_present() };
    if !has_driver {
        return Err(CollectiveError::Missing {
            library: "the NVIDIA driver (libcuda.so.1)",
            remedy: "install it, or run on a machine that has it; in a container pass the GPUs in \
                     (docker --gpus all, apptainer --nv)",
        });
    }
    require_nccl()
}

fn require_nccl() -> Result<(), CollectiveError> {
    // SAFETY: opening a library runs its initialisers; NCCL's do nothing but register.
    #[expect(unsafe_code, reason = "NCCL is looked for by opening it")]
    let is_there = unsafe { cudarc::nccl::sys::is_culib_present() };
    if is_there {
        return check_version();
    }
    Err(CollectiveError::Missing {
        library: "NCCL (libnccl.so)",
        remedy: "install libnccl2 and libnccl-dev, or the Python package nvidia-nccl-cu13, and put \
                 the folder with the library on LD_LIBRARY_PATH; where it has only libnccl.so.2, link \
                 libnccl.so to it",
    })
}

/// An older library lacks calls, upon which the binding panics.
fn check_version() -> Result<(), CollectiveError> {
    let refused = |cause| failed("get_version", cause);
    let found = get_nccl_version().map_err(|cause| refused(format!("{:?}", cause.0)))?;
    if is_new_enough(found) {
        return Ok(());
    }
    Err(refused(format!(
        "libnccl.so has version {found}, but at least {OLDEST} (2.14) is needed; install a newer \
         libnccl2, or the Python package nvidia-nccl-cu13"
    )))
}

fn is_new_enough(version: c_int) -> bool {
    version >= OLDEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_nccl_numbers_them() {
        // NCCL_VERSION_CODE of nccl.h: until 2.8 1000 x major + 100 x minor + patch, then 10000 x.
        let numbered = [(2_708, false), (21_304, false), (21_400, true), (23_007, true)];
        for (version, expected) in numbered {
            assert_eq!(is_new_enough(version), expected, "{version}");
        }
    }
}
