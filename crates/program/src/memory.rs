//! The buffers of a program, and where they lie.

use std::ops::Range;

/// A buffer, by its number in a [`Memory`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BufferId(usize);

/// A range of bytes in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// The buffer.
    pub buffer: BufferId,
    /// The first byte.
    pub start: usize,
    /// How many bytes.
    pub bytes: usize,
}

impl Span {
    /// No bytes of no buffer: a place from which sizes are measured.
    pub(crate) const EMPTY: Self = Self { buffer: BufferId(usize::MAX), start: 0, bytes: 0 };

    /// The bytes inside of the buffer.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.start..self.start + self.bytes
    }

    /// Whether both have a byte in common.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.buffer == other.buffer
            && self.start < other.start + other.bytes
            && other.start < self.start + self.bytes
    }

    /// A part of this span; `start` counts from its first byte.
    #[must_use]
    pub fn part(&self, start: usize, bytes: usize) -> Self {
        debug_assert!(start + bytes <= self.bytes, "a part lies inside of the whole");
        Self { buffer: self.buffer, start: self.start + start, bytes }
    }
}

/// Memory of a device. Only a [`Machine`](crate::Machine) makes these, and each lives as long as it,
/// or until it is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// The address of the first byte, on the device.
    pub address: u64,
    /// How many bytes.
    pub bytes: usize,
}

/// All buffers that programs name: the table from numbers to places.
#[derive(Debug, Default)]
pub struct Memory {
    buffers: Vec<(String, Region)>,
}

impl Memory {
    /// Adds a buffer that lies in `region`.
    pub fn add(&mut self, name: impl Into<String>, region: Region) -> Span {
        self.buffers.push((name.into(), region));
        Span { buffer: BufferId(self.buffers.len() - 1), start: 0, bytes: region.bytes }
    }

    /// All buffers, with their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Region)> {
        self.buffers.iter().map(|(name, region)| (name.as_str(), *region))
    }

    /// The name of a buffer.
    #[must_use]
    pub fn name(&self, buffer: BufferId) -> &str {
        &self.buffers[buffer.0].0
    }

    /// Where a buffer lies.
    #[must_use]
    pub fn region(&self, buffer: BufferId) -> Region {
        self.buffers[buffer.0].1
    }

    /// Where a span lies.
    #[must_use]
    pub fn locate(&self, span: &Span) -> Region {
        Region { address: self.region(span.buffer).address + span.start as u64, bytes: span.bytes }
    }
}
