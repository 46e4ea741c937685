//! The C++ half: cpp/launch.cpp and cpp/registry.hpp have the same declarations.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::{Mutex, PoisonError};

use crate::argument::Value;

/// A kernel, as C++ lists it.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Kernel {
    name: *const c_char,
    kinds: *const c_char,
    threads: u32,
    entry: *const c_void,
    next: *const Kernel,
}

#[expect(unsafe_code, reason = "C++ lists kernels before the program begins, and changes none")]
// SAFETY: all of it is constant.
unsafe impl Sync for Kernel {}

impl Kernel {
    /// The kernel of that name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        Self::all().find(|kernel| kernel.name() == name)
    }

    /// All kernels.
    pub(crate) fn all() -> impl Iterator<Item = &'static Self> {
        #[expect(unsafe_code, reason = "a C++ function")]
        // SAFETY: the list is constant, and ends with a null pointer.
        let first = unsafe {
            emulator_keep_all();
            emulator_kernels().as_ref()
        };
        #[expect(unsafe_code, reason = "a list of C++")]
        // SAFETY: as above.
        std::iter::successors(first, |kernel| unsafe { kernel.next.as_ref() })
    }

    pub(crate) fn name(&self) -> &'static str {
        text(self.name)
    }

    /// The letters of the types of the arguments.
    pub(crate) fn kinds(&self) -> &'static [u8] {
        text(self.kinds).as_bytes()
    }

    /// Threads of a block, at most.
    pub(crate) const fn threads(&self) -> u32 {
        self.threads
    }
}

fn text(words: *const c_char) -> &'static str {
    #[expect(unsafe_code, reason = "a string of C++")]
    // SAFETY: it is constant, and ends with a zero.
    let words = unsafe { CStr::from_ptr(words) };
    words.to_str().unwrap_or_default()
}

/// A launch, as C++ reads it.
#[repr(C)]
#[derive(Clone, Copy)]
struct Launch {
    kernel: *const Kernel,
    grid: [u32; 2],
    threads: u32,
    shared: u32,
    seed: u64,
    arguments: *const *const Value,
}

/// What C++ is asked to run: a block.
pub(crate) struct BlockRun<'a> {
    pub(crate) kernel: &'static Kernel,
    pub(crate) grid: [u32; 2],
    pub(crate) threads: u32,
    pub(crate) shared: u32,
    pub(crate) seed: u64,
    pub(crate) values: &'a [Value],
    pub(crate) block: [u32; 2],
}

/// What a kernel did wrong.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) block: [u32; 2],
    pub(crate) thread: u32,
    access: u32,
    address: u64,
    cause: [u8; 192],
}

impl Fault {
    /// The words of C++; empty where only Rust knows what lies at the address.
    pub(crate) fn cause(&self) -> String {
        let words = self.cause.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(words).into_owned()
    }

    /// The address that was touched and is not there.
    pub(crate) const fn touched(&self) -> Option<u64> {
        if self.access == 1 { Some(self.address) } else { None }
    }
}

/// Where blocks run, one after the other.
pub(crate) struct Stage(*mut c_void);

#[expect(unsafe_code, reason = "a stage belongs to no thread while no block runs there")]
// SAFETY: its stacks are plain memory.
unsafe impl Send for Stage {}

/// Unused stages; they are kept until the process ends.
static STAGES: Mutex<Vec<Stage>> = Mutex::new(Vec::new());

impl Stage {
    /// A stage that is not in use; none where memory is short.
    pub(crate) fn take() -> Option<Self> {
        let kept = STAGES.lock().unwrap_or_else(PoisonError::into_inner).pop();
        #[expect(unsafe_code, reason = "a C++ function")]
        // SAFETY: it has no preconditions.
        kept.or_else(|| Some(Self(unsafe { emulator_stage() })).filter(|stage| !stage.0.is_null()))
    }

    /// For the next who needs one.
    pub(crate) fn put(self) {
        STAGES.lock().unwrap_or_else(PoisonError::into_inner).push(self);
    }

    /// Runs a block, whose arguments have the kernel's types.
    pub(crate) fn run(&mut self, run: &BlockRun<'_>) -> Result<(), Box<Fault>> {
        let pointers: Vec<*const Value> = run.values.iter().map(std::ptr::from_ref).collect();
        let launch = Launch {
            kernel: run.kernel,
            grid: run.grid,
            threads: run.threads,
            shared: run.shared,
            seed: run.seed,
            arguments: pointers.as_ptr(),
        };
        let mut fault =
            Box::new(Fault { block: [0; 2], thread: 0, access: 0, address: 0, cause: [0; 192] });
        let [x, y] = run.block;
        #[expect(unsafe_code, reason = "a C++ function")]
        // SAFETY: `launch::checked` compared the arguments with the kernel's types. A kernel that
        // touches unmapped memory is stopped; one that touches memory of Rust is a bug that only
        // its author can keep away, as on a GPU.
        let failed = unsafe { emulator_run_block(self.0, &launch, x, y, &mut *fault) };
        if failed == 0 { Ok(()) } else { Err(fault) }
    }
}

#[expect(unsafe_code, reason = "functions of C++")]
unsafe extern "C" {
    fn emulator_keep_all();
    fn emulator_kernels() -> *const Kernel;
    fn emulator_stage() -> *mut c_void;
    fn emulator_run_block(
        stage: *mut c_void,
        launch: *const Launch,
        x: u32,
        y: u32,
        fault: *mut Fault,
    ) -> c_int;
}
