//! Pages from the kernel and back to it.

use std::ops::Range;
use std::ptr;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// The size and alignment of a huge page on x86-64, and on most others.
pub(super) const HUGE_PAGE: usize = 2 << 20;

/// Maps `length` bytes, a multiple of [`HUGE_PAGE`] and aligned to it, all zero. None when the
/// kernel has no more.
pub(super) fn map(length: usize) -> Option<Range<usize>> {
    let mapped = map_anywhere(length.checked_add(HUGE_PAGE)?)?;
    // The kernel maps from high addresses to low ones. Cut at the upper end, a chunk touches the
    // one before it.
    let end = mapped.end / HUGE_PAGE * HUGE_PAGE;
    let chunk = end - length..end;
    unmap(mapped.start..chunk.start);
    unmap(chunk.end..mapped.end);
    // A kernel without huge pages refuses, and has small ones.
    // SAFETY: the advice changes nothing that a program can see in a mapping that is ours.
    #[expect(unsafe_code, reason = "the kernel takes an address")]
    let _ = unsafe {
        madvise(ptr::with_exposed_provenance_mut(chunk.start), length, Advice::LinuxHugepage)
    };
    Some(chunk)
}

/// Gives a range back. True unless the kernel refuses, which leaves the range as it was.
pub(super) fn unmap(range: Range<usize>) -> bool {
    if range.is_empty() {
        return true;
    }
    // SAFETY: the range is part of a mapping of ours, and nobody uses it: it was cut off in `map`,
    // or was free in the pool, which has forgotten it.
    #[expect(unsafe_code, reason = "the kernel takes an address")]
    let result = unsafe { munmap(ptr::with_exposed_provenance_mut(range.start), range.len()) };
    result.is_ok()
}

fn map_anywhere(length: usize) -> Option<Range<usize>> {
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the kernel chooses the place, so no mapping is replaced.
    #[expect(unsafe_code, reason = "the kernel returns an address")]
    let start =
        unsafe { mmap_anonymous(ptr::null_mut(), length, protection, MapFlags::PRIVATE) }.ok()?;
    let start = start.expose_provenance();
    Some(start..start + length)
}
