//! Writes the man pages of both programs to a directory: `cargo xtask man DIR`.

use std::io;

fn main() -> io::Result<()> {
    let directory = std::env::args_os().nth(1).unwrap_or_else(|| ".".into());
    std::fs::create_dir_all(&directory)?;
    clap_mangen::generate_to(lockstep_trainer_cli::as_clap(), &directory)?;
    clap_mangen::generate_to(lockstep_launcher::as_clap(), &directory)
}
