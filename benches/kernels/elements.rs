//! What works element by element or row by row: GELU, dropout, the first rows, the loss.

use candle_core::{Result, Tensor};
use divan::Bencher;
use lockstep_kernels as kernels;

use crate::material::{CASES, FEED_FORWARD, Texts, WIDTH, Way, backward, forward, noise};

#[divan::bench(args = CASES)]
fn gelu(bencher: Bencher<'_, '_>, case: (Way, Texts)) {
    forward(bencher, activation(case, Tensor::detach));
}

#[divan::bench(args = CASES)]
fn gelu_backward(bencher: Bencher<'_, '_>, case: (Way, Texts)) {
    backward(bencher, activation(case, Tensor::clone));
}

fn activation(
    (way, texts): (Way, Texts),
    take: fn(&Tensor) -> Tensor,
) -> impl Fn() -> Result<Tensor> {
    let x = take(&noise(&[texts.tokens(), FEED_FORWARD]));
    move || match way {
        Way::Kernel => kernels::gelu(&x),
        Way::Plain => kernels::plain::gelu(&x),
    }
}

#[divan::bench(args = CASES)]
fn dropout(bencher: Bencher<'_, '_>, case: (Way, Texts)) {
    forward(bencher, masked(case, Tensor::detach));
}

#[divan::bench(args = CASES)]
fn dropout_backward(bencher: Bencher<'_, '_>, case: (Way, Texts)) {
    backward(bencher, masked(case, Tensor::clone));
}

fn masked((way, texts): (Way, Texts), take: fn(&Tensor) -> Tensor) -> impl Fn() -> Result<Tensor> {
    let x = take(&noise(&[texts.tokens(), WIDTH]));
    let mask = texts.dropout();
    move || match way {
        Way::Kernel => kernels::dropout(&x, &mask),
        Way::Plain => kernels::plain::dropout(&x, &mask),
    }
}

#[divan::bench(args = CASES)]
fn first_rows_backward(bencher: Bencher<'_, '_>, (way, texts): (Way, Texts)) {
    let x = noise(&[texts.tokens(), WIDTH]);
    let segments = texts.segments();
    backward(bencher, || match way {
        Way::Kernel => kernels::first_rows(&x, &segments),
        Way::Plain => kernels::plain::first_rows(&x, &segments),
    });
}

#[divan::bench(args = [Way::Kernel, Way::Plain])]
fn cross_entropy_16_backward(bencher: Bencher<'_, '_>, way: Way) {
    let logits = noise(&[16, 2]);
    let labels: Vec<u32> = (0..16).map(|i| i % 2).collect();
    let plain = kernels::Criterion::default();
    backward(bencher, || match way {
        Way::Kernel => kernels::summed_cross_entropy(&logits, &labels, &plain),
        Way::Plain => kernels::plain::summed_cross_entropy(&logits, &labels, &plain),
    });
}
