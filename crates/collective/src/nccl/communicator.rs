//! NCCL's communicator: every call of the library is in this file.
//!
//! It is made non-blocking, so that each call returns at once and a failure of a peer is an error
//! instead of a wait (NCCL's user guide, "Fault tolerance"). Dropped without leave, a communicator is
//! aborted, which frees what waits on the GPU.

use std::ffi::{CStr, c_int, c_void};
use std::thread;
use std::time::{Duration, Instant};

use cudarc::driver::{CudaSlice, CudaStream, DevicePtrMut};
use cudarc::nccl::sys::{self, ncclComm_t, ncclConfig_t, ncclRedOp_t, ncclResult_t};
use lockstep_world::{Rank, Seat};

use super::library::NcclId;
use super::{NAP, Summable, failed};
use crate::CollectiveError;

/// How long the GPUs of a run look for each other, or take leave.
const MEETING: Duration = Duration::from_secs(120);
/// How long it is asked without a pause whether a call is under way.
const SPIN: Duration = Duration::from_millis(1);
/// NCCL's mark of a configuration that was initialised.
const MAGIC: u32 = 0xcafe_beef;
/// The layout of [`ncclConfig_t`] that we fill in: 2.28.0.
const VERSION: u32 = 22_800;
/// What NCCL chooses itself.
const UNSET: c_int = c_int::MIN;

/// One rank among GPUs.
pub(super) struct Communicator(ncclComm_t);

// SAFETY: NCCL allows a communicator's calls from any thread as long as they do not overlap; all
// that make one take it out of a `&mut Nccl`, and it is no `Sync`.
#[expect(unsafe_code, reason = "a raw pointer that may move between threads")]
unsafe impl Send for Communicator {}

impl Communicator {
    /// Meets the GPUs of all other ranks.
    pub(super) fn join(id: &NcclId, seat: Seat) -> Result<Self, CollectiveError> {
        let too_many = |_| failed("init", format!("{seat} is out of NCCL's range"));
        let size = c_int::try_from(seat.world().get()).map_err(too_many)?;
        let rank = c_int::try_from(seat.rank().0).map_err(too_many)?;
        let mut config = config();
        let mut raw: ncclComm_t = std::ptr::null_mut();
        // SAFETY: both pointers are to locals that outlive the call, which copies the configuration;
        // the library is there, as an id was made.
        #[expect(unsafe_code, reason = "NCCL's own call")]
        let result = unsafe {
            sys::ncclCommInitRankConfig(&raw mut raw, size, id.raw(), rank, &raw mut config)
        };
        if raw.is_null() {
            return Err(failed("init", words(result, raw)));
        }
        let communicator = Self(raw);
        communicator.started("init", result)?;
        communicator.settle("init")?;
        Ok(communicator)
    }

    /// Starts the sums of all buffers as one launch on `stream`.
    pub(super) fn all_reduce_sum<T: Summable>(
        &self,
        stream: &CudaStream,
        buffers: &mut [impl DevicePtrMut<T>],
    ) -> Result<(), CollectiveError> {
        let call = "all_reduce_sum";
        // SAFETY: the group is closed below, whatever happens in between.
        #[expect(unsafe_code, reason = "NCCL's own call")]
        let mut result = unsafe { sys::ncclGroupStart() };
        for buffer in buffers.iter_mut().filter(|buffer| !buffer.is_empty()) {
            let length = buffer.len();
            let (pointer, _written) = buffer.device_ptr_mut(stream);
            // SAFETY: `pointer` is to `length` values of this type on the stream's GPU, which are
            // borrowed until the stream is waited for.
            #[expect(unsafe_code, reason = "NCCL's own call")]
            let next = unsafe {
                let (data, sum) = (pointer as *mut c_void, ncclRedOp_t::ncclSum);
                let stream = stream.cu_stream().cast();
                sys::ncclAllReduce(data, data, length, T::TYPE, sum, self.0, stream)
            };
            result = worse(result, next);
        }
        // SAFETY: the group was opened above.
        #[expect(unsafe_code, reason = "NCCL's own call")]
        let end = unsafe { sys::ncclGroupEnd() };
        self.started(call, worse(result, end))?;
        self.settle(call)
    }

    /// Starts a broadcast from `root` on `stream`.
    pub(super) fn broadcast<T: Summable>(
        &self,
        stream: &CudaStream,
        buffer: &mut CudaSlice<T>,
        root: Rank,
    ) -> Result<(), CollectiveError> {
        let root =
            c_int::try_from(root.0).map_err(|cause| failed("broadcast", cause.to_string()))?;
        let length = buffer.len();
        let (pointer, _written) = buffer.device_ptr_mut(stream);
        // SAFETY: as for the sums; the root exists, as the caller has checked.
        #[expect(unsafe_code, reason = "NCCL's own call")]
        let result = unsafe {
            let data = pointer as *mut c_void;
            sys::ncclBroadcast(data, data, length, T::TYPE, root, self.0, stream.cu_stream().cast())
        };
        self.started("broadcast", result)?;
        self.settle("broadcast")
    }

    /// Ends what is under way, also on the GPU, after a call that failed; none can follow.
    pub(super) fn abort(&mut self) {
        let raw = std::mem::replace(&mut self.0, std::ptr::null_mut());
        if !raw.is_null() {
            // SAFETY: it is whole, and nothing uses it again.
            #[expect(unsafe_code, reason = "NCCL's own call")]
            let _ = unsafe { sys::ncclCommAbort(raw) };
        }
    }

    /// Whether all is well with the peers.
    pub(super) fn check(&self, call: &'static str) -> Result<(), CollectiveError> {
        self.started(call, self.state())
    }

    /// A good end, which all ranks make together.
    pub(super) fn leave(self) -> Result<(), CollectiveError> {
        // SAFETY: the communicator is whole, and used no more but to be destroyed.
        #[expect(unsafe_code, reason = "NCCL's own call")]
        let result = unsafe { sys::ncclCommFinalize(self.0) };
        self.started("leave", result)?;
        self.settle("leave")?;
        let raw = self.0;
        std::mem::forget(self);
        // SAFETY: it was finalised, and nothing else has it.
        #[expect(unsafe_code, reason = "NCCL's own call")]
        let result = unsafe { sys::ncclCommDestroy(raw) };
        match result {
            ncclResult_t::ncclSuccess | ncclResult_t::ncclInProgress => Ok(()),
            other => Err(failed("leave", words(other, std::ptr::null_mut()))),
        }
    }

    /// Until what was started is under way on the GPU: some 10 us, but for the first call of its kind,
    /// which connects the GPUs.
    fn settle(&self, call: &'static str) -> Result<(), CollectiveError> {
        let began = Instant::now();
        loop {
            match self.state() {
                ncclResult_t::ncclInProgress => match began.elapsed() {
                    // A nap would last longer than the call.
                    waited if waited < SPIN => std::hint::spin_loop(),
                    waited if waited < MEETING => thread::sleep(NAP),
                    _ => {
                        let cause = format!("no end after {} s", MEETING.as_secs());
                        return Err(failed(call, cause));
                    }
                },
                state => return self.started(call, state),
            }
        }
    }

    fn state(&self) -> ncclResult_t {
        let mut state = ncclResult_t::ncclSuccess;
        // SAFETY: the pointer is to a local that outlives the call.
        #[expect(unsafe_code, reason = "NCCL's own call")]
        let result = unsafe { sys::ncclCommGetAsyncError(self.0, &raw mut state) };
        worse(result, state)
    }

    fn started(&self, call: &'static str, result: ncclResult_t) -> Result<(), CollectiveError> {
        match result {
            ncclResult_t::ncclSuccess | ncclResult_t::ncclInProgress => Ok(()),
            other => Err(failed(call, words(other, self.0))),
        }
    }
}

impl Drop for Communicator {
    fn drop(&mut self) {
        self.abort();
    }
}

/// Non-blocking, and everything else as NCCL chooses.
fn config() -> ncclConfig_t {
    ncclConfig_t {
        size: size_of::<ncclConfig_t>(),
        magic: MAGIC,
        version: VERSION,
        blocking: 0,
        cgaClusterSize: UNSET,
        minCTAs: UNSET,
        maxCTAs: UNSET,
        netName: std::ptr::null(),
        splitShare: UNSET,
        trafficClass: UNSET,
        commName: std::ptr::null(),
        collnetEnable: UNSET,
        CTAPolicy: UNSET,
        shrinkShare: UNSET,
        nvlsCTAs: UNSET,
        nChannelsPerNetPeer: UNSET,
        nvlinkCentricSched: UNSET,
    }
}

/// The first of two results that is a failure, or the one that says more.
fn worse(first: ncclResult_t, second: ncclResult_t) -> ncclResult_t {
    match first {
        ncclResult_t::ncclSuccess | ncclResult_t::ncclInProgress => match second {
            ncclResult_t::ncclSuccess => first,
            other => other,
        },
        failure => failure,
    }
}

/// What NCCL says about a failure.
fn words(result: ncclResult_t, communicator: ncclComm_t) -> String {
    // SAFETY: both give a text of the library's own that stays, or nothing.
    #[expect(unsafe_code, reason = "NCCL's own calls")]
    let texts = unsafe {
        [sys::ncclGetErrorString(result), sys::ncclGetLastError(communicator)]
            .map(|text| (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy()))
    };
    let texts: Vec<_> = texts.into_iter().flatten().filter(|text| !text.is_empty()).collect();
    format!("{}; set NCCL_DEBUG=INFO for details", texts.join(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_not_lost_among_good_results() {
        use ncclResult_t::{ncclInProgress, ncclRemoteError, ncclSuccess, ncclSystemError};
        for (first, second, expected) in [
            (ncclSuccess, ncclSuccess, ncclSuccess),
            (ncclSuccess, ncclInProgress, ncclInProgress),
            (ncclInProgress, ncclSuccess, ncclInProgress),
            (ncclInProgress, ncclRemoteError, ncclRemoteError),
            (ncclSystemError, ncclRemoteError, ncclSystemError),
        ] {
            assert_eq!(worse(first, second), expected, "{first:?}, {second:?}");
        }
    }

    /// The header's own macro fills in the same (nccl.h of 2.28, NCCL_CONFIG_INITIALIZER).
    #[test]
    fn the_configuration_has_the_layout_of_its_version() {
        let config = config();
        assert_eq!((config.size, config.blocking), (80, 0));
        assert_eq!(UNSET, -2_147_483_648);
    }
}
