//! The lines that a run prints before its first update and after its last one.

use std::fmt::Write;
use std::path::Path;

use lockstep_collective::Tallies;
use lockstep_data::{CorpusFacts, OnBadRow, TokenStore};
use lockstep_join::GroupSummary;
use lockstep_model::LoadReport;
use lockstep_params::ParamName;
use lockstep_settings::{DataPlan, Existing, ModelName, OutputPlan, RunPlan};
use lockstep_trainer::{Forgotten, Parts};
use lockstep_world::{Seat, WorldSize};

use super::super::{DETERMINISTIC, bandwidths};
use crate::classes;
use crate::models::Loaded;
use crate::sources::{self, Corpora};
use lockstep_host::shell::quoted;
use lockstep_world::counted;

/// The program, its device with the threads of a rank, and the ranks.
pub(super) fn of_process(plan: &RunPlan, device: &str, group: &GroupSummary) -> String {
    let mode = plan.train.deterministic.then(|| format!("mode       {DETERMINISTIC}\n"));
    format!(
        "lockstep {}\ndevice     {device}, {}\nranks      {}\n{}output     {}\n",
        env!("CARGO_PKG_VERSION"),
        group.threads,
        group.ranks,
        mode.unwrap_or_default(),
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
        "           {}, label column `{label}`; {}",
        columns.texts(),
        classes::in_words(&corpora.train)
    );
    text += &classes::numbered(&corpora.train);
    let held = corpora.held(plan);
    held.iter().for_each(|one| text += &line(one.set, &one.name, one.corpus));
    if !held.iter().any(|one| one.set == "validation") {
        text += "validation none, so nothing is evaluated while training; --validation-file FILE or \
                 --validation-split 0.1 gives some\n";
    }
    text
}

fn line(name: &str, source: &str, corpus: &CorpusFacts) -> String {
    let skipped = match corpus.skipped() {
        none if none.is_empty() => String::new(),
        some => format!("; {} skipped: {some}", counted(some.total(), "row")),
    };
    let examples = corpus.examples_in_words();
    let manner = match corpus.manner().to_string() {
        none if none.is_empty() => none,
        some => format!("; {some}"),
    };
    format!("{name:<10} {source}: {examples}{manner}{skipped}\n")
}

/// The model, and what became of its tensors.
pub(super) fn of_model(name: &ModelName, loaded: &Loaded) -> String {
    let name = match name {
        ModelName::Tiny => "builtin:tiny",
        ModelName::Named(name) => name,
    };
    let parameters = loaded.model.parameters().scalars();
    let tensors =
        loaded.report.as_ref().map_or_else(|| "all initialised at random".to_owned(), tensors);
    format!("model      {name}: {parameters} parameters; {tensors}\n")
}

fn tensors(report: &LoadReport) -> String {
    let mut text = format!("{} loaded", counted(report.loaded.len(), "tensor"));
    for (names, what) in
        [(&report.initialised, "initialised at random"), (&report.ignored, "ignored")]
    {
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
        "tokens     {} in the training set, {:.1} per text; vocabulary of {}",
        parts.train.total_tokens(),
        parts.train.total_tokens() as f64 / parts.train.len().max(1) as f64,
        parts.tokenizer.vocab_size()
    );
    let stores = [
        ("training", Some(&parts.train)),
        ("validation", parts.validation.as_ref()),
        ("test", parts.test.as_ref()),
    ];
    let truncated = stores.map(|(name, store)| (name, store.map_or(0, TokenStore::truncated)));
    if truncated.iter().all(|(_, count)| *count == 0) {
        let _ = write!(text, "; no text is longer than {limit} tokens");
    }
    for (name, count) in truncated.into_iter().filter(|(_, count)| *count > 0) {
        let texts = counted(count, &format!("{name} text"));
        let _ = write!(text, "; {texts} truncated to {limit} tokens");
    }
    text + "\n"
}

/// That there is nothing to resume from, where the run would have resumed; else empty.
pub(super) fn of_resumption(plan: &OutputPlan, checkpoint: Option<&Path>) -> String {
    match (&plan.existing, checkpoint) {
        (Existing::GoOn, None) => format!(
            "resume     no checkpoint in {}, so training starts at update 0\n",
            plan.directory.display()
        ),
        _ => String::new(),
    }
}

/// What of a checkpoint no longer applies, and what the run does instead.
pub(super) fn of_forgotten(plan: &DataPlan, forgotten: &Forgotten) -> String {
    match forgotten {
        Forgotten::ValidationData { here, there } => {
            let name = sources::validation_name(plan).unwrap_or_else(|| "nothing".to_owned());
            format!(
                "{name} is not the validation set that the checkpoint was evaluated on ({here} now, \
                 {there} then): the best accuracy and the early-stopping count start again at this \
                 checkpoint"
            )
        }
        Forgotten::Metric { here, there } => format!(
            "evaluations are compared by {here} now and were by {there}: the best {here} and the \
             early-stopping count start again at this checkpoint"
        ),
        Forgotten::Best { directory, cause } => format!(
            "{}, the best checkpoint so far, cannot be used ({cause}): the run continues without it, \
             and the best accuracy starts again at this checkpoint",
            directory.display()
        ),
    }
}

/// Calls that moved fewer bytes are not shown.
const BULK: u64 = 1 << 20;

/// The bytes that the ranks exchanged, and how fast; empty for one rank.
pub(super) fn of_ranks(seat: Seat, tallies: &Tallies) -> String {
    let mut text = String::new();
    for (verb, tally) in tallies.by_name() {
        if seat.world() == WorldSize::ONE || tally.bytes < BULK {
            continue;
        }
        let name = if text.is_empty() { "exchanged" } else { "" };
        let _ = writeln!(
            text,
            "{name:<10} {verb}: {} calls, {:.3} GB in {:.1} s, {}",
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
    // The model remembers how its files were read, except that bad rows were skipped.
    let skip = match plan.data.reading.on_bad_row {
        OnBadRow::Skip => " --on-bad-row skip",
        OnBadRow::Fail => "",
    };
    format!(
        "\nThe model is in {}, its model card is {}. What to run next:\n  \
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
            assert!(told.starts_with("exchanged  all-reduce: 2 calls, 0.008 GB in "), "{told}");
            assert_eq!(told.lines().count(), 1, "{told}");
        }
        assert_eq!(after_sums(Solo), "");
    }
}
