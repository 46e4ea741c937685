//! What runs programs.

use thiserror::Error;

use crate::{Memory, Program, Region};

/// A device that runs programs: a GPU, or the emulator.
///
/// All calls take effect in the order in which they are made. `run` and `write` return before the
/// device has done the work; `read` and `wait` return after it.
pub trait Machine {
    /// A program made ready for this machine: kernels found, products planned, a graph captured.
    type Loaded;

    /// Makes room for `bytes` bytes, aligned to 256; what they hold is not defined.
    ///
    /// # Errors
    /// [`MachineError`] when memory is short.
    fn allocate(&mut self, bytes: usize) -> Result<Region, MachineError>;

    /// Gives a region of [`Self::allocate`] back, behind everything that was started until now. No
    /// program that names it may run again. A machine may keep it as long as it lives.
    ///
    /// # Errors
    /// [`MachineError`] when the region is none of this machine's.
    fn release(&mut self, _region: Region) -> Result<(), MachineError> {
        Ok(())
    }

    /// Copies `bytes` to the start of `to`. `bytes` may be reused when this returns.
    ///
    /// # Errors
    /// [`MachineError`] when `to` is shorter, or an earlier operation failed.
    fn write(&mut self, to: Region, bytes: &[u8]) -> Result<(), MachineError>;

    /// Waits for all that was started, then copies from the start of `from`.
    ///
    /// # Errors
    /// [`MachineError`] when `from` is shorter, or an earlier operation failed.
    fn read(&mut self, from: Region, bytes: &mut [u8]) -> Result<(), MachineError>;

    /// Makes a program ready to run over the buffers of `memory`.
    ///
    /// # Errors
    /// [`MachineError`] when a kernel is missing, or a product has no plan.
    fn load(&mut self, program: &Program, memory: &Memory) -> Result<Self::Loaded, MachineError>;

    /// Starts a program.
    ///
    /// # Errors
    /// [`MachineError`] when it cannot be started, or an earlier operation failed.
    fn run(&mut self, program: &mut Self::Loaded) -> Result<(), MachineError>;

    /// A mark behind everything that was started until now.
    ///
    /// # Errors
    /// [`MachineError`] when an earlier operation failed.
    fn mark(&mut self) -> Result<Mark, MachineError>;

    /// Whether everything before the mark is done.
    ///
    /// # Errors
    /// [`MachineError`] when an operation failed.
    fn has_passed(&mut self, mark: Mark) -> Result<bool, MachineError>;

    /// Waits until everything before the mark is done.
    ///
    /// # Errors
    /// [`MachineError`] when an operation failed.
    fn wait(&mut self, mark: Mark) -> Result<(), MachineError>;
}

/// A point in the order of a machine's work. The last 64 of a machine can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(pub u64);

/// Why a machine cannot do what a program asks for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MachineError {
    /// A kernel of the program is not in the build.
    #[error("kernel `{name}` is not in this build; this is a bug of the build")]
    UnknownKernel {
        /// The kernel.
        name: String,
    },
    /// The device has too little memory.
    #[error(
        "the device cannot give {bytes} bytes: {cause}; hint: a smaller batch needs less memory"
    )]
    Memory {
        /// What was asked for.
        bytes: usize,
        /// The words of the driver.
        cause: String,
    },
    /// A span, a copy or a product does not fit the buffers.
    #[error("{what} does not fit: {cause}; this is a bug of the program")]
    Shape {
        /// The operation.
        what: String,
        /// What is wrong.
        cause: String,
    },
    /// The driver or a library failed.
    #[error("{what} failed: {cause}")]
    Device {
        /// The operation.
        what: String,
        /// The words of the driver or library.
        cause: String,
    },
    /// A kernel broke a rule that the emulator checks.
    #[error("kernel `{kernel}`, block ({}, {}), thread {thread}: {cause}", block[0], block[1])]
    Fault {
        /// The kernel.
        kernel: String,
        /// The block.
        block: [u32; 2],
        /// The thread.
        thread: u32,
        /// The rule that was broken.
        cause: String,
    },
}
