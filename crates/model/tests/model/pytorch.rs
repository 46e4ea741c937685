//! The model against PyTorch's numbers: logits of single and of packed texts, and every gradient.

use candle_core::Device;
use lockstep_model::{
    Bf16, Classifier, Criterion, Dropouts, HeadKind, Input, Mode, ModelRequest, Precision,
};
use lockstep_params::{GlobalGradients, LocalGradients, ParamName, TensorFile};
use lockstep_testkit::{
    GoldenText, golden_bf16, golden_first_batch, golden_texts, golden_trace, reference, skip,
};
use lockstep_world::Seed;

/// The owner of an [`Input`].
#[derive(Default)]
pub(crate) struct Packed {
    ids: Vec<u32>,
    positions: Vec<u32>,
    token_types: Vec<u32>,
    offsets: Vec<usize>,
    examples: Vec<u64>,
}

impl Packed {
    pub(crate) fn of(texts: &[&[u32]]) -> Self {
        let mut packed = Self { offsets: vec![0], ..Self::default() };
        for (ids, example) in texts.iter().zip(0..) {
            packed.ids.extend(*ids);
            packed.positions.extend(0..u32::try_from(ids.len()).unwrap());
            packed.offsets.push(packed.ids.len());
            packed.examples.push(example);
        }
        packed
    }

    /// The same texts with a type for each token.
    pub(crate) fn with_kinds(self, token_types: Vec<u32>) -> Self {
        Self { token_types, ..self }
    }

    pub(crate) fn input(&self) -> Input<'_> {
        let Self { ids, positions, token_types, offsets, examples } = self;
        Input { ids, positions, token_types, offsets, examples }
    }
}

fn check_logits(directory: &str, golden: fn(&GoldenText) -> &[f32]) {
    let model = Classifier::open(&reference(directory), &Device::Cpu).unwrap();
    let texts = golden_texts();
    let close = |found: &[f32], text: &GoldenText| {
        for (found, expected) in found.iter().zip(golden(text)) {
            let place = format!("{directory}, {} tokens", text.ids.len());
            assert!((found - expected).abs() < 2e-5, "{place}: {found} and not {expected}");
        }
    };
    for text in &texts {
        let packed = Packed::of(&[&text.ids]);
        close(&model.logits(&packed.input(), Mode::Evaluate).unwrap().values().unwrap()[0], text);
    }
    let all: Vec<&[u32]> = texts.iter().map(|text| text.ids.as_slice()).collect();
    let packed = Packed::of(&all);
    let mixed = model.logits(&packed.input(), Mode::Evaluate).unwrap().values().unwrap();
    mixed.iter().zip(&texts).for_each(|(found, text)| close(found, text));
}

#[test]
fn logits_equal_pytorchs_alone_and_packed() {
    check_logits("tiny-mlp", |text| &text.logits_mlp);
    check_logits("tiny-hf", |text| &text.logits_hf);
}

/// The examples of the reference runs' first update.
fn first_batch() -> (Packed, Vec<u32>) {
    let examples = golden_first_batch();
    let ids: Vec<&[u32]> = examples.iter().map(|example| example.ids.as_slice()).collect();
    (Packed::of(&ids), examples.iter().map(|example| example.label).collect())
}

/// The first update's gradients without dropout.
fn first_gradients(precision: Precision) -> (Classifier, GlobalGradients) {
    let none = Some(0.0);
    let request = ModelRequest {
        head: HeadKind::Mlp,
        labels: Classifier::open(&reference("tiny-mlp"), &Device::Cpu).unwrap().labels().to_vec(),
        dropouts: Dropouts { hidden: none, attention: none, head: none },
        seed: Seed(0),
        device: Device::Cpu,
    };
    let (model, _) = Classifier::load(&reference("tiny-mlp"), &request).unwrap();
    let model = model.in_precision(precision);
    let (packed, labels) = first_batch();
    let mode = Mode::Train { dropout: Seed(0), listener: None };
    let loss = model
        .logits(&packed.input(), mode)
        .unwrap()
        .summed_cross_entropy(&labels, &Criterion::default())
        .unwrap();
    let examples = labels.len();
    let apart = loss.value().unwrap() / examples as f64 - golden_trace("recipe")[0].loss;
    let allowed = if matches!(precision, Precision::F32) { 1e-5 } else { 1e-2 };
    assert!(apart.abs() < allowed, "{precision}: {apart}");
    model.backward(&loss).unwrap();
    let gradients = LocalGradients::take(model.parameters()).unwrap();
    let global = gradients.alone(examples).unwrap();
    (model, global)
}

#[test]
fn every_first_gradient_equals_pytorchs() {
    let (model, global) = first_gradients(Precision::F32);
    compare_with_golden(&model, &global);
}

#[test]
fn gradients_in_bf16_are_as_close_as_pytorchs() {
    let Some(bf16) = Bf16::detect() else {
        skip("this processor has no AVX512-BF16");
        return;
    };
    check_bf16(Precision::Bf16(bf16), 1.0);
}

/// The way of GPUs, which candle's operations also take on a CPU. Candle rounds the result of each
/// product as well, also of those that PyTorch adds a bias to before: 2.8e-2, PyTorch's 2.5e-2.
#[test]
fn gradients_in_plain_bf16_are_nearly_as_close_as_pytorchs() {
    check_bf16(Precision::PlainBf16, 1.25);
}

/// Whether the gradients are at most so many times as far from the exact ones as PyTorch's.
fn check_bf16(precision: Precision, times: f64) {
    let (model, global) = first_gradients(precision);
    let golden = TensorFile::read(&reference("golden/recipe.gradients.safetensors")).unwrap();
    let squares = |t: &candle_core::Tensor| {
        f64::from(t.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap())
    };
    let (mut apart, mut whole) = (0.0, 0.0);
    for (name, exact) in golden.iter() {
        let (sum, factor) = global.get(name).unwrap();
        let found = (&*sum.dense().unwrap() * factor).unwrap();
        apart += squares(&(found - exact).unwrap());
        whole += squares(exact);
    }
    assert_eq!(golden.iter().count(), model.parameters().len());
    let (ours, theirs) = ((apart / whole).sqrt(), golden_bf16().gradient);
    println!("distance of the gradients: {ours:.2e}, PyTorch's {theirs:.2e}");
    assert!(ours > 0.0 && ours < theirs * times, "{ours:e}, PyTorch's {theirs:e}");
}

fn compare_with_golden(model: &Classifier, global: &GlobalGradients) {
    let mut golden = TensorFile::read(&reference("golden/recipe.gradients.safetensors")).unwrap();
    let whole = global.norm();
    for (name, _) in model.parameters().iter() {
        let (sum, factor) = global.get(name).unwrap();
        let found = (&*sum.dense().unwrap() * factor).unwrap();
        let expected = golden.take(name).unwrap_or_else(|| panic!("{name} has no golden value"));
        let norm = |t: &candle_core::Tensor| {
            f64::from(t.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap()).sqrt()
        };
        // Softmax is blind to the keys' bias: its exact gradient is zero, what is computed is noise.
        let scale = if is_key_bias(name) { whole } else { norm(&expected) };
        assert!(norm(&found) > 0.0, "{name} has a gradient of zero");
        let distance = norm(&(found - expected).unwrap()) / scale;
        assert!(distance < 1e-4, "{name}: {distance}");
    }
    assert_eq!(golden.iter().count(), 0, "PyTorch has parameters we lack");
}

fn is_key_bias(name: &ParamName) -> bool {
    name.as_str().ends_with("k_lin.bias")
}
