//! Many rows: the time and the memory of the first start, of the second, and of reading batches.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use lockstep_data::{Batch, BatchPlan, Order, TokenStore, Tokenizer};
use lockstep_world::{Seat, Seed, Step};

use crate::{Outcome, cache, load, tokens};

/// Examples of a batch.
const BATCH: NonZeroUsize = NonZeroUsize::MIN.saturating_add(31);
/// Batches that are read of the shuffled epoch.
const BATCHES: u64 = 50_000;

/// Generates a file of so many rows, then starts a process for each task.
pub(crate) fn measure(model: &str, count: usize, longest: usize, folder: &Path) -> Outcome<()> {
    let (file, kept) = (folder.join("rows.tsv"), folder.join("tokens"));
    generate(&file, count, longest)?;
    println!("{count} rows, {:.2} GB; {}", fs::metadata(&file)?.len() as f64 / 1e9, load());
    for task in ["first start", "second start", "batches"] {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("process").arg(task).arg(model).arg(&file).arg(&kept);
        if !command.status()?.success() {
            return Err(format!("{task} failed").into());
        }
    }
    Ok(())
}

const WORDS: [&str; 24] = [
    "the",
    "film",
    "a",
    "of",
    "story",
    "is",
    "charming",
    "dull",
    "and",
    "performances",
    "plot",
    "in",
    "its",
    "without",
    "heart",
    "wonderfully",
    "predictable",
    "characters",
    "to",
    "it",
    "an",
    "unforgettable",
    "mess",
    "comedy",
];

/// Phrases of 1 to `longest` words: SST-2's have up to 50, 9 in the mean.
fn generate(file: &Path, count: usize, longest: usize) -> Outcome<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(file)?);
    out.write_all(b"sentence\tlabel\n")?;
    let seed = Seed(7);
    for row in 0..count as u64 {
        let words = 1 + seed.below(2 * row, longest);
        let mut bits = seed.bits(2 * row + 1);
        for word in 0..words {
            let place = usize::try_from(bits % WORDS.len() as u64).unwrap_or_default();
            let name = WORDS[place];
            bits = bits.rotate_right(5).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            write!(out, "{}{name}", if word == 0 { "" } else { " " })?;
        }
        writeln!(out, "\t{}", row % 2)?;
    }
    Ok(out.flush()?)
}

/// One task in a process of its own.
pub(crate) fn process(task: &str, model: &Path, file: &Path, folder: &Path) -> Outcome<()> {
    let tokenizer = Tokenizer::from_dir(model)?;
    let began = Instant::now();
    let store = tokens(&cache(folder), &tokenizer, file)?;
    let seconds = began.elapsed().as_secs_f64();
    if task == "batches" {
        batches(&store)?;
    }
    println!(
        "{task}: {seconds:.3} s for {} texts, {} tokens; {}; {}",
        store.len(),
        store.total_tokens(),
        memory(),
        load()
    );
    Ok(())
}

fn batches(store: &TokenStore) -> Outcome<()> {
    let plan = BatchPlan::new(store.len(), BATCH, Order::Shuffled(Seed(42)));
    let began = Instant::now();
    std::hint::black_box(plan.global_batch(Step(0)));
    println!("the order of an epoch: {:.3} s", began.elapsed().as_secs_f64());
    let last = BATCHES.min(plan.updates_per_epoch() as u64);
    let (began, mut tokens) = (Instant::now(), 0);
    for step in 0..last {
        let share = plan.share(Step(step), Seat::SOLO, store.lengths());
        tokens += Batch::pack(store, &share)?.tokens();
    }
    let seconds = began.elapsed().as_secs_f64();
    let texts = last as f64 * BATCH.get() as f64 / seconds;
    println!(
        "{last} shuffled batches of {BATCH}: {:.1} us each, {:.0} thousand texts/s, {:.1} million tokens/s",
        seconds / last as f64 * 1e6,
        texts / 1e3,
        tokens as f64 / seconds / 1e6
    );
    Ok(())
}

/// The most memory that this process had.
fn memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    let kilobytes: f64 =
        line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(f64::NAN);
    format!("at most {:.0} MB", kilobytes / 1e3)
}
