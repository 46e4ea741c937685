//! Writes from the host: through pinned slots, so that the host does not wait for the copy.

use std::sync::Arc;

use candle_core::cuda_backend::cudarc::driver::result::memcpy_htod_async;
use candle_core::cuda_backend::cudarc::driver::{
    CudaContext, CudaEvent, CudaStream, DriverError, PinnedHostSlice,
};

use super::super::ring::{CLASSES, LEAD, Turns, class, slot_bytes};

/// Slots of all classes, made when they are first used.
#[derive(Default)]
pub(super) struct Upload {
    slots: [[Option<Slot>; LEAD]; CLASSES],
    turns: Turns,
}

struct Slot {
    memory: PinnedHostSlice<u8>,
    /// Behind the last copy from it.
    copied: CudaEvent,
}

impl Upload {
    /// Copies `bytes` to `address`, behind what `stream` was given so far. The caller has checked
    /// that there is room.
    pub(super) fn write(
        &mut self,
        stream: &Arc<CudaStream>,
        address: u64,
        bytes: &[u8],
    ) -> Result<(), DriverError> {
        let Some(class) = class(bytes.len()) else {
            copy(stream, address, bytes)?;
            return stream.synchronize();
        };
        let place = &mut self.slots[class][self.turns.next(class)];
        let slot = match place {
            Some(slot) => slot,
            None => place.insert(Slot::new(stream.context(), slot_bytes(class))?),
        };
        slot.write(stream, address, bytes)
    }
}

impl Slot {
    fn new(context: &Arc<CudaContext>, bytes: usize) -> Result<Self, DriverError> {
        // SAFETY: any bytes are values, and none is read before it is written.
        #[expect(unsafe_code, reason = "pinned memory is not initialised")]
        let memory = unsafe { context.alloc_pinned(bytes)? };
        Ok(Self { memory, copied: context.new_event(None)? })
    }

    fn write(
        &mut self,
        stream: &Arc<CudaStream>,
        address: u64,
        bytes: &[u8],
    ) -> Result<(), DriverError> {
        self.copied.synchronize()?;
        let memory = &mut self.memory.as_mut_slice()?[..bytes.len()];
        memory.copy_from_slice(bytes);
        copy(stream, address, memory)?;
        self.copied.record(stream)
    }
}

/// Starts a copy. Of pinned memory it is read later: the slot's event says when.
fn copy(stream: &CudaStream, address: u64, bytes: &[u8]) -> Result<(), DriverError> {
    if bytes.is_empty() {
        return Ok(());
    }
    stream.context().bind_to_thread()?;
    // SAFETY: the caller has checked that the region has as many bytes; `bytes` is not changed before
    // the copy is done, for which the callers wait.
    #[expect(unsafe_code, reason = "the driver's own call")]
    unsafe {
        memcpy_htod_async(address, bytes, stream.cu_stream())
    }
}
