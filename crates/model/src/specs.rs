//! Which tensors a model has: name, shape, how a fresh one starts, and its facts.
//!
//! The facts are said here and nowhere else: no other code reads them off a name.

use lockstep_params::{GradientLayout, Group, ParameterInfo, Role};

use crate::init::Start;
use crate::{EncoderConfig, HeadKind};

/// The position embedding without the encoder's prefix: of a file, of which the model has a part.
pub(crate) const POSITIONS: &str = "embeddings.position_embeddings.weight";

/// The embedding of token types, in files only.
pub(crate) const TOKEN_TYPES: &str = "embeddings.token_type_embeddings.weight";

/// One tensor a checkpoint must hold.
#[derive(Clone, Debug)]
pub(crate) struct TensorSpec {
    /// The name without the encoder's prefix.
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) start: Start,
    pub(crate) info: ParameterInfo,
}

impl TensorSpec {
    fn new(name: &str, shape: &[usize], start: Start, info: ParameterInfo) -> Self {
        Self { name: name.to_owned(), shape: shape.to_vec(), start, info }
    }
}

/// A part of the model, whose tensors are in one group and in one block or in none.
#[derive(Clone, Copy)]
struct Part {
    group: Group,
    block: Option<usize>,
}

/// The encoder's tensors.
pub(crate) fn encoder(config: &EncoderConfig) -> Vec<TensorSpec> {
    let EncoderConfig { vocabulary, positions, width, feed_forward, .. } = *config;
    let normal = Start::Normal { deviation: config.initializer_range };
    let embeddings = Part { group: Group::Encoder, block: None };
    let mut specs = vec![
        embeddings.table("embeddings.word_embeddings.weight", [vocabulary, width], normal),
        embeddings.table(POSITIONS, [positions, width], normal),
    ];
    specs.extend(embeddings.layer_norm("embeddings.LayerNorm", width));
    let names = &config.family.names().block;
    let (square, wide, narrow) = ([width, width], [feed_forward, width], [width, feed_forward]);
    for block in 0..config.blocks {
        let part = Part { group: Group::Encoder, block: Some(block) };
        let below = |name: &str| format!("{}.{block}.{name}", names.all);
        for name in [names.query, names.key, names.value, names.output] {
            specs.extend(part.linear(&below(name), square, normal));
        }
        specs.extend(part.layer_norm(&below(names.attention_norm), width));
        specs.extend(part.linear(&below(names.widen), wide, normal));
        specs.extend(part.linear(&below(names.narrow), narrow, normal));
        specs.extend(part.layer_norm(&below(names.feed_forward_norm), width));
    }
    specs
}

/// The head's tensors, for `classes` classes.
pub(crate) fn head(kind: HeadKind, config: &EncoderConfig, classes: usize) -> Vec<TensorSpec> {
    let inner = kind.inner_width(config.width);
    let [first, second] = config.family.head_layers(kind);
    let part = Part { group: Group::Head, block: None };
    let (outer, inner_shape) = ([classes, inner], [inner, config.width]);
    match kind {
        HeadKind::Mlp => {
            let [weight, bias] = part.torch_linear(first, inner_shape);
            let weight = TensorSpec { start: Start::XavierUniform, ..weight };
            [[weight, bias], part.torch_linear(second, outer)].concat()
        }
        HeadKind::Hf => {
            let normal = Start::Normal { deviation: config.initializer_range };
            [part.linear(first, inner_shape, normal), part.linear(second, outer, normal)].concat()
        }
    }
}

impl EncoderConfig {
    /// Scalars of a model with this head and so many classes, in parameters of which `is_counted`
    /// says so.
    #[must_use]
    pub fn scalars(
        &self,
        kind: HeadKind,
        classes: usize,
        is_counted: impl Fn(&ParameterInfo) -> bool,
    ) -> usize {
        let specs = encoder(self).into_iter().chain(head(kind, self, classes));
        let counted = specs.filter(|spec| is_counted(&spec.info));
        counted.map(|spec| spec.shape.iter().product::<usize>()).sum()
    }
}

impl Part {
    /// A table, of which a batch reads some rows.
    fn table(self, name: &str, shape: [usize; 2], start: Start) -> TensorSpec {
        TensorSpec::new(name, &shape, start, self.info(Role::Weight, GradientLayout::Table))
    }

    fn linear(self, name: &str, shape: [usize; 2], start: Start) -> [TensorSpec; 2] {
        let [weight, bias] = ["weight", "bias"].map(|last| format!("{name}.{last}"));
        let matrix = self.info(Role::Weight, GradientLayout::Matrix);
        let vector = self.info(Role::Bias, GradientLayout::Vector);
        [
            TensorSpec::new(&weight, &shape, start, matrix),
            TensorSpec::new(&bias, &shape[..1], Start::Zeros, vector),
        ]
    }

    /// PyTorch's own `nn.Linear`: weight and bias uniform within 1 / sqrt(inputs).
    fn torch_linear(self, name: &str, shape: [usize; 2]) -> [TensorSpec; 2] {
        let [_, inputs] = shape;
        let start = Start::Uniform { bound: 1.0 / (inputs as f64).sqrt() };
        let [weight, bias] = self.linear(name, shape, start);
        [weight, TensorSpec { start, ..bias }]
    }

    fn layer_norm(self, name: &str, width: usize) -> [TensorSpec; 2] {
        let [weight, bias] = ["weight", "bias"].map(|last| format!("{name}.{last}"));
        let info = self.info(Role::Norm, GradientLayout::Vector);
        [
            TensorSpec::new(&weight, &[width], Start::Ones, info),
            TensorSpec::new(&bias, &[width], Start::Zeros, info),
        ]
    }

    fn info(self, role: Role, layout: GradientLayout) -> ParameterInfo {
        let Self { group, block } = self;
        ParameterInfo { group, block, role, layout }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Family;

    fn config(family: Family) -> EncoderConfig {
        let sizes = json!({
            "vocab_size": 20, "max_position_embeddings": 8, "dim": 4, "hidden_size": 4, "n_layers": 3,
            "num_hidden_layers": 3, "n_heads": 2, "num_attention_heads": 2, "hidden_dim": 6,
            "intermediate_size": 6, "model_type": family.names().model_type,
        });
        EncoderConfig::of(sizes.as_object().unwrap().clone()).unwrap()
    }

    #[test]
    fn facts_agree_with_names_and_shapes() {
        for family in Family::ALL {
            let config = config(family);
            let both = [HeadKind::Mlp, HeadKind::Hf].map(|kind| head(kind, &config, 3)).concat();
            for spec in encoder(&config).into_iter().chain(both) {
                check(family, &spec);
            }
        }
    }

    fn check(family: Family, spec: &TensorSpec) {
        let TensorSpec { name, shape, info, .. } = spec;
        let is_head = name.contains("classifier") || name.contains("pooler");
        let is_norm = name.contains("LayerNorm") || name.contains("layer_norm");
        let decays = !is_norm && !name.ends_with(".bias");
        let blocks = format!("{}.", family.blocks());
        let block = name.strip_prefix(&blocks).map(|rest| &rest[..1]);
        assert_eq!(info.group == Group::Head, is_head, "{name}");
        assert_eq!(info.role == Role::Weight, decays, "{name}");
        assert_eq!(info.role == Role::Norm, is_norm, "{name}");
        assert_eq!(info.block.map(|block| block.to_string()).as_deref(), block, "{name}");
        assert_eq!(info.layout == GradientLayout::Vector, shape.len() == 1, "{name}");
        assert_eq!(info.layout == GradientLayout::Table, name.contains("_embeddings."), "{name}");
    }
}
