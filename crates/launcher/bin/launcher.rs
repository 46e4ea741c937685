//! The program `launcher`: starts the trainer and watches over it.

#[global_allocator]
static MEMORY: lockstep_kernels::KeptMemory = lockstep_kernels::KeptMemory;

fn main() -> std::process::ExitCode {
    lockstep_launcher::launcher()
}
