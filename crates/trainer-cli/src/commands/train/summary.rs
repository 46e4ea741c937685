//! The lines that a run prints before its first update and after its last one.

use std::fmt::Write;
use std::path::Path;

use lockstep_collective::Tallies;
use lockstep_data::{BatchPlan, ColumnChoice, Columns, CorpusFacts, OnBadRow, TokenStore};
use lockstep_host::PrecisionChoice;
use lockstep_host::shell::quoted;
use lockstep_join::GroupSummary;
use lockstep_model::LoadReport;
use lockstep_params::ParamName;
use lockstep_settings::{
    DataPlan, Existing, ModelName, OutputPlan, Reading, Reporter, RunPlan, keys,
};
use lockstep_trainer::{Forgotten, Parts, TrainSettings};
use lockstep_world::{Seat, WorldSize, counted};
use serde_json::json;

use super::super::{DETERMINISTIC, bandwidths};
use crate::models::Loaded;
use crate::observers::{Account, Fact};
use crate::sources::{self, Corpora};
use crate::{classes, expected_time};

/// The program, its device with the threads of a rank, and the ranks.
pub(super) fn of_process(plan: &RunPlan, device: &str, group: &GroupSummary) -> Account {
    let precision = plan.find(&keys::PRECISION_KEY).map_or("f32", precision_name);
    Account::default()
        .row("lockstep", env!("CARGO_PKG_VERSION"))
        .row("device", format!("{device}, {}; {precision}", group.threads))
        .row("ranks", &*group.ranks)
        .row("mode", if plan.train.deterministic { DETERMINISTIC } else { "" })
        .row("output", plan.run.directory.display().to_string())
}

fn precision_name(precision: PrecisionChoice) -> &'static str {
    match precision {
        PrecisionChoice::F32 => "f32",
        PrecisionChoice::Tf32 => "tf32",
        PrecisionChoice::Bf16 => "bf16 with f32 weights",
    }
}

/// The corpora.
pub(super) fn of_corpora(plan: &DataPlan, corpora: &Corpora) -> Account {
    let held = corpora.held(plan);
    let none = match held.iter().any(|one| one.set == "validation") {
        true => "",
        false => {
            "none, so nothing is evaluated while training; --validation-file FILE or \
             --validation-split 0.1 gives some"
        }
    };
    Account::default()
        .row("train", of_corpus(&sources::name(&plan.train), &corpora.train))
        .row("", columns(plan, corpora.train.columns()))
        .row("", classes::in_words(&corpora.train))
        .row("", classes::numbered(&corpora.train))
        .rows(held.iter().map(|one| (one.set, of_corpus(&one.name, one.corpus))))
        .row("validation", none)
}

/// The columns that were read, and why these.
fn columns(plan: &DataPlan, columns: &Columns) -> String {
    let why = |choice: &ColumnChoice| match choice {
        ColumnChoice::Detect => "detected",
        ColumnChoice::Named(_) => "as given",
        ColumnChoice::Remembered(_) | ColumnChoice::RememberedPair(_) => "as the model was trained",
    };
    let Reading { text_column, label_column, .. } = &plan.reading;
    format!(
        "{} ({}), label column `{}` ({})",
        columns.texts(),
        why(text_column),
        columns.label.as_deref().unwrap_or_default(),
        why(label_column)
    )
}

fn of_corpus(source: &str, corpus: &CorpusFacts) -> String {
    let skipped = match corpus.skipped() {
        none if none.is_empty() => String::new(),
        some => format!("; {} skipped: {some}", counted(some.total(), "row")),
    };
    let examples = corpus.examples_in_words();
    let manner = match corpus.manner().to_string() {
        none if none.is_empty() => none,
        some => format!("; {some}"),
    };
    format!("{source}: {examples}{manner}{skipped}")
}

/// The model, and what became of its tensors.
pub(super) fn of_model(name: &ModelName, loaded: &Loaded) -> Account {
    let name = match name {
        ModelName::Tiny => "builtin:tiny",
        ModelName::Named(name) => name,
    };
    let parameters = loaded.model.parameters().scalars();
    let tensors =
        loaded.report.as_ref().map_or_else(|| "all initialised at random".to_owned(), tensors);
    Account::default().row("model", format!("{name}: {parameters} parameters; {tensors}"))
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
pub(super) fn of_tokens(plan: &RunPlan, parts: &Parts) -> Account {
    let limit = plan.data.reading.max_length.get();
    let mut text = format!(
        "{} in the training set, {:.1} per text; vocabulary of {}",
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
    Account::default().row("tokens", text)
}

/// The batches, the schedule's plan, and the time that they are expected to take.
pub(super) fn of_plan(plan: &RunPlan, parts: &Parts, settings: &TrainSettings) -> Account {
    let batch = settings.global_batch.get();
    let ranks = parts.collective.seat().world().get();
    let passes = settings.accumulation.get();
    let each = match (ranks, passes) {
        (1, 1) => String::new(),
        (ranks, 1) => format!(", about {} on each rank", batch.div_ceil(ranks)),
        (ranks, passes) => {
            format!(
                ", about {} on each rank in each of {passes} passes",
                batch.div_ceil(ranks * passes)
            )
        }
    };
    let per_epoch = BatchPlan::new(parts.train.len(), settings.global_batch, settings.order)
        .updates_per_epoch() as u64;
    let updates = settings.length.updates(per_epoch);
    let evaluation = match parts.validation {
        Some(_) => settings.evaluation.to_string(),
        None => "never".to_owned(),
    };
    Account::default()
        .row("batch", format!("{batch} examples an update{each}"))
        .row(
            "plan",
            format!(
                "{} of warm-up; evaluation {evaluation}; checkpoint {}",
                counted(settings.warmup.updates(updates), "update"),
                settings.saving.cadence
            ),
        )
        .row("time", expected(plan, parts, updates as f64 * batch as f64))
}

/// How long reading so many examples is expected to take.
fn expected(plan: &RunPlan, parts: &Parts, examples: f64) -> String {
    if !parts.model.device().is_cpu() {
        return "known after the first updates, as ETA".to_owned();
    }
    let classes = parts.model.labels().len();
    let encoder = expected_time::encoder_scalars(parts.model.config(), plan.model.head, classes);
    let per_example = parts.train.total_tokens() as f64 / parts.train.len().max(1) as f64;
    let threads = rayon::current_num_threads() * parts.collective.seat().world().get();
    expected_time::in_words(expected_time::seconds(encoder, examples * per_example, threads))
}

/// That there is nothing to resume from, where the run would have resumed; else empty.
pub(super) fn of_resumption(plan: &OutputPlan, checkpoint: Option<&Path>) -> Account {
    let text = match (&plan.existing, checkpoint) {
        (Existing::GoOn, None) => {
            format!("no checkpoint in {}, so training starts at update 0", plan.directory.display())
        }
        _ => String::new(),
    };
    Account::default().row("resume", text)
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
pub(super) fn of_ranks(seat: Seat, tallies: &Tallies) -> Account {
    let mut rows = Vec::new();
    for (verb, tally) in tallies.by_name() {
        if seat.world() == WorldSize::ONE || tally.bytes < BULK {
            continue;
        }
        let value = format!(
            "{verb}: {} calls, {:.3} GB in {:.1} s, {}",
            tally.calls,
            tally.bytes as f64 / 1e9,
            tally.time.as_secs_f64(),
            bandwidths(tally)
        );
        rows.push((if rows.is_empty() { "exchanged" } else { "" }, value));
    }
    Account::default().rows(rows)
}

/// Where everything is and what can be done with the model.
pub(super) fn of_result(plan: &RunPlan) -> Fact {
    let directory = &plan.run.directory;
    let word = quoted(&directory.display().to_string());
    let held = plan.data.test.as_ref().or(plan.data.validation.as_ref());
    let data = held.map_or_else(|| "FILE".to_owned(), |held| quoted(&sources::name(held)));
    // The model remembers how its files were read, except that bad rows were skipped.
    let skip = match plan.data.reading.on_bad_row {
        OnBadRow::Skip => " --on-bad-row skip",
        OnBadRow::Fail => "",
    };
    let next = [
        format!("trainer evaluate --checkpoint {word} --data {data}{skip}"),
        format!("echo \"a text\" | trainer predict --checkpoint {word}"),
    ];
    let [card, report, metrics] = ["README.md", "report.html", "metrics.jsonl"]
        .map(|name| directory.join(name).display().to_string());
    // Of a series, each training has its own.
    let has_metrics = plan.run.reporters.contains(&Reporter::Jsonl) && plan.seeds().is_none();
    let of_metrics = if has_metrics { format!("\nmetrics    {metrics}") } else { String::new() };
    let model = directory.display().to_string();
    let text = format!(
        "\nmodel      {model}\nmodel card {card}\nreport     {report}{of_metrics}\n\nWhat to run next:\n  {}",
        next.join("\n  ")
    );
    let fields = json!({
        "model": model, "model_card": card, "report": report,
        "metrics": has_metrics.then_some(metrics), "next": next,
    });
    Fact::new("result", text, fields).closing()
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
            let facts = of_ranks(ranks.seat(), &ledger.read()).facts();
            facts.into_iter().map(|fact| fact.text).collect()
        }
        for told in Threads::run(2, after_sums) {
            assert!(told.starts_with("exchanged  all-reduce: 2 calls, 0.008 GB in "), "{told}");
            assert_eq!(told.lines().count(), 1, "{told}");
        }
        assert_eq!(after_sums(Solo), "");
    }
}
