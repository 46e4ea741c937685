//! AdamW with two groups and moments we own, so that a checkpoint can hold them.

use std::collections::BTreeMap;
use std::ops::Range;

use candle_core::{Tensor, Var};
use lockstep_kernels::{AdamWUpdate, Gradient, SeenRows, adamw_part, adamw_table};
use lockstep_params::{GlobalGradients, ParamName, ParameterInfo, Parameters, Role};
use serde::Serialize;

use crate::Rates;

/// The constants of AdamW.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AdamWSettings {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Keeps the division defined.
    pub epsilon: f64,
    /// Decoupled weight decay, multiplied by the rate.
    pub weight_decay: f64,
    /// Which parameters decay.
    pub decay: DecayRule,
}

impl AdamWSettings {
    fn update(self, role: Role, rate: f64, step: u64, gradient_scale: f64) -> AdamWUpdate {
        let Self { beta1, beta2, epsilon, weight_decay, decay } = self;
        let weight_decay = if decay.applies_to(role) { weight_decay } else { 0.0 };
        AdamWUpdate { beta1, beta2, epsilon, weight_decay, rate, step, gradient_scale }
    }
}

/// Which parameters decay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DecayRule {
    /// All, as in the recipe.
    Every,
    /// All but biases and layer norms, as in Hugging Face's `Trainer`.
    NotBiasOrNorm,
}

impl DecayRule {
    /// Whether a parameter of this role decays.
    #[must_use]
    pub fn applies_to(self, role: Role) -> bool {
        match self {
            Self::Every => true,
            Self::NotBiasOrNorm => role == Role::Weight,
        }
    }
}

/// Why an update could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum OptimError {
    /// The gradients are those of another set of parameters.
    #[error("parameter `{name}` has no gradient in this update; no weight behind it was changed")]
    NoGradient {
        /// The parameter.
        name: ParamName,
    },
    /// A saved state lacks a moment or holds one of another shape.
    #[error("the optimiser's saved state does not fit: {0}")]
    State(#[from] lockstep_params::ParameterError),
    /// The tensor library failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// AdamW after Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (ICLR 2019), in the
/// order of operations of `torch.optim.AdamW`; the arithmetic is [`lockstep_kernels::adamw`].
#[derive(Debug)]
pub struct AdamW {
    settings: AdamWSettings,
    slots: BTreeMap<ParamName, Slot>,
    moments: Parameters,
}

/// One parameter with what its update needs.
#[derive(Debug)]
struct Slot {
    info: ParameterInfo,
    weight: Var,
    first: Var,
    second: Var,
    /// Of a table.
    seen: Option<SeenRows>,
}

impl Slot {
    fn update(
        &mut self,
        gradient: &Gradient,
        shard: Option<Range<usize>>,
        constants: &AdamWUpdate,
    ) -> candle_core::Result<()> {
        let Self { weight, first, second, seen, .. } = self;
        match (gradient, shard) {
            (Gradient::Dense(gradient), Some(shard)) => {
                adamw_part([weight, first, second], gradient, shard, constants)
            }
            _ => adamw_table([weight, first, second], gradient, seen, constants),
        }
    }
}

impl AdamW {
    /// An optimiser of `parameters` with zero moments.
    ///
    /// # Errors
    /// The tensor library's, out of memory for example.
    pub fn new(parameters: &Parameters, settings: AdamWSettings) -> Result<Self, OptimError> {
        let mut moments = Parameters::default();
        let mut slots = BTreeMap::new();
        for (name, weight, info) in parameters.with_info() {
            let zeros = weight.as_tensor().zeros_like()?;
            let mut moment = |prefix: &str| -> Result<Var, OptimError> {
                let key = ParamName::from(format!("{prefix}.{name}"));
                moments.insert(key.clone(), &zeros, info)?;
                let missing = lockstep_params::ParameterError::Missing { name: key.clone() };
                Ok(moments.get(&key).ok_or(missing)?.clone())
            };
            let (first, second) = (moment("exp_avg")?, moment("exp_avg_sq")?);
            let slot = Slot { info, weight: weight.clone(), first, second, seen: None };
            slots.insert(name.clone(), slot);
        }
        Ok(Self { settings, slots, moments })
    }

    /// Applies update number `update`, counted from 1, at the given rates. Where a gradient is known
    /// in a shard, only that part of the weight and its moments changes: the other processes have
    /// to give their parts of the weights after each update, and of the moments before they are
    /// saved.
    ///
    /// # Errors
    /// [`OptimError::NoGradient`] when a parameter has no gradient, or the tensor library's.
    pub fn step(
        &mut self,
        gradients: &GlobalGradients,
        rates: Rates,
        update: u64,
    ) -> Result<(), OptimError> {
        for (name, slot) in &mut self.slots {
            let no_gradient = || OptimError::NoGradient { name: name.clone() };
            let (gradient, factor) = gradients.get(name).ok_or_else(no_gradient)?;
            let rate = rates.of(slot.info.group);
            let constants = self.settings.update(slot.info.role, rate, update, factor);
            slot.update(gradient, gradients.shard(name), &constants)?;
        }
        Ok(())
    }

    /// The moments, named `exp_avg.<parameter>` and `exp_avg_sq.<parameter>` as in PyTorch.
    #[must_use]
    pub fn moments(&self) -> &Parameters {
        &self.moments
    }

    /// The moments, for others to change.
    pub fn moments_mut(&mut self) -> &Parameters {
        self.slots.values_mut().for_each(|slot| slot.seen = None);
        &self.moments
    }

    /// Takes the moments of a saved state.
    ///
    /// # Errors
    /// [`OptimError::State`] when one is missing or has another shape.
    pub fn restore(
        &mut self,
        saved: impl FnMut(&ParamName) -> Option<Tensor>,
    ) -> Result<(), OptimError> {
        Ok(self.moments_mut().assign(saved)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use lockstep_params::{GradientLayout, Group, LocalGradients};

    const SETTINGS: AdamWSettings = AdamWSettings {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.5,
        decay: DecayRule::NotBiasOrNorm,
    };

    fn parameters() -> Parameters {
        let mut all = Parameters::default();
        for (name, group, role) in [
            ("head.weight", Group::Head, Role::Weight),
            ("body.weight", Group::Encoder, Role::Weight),
            ("body.bias", Group::Encoder, Role::Bias),
            ("body.LayerNorm.weight", Group::Encoder, Role::Norm),
        ] {
            let one = Tensor::new(&[1_f32], &Device::Cpu).unwrap();
            let info = ParameterInfo { group, role, ..ParameterInfo::new(GradientLayout::Vector) };
            all.insert(name.into(), &one, info).unwrap();
        }
        all
    }

    fn zero_gradients(parameters: &Parameters) -> GlobalGradients {
        let local = LocalGradients::zeros(parameters).unwrap();
        local.alone(1).unwrap()
    }

    #[test]
    fn each_group_decays_at_its_own_rate_and_by_its_rule() {
        let all = parameters();
        let mut optimiser = AdamW::new(&all, SETTINGS).unwrap();
        let rates = Rates { encoder: 0.1, head: 0.2 };
        optimiser.step(&zero_gradients(&all), rates, 1).unwrap();
        let check = |name: &str, expected: f32| {
            let value = all.get(&name.into()).unwrap().to_vec1::<f32>().unwrap()[0];
            assert!((value - expected).abs() < 1e-6, "{name}: {value}");
        };
        // With a zero gradient only the decay moves a weight: 1 - rate x 0.5.
        check("head.weight", 0.9);
        check("body.weight", 0.95);
        check("body.bias", 1.0);
        check("body.LayerNorm.weight", 1.0);
    }

    #[test]
    fn a_missing_gradient_and_a_missing_moment_are_named() {
        let all = parameters();
        let mut optimiser = AdamW::new(&all, SETTINGS).unwrap();
        let none = zero_gradients(&Parameters::default());
        let rates = Rates { encoder: 0.1, head: 0.2 };
        let error = optimiser.step(&none, rates, 1).unwrap_err().to_string();
        assert!(error.starts_with("parameter `body.LayerNorm.weight` has no gradient"), "{error}");
        let error = optimiser.restore(|_| None).unwrap_err().to_string();
        assert!(error.contains("`exp_avg.body.LayerNorm.weight` is missing"), "{error}");
    }
}
