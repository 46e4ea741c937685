//! Which tensors a model has: name, shape, and how a fresh one starts.

use lockstep_params::Reads;

use crate::init::Start;
use crate::{EncoderConfig, HeadKind};

/// One tensor a checkpoint must hold.
#[derive(Clone, Debug)]
pub(crate) struct TensorSpec {
    /// The name without the encoder's prefix.
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) start: Start,
    pub(crate) reads: Reads,
}

impl TensorSpec {
    fn new(name: &str, shape: &[usize], start: Start) -> Self {
        Self { name: name.to_owned(), shape: shape.to_vec(), start, reads: Reads::Whole }
    }

    /// A table, of which a batch reads some rows.
    fn table(name: &str, [rows, width]: [usize; 2], start: Start) -> Self {
        Self { reads: Reads::Rows, ..Self::new(name, &[rows, width], start) }
    }
}

/// The encoder's tensors.
pub(crate) fn encoder(config: &EncoderConfig) -> Vec<TensorSpec> {
    let EncoderConfig { vocabulary, positions, width, feed_forward, .. } = *config;
    let normal = Start::Normal { deviation: config.initializer_range };
    let mut specs = vec![
        TensorSpec::table("embeddings.word_embeddings.weight", [vocabulary, width], normal),
        TensorSpec::table("embeddings.position_embeddings.weight", [positions, width], normal),
    ];
    specs.extend(layer_norm("embeddings.LayerNorm", width));
    for block in 0..config.blocks {
        let prefix = format!("transformer.layer.{block}");
        for name in ["q_lin", "k_lin", "v_lin", "out_lin"] {
            specs.extend(linear(&format!("{prefix}.attention.{name}"), [width, width], normal));
        }
        specs.extend(layer_norm(&format!("{prefix}.sa_layer_norm"), width));
        specs.extend(linear(&format!("{prefix}.ffn.lin1"), [feed_forward, width], normal));
        specs.extend(linear(&format!("{prefix}.ffn.lin2"), [width, feed_forward], normal));
        specs.extend(layer_norm(&format!("{prefix}.output_layer_norm"), width));
    }
    specs
}

/// The head's tensors, for `classes` classes.
pub(crate) fn head(kind: HeadKind, config: &EncoderConfig, classes: usize) -> Vec<TensorSpec> {
    let inner = kind.inner_width(config.width);
    let [first, second] = kind.layers();
    let (outer, inner_shape) = ([classes, inner], [inner, config.width]);
    match kind {
        HeadKind::Mlp => {
            let mut specs = torch_linear(first, inner_shape);
            specs[0].start = Start::XavierUniform;
            specs.extend(torch_linear(second, outer));
            specs
        }
        HeadKind::Hf => {
            let normal = Start::Normal { deviation: config.initializer_range };
            let mut specs = linear(first, inner_shape, normal);
            specs.extend(linear(second, outer, normal));
            specs
        }
    }
}

fn linear(name: &str, [outputs, inputs]: [usize; 2], weight: Start) -> Vec<TensorSpec> {
    vec![
        TensorSpec::new(&format!("{name}.weight"), &[outputs, inputs], weight),
        TensorSpec::new(&format!("{name}.bias"), &[outputs], Start::Zeros),
    ]
}

/// PyTorch's own `nn.Linear`: weight and bias uniform within 1 / sqrt(inputs).
fn torch_linear(name: &str, [outputs, inputs]: [usize; 2]) -> Vec<TensorSpec> {
    let start = Start::Uniform { bound: 1.0 / (inputs as f64).sqrt() };
    vec![
        TensorSpec::new(&format!("{name}.weight"), &[outputs, inputs], start),
        TensorSpec::new(&format!("{name}.bias"), &[outputs], start),
    ]
}

fn layer_norm(name: &str, width: usize) -> Vec<TensorSpec> {
    vec![
        TensorSpec::new(&format!("{name}.weight"), &[width], Start::Ones),
        TensorSpec::new(&format!("{name}.bias"), &[width], Start::Zeros),
    ]
}
