//! Linear layers, layer norm, and the embedding.

use candle_core::{Result, Tensor};
use divan::Bencher;
use lockstep_kernels::{self as kernels, Weight};

use crate::material::{
    CASES, FEED_FORWARD, POSITIONS, Texts, VOCABULARY, WIDTH, Way, backward, forward, noise,
};

const EPSILON: f64 = 1e-12;

#[divan::bench(args = CASES)]
fn linear_768_768(bencher: Bencher<'_, '_>, case: (Way, Texts)) {
    forward(bencher, linear(case, [WIDTH, WIDTH], Tensor::detach));
}

#[divan::bench(args = CASES)]
fn linear_768_3072(bencher: Bencher<'_, '_>, case: (Way, Texts)) {
    forward(bencher, linear(case, [WIDTH, FEED_FORWARD], Tensor::detach));
}

#[divan::bench(args = CASES)]
fn linear_768_3072_backward(bencher: Bencher<'_, '_>, case: (Way, Texts)) {
    backward(bencher, linear(case, [WIDTH, FEED_FORWARD], Tensor::clone));
}

#[divan::bench(args = CASES)]
fn linear_3072_768_backward(bencher: Bencher<'_, '_>, case: (Way, Texts)) {
    backward(bencher, linear(case, [FEED_FORWARD, WIDTH], Tensor::clone));
}

/// `take` decides whether a graph is kept.
fn linear(
    (way, texts): (Way, Texts),
    [inputs, outputs]: [usize; 2],
    take: fn(&Tensor) -> Tensor,
) -> impl Fn() -> Result<Tensor> {
    let x = take(&noise(&[texts.tokens(), inputs]));
    let weight = take(&noise(&[outputs, inputs]));
    let bias = take(&noise(&[outputs]));
    move || match way {
        Way::Kernel => kernels::linear(&x, &weight, &bias),
        Way::Plain => kernels::plain::linear(&x, &weight, &bias),
    }
}

#[divan::bench(args = CASES)]
fn layer_norm(bencher: Bencher<'_, '_>, case: (Way, Texts)) {
    forward(bencher, norm(case, Tensor::detach));
}

#[divan::bench(args = CASES)]
fn layer_norm_backward(bencher: Bencher<'_, '_>, case: (Way, Texts)) {
    backward(bencher, norm(case, Tensor::clone));
}

fn norm((way, texts): (Way, Texts), take: fn(&Tensor) -> Tensor) -> impl Fn() -> Result<Tensor> {
    let x = take(&noise(&[texts.tokens(), WIDTH]));
    let (gamma, beta) = (take(&noise(&[WIDTH])), take(&noise(&[WIDTH])));
    move || match way {
        Way::Kernel => kernels::layer_norm(&x, &gamma, &beta, EPSILON),
        Way::Plain => kernels::plain::layer_norm(&x, &gamma, &beta, EPSILON),
    }
}

#[divan::bench(args = CASES)]
fn embedding(bencher: Bencher<'_, '_>, case: (Way, Texts)) {
    forward(bencher, lookup(case, Tensor::detach));
}

#[divan::bench(args = CASES)]
fn embedding_backward(bencher: Bencher<'_, '_>, case: (Way, Texts)) {
    backward(bencher, lookup(case, Tensor::clone));
}

fn lookup((way, texts): (Way, Texts), take: fn(&Tensor) -> Tensor) -> impl Fn() -> Result<Tensor> {
    let words = Weight::new(take(&noise(&[VOCABULARY, WIDTH])));
    let places = Weight::new(take(&noise(&[POSITIONS, WIDTH])));
    let positions: Vec<u32> =
        texts.lengths().iter().flat_map(|&length| (0_u32..).take(length)).collect();
    let ids: Vec<u32> = (0_u32..).map(|i| i * 7919 % 30522).take(positions.len()).collect();
    move || {
        // What the last backward left would be added to.
        drop([words.take_gradient(), places.take_gradient()]);
        match way {
            Way::Kernel => kernels::embedding(&words, &places, &ids, &positions),
            Way::Plain => {
                kernels::plain::embedding(words.value(), places.value(), &ids, &positions)
            }
        }
    }
}
