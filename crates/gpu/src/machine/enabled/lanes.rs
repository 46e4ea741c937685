//! The two lanes: candle's own stream, and one beside it.

use std::sync::Arc;

use candle_core::cuda_backend::cudarc::driver::{
    CudaEvent, CudaSlice, CudaStream, DevicePtr, DriverError,
};
use lockstep_program::Lane;

use super::products::WORKSPACE;

/// The streams, and what each has for itself.
pub(super) struct Lanes {
    main: Arc<CudaStream>,
    side: Arc<CudaStream>,
    /// Of the main lane and of the side lane.
    workspaces: [CudaSlice<u8>; 2],
    /// Where the side lane leaves the main lane, and where it comes back.
    joints: [CudaEvent; 2],
}

impl Lanes {
    /// A side lane beside `main`.
    pub(super) fn new(main: Arc<CudaStream>) -> Result<Self, DriverError> {
        let context = main.context();
        // cudarc makes it non-blocking: it does not wait for the default stream.
        let side = context.new_stream()?;
        let joints = [context.new_event(None)?, context.new_event(None)?];
        let workspaces = [workspace(&main)?, workspace(&main)?];
        Ok(Self { main, side, workspaces, joints })
    }

    /// The stream of a lane.
    pub(super) fn stream(&self, lane: Lane) -> &Arc<CudaStream> {
        match lane {
            Lane::Main => &self.main,
            Lane::Side => &self.side,
        }
    }

    /// The address of a lane's workspace.
    pub(super) fn workspace(&self, lane: Lane) -> u64 {
        let memory = match lane {
            Lane::Main => &self.workspaces[0],
            Lane::Side => &self.workspaces[1],
        };
        memory.device_ptr(&self.main).0
    }

    /// The side lane continues behind the main lane.
    pub(super) fn fork(&self) -> Result<(), DriverError> {
        self.joints[0].record(&self.main)?;
        self.side.wait(&self.joints[0])
    }

    /// The main lane continues behind the side lane.
    pub(super) fn join(&self) -> Result<(), DriverError> {
        self.joints[1].record(&self.side)?;
        self.main.wait(&self.joints[1])
    }
}

/// Products fill it before they read it.
fn workspace(stream: &Arc<CudaStream>) -> Result<CudaSlice<u8>, DriverError> {
    // SAFETY: any bytes are values.
    #[expect(unsafe_code, reason = "the memory is not initialised")]
    unsafe {
        stream.alloc(WORKSPACE)
    }
}
