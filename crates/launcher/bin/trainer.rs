//! The program `trainer`: trains, evaluates, predicts, and tells what it would do.

fn main() -> std::process::ExitCode {
    lockstep_launcher::trainer()
}
