//! What a run says of itself before and after: one fact a line, each where it becomes known.

use std::fmt::Write;

use lockstep_collective::Tallies;
use lockstep_data::{Corpus, OnBadRow, TokenStore};
use lockstep_model::LoadReport;
use lockstep_params::ParamName;
use lockstep_settings::{DataPlan, ModelName, RunPlan};
use lockstep_trainer::{Forgotten, Parts};
use lockstep_world::{Seat, WorldSize};

use super::super::bandwidths;
use crate::models::Loaded;
use crate::sources::{self, Corpora};
use lockstep_host::shell::quoted;

/// The program and what it runs on: a device, and its place in a world.
pub(super) fn of_process(plan: &RunPlan, device: &str, world: &str) -> String {
    format!(
        "lockstep {}\ndevice   {device}, {world}\noutput   {}\n",
        env!("CARGO_PKG_VERSION"),
        plan.run.directory.display()
    )
}

/// The corpora.
pub(super) fn of_corpora(plan: &DataPlan, corpora: &Corpora) -> String {
    let mut text = line("train", &sources::name(&plan.train), &corpora.train);
    let columns = corpora.train.columns();
    let label = columns.label.as_deref().unwrap_or_default();
    let _ = writeln!(
        text,
        "         columns `{}` and `{label}`; {}",
        columns.text,
        sources::classes(&corpora.train)
    );
    text += &sources::numbered(&corpora.train);
    for (name, source, corpus) in
        [("dev", &plan.validation, &corpora.validation), ("test", &plan.test, &corpora.test)]
    {
        if let (Some(source), Some(corpus)) = (source, corpus) {
            text += &line(name, &sources::name(source), corpus);
        }
    }
    text
}

fn line(name: &str, source: &str, corpus: &Corpus) -> String {
    let skipped = match corpus.skipped() {
        none if none.is_empty() => String::new(),
        some => format!("; {} rows skipped: {some}", some.total()),
    };
    format!("{name:<8} {source}: {} examples{skipped}\n", corpus.examples().len())
}

/// The model, and what became of its tensors.
pub(super) fn of_model(name: &ModelName, loaded: &Loaded) -> String {
    let name = match name {
        ModelName::Tiny => "builtin:tiny",
        ModelName::Named(name) => name,
    };
    let parameters = loaded.model.parameters().scalars();
    let tensors = loaded.report.as_ref().map_or_else(|| "fresh weights".to_owned(), tensors);
    format!("model    {name}: {parameters} parameters; {tensors}\n")
}

fn tensors(report: &LoadReport) -> String {
    let mut text = format!("{} tensors loaded", report.loaded.len());
    for (names, what) in [(&report.initialised, "initialised"), (&report.ignored, "ignored")] {
        if !names.is_empty() {
            let _ = write!(text, ", {} {what} ({})", names.len(), shown(names));
        }
    }
    text
}

fn shown(names: &[ParamName]) -> String {
    const SHOWN: usize = 4;
    let list: Vec<&str> = names.iter().take(SHOWN).map(ParamName::as_str).collect();
    list.join(", ") + if names.len() > SHOWN { ", …" } else { "" }
}

/// How long the texts are.
pub(super) fn of_tokens(plan: &RunPlan, parts: &Parts) -> String {
    let limit = plan.data.reading.max_length.get();
    let mut text = format!(
        "tokens   {} in train, {:.1} a text; vocabulary {}",
        parts.train.total_tokens(),
        parts.train.total_tokens() as f64 / parts.train.len().max(1) as f64,
        parts.tokenizer.vocab_size()
    );
    for (name, store) in [
        ("train", Some(&parts.train)),
        ("dev", parts.validation.as_ref()),
        ("test", parts.test.as_ref()),
    ] {
        if let Some(cut) = store.map(TokenStore::truncated) {
            let _ = write!(text, "; {cut} texts of {name} cut at {limit} tokens");
        }
    }
    text + "\n"
}

/// What of a checkpoint holds no longer, and what becomes of the run.
pub(super) fn of_forgotten(plan: &DataPlan, forgotten: &Forgotten) -> String {
    match forgotten {
        Forgotten::ValidationData { here, there } => {
            let name = plan.validation.as_ref().map_or_else(|| "nothing".to_owned(), sources::name);
            format!(
                "{name} is not what the checkpoint's run was evaluated on ({here} now, {there} \
                 there): its best accuracy and its patience no longer count, and the best is \
                 looked for anew from this checkpoint on"
            )
        }
        Forgotten::Best { directory, cause } => format!(
            "{}, the best checkpoint so far, cannot be used ({cause}): the run goes on without it, \
             and the best is looked for anew from this checkpoint on",
            directory.display()
        ),
    }
}

/// Bytes from which a verb is worth a line.
const BULK: u64 = 1 << 20;

/// What the ranks told each other in bulk, and how fast; nothing of one that is alone.
pub(super) fn of_ranks(seat: Seat, tallies: &Tallies) -> String {
    let mut text = String::new();
    for (verb, tally) in tallies.by_name() {
        if seat.world() == WorldSize::ONE || tally.bytes < BULK {
            continue;
        }
        let name = if text.is_empty() { "ranks" } else { "" };
        let _ = writeln!(
            text,
            "{name:<8} {verb}: {} calls, {:.3} GB in {:.1} s, {}",
            tally.calls,
            tally.bytes as f64 / 1e9,
            tally.time.as_secs_f64(),
            bandwidths(tally)
        );
    }
    text
}

/// Where the model is and what can be done with it.
pub(super) fn of_result(plan: &RunPlan) -> String {
    let directory = &plan.run.directory;
    let word = quoted(&directory.display().to_string());
    let held = plan.data.test.as_ref().or(plan.data.validation.as_ref());
    let data = held.map_or_else(|| "FILE".to_owned(), |held| quoted(&sources::name(held)));
    // All else that the file needs is remembered beside the weights, but to pass over rows is said
    // each time.
    let skip = match plan.data.reading.on_bad_row {
        OnBadRow::Skip => " --on-bad-row skip",
        OnBadRow::Fail => "",
    };
    format!(
        "\nThe model is in {}, its card in {}. Next:\n  \
         trainer evaluate --checkpoint {word} --data {data}{skip}\n  \
         echo \"a text\" | trainer predict --checkpoint {word}\n",
        directory.display(),
        directory.join("README.md").display()
    )
}

#[cfg(test)]
mod tests {
    use lockstep_collective::{Collective, Solo, Threads, Timed};

    use super::*;

    #[test]
    fn what_ranks_told_each_other_in_bulk_is_told() {
        fn after_sums(ranks: impl Collective) -> String {
            let (mut ranks, ledger) = Timed::new(ranks);
            for _ in 0..2 {
                ranks.all_reduce_sum(&mut vec![1.0; 1 << 20]).unwrap();
            }
            ranks.all_gather(&[1, 2]).unwrap();
            of_ranks(ranks.seat(), &ledger.read())
        }
        for told in Threads::run(2, after_sums) {
            assert!(told.starts_with("ranks    all-reduce: 2 calls, 0.008 GB in "), "{told}");
            assert_eq!(told.lines().count(), 1, "{told}");
        }
        assert_eq!(after_sums(Solo), "");
    }
}
