//! Handles of the emulator's memory.

use std::marker::PhantomData;

use bytemuck::Pod;

use crate::RawArgument;

/// `count` values in the memory of an [`Emulator`](crate::Emulator), as long as that lives.
#[derive(Debug)]
pub struct Buffer<T> {
    address: u64,
    count: usize,
    values: PhantomData<fn() -> T>,
}

impl<T> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Buffer<T> {}

impl<T: Pod> Buffer<T> {
    pub(crate) const fn new(address: u64, count: usize) -> Self {
        Self { address, count, values: PhantomData }
    }

    /// The address of the first value.
    #[must_use]
    pub const fn address(&self) -> u64 {
        self.address
    }

    /// How many values there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no value.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// A pointer to the value at `index`.
    ///
    /// # Panics
    /// When the buffer ends before it.
    #[must_use]
    pub fn at(&self, index: usize) -> RawArgument {
        assert!(index <= self.count, "value {index} of {}", self.count);
        RawArgument::Address(self.address + (index * size_of::<T>()) as u64)
    }
}

impl<T: Pod> From<Buffer<T>> for RawArgument {
    fn from(buffer: Buffer<T>) -> Self {
        Self::Address(buffer.address())
    }
}

impl<T: Pod> From<&Buffer<T>> for RawArgument {
    fn from(buffer: &Buffer<T>) -> Self {
        Self::Address(buffer.address())
    }
}
