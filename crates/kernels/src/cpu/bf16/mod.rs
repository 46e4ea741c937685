//! Matrix products in bf16 with sums in f32, for processors with AVX512-BF16.
//!
//! Operands lie in memory as f32 and are rounded to bf16, to the nearest and ties to even, while
//! they are packed for the inner loop. One instruction multiplies 32 pairs and adds them to 16 sums:
//! twice the work of an f32 instruction. The cut into blocks is that of Goto and van de Geijn,
//! "Anatomy of High-Performance Matrix Multiplication" (ACM TOMS 34(3), 2008): a block of the right
//! factor stays in the second-level cache, panels of the left one pass through the first. We differ
//! in what is shared: threads take strips of columns, pack their own right blocks and read one left
//! block.
//!
//! Each element of a result is summed in an order that depends on the inner dimension alone; how
//! rows and columns are dealt to threads changes no bit of it (tested below).

#[cfg(target_arch = "x86_64")]
mod ahead;
#[cfg(not(target_arch = "x86_64"))]
mod disabled;
#[cfg(target_arch = "x86_64")]
mod enabled;
#[cfg(target_arch = "x86_64")]
mod grid;
#[cfg(target_arch = "x86_64")]
mod pack;
#[cfg(target_arch = "x86_64")]
mod scratch;
#[cfg(target_arch = "x86_64")]
mod tile;

#[cfg(test)]
mod tests;
