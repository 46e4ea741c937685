//! GPUs that NCCL connects: one rank a GPU, sums on a stream of their own.
//!
//! NCCL sums; small values and barriers go over the collective by which the ranks met, and which also
//! carries the id that NCCL's own meeting wants. It compiles everywhere; without a GPU the way of the
//! id and all refusals are tested, with one the contract too (`cargo xtask gpu`).

mod communicator;
mod library;

use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use cudarc::driver::{
    CudaContext, CudaEvent, CudaSlice, CudaStream, DeviceRepr, DriverError, ValidAsZeroBits,
};
use half::bf16;
use lockstep_world::{Rank, Seat};

use crate::{Collective, CollectiveError, PhaseBoard, Timeouts, check_root, pulse};
use communicator::Communicator;
pub use library::NcclId;

/// How long the GPU may take to leave what was aborted. It waits for no rank then; a GPU that takes
/// longer is broken.
const ABORT: Duration = Duration::from_secs(2);
/// How long until a call is asked for its end again.
const NAP: Duration = Duration::from_micros(50);

/// What NCCL sums.
pub trait Summable: DeviceRepr + ValidAsZeroBits + sealed::Typed {}
impl Summable for f32 {}
impl Summable for bf16 {}

mod sealed {
    use cudarc::nccl::sys::ncclDataType_t;

    /// The library's own word for a type.
    pub trait Typed {
        const TYPE: ncclDataType_t;
    }
    impl Typed for f32 {
        const TYPE: ncclDataType_t = ncclDataType_t::ncclFloat32;
    }
    impl Typed for half::bf16 {
        const TYPE: ncclDataType_t = ncclDataType_t::ncclBfloat16;
    }
}

/// A part of values on a GPU, and when it is complete.
#[derive(Clone, Debug)]
pub struct GpuPart<'a> {
    /// Where it is among the values.
    pub values: Range<usize>,
    /// It is complete behind all of these.
    pub behind: [&'a CudaEvent; 2],
}

/// A rank with a GPU of its own.
pub struct Nccl {
    /// How the ranks met.
    company: Box<dyn Collective>,
    communicator: Communicator,
    stream: Arc<CudaStream>,
    /// How long a call may take once all ranks have made it. The watch finds lost ranks.
    timeouts: Timeouts,
    /// Whether the first update is over.
    board: PhaseBoard,
    /// Where values from the host are summed, kept while calls have the same length.
    buffer: Option<CudaSlice<f32>>,
}

impl Nccl {
    /// Joins the GPUs of all ranks of `company`, of which this one has the GPU number `device`. A call
    /// that all ranks have made fails after the timeout for the phase on `board`.
    ///
    /// # Errors
    /// [`CollectiveError::Missing`] where this rank has no driver, no NCCL or no such GPU,
    /// [`CollectiveError::Library`] on all ranks when another one has none, or NCCL fails.
    pub fn join(
        mut company: Box<dyn Collective>,
        device: usize,
        timeouts: Timeouts,
        board: PhaseBoard,
    ) -> Result<Self, CollectiveError> {
        let prepared = prepare(device);
        let ready = company.all_gather(&[u64::from(prepared.is_ok())])?;
        let stream = prepared?;
        if let Some(rank) = ready.iter().position(|&is_ready| is_ready == 0) {
            return Err(failed(
                "init",
                format!("rank {rank} cannot use its GPU; see its own message"),
            ));
        }
        let id = NcclId::share(&mut *company)?;
        let communicator = Communicator::join(&id, company.seat())?;
        Ok(Self { company, communicator, stream, timeouts, board, buffer: None })
    }

    /// The stream all calls are made on.
    #[must_use]
    pub fn stream(&self) -> &Arc<CudaStream> {
        &self.stream
    }

    /// Replaces the values of all `buffers` by their sums over all ranks, in one launch behind what
    /// their streams were given so far; returns when they are there.
    ///
    /// # Errors
    /// [`CollectiveError::Library`] when a GPU or a peer fails.
    pub fn sum_on_device<T: Summable>(
        &mut self,
        buffers: &mut [CudaSlice<T>],
    ) -> Result<(), CollectiveError> {
        let outcome = self.start_and_wait(buffers);
        if outcome.is_err() {
            self.abort();
        }
        outcome
    }

    fn start_and_wait<T: Summable>(
        &mut self,
        buffers: &mut [CudaSlice<T>],
    ) -> Result<(), CollectiveError> {
        let call = "all_reduce_sum";
        for buffer in &*buffers {
            self.stream.join(buffer.stream()).map_err(of_driver(call))?;
        }
        self.communicator.all_reduce_sum(&self.stream, buffers)?;
        self.wait(call)
    }

    /// Runs `call` on a copy of `values` on the GPU, and copies them back.
    fn on_device(
        &mut self,
        call: &'static str,
        values: &mut [f32],
        run: impl FnOnce(&Communicator, &CudaStream, &mut CudaSlice<f32>) -> Result<(), CollectiveError>,
    ) -> Result<(), CollectiveError> {
        if values.is_empty() {
            return Ok(());
        }
        let mut buffer = match self.buffer.take() {
            Some(buffer) if buffer.len() == values.len() => buffer,
            _ => self.stream.alloc_zeros(values.len()).map_err(of_driver(call))?,
        };
        self.stream.memcpy_htod(values, &mut buffer).map_err(of_driver(call))?;
        run(&self.communicator, &self.stream, &mut buffer)?;
        self.wait(call)?;
        self.stream.memcpy_dtoh(&buffer, values).map_err(of_driver(call))?;
        self.stream.synchronize().map_err(of_driver(call))?;
        self.buffer = Some(buffer);
        Ok(())
    }

    fn start_parts(
        &mut self,
        values: &mut CudaSlice<f32>,
        parts: &[GpuPart<'_>],
    ) -> Result<(), CollectiveError> {
        let call = "start_sums_on_gpu";
        for part in parts {
            for event in part.behind {
                self.stream.wait(event).map_err(of_driver(call))?;
            }
            let (range, length) = (part.values.clone(), values.len());
            let misfit = || failed(call, format!("values {range:?} of {length}"));
            let part = values.try_slice_mut(range.clone()).ok_or_else(misfit)?;
            self.communicator.all_reduce_sum(&self.stream, &mut [part])?;
        }
        values.stream().join(&self.stream).map_err(of_driver(call))
    }

    /// Until the stream is empty, or NCCL says that a peer or a network failed, or too long.
    fn wait(&mut self, call: &'static str) -> Result<(), CollectiveError> {
        let event = self.stream.record_event(None).map_err(of_driver(call))?;
        let began = Instant::now();
        while !event.try_is_complete().map_err(of_driver(call))? {
            self.can_end(call, began.elapsed())?;
            pulse::note();
            thread::sleep(NAP);
        }
        self.communicator.check(call)
    }

    /// Ends what is under way, which would write to memory that the caller may give back. The abort
    /// itself returns before the GPU has left the sums.
    fn abort(&mut self) {
        self.communicator.abort();
        let Ok(event) = self.stream.record_event(None) else { return };
        let began = Instant::now();
        while matches!(event.try_is_complete(), Ok(false)) && began.elapsed() < ABORT {
            thread::sleep(NAP);
        }
    }

    fn can_end(&self, call: &'static str, waited: Duration) -> Result<(), CollectiveError> {
        let limit = self.timeouts.of_call(self.board.has_updated());
        if let Some(limit) = limit.filter(|limit| waited > *limit) {
            return Err(failed(call, format!("no end after {limit:?}, and no failure")));
        }
        self.communicator.check(call)
    }
}

/// The driver, NCCL and the GPU, where they are there.
fn prepare(device: usize) -> Result<Arc<CudaStream>, CollectiveError> {
    library::require()?;
    let no_gpu = |cause| failed("init", format!("GPU {device} cannot be used: {cause:?}"));
    CudaContext::new(device).and_then(|context| context.new_stream()).map_err(no_gpu)
}

/// Sums of values on a GPU that go another way than NCCL's.
pub(crate) fn through_host(
    values: &mut CudaSlice<f32>,
    sum: impl FnOnce(&mut [f32]) -> Result<(), CollectiveError>,
) -> Result<(), CollectiveError> {
    let call = "all_reduce_sum_on_gpu";
    let stream = values.stream().clone();
    let mut copy = stream.clone_dtoh(values).map_err(of_driver(call))?;
    sum(&mut copy)?;
    stream.memcpy_htod(&copy, values).map_err(of_driver(call))?;
    stream.synchronize().map_err(of_driver(call))
}

fn of_driver(call: &'static str) -> impl Fn(DriverError) -> CollectiveError {
    move |cause| failed(call, format!("the driver says {cause:?}"))
}

fn failed(call: &'static str, cause: String) -> CollectiveError {
    CollectiveError::Library { library: "NCCL", call, cause }
}

impl Collective for Nccl {
    fn seat(&self) -> Seat {
        self.company.seat()
    }

    fn all_reduce_sum(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        self.on_device("all_reduce_sum", values, |communicator, stream, buffer| {
            communicator.all_reduce_sum(stream, std::slice::from_mut(buffer))
        })
    }

    fn all_reduce_sum_on_gpu(
        &mut self,
        values: &mut CudaSlice<f32>,
    ) -> Result<(), CollectiveError> {
        self.sum_on_device(std::slice::from_mut(values))
    }

    fn start_sums_on_gpu(
        &mut self,
        values: &mut CudaSlice<f32>,
        parts: &[GpuPart<'_>],
    ) -> Result<(), CollectiveError> {
        let outcome = self.start_parts(values, parts);
        if outcome.is_err() {
            self.abort();
        }
        outcome
    }

    fn check(&mut self, waited: Duration) -> Result<(), CollectiveError> {
        let outcome = self.can_end("start_sums_on_gpu", waited);
        if outcome.is_err() {
            self.abort();
        }
        outcome
    }

    fn sum_by_tree(&mut self) -> Result<(), CollectiveError> {
        Err(CollectiveError::Missing {
            library: "NCCL",
            remedy: "it adds in an order of its own; let the ranks compute on CPUs",
        })
    }

    fn broadcast(&mut self, values: &mut [f32], root: Rank) -> Result<(), CollectiveError> {
        check_root(root, self.seat())?;
        self.on_device("broadcast", values, |communicator, stream, buffer| {
            communicator.broadcast(stream, buffer, root)
        })
    }

    fn all_gather(&mut self, values: &[u64]) -> Result<Vec<u64>, CollectiveError> {
        self.company.all_gather(values)
    }

    fn barrier(&mut self) -> Result<(), CollectiveError> {
        self.company.barrier()
    }

    fn leave(self: Box<Self>) -> Result<(), CollectiveError> {
        self.communicator.leave()?;
        self.company.leave()
    }
}
