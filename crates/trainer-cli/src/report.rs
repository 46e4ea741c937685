//! The files of a run's report: `report.html` and the figures.

use std::fs;
use std::path::Path;

use lockstep_data::DataError;
use lockstep_report::{Histogram, Mistake, Run, Seeds, Setting, Story, figures, page, series_page};
use lockstep_settings::{RunPlan, Settled};

use crate::failure::Failure;
use crate::set::Set;
use crate::sources::Corpora;
use crate::write_file;

/// The page.
pub(crate) const PAGE: &str = "report.html";
/// The folder of its figures.
pub(crate) const FIGURES: &str = "figures";

/// What a run's report shows.
///
/// # Errors
/// A file that has changed.
pub(crate) fn of_training(
    plan: &RunPlan,
    corpora: &Corpora,
    story: &Story,
    lengths: Histogram,
) -> Result<Run, DataError> {
    let split = story.final_evaluation().map(|report| report.split.clone()).unwrap_or_default();
    let judged = corpora.held(&plan.data).into_iter().find(|held| held.set == split);
    Ok(Run {
        name: name(&plan.run.directory),
        classes: corpora.train.labels().names().to_vec(),
        lengths: Some(lengths),
        mistakes: judged.map(|held| mistakes(story, held.corpus)).transpose()?,
        settings: plan.settled.iter().map(setting).collect(),
        story: story.clone(),
    })
}

/// What to call the run of a directory.
pub(crate) fn name(directory: &Path) -> String {
    let name = directory.file_name().unwrap_or(directory.as_os_str());
    name.to_string_lossy().into_owned()
}

/// A setting as a report shows it.
pub(crate) fn setting(settled: &Settled) -> Setting {
    Setting { name: settled.name.to_owned(), value: settled.text.clone() }
}

/// The most confident mistakes of the final evaluation, which was made on `set`.
///
/// # Errors
/// A file that has changed.
pub(crate) fn mistakes(story: &Story, set: &Set) -> Result<Vec<Mistake>, DataError> {
    let report = story.final_evaluation();
    let found = report.map_or(&[][..], |report| &report.mistakes);
    let index = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let texts = set.texts_at(&found.iter().map(|one| index(one.example)).collect())?;
    let mistake = |one: &lockstep_trainer::ConfidentMistake| {
        let text = texts.get(&index(one.example))?.clone();
        let (label, found) = (index(one.label), index(one.found));
        Some(Mistake { text, label, found, confidence: one.confidence })
    };
    Ok(found.iter().filter_map(mistake).collect())
}

/// Writes the page of one run or more.
///
/// # Errors
/// The system's.
pub(crate) fn write_page(runs: &[Run], path: &Path) -> Result<(), Failure> {
    write_file(path, &page(runs, env!("CARGO_PKG_VERSION")))
}

/// Writes the page of a series, whose trainings are `runs`.
///
/// # Errors
/// The system's.
pub(crate) fn write_series_page(runs: &[Run], seeds: &Seeds, path: &Path) -> Result<(), Failure> {
    write_file(path, &series_page(runs, seeds, env!("CARGO_PKG_VERSION")))
}

/// Writes page and figures into the output directory of a run.
///
/// # Errors
/// The system's.
pub(crate) fn write(run: &Run, directory: &Path) -> Result<(), Failure> {
    write_page(std::slice::from_ref(run), &directory.join(PAGE))?;
    let folder = directory.join(FIGURES);
    fs::create_dir_all(&folder).map_err(|cause| Failure::Write { path: folder.clone(), cause })?;
    figures(run).iter().try_for_each(|figure| write_file(&folder.join(&figure.name), &figure.svg))
}
