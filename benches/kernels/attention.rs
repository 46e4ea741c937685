//! Attention within each text, with and without dropout, and for `[CLS]` alone.

use candle_core::{Result, Tensor};
use divan::Bencher;
use lockstep_kernels::{self as kernels, AttentionPlan, Segments};

use crate::material::{CASES, HEADS, Texts, WIDTH, Way, backward, forward, noise};

#[divan::bench(args = CASES)]
fn attention(bencher: Bencher<'_, '_>, (way, texts): (Way, Texts)) {
    forward(bencher, attended(way, plan(texts), Tensor::detach));
}

#[divan::bench(args = CASES)]
fn attention_backward(bencher: Bencher<'_, '_>, (way, texts): (Way, Texts)) {
    backward(bencher, attended(way, plan(texts), Tensor::clone));
}

#[divan::bench(args = CASES)]
fn attention_dropout_backward(bencher: Bencher<'_, '_>, (way, texts): (Way, Texts)) {
    let plan = AttentionPlan { dropout: Some(texts.dropout()), ..plan(texts) };
    backward(bencher, attended(way, plan, Tensor::clone));
}

#[divan::bench(args = CASES)]
fn attention_of_cls_backward(bencher: Bencher<'_, '_>, (way, texts): (Way, Texts)) {
    let queries = Segments::each_one(texts.lengths().len());
    let plan = AttentionPlan { queries, ..plan(texts) };
    backward(bencher, attended(way, plan, Tensor::clone));
}

fn plan(texts: Texts) -> AttentionPlan {
    let segments = texts.segments();
    AttentionPlan { heads: HEADS, queries: segments.clone(), keys: segments, dropout: None }
}

/// `take` decides whether a graph is kept.
fn attended(
    way: Way,
    plan: AttentionPlan,
    take: fn(&Tensor) -> Tensor,
) -> impl Fn() -> Result<Tensor> {
    let [q, k, v] =
        [&plan.queries, &plan.keys, &plan.keys].map(|rows| take(&noise(&[rows.total(), WIDTH])));
    move || match way {
        Way::Kernel => kernels::attention(&q, &k, &v, &plan),
        Way::Plain => kernels::plain::attention(&q, &k, &v, &plan),
    }
}
