//! What a series leaves in its output directory: the model of one seed, the report and the card.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use lockstep_report::Seeds;
use lockstep_settings::Reporter;

use super::super::report_or_warn;
use super::outcome::Outcome;
use super::{Series, words};
use crate::card;
use crate::commands::report::read_all;
use crate::failure::Failure;
use crate::output_dir::RECORD;
use crate::report::{PAGE, write_series_page};
use crate::sources::Corpora;
use crate::{lock, whole_file, write_file};

impl Series<'_, '_> {
    /// Writes everything; the model is complete without report and card.
    pub(super) fn publish(&self, outcome: &Outcome, corpora: &Corpora) -> Result<(), Failure> {
        let plan = self.run.plan;
        let directory = &plan.run.directory;
        copy_model(&outcome.result().directory, directory)?;
        let seeds = Seeds {
            seeds: outcome.seeds.iter().map(|one| one.seed).collect(),
            metrics: outcome.spreads().into_iter().collect(),
            result: words::of_result(outcome),
            is_chosen: outcome.is_chosen,
        };
        let places: Vec<PathBuf> = outcome.seeds.iter().map(|one| one.directory.clone()).collect();
        let runs = match plan.run.reporters.contains(&Reporter::Jsonl) {
            true => read_all(&places),
            false => Ok(Vec::new()),
        };
        let runs = runs.or_else(|failure| {
            report_or_warn(Err(failure));
            Ok::<_, Failure>(Vec::new())
        })?;
        report_or_warn(write_series_page(&runs, &seeds, &directory.join(PAGE)));
        let judged = runs.get(outcome.best).and_then(|run| run.final_evaluation());
        let card = card::text(&self.run.card_source(corpora, judged, Some(&seeds)));
        report_or_warn(card.and_then(|text| write_file(&directory.join("README.md"), &text)));
        Ok(())
    }
}

/// Files of a training that are not those of its model.
const OF_TRAINING: [&str; 5] = [RECORD, lock::NAME, "metrics.jsonl", "README.md", PAGE];

/// Copies the model of a seed, each file whole or not at all. A link would let a program that changes
/// the one change the other.
fn copy_model(from: &Path, to: &Path) -> Result<(), Failure> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |cause: io::Error| Failure::Write { path, cause }
    };
    let entries = fs::read_dir(from).map_err(failed(from))?;
    for entry in entries.flatten().filter(|entry| entry.path().is_file()) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_of_training = OF_TRAINING.contains(&name.as_str())
            || name.starts_with(lockstep_events::PREFIX)
            || name.starts_with('.');
        if is_of_training {
            continue;
        }
        let place = to.join(&name);
        let aside = whole_file::aside(&place);
        fs::copy(entry.path(), &aside)
            .and_then(|_| fs::File::open(&aside)?.sync_all())
            .and_then(|()| fs::rename(&aside, &place))
            .map_err(failed(&place))?;
    }
    Ok(())
}
