//! The update of the weights and the norm of the gradients, at the largest tensor's size.

use candle_core::{Device, Tensor, Var};
use divan::Bencher;
use lockstep_kernels::{self as kernels, AdamWUpdate, Gradient};

use crate::material::{VOCABULARY, WIDTH, Way, kept, noise};

const UPDATE: AdamWUpdate = AdamWUpdate {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weight_decay: 0.01,
    rate: 2e-5,
    step: 10,
    gradient_scale: 0.0625,
};

#[divan::bench(args = [Way::Kernel, Way::Plain])]
fn adamw_word_embeddings(bencher: Bencher<'_, '_>, way: Way) {
    let shape = [VOCABULARY, WIDTH];
    let (weight, gradient) = (noise(&shape), noise(&shape));
    let (first, second) = (small(&shape), small(&shape));
    let dense = Gradient::Dense(gradient.as_tensor().clone());
    bencher.bench_local(|| {
        kept(match way {
            Way::Kernel => kernels::adamw(&weight, &dense, &first, &second, &UPDATE),
            Way::Plain => kernels::plain::adamw(&weight, &gradient, &first, &second, &UPDATE),
        });
    });
}

#[divan::bench(args = [Way::Kernel, Way::Plain])]
fn sum_of_squares_word_embeddings(bencher: Bencher<'_, '_>, way: Way) {
    let gradient = noise(&[VOCABULARY, WIDTH]);
    bencher.bench_local(|| match way {
        Way::Kernel => kept(kernels::sum_of_squares(&gradient)),
        Way::Plain => kept(kernels::plain::sum_of_squares(&gradient)),
    });
}

fn small(shape: &[usize]) -> Var {
    let values = Tensor::full(1e-3_f32, shape, &Device::Cpu);
    kept(values.and_then(|values| Var::from_tensor(&values)))
}
