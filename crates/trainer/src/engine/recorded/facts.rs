//! What a recorded engine has to know of a run before its first update.

use lockstep_data::{BatchPlan, TokenStore};
use lockstep_model::{Classifier, Family};
use lockstep_optim::Schedule;
use lockstep_params::{Group, ParamName, Parameters};
use lockstep_program::{
    AdamWConstants, Arithmetic, DECAYS, HEAD, Largest, ModelParts, ModelShape, Optimiser,
    PartNames, Places, Rate, Region, ReplicaSettings, Squares, Unsupported, Wanted, rates,
};
use lockstep_world::{Seat, Step, WorldSize};

use super::{ParameterPlaces, Passes};
use crate::{OnNonFinite, TrainError, TrainSettings, model_shape};

/// The run as recorded programs see it.
pub(crate) struct RunFacts {
    shape: ModelShape,
    arithmetic: Arithmetic,
    constants: AdamWConstants,
    rates: Vec<Rate>,
    max_norm: f64,
    skips: bool,
    largest: Largest,
    squares: Squares,
    decay: lockstep_optim::DecayRule,
    names: Names,
    /// The name of the word table.
    pub(super) words: ParamName,
}

/// How a model's parameters are called.
pub(super) struct Names {
    encoder: &'static str,
    parts: PartNames<'static>,
}

impl Names {
    pub(super) fn of_model(model: &Classifier) -> Self {
        let (family, head) = (model.config().family, model.head());
        let parts = PartNames {
            blocks: family.blocks(),
            layers: family.block_layers(),
            head: family.head_layers(head),
        };
        Self { encoder: family.encoder_prefix(head), parts }
    }

    /// Something of each parameter.
    pub(super) fn parts<T>(
        &self,
        shape: &ModelShape,
        mut of: impl FnMut(&ParamName) -> Result<T, TrainError>,
    ) -> Result<ModelParts<T>, TrainError> {
        ModelParts::find(shape, &self.parts, |wanted| of(&self.of(wanted)))
    }

    fn of(&self, wanted: Wanted<'_>) -> ParamName {
        let prefix = if wanted.is_head { "" } else { self.encoder };
        ParamName::from(format!("{prefix}{}", wanted.name))
    }
}

/// What decides a run.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) model: &'a Classifier,
    pub(crate) train: &'a TokenStore,
    pub(crate) settings: &'a TrainSettings,
    pub(crate) plan: &'a BatchPlan,
    pub(crate) schedule: &'a Schedule,
    /// Updates of the whole run.
    pub(crate) total: u64,
    pub(crate) seat: Seat,
}

impl RunFacts {
    /// # Errors
    /// [`TrainError::Unsupported`] when the kernels do not take this model, its texts or its loss.
    pub(crate) fn new(run: Run<'_>, arithmetic: Arithmetic) -> Result<Self, TrainError> {
        let (model, settings) = (run.model, run.settings);
        let shape = shape(model);
        let passes = Passes {
            plan: run.plan,
            settings,
            lengths: run.train.lengths(),
            seat: run.seat,
            total: run.total,
        };
        shape.check(passes.longest())?;
        settings.check_loss()?;
        check_token_types(run.model.config().family, run.train)?;
        let constants = AdamWConstants {
            beta1: settings.adamw.beta1,
            beta2: settings.adamw.beta2,
            epsilon: settings.adamw.epsilon,
            weight_decay: settings.adamw.weight_decay,
        };
        let at = |step| {
            let rates = run.schedule.rates(Step(step));
            [rates.encoder, rates.head]
        };
        let is_alone = run.seat.world() == WorldSize::ONE;
        let names = Names::of_model(run.model);
        let words = "embeddings.word_embeddings.weight";
        let words = names.of(Wanted { name: words, values: 0, is_head: false });
        Ok(Self {
            shape,
            arithmetic,
            constants,
            rates: rates(&constants, run.total, at),
            max_norm: settings.max_grad_norm,
            skips: settings.on_nonfinite != OnNonFinite::Fail,
            largest: passes.largest(shape.vocabulary),
            squares: if is_alone { Squares::InPass } else { Squares::Here },
            decay: settings.adamw.decay,
            names,
            words,
        })
    }

    /// The replica's settings, over the memory of weights and moments.
    pub(super) fn settings(
        &self,
        parameters: &Parameters,
        [weights, moments]: &[ParameterPlaces; 2],
    ) -> Result<ReplicaSettings, TrainError> {
        let moment = |prefix: &str| {
            self.parts(|name| found(moments, &ParamName::from(format!("{prefix}.{name}"))))
        };
        let places = Places {
            weights: self.parts(|name| found(weights, name))?,
            first: moment("exp_avg")?,
            second: moment("exp_avg_sq")?,
            flags: self.parts(|name| self.flags(parameters, name))?,
        };
        let (constants, rates) = (self.constants, self.rates.clone());
        Ok(ReplicaSettings {
            shape: self.shape,
            arithmetic: self.arithmetic,
            places,
            optimiser: Optimiser { constants, rates, max_norm: self.max_norm, skips: self.skips },
            largest: self.largest,
            squares: self.squares,
        })
    }

    fn parts<T>(
        &self,
        of: impl FnMut(&ParamName) -> Result<T, TrainError>,
    ) -> Result<ModelParts<T>, TrainError> {
        self.names.parts(&self.shape, of)
    }

    fn flags(&self, weights: &Parameters, name: &ParamName) -> Result<i32, TrainError> {
        let info = weights.info(name).ok_or(TrainError::Engine)?;
        let head = if info.group == Group::Head { HEAD } else { 0 };
        let decays = if self.decay.applies_to(info.role) { DECAYS } else { 0 };
        Ok(head | decays)
    }
}

pub(super) fn found(places: &ParameterPlaces, name: &ParamName) -> Result<Region, TrainError> {
    places.get(name).copied().ok_or(TrainError::Engine)
}

/// Whether recorded programs take these texts: they know no token types.
fn check_token_types(family: Family, train: &TokenStore) -> Result<(), Unsupported> {
    match train.is_of_pairs() && family.tells_texts_apart() {
        true => Err(Unsupported::TokenTypes),
        false => Ok(()),
    }
}

/// The sizes of a model.
pub(super) fn shape(model: &Classifier) -> ModelShape {
    model_shape(model.config(), model.head(), model.labels().len(), model.dropout_rates())
}
