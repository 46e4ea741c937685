//! Writes the man pages of both programs to a directory: `cargo xtask man DIR`.

use std::io;
use std::path::PathBuf;

use lockstep_flags::ManPage;

fn main() -> io::Result<()> {
    let directory = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| ".".into()));
    std::fs::create_dir_all(&directory)?;
    for program in [lockstep_trainer_cli::as_clap(), lockstep_launcher::as_clap()] {
        for ManPage { file, text } in ManPage::all(program)? {
            std::fs::write(directory.join(file), text)?;
        }
    }
    Ok(())
}
