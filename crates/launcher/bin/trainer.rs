//! The program `trainer`: trains, evaluates, predicts, and tells what it would do.

#[global_allocator]
static MEMORY: lockstep_kernels::KeptMemory = lockstep_kernels::KeptMemory;

fn main() -> std::process::ExitCode {
    lockstep_launcher::trainer()
}
