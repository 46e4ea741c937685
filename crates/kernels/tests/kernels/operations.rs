//! Every differentiable operation with concrete arguments, in its two forms.

use std::sync::Arc;

use candle_core::{DType, Device, Result, Tensor, Var};
use lockstep_kernels::{
    Affine, AttentionPlan, BlockPlan, BlockWeights, Criterion, Dropout, Precision, Rows, Segments,
    Weight, attention, dropout, embedding, first_rows, gelu, layer_norm, linear, plain,
    summed_cross_entropy, transformer_block,
};
use lockstep_world::{Purpose, Seed};

type Form = Box<dyn Fn(&[Weight]) -> Result<Tensor>>;

/// One operation: the tensors it differentiates, and how it is computed.
pub(crate) struct Operation {
    pub(crate) name: String,
    /// The shapes of the tensors that `fused` and `plain` take.
    pub(crate) inputs: Vec<Vec<usize>>,
    /// The function of the crate's root.
    pub(crate) fused: Form,
    /// Its namesake in `plain`, or itself where it composes operations in f64.
    pub(crate) plain: Form,
}

/// Values in [-1, 1) without a pattern; another `stream` has other values.
#[expect(clippy::cast_possible_truncation, reason = "the values are rounded to f32")]
pub(crate) fn noise(len: usize, stream: u64) -> Vec<f32> {
    let seed = Seed(20_240_817).derive(Purpose::Initialisation, stream);
    (0..len as u64).map(|i| (seed.uniform(i) * 2.0 - 1.0) as f32).collect()
}

/// Indices below `bound` without a pattern.
pub(crate) fn indices(len: usize, bound: usize, stream: u64) -> Vec<u32> {
    let seed = Seed(7).derive(Purpose::Corpus, stream);
    (0..len as u64).map(|i| u32::try_from(seed.below(i, bound)).unwrap()).collect()
}

/// Dropout with a key of its own for each row.
pub(crate) fn rows_dropped(rows: usize, rate: f32) -> Dropout {
    let keys = (0..rows as u64).map(|row| Seed(11).derive(Purpose::DropoutPosition, row));
    Dropout { rate, keys: keys.collect() }
}

/// Segments of these lengths.
pub(crate) fn segments(lengths: &[usize]) -> Segments {
    let ends = lengths.iter().scan(0, |end, length| {
        *end += length;
        Some(*end)
    });
    Segments::new(&std::iter::once(0).chain(ends).collect::<Vec<_>>()).unwrap()
}

/// A function of the inputs and its gradient for each, given the gradient of the result.
///
/// The inputs become variables of `dtype`; `form` sees them as they are. Their gradients are where the
/// operation left them: at the weight, or in candle's store.
pub(crate) fn gradients(
    form: &Form,
    inputs: &[Tensor],
    dtype: DType,
) -> Result<(Tensor, Vec<Option<Tensor>>)> {
    let weight =
        |input: &Tensor| Ok(Weight::new(Var::from_tensor(&input.to_dtype(dtype)?)?.into_inner()));
    let weights = inputs.iter().map(weight).collect::<Result<Vec<_>>>()?;
    let y = form(&weights)?;
    let dy = Tensor::from_vec(noise(y.elem_count(), 99), y.shape(), &Device::Cpu)?;
    let gradients = (&y * dy.to_dtype(dtype)?)?.sum_all()?.backward()?;
    let gradient = |weight: &Weight| match weight.take_gradient() {
        Some(gradient) => gradient.dense().map(|gradient| Some(gradient.into_owned())),
        None => Ok(gradients.get(weight.value()).cloned()),
    };
    Ok((y, weights.iter().map(gradient).collect::<Result<_>>()?))
}

/// The weights of a block from the inputs behind its argument.
fn block_weights(inputs: &[Weight]) -> Arc<BlockWeights> {
    let affine = |place: usize| Affine {
        weight: inputs[2 * place + 1].clone(),
        bias: inputs[2 * place + 2].clone(),
    };
    Arc::new(BlockWeights {
        query: affine(0),
        key: affine(1),
        value: affine(2),
        output: affine(3),
        attention_norm: affine(4),
        widen: affine(5),
        narrow: affine(6),
        feed_forward_norm: affine(7),
    })
}

impl Operation {
    /// The operation's inputs, filled with noise.
    pub(crate) fn values(&self) -> Vec<Tensor> {
        let tensor = |(stream, shape): (usize, &Vec<usize>)| {
            let len = shape.iter().product();
            Tensor::from_vec(noise(len, stream as u64), shape.as_slice(), &Device::Cpu).unwrap()
        };
        self.inputs.iter().enumerate().map(tensor).collect()
    }

    pub(crate) fn embedding(tokens: usize, width: usize) -> Self {
        let (vocabulary, longest) = (13, 9);
        let (ids, positions) = (indices(tokens, vocabulary, 0), indices(tokens, longest, 1));
        let (same_ids, same_positions) = (ids.clone(), positions.clone());
        Self {
            name: format!("embedding of {tokens} tokens, width {width}"),
            inputs: vec![vec![vocabulary, width], vec![longest, width]],
            fused: Box::new(move |t| embedding(&t[0], &t[1], &ids, &positions)),
            plain: Box::new(move |t| {
                plain::embedding(t[0].value(), t[1].value(), &same_ids, &same_positions)
            }),
        }
    }

    pub(crate) fn linear(rows: usize, inputs: usize, outputs: usize) -> Self {
        Self {
            name: format!("linear of {rows} rows, {inputs} to {outputs}"),
            inputs: vec![vec![rows, inputs], vec![outputs, inputs], vec![outputs]],
            fused: Box::new(|t| linear(t[0].value(), t[1].value(), t[2].value())),
            plain: Box::new(|t| plain::linear(t[0].value(), t[1].value(), t[2].value())),
        }
    }

    pub(crate) fn layer_norm(rows: usize, width: usize) -> Self {
        // An epsilon that shows, because rows of one value have no variance.
        let eps = 1e-3;
        Self {
            name: format!("layer_norm of {rows} rows, width {width}"),
            inputs: vec![vec![rows, width], vec![width], vec![width]],
            fused: Box::new(move |t| layer_norm(t[0].value(), t[1].value(), t[2].value(), eps)),
            plain: Box::new(move |t| {
                plain::layer_norm(t[0].value(), t[1].value(), t[2].value(), eps)
            }),
        }
    }

    pub(crate) fn gelu(rows: usize, width: usize) -> Self {
        Self {
            name: format!("gelu of {rows} x {width}"),
            inputs: vec![vec![rows, width]],
            // Noise times 6 reaches into both tails.
            fused: Box::new(|t| gelu(&(t[0].value() * 6.0)?)),
            plain: Box::new(|t| plain::gelu(&(t[0].value() * 6.0)?)),
        }
    }

    pub(crate) fn dropout(rows: usize, width: usize, rate: f32) -> Self {
        let (rule, same) = (rows_dropped(rows, rate), rows_dropped(rows, rate));
        Self {
            name: format!("dropout of {rows} x {width} at {rate}"),
            inputs: vec![vec![rows, width]],
            fused: Box::new(move |t| dropout(t[0].value(), &rule)),
            plain: Box::new(move |t| plain::dropout(t[0].value(), &same)),
        }
    }

    /// `lengths` holds the number of queries and of keys of each segment.
    pub(crate) fn attention(
        lengths: &[(usize, usize)],
        heads: usize,
        columns: usize,
        rate: Option<f32>,
    ) -> Self {
        let queries = segments(&lengths.iter().map(|pair| pair.0).collect::<Vec<_>>());
        let keys = segments(&lengths.iter().map(|pair| pair.1).collect::<Vec<_>>());
        let (rows, key_rows) = (queries.total(), keys.total());
        let dropout = rate.map(|rate| rows_dropped(rows, rate));
        let plan = AttentionPlan { heads, queries, keys, dropout };
        let (same, width) = (plan.clone(), heads * columns);
        Self {
            name: format!("attention of {lengths:?}, {heads} heads of {columns}, {rate:?}"),
            inputs: vec![vec![rows, width], vec![key_rows, width], vec![key_rows, width]],
            fused: Box::new(move |t| attention(t[0].value(), t[1].value(), t[2].value(), &plan)),
            plain: Box::new(move |t| {
                plain::attention(t[0].value(), t[1].value(), t[2].value(), &same)
            }),
        }
    }

    /// A block of `heads` heads of `columns` over segments of these lengths.
    pub(crate) fn block(
        lengths: &[usize],
        (heads, columns, wide): (usize, usize, usize),
        rows: Rows,
        rate: Option<f32>,
    ) -> Self {
        let precision = Precision::F32;
        let segments = segments(lengths);
        let (tokens, d) = (segments.total(), heads * columns);
        let wanted = if rows == Rows::All { tokens } else { segments.len() };
        let dropout = rate.map(|rate| rows_dropped(wanted, rate));
        let attention_dropout = dropout.clone();
        // Other elements than the other one drops.
        let output_dropout = rate.map(|rate| rows_dropped(wanted, rate / 2.0));
        let plan = BlockPlan {
            heads,
            segments,
            rows,
            attention_dropout,
            output_dropout,
            dropout,
            eps: 1e-3,
            precision,
            finished: None,
        };
        let same = plan.clone();
        let shapes = [[d, d]; 4].into_iter().chain([[1, d], [wide, d], [d, wide], [1, d]]);
        let affine = |[outputs, inputs]: [usize; 2]| match outputs {
            1 => [vec![inputs], vec![inputs]],
            _ => [vec![outputs, inputs], vec![outputs]],
        };
        Self {
            name: format!("block of {lengths:?}, {heads} heads of {columns}, {rows:?}, {rate:?}"),
            inputs: std::iter::once(vec![tokens, d]).chain(shapes.flat_map(affine)).collect(),
            fused: Box::new(move |t| transformer_block(t[0].value(), &block_weights(t), &plan)),
            plain: Box::new(move |t| transformer_block(t[0].value(), &block_weights(t), &same)),
        }
    }

    pub(crate) fn first_rows(lengths: &[usize], width: usize) -> Self {
        let (rows, same) = (segments(lengths), segments(lengths));
        Self {
            name: format!("first_rows of {lengths:?}, width {width}"),
            inputs: vec![vec![rows.total(), width]],
            fused: Box::new(move |t| first_rows(t[0].value(), &rows)),
            plain: Box::new(move |t| plain::first_rows(t[0].value(), &same)),
        }
    }

    pub(crate) fn cross_entropy(rows: usize, classes: usize) -> Self {
        Self::cross_entropy_by(Criterion::default(), rows, classes)
    }

    /// With weights of classes and smoothed targets.
    pub(crate) fn weighted_cross_entropy(rows: usize, classes: usize) -> Self {
        let weights = noise(classes, 3).into_iter().map(|x| f64::from(x) + 1.5);
        Self::cross_entropy_by(Criterion::new(weights.collect(), 0.1), rows, classes)
    }

    fn cross_entropy_by(criterion: Criterion, rows: usize, classes: usize) -> Self {
        let labels = indices(rows, classes, 2);
        let (same, same_criterion) = (labels.clone(), criterion.clone());
        Self {
            name: format!("cross_entropy of {rows} rows, {classes} classes, {criterion:?}"),
            inputs: vec![vec![rows, classes]],
            fused: Box::new(move |t| {
                summed_cross_entropy(&(t[0].value() * 9.0)?, &labels, &criterion)
            }),
            plain: Box::new(move |t| {
                plain::summed_cross_entropy(&(t[0].value() * 9.0)?, &same, &same_criterion)
            }),
        }
    }
}
