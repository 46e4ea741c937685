//! Each kernel beside its oracle of plain candle operations, at the sizes of DistilBERT-base.
//!
//! `full` is 16 texts of 128 tokens, `real` 16 sentences of SST-2. A benchmark named `…_backward`
//! times forward and backward together, from a gradient of ones.
//!
//! ```sh
//! cargo bench --bench kernels                    # all
//! cargo bench --bench kernels -- attention       # those whose name has this in it
//! ```

mod attention;
mod elements;
mod layers;
mod material;
mod optimiser;

fn main() {
    lockstep_kernels::keep_freed_memory();
    divan::main();
}
