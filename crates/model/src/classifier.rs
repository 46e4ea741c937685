//! The whole model: encoder, head, and the parameters both are made of.

use candle_core::Device;
use lockstep_kernels::Precision;
use lockstep_params::{Fixed, Parameters};
use lockstep_world::Seed;

use crate::checkpoint::{LoadReport, ReadWeights, Wanted, WeightsFile, read_parameters};
use crate::layers::{Purpose, Weights};
use crate::masks::{DropoutRates, Dropouts, Masks};
use crate::network::Network;
use crate::pass::Pass;
use crate::{EncoderConfig, HeadKind, Input, Logits, Loss, Mode, ModelError};

/// What is asked of a model that is to be trained.
#[derive(Clone, Debug)]
pub struct ModelRequest {
    /// The head to train.
    pub head: HeadKind,
    /// The classes, in the order of their ids.
    pub labels: Vec<String>,
    /// Dropout rates that differ from config.json's and the recipe's.
    pub dropouts: Dropouts,
    /// Where fresh weights come from.
    pub seed: Seed,
    /// Where the weights live.
    pub device: Device,
}

/// An encoder with a classifier on the state of the first token.
#[derive(Debug)]
pub struct Classifier {
    config: EncoderConfig,
    head_kind: HeadKind,
    labels: Vec<String>,
    rates: DropoutRates,
    precision: Precision,
    parameters: Parameters,
    fixed: Fixed,
    /// What learns, and the same weights in passes that keep nothing.
    learning: Network,
    inference: Network,
}

impl Classifier {
    /// A model to train from nothing.
    ///
    /// # Errors
    /// The tensor library's, out of memory for example.
    pub fn fresh(config: EncoderConfig, request: &ModelRequest) -> Result<Self, ModelError> {
        Self::build(config, None, request).map(|(model, _)| model)
    }

    /// The logits of a packed batch, (B, K).
    ///
    /// # Errors
    /// When an id, a position or an offset is out of range; the tensor library's.
    pub fn logits(&self, input: &Input<'_>, mode: Mode<'_>) -> Result<Logits, ModelError> {
        let masks = Masks::new(*input, mode, self.rates);
        match mode {
            Mode::Evaluate => {
                let pass = Pass { masks, precision: Precision::F32, listener: None };
                self.inference.logits(input, &pass)
            }
            Mode::Train { listener, .. } => {
                let pass = Pass { masks, precision: self.precision, listener };
                self.learning.logits(input, &pass)
            }
        }
    }

    /// Adds the gradients of a loss to the parameters' sums, which wait for
    /// [`LocalGradients::take`](lockstep_params::LocalGradients::take).
    ///
    /// # Errors
    /// The tensor library's, out of memory for example.
    pub fn backward(&self, loss: &Loss) -> Result<(), ModelError> {
        Ok(self.parameters.add_gradients(loss.0.backward()?)?)
    }

    /// Whether the tokenizer's ids and the longest text have a place in the embeddings.
    ///
    /// # Errors
    /// [`ModelError::Vocabulary`] and [`ModelError::TooLong`] say what is too large.
    pub fn fits(&self, vocabulary: usize, longest: usize) -> Result<(), ModelError> {
        let EncoderConfig { vocabulary: rows, positions, .. } = self.config;
        if vocabulary > rows {
            return Err(ModelError::Vocabulary { tokens: vocabulary, rows });
        }
        if longest > positions {
            return Err(ModelError::TooLong { longest, positions });
        }
        Ok(())
    }

    /// The weights, by name.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// What a file of its weights has besides them.
    #[must_use]
    pub fn fixed(&self) -> &Fixed {
        &self.fixed
    }

    /// The same model whose blocks' linear layers learn in another precision than f32. Evaluations
    /// stay in f32, so that they say what the saved weights are worth.
    #[must_use]
    pub fn in_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// The precision of the passes that learn.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The encoder's sizes.
    #[must_use]
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// Where its weights lie.
    #[must_use]
    pub fn device(&self) -> Device {
        self.parameters.device()
    }

    /// Which head it has.
    #[must_use]
    pub fn head(&self) -> HeadKind {
        self.head_kind
    }

    /// The classes, in the order of their ids.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The dropout it trains with.
    #[must_use]
    pub fn dropout_rates(&self) -> DropoutRates {
        self.rates
    }

    pub(crate) fn build(
        config: EncoderConfig,
        weights: Option<WeightsFile>,
        request: &ModelRequest,
    ) -> Result<(Self, LoadReport), ModelError> {
        let wanted = Wanted {
            config: &config,
            head: request.head,
            classes: request.labels.len(),
            seed: request.seed,
            device: &request.device,
        };
        let ReadWeights { parameters, fixed, report } = read_parameters(weights, &wanted)?;
        let weights = Weights { parameters: &parameters, fixed: &fixed };
        let network = |purpose| Network::of(&config, request.head, weights, purpose);
        let model = Self {
            learning: network(Purpose::Learning)?,
            inference: network(Purpose::Inference)?,
            head_kind: request.head,
            labels: request.labels.clone(),
            rates: request.dropouts.rates(&config, request.head),
            precision: Precision::F32,
            parameters,
            fixed,
            config,
        };
        Ok((model, report))
    }
}
