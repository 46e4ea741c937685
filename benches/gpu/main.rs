//! What a GPU does with our recorded programs: is it right, how fast is each part, what bounds it.
//!
//! `launch/cuda.sh --tests` builds it as target/cuda/release/gpu-bench, and `cargo xtask gpu` runs its
//! commands. Where there is no GPU, it says so and ends with 4.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a report")]
#![expect(clippy::cast_possible_truncation, reason = "counts of tokens and updates are small")]

mod batches;
mod clocked;
mod kernels;
mod model;
mod options;
mod products;
mod roofs;
mod setup;
mod timeline;
mod update;
mod work;

use std::env;
use std::error::Error;
use std::process::ExitCode;

use lockstep_gpu::{self as gpu, CudaMachine, GpuError, Graphs};

use options::{Command, Options};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The exit code of a missing device, as the programs have it.
const MISSING: u8 = 4;

fn main() -> ExitCode {
    match Options::read(env::args().skip(1)).and_then(|options| run(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("error: {failure}");
            let is_missing = failure.downcast_ref::<GpuError>().is_some();
            if is_missing { ExitCode::from(MISSING) } else { ExitCode::FAILURE }
        }
    }
}

/// Whether everything is as it should be.
fn run(options: &Options) -> Outcome<bool> {
    match options.command {
        Command::Help => {
            println!("{}", options::HELP);
            Ok(true)
        }
        Command::Model => model::save(options).map(|()| true),
        Command::Kernels => kernels::check(options),
        Command::Update => update::measure(options).map(|()| true),
        Command::Timeline => timeline::measure(options).map(|()| true),
        Command::Roofs => roofs::measure(options).map(|()| true),
    }
}

/// A machine on the first GPU.
fn open(graphs: Graphs) -> Result<CudaMachine, GpuError> {
    CudaMachine::open(&gpu::open(0)?, graphs)
}

/// Fails where there is none, before any row is begun.
fn need_gpu() -> Result<(), GpuError> {
    open(Graphs::Off).map(|_| ())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
