//! The files of a model, read, before it is settled for which classes it is to be trained.

use std::path::{Path, PathBuf};

use candle_core::Device;
use lockstep_world::Seed;

use crate::checkpoint::{LoadReport, WeightsFile};
use crate::{Classifier, Dropouts, EncoderConfig, HeadKind, ModelError, ModelRequest};

/// A directory's config.json and weights.
#[derive(Debug)]
pub struct Pretrained {
    config: EncoderConfig,
    weights: WeightsFile,
    directory: PathBuf,
}

impl Pretrained {
    /// Reads the files in `directory`.
    ///
    /// # Errors
    /// [`ModelError`] names the file and all that is wrong with it.
    pub fn open(directory: &Path) -> Result<Self, ModelError> {
        let config = EncoderConfig::read(&directory.join("config.json"))?;
        let weights = WeightsFile::open(directory, config.family)?;
        Ok(Self { config, weights, directory: directory.to_owned() })
    }

    /// The classes of the head of this kind, in the order of its rows; nothing where there is no such
    /// head, or one whose shape tells no number, which [`Self::classifier`] refuses.
    ///
    /// # Errors
    /// [`ModelError::Labelling`] when config.json names other classes than the head has.
    pub fn classes(&self, head: HeadKind) -> Result<Option<Vec<String>>, ModelError> {
        if !self.weights.has_head(head) {
            return Ok(None);
        }
        let classes = self.weights.classes(head).ok();
        classes.map(|classes| self.names(classes)).transpose()
    }

    /// The same as a bare encoder: a head in the file is passed over, whatever its shape.
    #[must_use]
    pub fn without_head(self) -> Self {
        Self { weights: self.weights.without_head(), ..self }
    }

    /// The model to fine-tune; a head is made afresh where there is none.
    ///
    /// # Errors
    /// [`ModelError`] names the file and all that is wrong with it.
    pub fn classifier(
        self,
        request: &ModelRequest,
    ) -> Result<(Classifier, LoadReport), ModelError> {
        self.check_classes(request.head, &request.labels)?;
        Classifier::build(self.config, Some(self.weights), request)
    }

    /// Whether the head of this kind, if there is one, is for the classes of the data.
    ///
    /// # Errors
    /// [`ModelError::Labels`] with both, when it is not.
    pub fn check_classes(&self, head: HeadKind, labels: &[String]) -> Result<(), ModelError> {
        match self.classes(head)? {
            Some(found) if found != labels => {
                let (path, wanted) = (self.config_path(), labels.to_vec());
                Err(ModelError::Labels { path, found, wanted })
            }
            _ => Ok(()),
        }
    }

    /// The encoder's sizes.
    #[must_use]
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// The head of a finished model, and its classes.
    pub(crate) fn finished(&self) -> Result<(HeadKind, Vec<String>), ModelError> {
        let path = || self.weights.path().to_owned();
        let head = self.weights.head().ok_or_else(|| ModelError::NoHead { path: path() })?;
        let faulty = |fault| ModelError::Tensors { path: path(), faults: vec![fault] };
        let classes = self.weights.classes(head).map_err(faulty)?;
        Ok((head, self.names(classes)?))
    }

    /// The names of a head's classes; Hugging Face's own where config.json has none.
    fn names(&self, classes: usize) -> Result<Vec<String>, ModelError> {
        let other = |key, count| {
            Err(format!("`{key}` is for {count} classes, but the classifier has {classes}"))
        };
        let names = match (self.config.labels(), self.config.label_count()) {
            (Ok(None), Ok(Some(count))) if count != classes => other("num_labels", count),
            (Ok(None), Ok(_)) => Ok((0..classes).map(|id| format!("LABEL_{id}")).collect()),
            (Ok(Some(names)), _) if names.len() == classes => Ok(names),
            (Ok(Some(names)), _) => other("id2label", names.len()),
            (Err(fault), _) | (_, Err(fault)) => Err(fault),
        };
        let names = self.config.check_problem(classes).and(names);
        names.map_err(|fault| ModelError::Labelling { path: self.config_path(), fault })
    }

    fn config_path(&self) -> PathBuf {
        self.directory.join("config.json")
    }
}

impl Classifier {
    /// A model to fine-tune from a directory; a head is made afresh where the directory has none.
    ///
    /// # Errors
    /// [`ModelError`] names the file and all that is wrong with it.
    pub fn load(
        directory: &Path,
        request: &ModelRequest,
    ) -> Result<(Self, LoadReport), ModelError> {
        Pretrained::open(directory)?.classifier(request)
    }

    /// A finished model, head and classes included.
    ///
    /// # Errors
    /// [`ModelError`] names the file and all that is wrong with it.
    pub fn open(directory: &Path, device: &Device) -> Result<Self, ModelError> {
        let pretrained = Pretrained::open(directory)?;
        let (head, labels) = pretrained.finished()?;
        let request = ModelRequest {
            head,
            labels,
            dropouts: Dropouts::default(),
            seed: Seed(0),
            device: device.clone(),
        };
        pretrained.classifier(&request).map(|(model, _)| model)
    }
}
