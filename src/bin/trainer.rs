//! The program `trainer`: trains, evaluates, predicts, and tells what it would do.

fn main() -> std::process::ExitCode {
    lockstep_kernels::keep_freed_memory();
    lockstep_kernels::keep_candle_on_one_thread();
    lockstep_trainer_cli::trainer()
}
