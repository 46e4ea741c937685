//! Memory with pages around it that cannot be touched.

use std::{ffi::c_void, ptr, slice};

use rustix::io::Errno;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};
use rustix::param::page_size;

/// The value of bytes that were not written: NaN in every type.
pub(crate) const POISON: u8 = 0xff;

/// Bytes on either side that cannot be touched: a multiple of any system's page.
const GUARD: usize = 1 << 20;

/// Bytes that end right before a guard. What lies between the guard before them and their start, and
/// between their end and the guard where their number is no multiple of the alignment, is poison.
#[derive(Debug)]
pub(crate) struct Allocation {
    mapped: usize,
    open: usize,
    start: usize,
    bytes: usize,
    /// For people; empty where none was given.
    pub(crate) name: String,
}

impl Allocation {
    /// Poisoned memory. `alignment` is a power of two, at most a page.
    pub(crate) fn new(bytes: usize, alignment: usize) -> Result<Self, Errno> {
        let padded = bytes.next_multiple_of(alignment);
        let open = padded.max(1).next_multiple_of(page_size());
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        let total = open + 2 * GUARD;
        #[expect(unsafe_code, reason = "the system's call")]
        // SAFETY: the system chooses a place where nothing is.
        let mapped = unsafe { mmap_anonymous(ptr::null_mut(), total, ProtFlags::empty(), flags)? };
        let start = mapped.addr() + GUARD + open - padded;
        let memory = Self { mapped: mapped.addr(), open, start, bytes, name: String::new() };
        let place = ptr::with_exposed_provenance_mut::<c_void>(memory.mapped + GUARD);
        mapped.expose_provenance();
        let access = MprotectFlags::READ | MprotectFlags::WRITE;
        #[expect(unsafe_code, reason = "the system's call")]
        // SAFETY: these pages are ours, and nothing uses them yet.
        unsafe {
            mprotect(place, open, access)?;
            ptr::write_bytes(place.cast::<u8>(), POISON, open);
        }
        Ok(memory)
    }

    pub(crate) const fn address(&self) -> u64 {
        self.start as u64
    }

    /// The buffer in words.
    pub(crate) fn named(&self) -> String {
        let Self { name, bytes, .. } = self;
        let the = if name.is_empty() { "a buffer".to_owned() } else { format!("buffer `{name}`") };
        format!("{the} of {bytes} bytes")
    }

    /// Whether the `bytes` bytes at `address` lie inside.
    pub(crate) fn holds(&self, address: u64, bytes: usize) -> bool {
        let end = u128::from(address) + bytes as u128;
        address >= self.address() && end <= u128::from(self.address()) + self.bytes as u128
    }

    /// Copies from the emulator's memory.
    pub(crate) fn read(&self, address: u64, bytes: &mut [u8]) {
        assert!(self.holds(address, bytes.len()), "a read inside of the buffer");
        let from = self.pointer(address);
        #[expect(unsafe_code, reason = "kernels write this memory through addresses")]
        // SAFETY: it lies inside, and no kernel runs while Rust reads.
        unsafe {
            ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), bytes.len());
        }
    }

    /// Copies to the emulator's memory.
    pub(crate) fn write(&self, address: u64, bytes: &[u8]) {
        assert!(self.holds(address, bytes.len()), "a write inside of the buffer");
        let to = self.pointer(address);
        #[expect(unsafe_code, reason = "kernels read this memory through addresses")]
        // SAFETY: it lies inside, and no kernel runs while Rust writes.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
        }
    }

    /// What is wrong around the memory, if something wrote there.
    pub(crate) fn damage(&self) -> Option<String> {
        let open = self.mapped + GUARD;
        let before = self.poison(open, self.start);
        let behind = self.poison(self.start + self.bytes, open + self.open);
        let place = if !before { "before" } else { "behind" };
        (!before || !behind).then(|| format!("wrote {place} {}", self.named()))
    }

    /// Where an address lies that was touched: bytes from the start, if that is near.
    pub(crate) fn near(&self, address: u64) -> Option<i128> {
        let total = (self.open + 2 * GUARD) as u64;
        let inside = address.wrapping_sub(self.mapped as u64) < total;
        inside.then(|| i128::from(address) - i128::from(self.address()))
    }

    fn poison(&self, from: usize, to: usize) -> bool {
        #[expect(unsafe_code, reason = "kernels may have written this memory")]
        // SAFETY: both ends lie inside of the open pages, and no kernel runs while Rust reads.
        let bytes = unsafe { slice::from_raw_parts(self.pointer(from as u64), to - from) };
        bytes.iter().all(|byte| *byte == POISON)
    }

    #[expect(clippy::cast_possible_truncation, reason = "addresses are those of this process")]
    fn pointer(&self, address: u64) -> *mut u8 {
        ptr::with_exposed_provenance_mut(address as usize)
    }
}

impl Drop for Allocation {
    fn drop(&mut self) {
        let mapped = ptr::with_exposed_provenance_mut::<c_void>(self.mapped);
        #[expect(unsafe_code, reason = "the system's call")]
        // SAFETY: nothing refers to this memory any more.
        let unmapped = unsafe { munmap(mapped, self.open + 2 * GUARD) };
        debug_assert!(unmapped.is_ok());
    }
}
