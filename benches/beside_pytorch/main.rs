//! Lockstep and PyTorch in turn, on the same batches, on the same machine: what we claim about speed.
//!
//! Each side of a row is a process of its own that knows one setting, so that its peak memory is
//! that of the setting: ours is this program started again as a worker, PyTorch's is
//! `benches/pytorch/peer.py`. Both speak [`protocol`]; only one of them computes at a time.
//! [`rows`] says what is compared, [`contest`] how, [`report`] what is written about it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a report")]

mod bandwidth;
mod child;
mod contest;
mod corpora;
mod matrix_limit;
mod measured;
mod options;
mod ours;
mod products;
mod programs;
mod protocol;
mod report;
mod rows;
mod setting;
mod stage;
mod tokens;
mod training;
mod work;

use std::error::Error;
use std::process::ExitCode;

use options::Options;
use report::Report;
use stage::Stage;

/// What can fail here fails with a sentence.
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    lockstep_kernels::keep_freed_memory();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.split_first() {
        Some((first, rest)) if first == "worker" => ours::serve(rest),
        _ => compare(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("beside_pytorch: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn compare(arguments: &[String]) -> Outcome<()> {
    let Some(options) = Options::parse(arguments)? else {
        println!("{}", options::USAGE);
        return Ok(());
    };
    let stage = Stage::set(options)?;
    let mut report = Report::default();
    report.head(&stage);
    for row in rows::ROWS.iter().filter(|row| stage.options.wants(row.name)) {
        let outcome = contest::run(row, &stage);
        report.contest(row, outcome);
    }
    type Measure = fn(&Stage) -> Outcome<Vec<report::Fact>>;
    let measures: [(&str, Measure); 4] = [
        ("commands", programs::inference),
        ("start", programs::start),
        ("tokens", tokens::facts),
        ("adamw", bandwidth::facts),
    ];
    for (name, measure) in measures.into_iter().filter(|(name, _)| stage.options.wants(name)) {
        report.facts(name, measure(&stage));
    }
    report.finish(&stage.options)
}
