//! The pool as a program's allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::pool::{Pool, UNIT};

/// Blocks of so many bytes come from the pool. It is where the system's allocator, too, begins to
/// return memory on its own.
const LARGE: usize = 256 << 10;

/// The pool of this process.
static POOL: Mutex<Pool> = Mutex::new(Pool::new());

/// Serves large blocks from memory that is kept when they are freed, and all others from the
/// system.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeptMemory;

// SAFETY: a block is of the pool or of the system by its layout alone, so whoever served it takes it
// back. The pool hands out disjoint ranges of mapped memory, aligned to UNIT, and null when there
// are none. Nothing in here unwinds: the sums stay below the address space, and the ranges' nodes
// are small, so they come from the system while the lock is held.
#[expect(unsafe_code, reason = "an allocator is a promise that the compiler cannot check")]
unsafe impl GlobalAlloc for KeptMemory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(length) = pool_length(layout.size(), layout) else {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc(layout) };
        };
        let block = pool().take(length);
        block.map_or(ptr::null_mut(), |block| ptr::with_exposed_provenance_mut(block.start))
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let Some(length) = pool_length(layout.size(), layout) else {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc_zeroed(layout) };
        };
        let Some(block) = pool().take(length) else { return ptr::null_mut() };
        let start: *mut u8 = ptr::with_exposed_provenance_mut(block.start);
        if !block.is_zero {
            // SAFETY: the block is ours alone, and has at least the layout's size.
            unsafe { start.write_bytes(0, layout.size()) };
        }
        start
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        match pool_length(layout.size(), layout) {
            Some(length) => {
                let start = start.expose_provenance();
                pool().put(start..start + length);
            }
            // SAFETY: the caller's promise, and the block is of the system by its layout.
            None => unsafe { System.dealloc(start, layout) },
        }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        match (pool_length(layout.size(), layout), pool_length(size, layout)) {
            // SAFETY: the caller's promise, and both blocks are of the system.
            (None, None) => return unsafe { System.realloc(start, layout, size) },
            (Some(old), Some(new)) if new <= old => {
                let address = start.expose_provenance();
                pool().put(address + new..address + old);
                return start;
            }
            _ => {}
        }
        // SAFETY: the caller promises that `size`, rounded up to the alignment, is no overflow.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !new.is_null() {
            // SAFETY: two blocks that are allocated do not overlap, and each has so many bytes.
            unsafe {
                new.copy_from_nonoverlapping(start, layout.size().min(size));
                self.dealloc(start, layout);
            }
        }
        new
    }
}

/// The bytes the pool gives for `size` ones, aligned as `layout` is; none when the system is to.
fn pool_length(size: usize, layout: Layout) -> Option<usize> {
    let is_kept = size >= LARGE && layout.align() <= UNIT;
    // A layout's size is at most isize::MAX, so rounding up is no overflow.
    is_kept.then(|| size.next_multiple_of(UNIT))
}

fn pool() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random: Marsaglia, "Xorshift RNGs" (2003).
    struct Xorshift(u64);

    impl Xorshift {
        fn below(&mut self, limit: usize) -> usize {
            for (left, shift) in [(true, 13), (false, 7), (true, 17)] {
                self.0 ^= if left { self.0 << shift } else { self.0 >> shift };
            }
            usize::try_from(self.0 >> 20).unwrap() % limit
        }
    }

    /// A block that is full of one number.
    struct Filled {
        start: *mut u8,
        layout: Layout,
        byte: u8,
    }

    #[expect(unsafe_code, reason = "an allocator's user holds addresses")]
    impl Filled {
        fn new(random: &mut Xorshift) -> Self {
            let layout = Layout::from_size_align(size(random), 1 << random.below(18)).unwrap();
            let is_zeroed = random.below(2) == 0;
            // SAFETY: no size is zero.
            let start = unsafe {
                if is_zeroed { KeptMemory.alloc_zeroed(layout) } else { KeptMemory.alloc(layout) }
            };
            assert!(!start.is_null() && start.addr().is_multiple_of(layout.align()), "{layout:?}");
            let mut block = Self { start, layout, byte: 0 };
            if is_zeroed {
                block.check(layout.size());
            }
            block.fill(random);
            block
        }

        fn resize(&mut self, random: &mut Xorshift) {
            let size = size(random);
            // SAFETY: the block was allocated with this layout, and the size is not zero.
            let start = unsafe { KeptMemory.realloc(self.start, self.layout, size) };
            assert!(!start.is_null() && start.addr().is_multiple_of(self.layout.align()));
            let kept = size.min(self.layout.size());
            self.layout = Layout::from_size_align(size, self.layout.align()).unwrap();
            self.start = start;
            self.check(kept);
            self.fill(random);
        }

        fn free(self) {
            self.check(self.layout.size());
            // SAFETY: the block was allocated with this layout and is used no more.
            unsafe { KeptMemory.dealloc(self.start, self.layout) };
        }

        fn fill(&mut self, random: &mut Xorshift) {
            self.byte = u8::try_from(random.below(255)).unwrap() + 1;
            // SAFETY: the block has so many bytes, and no other thread knows it.
            unsafe { self.start.write_bytes(self.byte, self.layout.size()) };
        }

        fn check(&self, length: usize) {
            // SAFETY: so many bytes of the block were written, or are promised to be zero.
            let bytes = unsafe { std::slice::from_raw_parts(self.start, length) };
            assert!(bytes.iter().all(|byte| *byte == self.byte), "{:?}", self.layout);
        }
    }

    /// Small, just around the limit, or large.
    fn size(random: &mut Xorshift) -> usize {
        let (least, spread) = [(1, 4096), (LARGE - 8, 16), (LARGE, 4 << 20)][random.below(3)];
        least + random.below(spread)
    }

    fn stress(seed: u64) {
        let mut random = Xorshift(seed);
        let mut blocks: Vec<Filled> = Vec::new();
        for _ in 0..600 {
            match random.below(3) {
                0 if !blocks.is_empty() => blocks.swap_remove(random.below(blocks.len())).free(),
                1 if !blocks.is_empty() => {
                    let block = random.below(blocks.len());
                    blocks[block].resize(&mut random);
                }
                _ if blocks.len() < 24 => blocks.push(Filled::new(&mut random)),
                _ => {}
            }
        }
        blocks.into_iter().for_each(Filled::free);
    }

    #[test]
    fn blocks_keep_their_bytes_whatever_other_threads_do() {
        std::thread::scope(|scope| {
            for seed in 1..=4 {
                scope.spawn(move || stress(seed * 0x9E37_79B9));
            }
        });
    }

    #[test]
    #[expect(unsafe_code, reason = "an allocator's user holds addresses")]
    fn a_size_beyond_all_memory_is_null() {
        let layout = Layout::from_size_align(isize::MAX as usize - UNIT, 8).unwrap();
        // SAFETY: the size is not zero.
        assert!(unsafe { KeptMemory.alloc(layout) }.is_null());
    }
}
