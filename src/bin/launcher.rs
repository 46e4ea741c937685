//! The program `launcher`: starts the trainer and watches over it.

fn main() -> std::process::ExitCode {
    lockstep_launcher::launcher()
}
