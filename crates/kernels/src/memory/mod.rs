//! Memory that is kept: what a program allocates with, so that pages stay its own between updates.
//!
//! An update allocates and frees hundreds of megabytes, the same ones as the update before it. The
//! system's allocator gives blocks of that size back to the kernel, which clears every page before
//! it hands it out again; on two cores a third of an update went there. [`KeptMemory`] serves large
//! blocks from mappings of its own, in huge pages where the kernel has them, and leaves all others
//! to [`System`](std::alloc::System). A program chooses it once:
//!
//! ```
//! #[global_allocator]
//! static MEMORY: lockstep_kernels::KeptMemory = lockstep_kernels::KeptMemory;
//! ```
//!
//! What is kept is bounded. Free memory that a request does not fit into goes back to the kernel
//! before more is asked for, unless it is less than a quarter of what is in use. So a program holds
//! at most its peak, a quarter, and one chunk of fresh addresses, which have no pages yet.

#[cfg(target_os = "linux")]
mod free_ranges;
#[cfg(target_os = "linux")]
mod kept;
#[cfg(target_os = "linux")]
mod pages;
#[cfg(target_os = "linux")]
mod pool;

#[cfg(target_os = "linux")]
pub use kept::KeptMemory;
/// Elsewhere the system's allocator serves all blocks.
#[cfg(not(target_os = "linux"))]
pub use std::alloc::System as KeptMemory;
