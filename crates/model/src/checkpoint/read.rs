//! Weights out of a file, with every tensor accounted for.

use candle_core::{DType, Device, Tensor};
use lockstep_kernels::sum_of_squares;
use lockstep_params::{Fixed, ParamName, Parameters, TensorFile};
use lockstep_world::Seed;

use super::fold::{Tables, folded};
use super::report::LoadReport;
use super::weights_file::WeightsFile;
use crate::specs::{self, TensorSpec};
use crate::{EncoderConfig, HeadKind, ModelError};

/// Buffers of older transformers versions, which say only 0, 1, 2, ... and 0, 0, 0, ...
const BUFFERS: [&str; 2] = ["embeddings.position_ids", "embeddings.token_type_ids"];

/// So many faults are listed; a foreign checkpoint would have hundreds.
const LISTED: usize = 10;

/// What the parameters are read for.
pub(crate) struct Wanted<'a> {
    pub(crate) config: &'a EncoderConfig,
    pub(crate) head: HeadKind,
    pub(crate) classes: usize,
    pub(crate) seed: Seed,
    pub(crate) device: &'a Device,
}

/// All parameters of the wanted model: from the file where there is one, fresh where the file has
/// no head or where there is no file at all.
///
/// # Errors
/// [`ModelError::Tensors`] names every tensor that is missing, left over, or of another shape or
/// type.
pub(crate) fn read_parameters(
    weights: Option<WeightsFile>,
    wanted: &Wanted<'_>,
) -> Result<ReadWeights, ModelError> {
    let Wanted { config, head, classes, .. } = *wanted;
    // A pooler alone is not a head: bare encoders of BERT have one.
    let [_, second] = config.family.head_layers(head);
    let is_mark = |spec: &TensorSpec| !config.family.pools(head) || spec.name.starts_with(second);
    let marks = specs::head(head, config, classes).into_iter().filter(is_mark);
    let marks: Vec<ParamName> = marks.map(|spec| spec.name.as_str().into()).collect();
    let has_head = weights.as_ref().is_some_and(|weights| weights.has_any(&marks));
    let (file, prefix) = match weights {
        Some(WeightsFile { file, prefix, .. }) => (Some(file), prefix),
        None => (None, ""),
    };
    let mut filling = Filling { file, wanted, read: ReadWeights::default(), faults: Vec::new() };
    filling.fill_encoder(prefix)?;
    filling.fill_head(prefix, has_head)?;
    filling.finish(prefix)
}

/// What was read of a directory.
#[derive(Default)]
pub(crate) struct ReadWeights {
    pub(crate) parameters: Parameters,
    /// What the files of this model have besides.
    pub(crate) fixed: Fixed,
    pub(crate) report: LoadReport,
}

struct Filling<'a> {
    file: Option<TensorFile>,
    wanted: &'a Wanted<'a>,
    read: ReadWeights,
    faults: Vec<String>,
}

impl Filling<'_> {
    fn fill_encoder(&mut self, prefix: &str) -> Result<(), ModelError> {
        let Wanted { config, head, .. } = *self.wanted;
        let own = config.family.encoder_prefix(head);
        for spec in specs::encoder(config) {
            let from =
                self.file.is_some().then(|| ParamName::from(format!("{prefix}{}", spec.name)));
            let name = ParamName::from(format!("{own}{}", spec.name));
            if spec.name == specs::POSITIONS && config.family.has_token_types() {
                self.fill_positions(name, &spec, from)?;
            } else {
                self.fill(name, &spec, from)?;
            }
        }
        Ok(())
    }

    /// Adds the position embedding, to which the row of token type 0 is added for good; the rest of
    /// both tables is fixed.
    fn fill_positions(
        &mut self,
        name: ParamName,
        spec: &TensorSpec,
        from: Option<ParamName>,
    ) -> Result<(), ModelError> {
        let Wanted { config, .. } = *self.wanted;
        let own = config.family.encoder_prefix(self.wanted.head);
        let token_types_name = ParamName::from(format!("{own}{}", specs::TOKEN_TYPES));
        let token_types_shape = [config.token_types, config.width];
        let Some(source) = from else {
            let token_types = Tensor::zeros(&token_types_shape, DType::F32, &Device::Cpu)?;
            let before = (config.unused_positions, config.width);
            let before = Tensor::zeros(before, DType::F32, &Device::Cpu)?;
            self.fix(&name, token_types_name, Tables { before, token_types });
            return self.fill(name, spec, None);
        };
        let rows = config.unused_positions + config.positions;
        let places = self.taken(&source, &[rows, config.width]);
        let token_types = source.as_str().replace(specs::POSITIONS, specs::TOKEN_TYPES).into();
        let token_types = self.taken(&token_types, &token_types_shape);
        match (places, token_types) {
            (Ok(places), Ok(token_types)) => {
                let (places, tables) = folded(&places, &token_types, config.unused_positions)?;
                self.fix(&name, token_types_name.clone(), tables);
                self.read.report.loaded.extend([name.clone(), token_types_name]);
                self.insert(name, &places, spec)
            }
            (places, token_types) => {
                self.faults.extend(places.err().into_iter().chain(token_types.err()));
                Ok(())
            }
        }
    }

    fn fix(&mut self, places: &ParamName, token_types: ParamName, tables: Tables) {
        let fixed =
            std::mem::take(&mut self.read.fixed).with_tensor(token_types, tables.token_types);
        self.read.fixed = match self.wanted.config.unused_positions {
            0 => fixed,
            _ => fixed.with_rows(places.clone(), tables.before),
        };
    }

    fn fill_head(&mut self, prefix: &str, has_head: bool) -> Result<(), ModelError> {
        let Wanted { config, head, classes, .. } = *self.wanted;
        let own = config.family.encoder_prefix(head);
        let pools = config.family.pools(head);
        for spec in specs::head(head, config, classes) {
            let name = ParamName::from(spec.name.as_str());
            // A pooler lies within the encoder, and bare encoders have one, too.
            let inside = spec.name.strip_prefix(own).filter(|_| pools);
            let source = inside.map_or_else(
                || name.clone(),
                |inside| ParamName::from(format!("{prefix}{inside}")),
            );
            let is_there = |file: &TensorFile| inside.is_some() && file.contains(&source);
            let is_read = has_head || self.file.as_ref().is_some_and(is_there);
            self.fill(name, &spec, is_read.then_some(source))?;
        }
        Ok(())
    }

    /// Adds one parameter, taken `from` the file or made afresh.
    fn fill(
        &mut self,
        name: ParamName,
        spec: &TensorSpec,
        from: Option<ParamName>,
    ) -> Result<(), ModelError> {
        let Wanted { seed, .. } = *self.wanted;
        let value = match from {
            // A width that the file contradicts may be any width, and would be allocated here.
            None if !self.faults.is_empty() => return Ok(()),
            None => {
                self.read.report.initialised.push(name.clone());
                spec.start.tensor(name.as_str(), &spec.shape, seed)?
            }
            Some(source) => match self.taken(&source, &spec.shape) {
                Ok(value) => {
                    self.read.report.loaded.push(name.clone());
                    value
                }
                Err(fault) => {
                    self.faults.push(fault);
                    return Ok(());
                }
            },
        };
        self.insert(name, &value, spec)
    }

    fn insert(
        &mut self,
        name: ParamName,
        value: &Tensor,
        spec: &TensorSpec,
    ) -> Result<(), ModelError> {
        let value = value.to_device(self.wanted.device)?;
        Ok(self.read.parameters.insert(name, &value, spec.info)?)
    }

    fn taken(&mut self, name: &ParamName, shape: &[usize]) -> Result<Tensor, String> {
        let value = self.file.as_mut().and_then(|file| file.take(name));
        let value = value.ok_or_else(|| format!("tensor `{name}` is missing"))?;
        if value.dims() != shape {
            let found = value.dims();
            return Err(format!("tensor `{name}` has shape {found:?}, but {shape:?} is needed"));
        }
        if value.dtype() != DType::F32 {
            let found = value.dtype();
            return Err(format!(
                "tensor `{name}` has type {found:?}, but a floating-point one is needed"
            ));
        }
        match sum_of_squares(&value) {
            Ok(sum) if sum.is_finite() => Ok(value),
            Ok(_) => Err(format!("tensor `{name}` has infinite or NaN values")),
            Err(cause) => Err(format!("tensor `{name}` cannot be read: {cause}")),
        }
    }

    fn finish(mut self, prefix: &str) -> Result<ReadWeights, ModelError> {
        let Some(file) = self.file else { return Ok(self.read) };
        let family = self.wanted.config.family;
        let blocks = format!("{}.", family.blocks());
        for (name, _) in file.iter() {
            let place = name.as_str().strip_prefix(prefix).unwrap_or_default();
            let is_encoder = place.starts_with("embeddings.") || place.starts_with(&blocks);
            if is_encoder && !BUFFERS.contains(&place) {
                self.faults.push(format!("tensor `{name}` is not expected by config.json"));
            } else {
                self.read.report.ignored.push(name.clone());
            }
        }
        if self.faults.is_empty() {
            return Ok(self.read);
        }
        let more = self.faults.len().saturating_sub(LISTED);
        self.faults.truncate(LISTED);
        if more > 0 {
            self.faults.push(format!("and {more} more"));
        }
        Err(ModelError::Tensors { path: file.path().to_owned(), faults: self.faults })
    }
}
