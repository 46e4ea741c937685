//! Memory that stays with the process when it is freed, for the next update.
//!
//! An update allocates and frees hundreds of megabytes, the same ones as the update before it. The
//! C library gives blocks of that size back to the kernel, which clears every page again before it
//! hands it out: a quarter of an update went there. An allocator of our own over huge pages was
//! tried in this place. It made updates 3 to 6 % faster than this, and where a virtual machine lends its
//! free memory to its host, it started two seconds later: a huge page is the first to be lent.

/// Lets the C library keep what is freed: a process then holds at most the memory it once had in
/// use, and what lies between the blocks. To be called before threads are started; elsewhere than
/// on Linux with glibc it does nothing.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::keep();
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc {
    use libc::{M_MMAP_MAX, M_TOP_PAD, M_TRIM_THRESHOLD, c_int, mallopt};

    /// See mallopt(3).
    const OPTIONS: [(c_int, c_int); 3] = [
        // No block has a mapping of its own, which would end when the block is freed; but those
        // of 64 MiB that threads beside the first one ask for still have.
        (M_MMAP_MAX, 0),
        // The end of the heap is never given back,
        (M_TRIM_THRESHOLD, -1),
        // and is moved by so many bytes at least; a thread's last empty heap is kept by it.
        (M_TOP_PAD, 64 << 20),
    ];

    pub(super) fn keep() {
        for (option, value) in OPTIONS {
            // An option that is refused leaves things as they are, which is slower and no fault.
            // SAFETY: mallopt takes two numbers and its own lock.
            #[expect(unsafe_code, reason = "a function of the C library")]
            let _ = unsafe { mallopt(option, value) };
        }
    }
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    /// Bytes in mappings of their own, and bytes that are free.
    fn mapped_and_free() -> (usize, usize) {
        // SAFETY: mallinfo2 only reads what the C library counts, under its lock.
        #[expect(unsafe_code, reason = "a function of the C library")]
        let info = unsafe { libc::mallinfo2() };
        (info.hblkhd, info.fordblks)
    }

    #[test]
    fn what_is_freed_is_kept() {
        const LARGE: usize = 32 << 20;
        super::keep_freed_memory();
        let (mapped, _) = mapped_and_free();
        let block = std::hint::black_box(vec![1_u8; LARGE]);
        assert!(mapped_and_free().0 < mapped + LARGE, "a block has no mapping of its own");
        drop(block);
        assert!(mapped_and_free().1 >= LARGE);
    }
}
