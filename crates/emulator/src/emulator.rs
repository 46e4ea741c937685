//! The emulator: memory and launches.

use std::cell::{Cell, RefCell};

use bytemuck::Pod;
use lockstep_program::MachineError;

use crate::heap::Heap;
use crate::launch::{Failure, Launch, mixed};
use crate::memory::Allocation;
use crate::native::Fault;
use crate::{Buffer, Grid, RawArgument};

/// Threads of the system that run blocks.
const THREADS: usize = 2;

/// A buffer starts at a multiple of this.
const ALIGNMENT: usize = 16;

/// A device for CUDA kernels, with memory of its own.
#[derive(Debug)]
pub struct Emulator {
    pub(crate) seed: u64,
    pub(crate) threads: usize,
    pub(crate) memory: RefCell<Heap>,
    pub(crate) marks: u64,
    launches: Cell<u64>,
}

impl Emulator {
    /// A device that takes threads and blocks in an order of its own for each seed; with seed 0 in
    /// the order of their numbers.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with_threads(seed, THREADS)
    }

    /// The same on `threads` threads of the system.
    #[must_use]
    pub fn with_threads(seed: u64, threads: usize) -> Self {
        Self { seed, threads, memory: RefCell::default(), marks: 0, launches: Cell::new(0) }
    }

    /// A buffer of these values.
    ///
    /// # Panics
    /// When memory is short.
    #[must_use]
    pub fn buffer<T: Pod>(&self, values: &[T]) -> Buffer<T> {
        let buffer = self.poisoned(values.len());
        self.write(&buffer, values);
        buffer
    }

    /// A buffer of values whose bytes are all 0xff.
    ///
    /// # Panics
    /// When memory is short.
    #[must_use]
    pub fn poisoned<T: Pod>(&self, count: usize) -> Buffer<T> {
        let memory = Allocation::new(count * size_of::<T>(), ALIGNMENT);
        assert!(memory.is_ok(), "memory for a buffer: {:?}", memory.err());
        let address = memory.map_or(0, |memory| self.memory.borrow_mut().add(memory));
        Buffer::new(address, count)
    }

    /// The values of a buffer.
    ///
    /// # Panics
    /// When the buffer is another emulator's, or a kernel wrote around it.
    #[must_use]
    pub fn read<T: Pod>(&self, buffer: &Buffer<T>) -> Vec<T> {
        let mut values = vec![T::zeroed(); buffer.len()];
        self.with(buffer, |memory| {
            assert_eq!(memory.damage(), None, "what a kernel did");
            memory.read(buffer.address(), bytemuck::cast_slice_mut(&mut values));
        });
        values
    }

    /// Writes the values of a buffer from its start.
    ///
    /// # Panics
    /// When the buffer is another emulator's, or shorter.
    pub fn write<T: Pod>(&self, buffer: &Buffer<T>, values: &[T]) {
        assert!(values.len() <= buffer.len(), "{} into {}", values.len(), buffer.len());
        let bytes = bytemuck::cast_slice(values);
        self.with(buffer, |memory| memory.write(buffer.address(), bytes));
    }

    /// Runs a kernel to its end.
    ///
    /// # Errors
    /// [`MachineError`] when there is no such kernel, when it does not take such a launch, or when
    /// it breaks a rule.
    pub fn launch(
        &self,
        kernel: &str,
        grid: Grid,
        arguments: &[RawArgument],
    ) -> Result<(), MachineError> {
        self.run_launch(&Launch::checked(kernel, grid, arguments)?)
    }

    pub(crate) fn run_launch(&self, launch: &Launch) -> Result<(), MachineError> {
        let number = self.launches.replace(self.launches.get() + 1);
        let seed = if self.seed == 0 { 0 } else { mixed(self.seed, number) };
        let done = launch.run(self.threads, seed);
        done.map_err(|failure| self.error(launch.name(), failure))?;
        let memory = self.memory.borrow();
        let damage = launch.addresses().find_map(|address| memory.find(address, 0)?.damage());
        let what = || format!("kernel `{}`", launch.name());
        damage.map_or(Ok(()), |cause| Err(MachineError::Device { what: what(), cause }))
    }

    /// An error when something wrote around a buffer.
    pub(crate) fn damage(&self, what: &str) -> Result<(), MachineError> {
        let damage = self.memory.borrow().damage();
        let what = || what.to_owned();
        damage.map_or(Ok(()), |cause| Err(MachineError::Device { what: what(), cause }))
    }

    fn error(&self, kernel: &str, failure: Failure) -> MachineError {
        match failure {
            Failure::Memory => MachineError::Device {
                what: "the emulator".to_owned(),
                cause: "no memory for the threads' stacks".to_owned(),
            },
            Failure::Fault(fault) => MachineError::Fault {
                kernel: kernel.to_owned(),
                block: fault.block,
                thread: fault.thread,
                cause: self.cause(&fault),
            },
        }
    }

    /// In words, with the buffer that was meant.
    fn cause(&self, fault: &Fault) -> String {
        let Some(address) = fault.touched().filter(|_| fault.cause().is_empty()) else {
            return fault.cause();
        };
        let place = self.memory.borrow().place(address);
        let place = place.unwrap_or_else(|| format!("address {address:#x}, where no buffer is"));
        format!("touches {place}")
    }

    fn with<T: Pod>(&self, buffer: &Buffer<T>, work: impl FnMut(&Allocation)) {
        let bytes = buffer.len() * size_of::<T>();
        let memory = self.memory.borrow();
        let found = memory.find(buffer.address(), bytes);
        assert!(found.is_some(), "the buffer is one of this emulator");
        found.into_iter().for_each(work);
    }
}
