//! What `train` and `plan` look at before any data is read: settings, paths, the output directory and
//! the model's config.json. All faults are reported together, in the same words by both commands.

use std::path::{Path, PathBuf};

use lockstep_data::{Dialect, FileSet, Renames, check_files};
use lockstep_flags::{Fault, Faults, Written};
use lockstep_hub::{HubError, HubSettings, find_model};
use lockstep_model::EncoderConfig;
use lockstep_settings::{
    DataSource, Existing, HubSplit, ModelName, RunPlan, dialect, keys, plan_of,
};

use crate::failure::Failure;
use crate::{models, output_dir, source_files};

/// What of a configuration can be looked at; what could not be read is absent.
#[derive(Clone, Debug)]
pub(crate) struct Checks {
    /// What the sets of files are called.
    sets: Vec<PathBuf>,
    dialect: Dialect,
    splits: Vec<HubSplit>,
    label_map: Option<PathBuf>,
    model: Option<ModelName>,
    longest: Option<usize>,
    output: Option<(PathBuf, Existing)>,
    hub: HubSettings,
}

impl Checks {
    /// The plan of a configuration, and what is to be looked at before it is carried out. Where the
    /// configuration is faulty, it is looked at now.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(crate) fn plan(config: Written, hub: HubSettings) -> Result<(RunPlan, Self), Failure> {
        let names_model = config.given(&keys::MODEL).is_some();
        let checks = Self::of(&config, hub);
        match plan_of(config) {
            Ok(plan) => Ok((plan, checks)),
            Err(faults) => {
                // Where a faulty file named no model, another may be meant than the default.
                let model = checks.model.clone().filter(|_| names_model);
                let (further, others) = Self { model, ..checks }.look();
                Err(together(Faults([faults.0, further].concat()), others))
            }
        }
    }

    fn of(config: &Written, hub: HubSettings) -> Self {
        let sources = [&keys::TRAIN_FILE, &keys::VALIDATION_FILE, &keys::TEST_FILE];
        let sources = sources.iter().filter_map(|key| config.find(key));
        let (mut sets, mut splits) = (Vec::new(), Vec::new());
        for source in sources {
            match source {
                DataSource::File(name) => sets.push(name),
                DataSource::Hub(split) => splits.push(split),
                DataSource::Reviews => {}
            }
        }
        let directory = config.find(&keys::OUTPUT_DIR);
        Self {
            sets,
            dialect: dialect(config).unwrap_or_default(),
            splits,
            label_map: config.find(&keys::LABEL_MAP),
            model: config.find(&keys::MODEL),
            longest: config.find(&keys::MAX_SEQ_LENGTH).map(|length| length.get()),
            output: directory.zip(Existing::of(config).ok()),
            hub,
        }
    }

    /// Looks at everything.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(crate) fn pass(&self) -> Result<(), Failure> {
        match self.look() {
            (faults, others) if faults.is_empty() && others.is_empty() => Ok(()),
            (faults, others) => Err(together(Faults(faults), others)),
        }
    }

    /// Faults of the configuration, and other failures.
    fn look(&self) -> (Vec<Fault>, Vec<Failure>) {
        let output = self.output.as_ref();
        let mut faults = output.map_or_else(Vec::new, |(path, how)| output_dir::faults(path, how));
        if let Some((directory, Existing::Replace)) = output {
            let sources = self.sources();
            faults.extend(output_dir::replaced_source(
                directory,
                sources.iter().map(PathBuf::as_path),
            ));
        }
        let is_first = |(index, name): &(usize, &PathBuf)| !self.sets[..*index].contains(name);
        let sets = self.sets.iter().enumerate().filter(is_first);
        let found = |name: &Path| check_files(&FileSet::find(name)?, self.dialect);
        let files = sets.filter_map(|(_, name)| found(name).err());
        // A pipe can be read once only, so it is not read here.
        let map = self.label_map.as_ref().filter(|path| !path.exists() || path.is_file());
        let map = map.and_then(|path| Renames::read(path).err());
        let mut others: Vec<Failure> = files.chain(map).map(Failure::from).collect();
        // Where there is a network, the data sets are downloaded when they are read.
        let splits = self.splits.iter().filter(|_| !self.hub.is_online());
        let splits = splits.filter_map(|split| source_files::of_hub(split, &self.hub).err());
        others.extend(splits.map(Failure::from));
        match (self.positions(), self.longest) {
            (Ok(Some(positions)), Some(longest)) => {
                faults.extend(models::too_long(longest, positions));
            }
            (Ok(_), _) => {}
            (Err(failure), _) => others.push(failure),
        }
        (faults, others)
    }

    /// What the run reads of this machine's files.
    fn sources(&self) -> Vec<PathBuf> {
        let model = self.model.as_ref().and_then(|name| match name {
            ModelName::Named(name) => Some(PathBuf::from(name)),
            ModelName::Tiny => None,
        });
        let sets = self.sets.iter().filter_map(|name| FileSet::find(name).ok());
        sets.flat_map(|set| set.files).chain(self.label_map.clone()).chain(model).collect()
    }

    /// The model's positions, where it is on this machine; else those of the checkpoint to
    /// resume from.
    fn positions(&self) -> Result<Option<usize>, Failure> {
        let Some(ModelName::Named(name)) = &self.model else { return Ok(None) };
        let config = match self.config(name) {
            Err(failure) => Some(self.config_to_resume_with().ok_or(failure)?),
            Ok(config) => config,
        };
        Ok(config.map(|config| config.positions))
    }

    fn config(&self, name: &str) -> Result<Option<EncoderConfig>, Failure> {
        let is_online = self.hub.is_online();
        let found = match is_online {
            true => find_model(name, &self.hub.clone().without_network()),
            false => find_model(name, &self.hub),
        };
        match found {
            Err(HubError::Offline { .. }) if is_online => Ok(None),
            found => Ok(Some(EncoderConfig::read(&found?.join("config.json"))?)),
        }
    }

    fn config_to_resume_with(&self) -> Option<EncoderConfig> {
        let (directory, existing) = self.output.as_ref()?;
        let checkpoint = output_dir::checkpoint(directory, existing).ok()??;
        EncoderConfig::read(&checkpoint.join("config.json")).ok()
    }
}

/// One failure of all that was seen.
fn together(faults: Faults, others: Vec<Failure>) -> Failure {
    let configuration = (!faults.0.is_empty()).then_some(Failure::Configuration(faults));
    let mut all: Vec<Failure> = configuration.into_iter().chain(others).collect();
    match all.pop() {
        Some(only) if all.is_empty() => only,
        last => Failure::Several(all.into_iter().chain(last).collect()),
    }
}
