//! The metadata in front of a card, in YAML.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use lockstep_data::HeldOut;
use lockstep_model::HeadKind;
use lockstep_settings::DataSource;
use serde_json::{Map, Value};

use super::escape::yaml;
use super::{CardSource, origin};
use crate::sources;

/// The metrics of an evaluation: the name in `all_results.json`, the hub's name, and that for people.
const METRICS: [(&str, &str, &str); 3] = [
    ("accuracy", "accuracy", "Accuracy"),
    ("f1", "f1", "Macro F1"),
    ("mcc", "matthews_correlation", "Matthews correlation"),
];

/// The block with its two lines of dashes.
pub(super) fn of(source: &CardSource<'_>, results: &Map<String, Value>) -> String {
    let CardSource { plan, base: directory, .. } = source;
    let mut text =
        String::from("---\nlibrary_name: transformers\npipeline_tag: text-classification\n");
    if let Some(id) = origin::hub_id(&plan.model.name) {
        let _ = writeln!(text, "base_model: {}", yaml(id));
    }
    if let Some(license) = origin::license(directory.as_ref()) {
        let _ = writeln!(text, "license: {license}");
    }
    text += "tags:\n- text-classification\n- lockstep\n";
    // With the `mlp` head, transformers needs the code beside the model.
    if plan.model.head == HeadKind::Mlp {
        text += "- custom_code\n";
    }
    let sets = [Some(&plan.data.train), plan.data.validation.as_ref(), plan.data.test.as_ref()];
    let ids: BTreeSet<&str> = sets.into_iter().flatten().filter_map(hub_id).collect();
    if !ids.is_empty() {
        text += "datasets:\n";
        ids.into_iter().for_each(|id| text += &format!("- {}\n", yaml(id)));
    }
    let evaluated = evaluated(source, results);
    if !evaluated.is_empty() {
        text += "metrics:\n";
        METRICS.iter().for_each(|(_, name, _)| text += &format!("- {name}\n"));
        text += &model_index(source, &evaluated);
    }
    text + "---\n"
}

/// An evaluation of the final model.
struct Evaluated<'a> {
    split: &'static str,
    data: &'a DataSource,
    values: Vec<(usize, f64)>,
}

fn evaluated<'a>(source: &CardSource<'a>, results: &Map<String, Value>) -> Vec<Evaluated<'a>> {
    let data = &source.plan.data;
    let validation = match &data.held_out {
        Some(HeldOut { .. }) => Some(&data.train),
        None => data.validation.as_ref(),
    };
    let splits = [("eval", "validation", validation), ("test", "test", data.test.as_ref())];
    let of_split = |(prefix, split, data): (&str, &'static str, Option<&'a DataSource>)| {
        let value = |(place, (name, ..)): (usize, &(&str, &str, &str))| {
            Some((place, results.get(&format!("{prefix}_{name}"))?.as_f64()?))
        };
        let values: Vec<_> = METRICS.iter().enumerate().filter_map(value).collect();
        (!values.is_empty()).then_some(Evaluated { split, data: data?, values })
    };
    splits.into_iter().filter_map(of_split).collect()
}

/// The name of a set without the folders of this machine.
fn public_name(data: &DataSource) -> String {
    let name = sources::name(data);
    if matches!(data, DataSource::Hub(_)) {
        return name;
    }
    let file = |path: &str| {
        let last = Path::new(path).file_name();
        last.map_or_else(|| path.to_owned(), |last| last.to_string_lossy().into_owned())
    };
    name.split(',').map(file).collect::<Vec<_>>().join(",")
}

fn model_index(source: &CardSource<'_>, evaluated: &[Evaluated<'_>]) -> String {
    let name = super::body::title(source.plan);
    let mut text = format!("model-index:\n- name: {}\n  results:\n", yaml(&name));
    for Evaluated { split, data, values } in evaluated {
        let (name, kind) = (public_name(data), kind(data));
        let _ = write!(
            text,
            "  - task:\n      type: text-classification\n      name: Text classification\n    \
             dataset:\n      name: {}\n      type: {}\n",
            yaml(&name),
            yaml(&kind)
        );
        if let DataSource::Hub(hub) = data {
            if let Some(config) = &hub.config {
                let _ = writeln!(text, "      config: {}", yaml(config));
            }
            let _ = writeln!(text, "      split: {}", yaml(&hub.split));
        } else {
            let _ = writeln!(text, "      split: {split}");
        }
        text += "    metrics:\n";
        for (place, value) in values {
            let (_, kind, name) = METRICS[*place];
            let _ =
                write!(text, "    - type: {kind}\n      value: {value:.6}\n      name: {name}\n");
        }
    }
    text
}

fn hub_id(source: &DataSource) -> Option<&str> {
    match source {
        DataSource::Hub(split) => Some(&split.id),
        DataSource::File(_) | DataSource::Reviews => None,
    }
}

/// The id of a data set; of local files what `datasets.load_dataset` reads them by.
fn kind(source: &DataSource) -> String {
    let DataSource::File(path) = source else {
        return hub_id(source).unwrap_or("builtin").to_owned();
    };
    let text = path.to_string_lossy();
    let first = text.split(',').next().unwrap_or_default();
    let stem = first.trim_end_matches(".gz").trim_end_matches(".zst");
    let extension = Path::new(stem).extension().and_then(|extension| extension.to_str());
    match extension {
        Some("tsv" | "csv") => "csv",
        Some("json" | "jsonl" | "ndjson") => "json",
        Some("parquet") => "parquet",
        Some("arrow") => "arrow",
        _ => "text",
    }
    .to_owned()
}
