//! `trainer plan`: what a training would do, without starting it.
//!
//! It reads the data, and the model's config.json and tokenizer where they are on this machine. The
//! network is not used, and nothing is written.

mod estimate;
mod predicted;
mod program;
mod program_table;

use std::io::Write;
use std::sync::LazyLock;

use lockstep_data::TokenStore;
use lockstep_flags::{Command, CommandLine, Entry, Key, SWITCH, Table, Words};
use lockstep_host::{ExitCode, Process};
use lockstep_hub::HubSettings;
use lockstep_join::device;
use lockstep_model::EncoderConfig;
use lockstep_settings::{ModelName, RunPlan, keys, plan_toml, run_config};
use lockstep_trainer::Criterion;
use lockstep_world::Seat;
use serde_json::{Value, json};

use super::DETERMINISTIC;
use crate::checks::Checks;
use crate::classes;
use crate::criterion;
use crate::disk::room;
use crate::expected_time;
use crate::failure::Failure;
use crate::models::Outline;
use crate::sources::{self, Corpora, Held, Places, RawCorpora};
use crate::tokens::{self, Tokens};
use estimate::{Costs, Counts};
use lockstep_world::counted;

static JSON: Key<bool> =
    Key::new(Table::COMMAND, "json", SWITCH, "answer with one JSON object").or("false");
static PROGRAM: Key<bool> = Key::new(
    Table::COMMAND,
    "program",
    SWITCH,
    "the GPU step instead: each kernel and product of the most common batches, with its bytes, \
     operations and predicted time, and the memory; needs no GPU",
)
.or("false");

static SETTINGS: Key<bool> = Key::new(
    Table::COMMAND,
    "settings",
    SWITCH,
    "the whole configuration as TOML instead; neither data nor a model is read",
)
.or("false");

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "plan",
    about: "Show what a training would do; nothing is started",
    usage: "trainer plan [CONFIG.toml] [flags] [--set KEY=VALUE ...]",
    entries: || &ENTRIES,
    words: Words::Config,
    after: String::new,
};

static ENTRIES: LazyLock<Vec<&'static dyn Entry>> =
    LazyLock::new(|| [&[&JSON as &'static dyn Entry, &PROGRAM, &SETTINGS], keys::ALL].concat());

/// Runs the command.
///
/// # Errors
/// A configuration, data or a model that cannot be used.
pub(super) fn run(
    process: &Process,
    line: CommandLine,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let config = run_config(line, &ENTRIES);
    let [as_json, of_program, of_settings] =
        [&JSON, &PROGRAM, &SETTINGS].map(|key| config.find(key).unwrap_or_default());
    let (plan, checks) = Checks::plan(config, HubSettings::of(&process.environment))?;
    if of_settings {
        return super::tell(out, &plan_toml(&plan));
    }
    checks.pass()?;
    if of_program {
        return super::tell(out, &program::text(&plan, process, as_json)?);
    }
    device::check(plan.run.wish.device, plan.run.precision)?;
    let (corpora, material) = read(&plan, process)?;
    let doubts = corpora.doubts(&plan.data);
    doubts.iter().for_each(|doubt| tracing::warn!("{doubt}"));
    let counts = Counts::of(&plan, &corpora);
    let costs =
        material.map(|Material { config, store, .. }| Costs::of(&plan, &config, &store, &counts));
    if let Some(costs) = &costs {
        costs.space.check(&plan.run)?;
    }
    let device = device::expected(plan.run.wish.device, &process.environment)?;
    let text = match as_json {
        false => table(&plan, &device, &corpora, &counts, costs.as_ref()),
        true => format!("{}\n", object(&plan, &device, &corpora, &counts, costs.as_ref())),
    };
    super::tell(out, &text)
}

/// The model's sizes, the tokens of the training texts, and the loss.
struct Material {
    config: EncoderConfig,
    store: TokenStore,
    criterion: Criterion,
}

/// The data with its classes, and the material, unless the model is not on this machine.
///
/// # Errors
/// Data or a model that a training would refuse.
fn read(plan: &RunPlan, process: &Process) -> Result<(Corpora, Option<Material>), Failure> {
    let hub = HubSettings::of(&process.environment).without_network();
    let cache = tokens::cache(plan.find(&keys::TOKEN_CACHE).as_ref(), &process.environment);
    let raw = RawCorpora::read(&plan.data, Places { hub: &hub, cache: Some(&cache) })?;
    let model = Outline::here(&plan.model, hub.clone())?;
    let corpora = raw.labelled(model.as_ref().and_then(Outline::classes))?;
    let criterion = criterion::criterion(&plan.train, &corpora.train)?;
    let material = |model: Outline| -> Result<Material, Failure> {
        let (config, tokenizer) = model.fitted(plan, &corpora.train)?;
        let (cache, tokenizer, reading) = (&cache, &tokenizer, &plan.data.reading);
        let store = Tokens { cache, tokenizer, reading }.of(&corpora.train)?;
        Ok(Material { config, store, criterion })
    };
    let material = model.map(material).transpose()?;
    Ok((corpora, material))
}

fn table(
    plan: &RunPlan,
    device: &str,
    corpora: &Corpora,
    counts: &Counts,
    costs: Option<&Costs>,
) -> String {
    let mut rows = vec![("device", format!("{device}, {}; 1 rank", counted(threads(), "thread")))];
    rows.extend(plan.train.deterministic.then(|| ("mode", DETERMINISTIC.to_owned())));
    rows.push(("train", held(&sources::name(&plan.data.train), counts.examples)));
    let of_set = |one: Held<'_>| (one.set, held(&one.name, one.corpus.count()));
    rows.extend(corpora.held(&plan.data).into_iter().map(of_set));
    rows.extend([
        ("classes", classes::in_words(&corpora.train)),
        (
            "batch",
            format!(
                "{} examples per update, {} per pass",
                counts.batch,
                counts.batch.div_ceil(counts.passes)
            ),
        ),
        ("updates", format!("{}, {} per epoch", counts.updates, counts.updates_per_epoch)),
        ("warm-up", counted(counts.warmup, "update")),
        ("evaluation", plan.train.evaluation.to_string()),
        ("saving", plan.run.saving.cadence.to_string()),
    ]);
    rows.extend(match costs {
        Some(costs) => cost_rows(plan, costs),
        None => vec![("model", not_here(&plan.model.name))],
    });
    rows.extend(plan.seeds().map(|seeds| ("seeds", of_seeds(&seeds))));
    rows.push(("output", plan.run.directory.display().to_string()));
    rows.into_iter().map(|(name, value)| format!("{name:<10} {value}\n")).collect()
}

/// The seeds of a series.
fn of_seeds(seeds: &[u64]) -> String {
    let list: Vec<String> = seeds.iter().map(u64::to_string).collect();
    format!("{}, one after the other: {}; the time is that of each", seeds.len(), list.join(", "))
}

fn cost_rows(plan: &RunPlan, costs: &Costs) -> Vec<(&'static str, String)> {
    let limit = plan.data.reading.max_length.get();
    vec![
        ("model", format!("{} parameters", costs.parameters)),
        (
            "tokens",
            format!(
                "{} per epoch; {} truncated to {limit} tokens",
                costs.tokens,
                counted(costs.truncated, "text")
            ),
        ),
        ("memory", format!("about {:.0} MB", costs.bytes / 1e6)),
        ("disk", costs.space.words()),
        ("time", expected_time::in_words(costs.seconds)),
    ]
}

fn object(
    plan: &RunPlan,
    device: &str,
    corpora: &Corpora,
    counts: &Counts,
    costs: Option<&Costs>,
) -> Value {
    let configuration: serde_json::Map<String, Value> =
        plan.settled.iter().map(|s| (s.name.to_owned(), s.text.as_str().into())).collect();
    json!({
        "device": device,
        "threads": threads(),
        "world": Seat::SOLO.world().get(),
        "train_examples": counts.examples,
        "classes": classes::counts_by_name(&corpora.train),
        "global_batch": counts.batch,
        "seeds": plan.seeds(),
        "updates": counts.updates,
        "updates_per_epoch": counts.updates_per_epoch,
        "warmup_updates": counts.warmup,
        "parameters": costs.map(|costs| costs.parameters),
        "tokens_per_epoch": costs.map(|costs| costs.tokens),
        "truncated": costs.map(|costs| costs.truncated),
        "memory_bytes": costs.map(|costs| costs.bytes.round()),
        "disk_bytes": costs.map(|costs| costs.space.bytes()),
        "disk_free_bytes": room(&plan.run),
        "seconds": costs.map(|costs| costs.seconds.round()),
        "configuration": configuration,
    })
}

fn threads() -> usize {
    rayon::current_num_threads()
}

fn held(name: &str, examples: usize) -> String {
    format!("{name}: {}", counted(examples, "example"))
}

fn not_here(name: &ModelName) -> String {
    let name = match name {
        ModelName::Tiny => "builtin:tiny",
        ModelName::Named(name) => name,
    };
    format!("{name} is not on this machine, so its tokens, memory and time are unknown")
}
