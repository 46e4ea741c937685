//! What the model is, what it was trained on, and how.

use std::fmt::Write;

use lockstep_settings::{BatchSize, ModelName, RunPlan};
use lockstep_world::{WorldSize, counted};
use serde_json::{Map, Value};

use super::escape::{code, words};
use super::{CardSource, Hardware};
use crate::sources::{self, Held};

/// What to call the model.
pub(super) fn title(plan: &RunPlan) -> String {
    plan.run.directory.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The title and what the model is.
pub(super) fn head(source: &CardSource<'_>) -> String {
    let plan = source.plan;
    let base = match &plan.model.name {
        ModelName::Tiny => "a small DistilBERT with fresh weights".to_owned(),
        ModelName::Named(name) => code(name),
    };
    format!(
        "\n# {}\n\nA text classifier, fine-tuned from {base} with lockstep {}.\n",
        words(&title(plan)),
        env!("CARGO_PKG_VERSION")
    )
}

/// The sets with their sizes, and the classes.
pub(super) fn data(source: &CardSource<'_>) -> String {
    let CardSource { plan, corpora, .. } = source;
    let mut text = String::from("\n## Data\n\n| split | source | examples |\n|---|---|---|\n");
    let train =
        Held { set: "training", name: sources::name(&plan.data.train), corpus: &corpora.train };
    for Held { set, name, corpus } in [train].into_iter().chain(corpora.held(&plan.data)) {
        let _ = writeln!(text, "| {set} | {} | {} |", code(&name), corpus.count());
    }
    let names = corpora.train.labels().names();
    let list: Vec<String> = names.iter().map(|name| code(name)).collect();
    let _ = writeln!(text, "\n{} classes: {}.", names.len(), list.join(", "));
    let limit = plan.data.reading.max_length.get();
    let _ = writeln!(text, "Texts are cut after {limit} tokens.");
    text
}

/// Batch, hardware, time, versions, and all keys.
pub(super) fn training(source: &CardSource<'_>, results: &Map<String, Value>) -> String {
    let mut text = format!("\n## Training\n\n{}", batch(source));
    let Hardware { device, ranks, hosts } = &source.hardware;
    let precision = source.plan.settled.iter().find(|settled| settled.name == "precision");
    let precision = precision.map_or("f32", |settled| settled.text.as_str());
    let _ = writeln!(
        text,
        "- Hardware: {} on {}, each on {}; {precision}",
        counted(*ranks, "rank"),
        counted(*hosts, "host"),
        words(device)
    );
    let number = |key: &str| results.get(key).and_then(Value::as_f64);
    if let (Some(seconds), Some(rate)) =
        (number("train_runtime"), number("train_samples_per_second"))
    {
        let _ = writeln!(
            text,
            "- Time in updates: {seconds:.1} s, {rate:.1} examples a second{}",
            if source.seeds.is_some() { " (this seed)" } else { "" }
        );
    }
    if source.seeds.is_none() {
        let _ = writeln!(text, "- Seed: {}", source.plan.train.seed.0);
    }
    let _ = writeln!(text, "- Version: lockstep {}", env!("CARGO_PKG_VERSION"));
    text += "\n## Hyper-parameters\n\n| key | value |\n|---|---|\n";
    for settled in &source.plan.settled {
        let _ = writeln!(text, "| `{}` | {} |", settled.name, code(&settled.text));
    }
    text + "\n`run.toml` has them all in the form that repeats the run: `trainer run.toml`.\n"
}

/// How many examples an update took.
fn batch(source: &CardSource<'_>) -> String {
    let train = &source.plan.train;
    let ranks = source.hardware.ranks;
    let world = WorldSize::new(ranks).unwrap_or(WorldSize::ONE);
    let global = train.batch.global(world, train.accumulation);
    let passes = counted(train.accumulation.get(), "accumulation step");
    let ranks = counted(ranks, "rank");
    let parts = match train.batch {
        BatchSize::PerDevice(each) => format!("{each} on each of {ranks}, {passes}"),
        BatchSize::Global(_) => format!("over {ranks}, {passes}"),
    };
    format!("- Effective batch: {global} examples an update ({parts})\n")
}
