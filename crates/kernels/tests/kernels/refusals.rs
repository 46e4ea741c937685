//! Arguments that do not fit: an error that names what is wrong, never a panic.

use candle_core::{DType, Device, Result, Tensor, Var};
use lockstep_kernels::{
    AdamWUpdate, AttentionPlan, Criterion, Gradient, Rows, Weight, adamw, adamw_part, attention,
    dropout, embedding, first_rows, layer_norm, linear, summed_cross_entropy,
};

use crate::operations::{Operation, rows_dropped, segments};

fn zeros(shape: &[usize]) -> Tensor {
    Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap()
}

fn check<T>(result: Result<T>, message: &str) {
    let Err(error) = result else { panic!("expected {message:?}, got a result") };
    let error = error.to_string();
    assert!(error.contains(message), "expected {message:?}, got {error:?}");
}

#[test]
fn tables_and_indices() {
    let table = |shape: &[usize]| Weight::new(zeros(shape));
    let (words, places) = (table(&[10, 4]), table(&[5, 4]));
    let embed = |ids: &[u32], positions: &[u32]| embedding(&words, &places, ids, positions);
    check(embed(&[1, 10], &[0, 1]), "token id 10 at place 1 is out of range: there are 10");
    check(embed(&[1, 9], &[0, 5]), "position 5 at place 1 is out of range: there are 5");
    check(embed(&[1], &[0, 1]), "the numbers of ids and positions must be equal");
    check(embedding(&words, &table(&[5, 3]), &[], &[]), "the columns of words and of places");
    check(embedding(&table(&[0, 4]), &places, &[0], &[0]), "there are 0");
    let plain = Criterion::default();
    check(
        summed_cross_entropy(&zeros(&[2, 3]), &[0, 3], &plain),
        "label 3 at place 1 is out of range",
    );
    check(summed_cross_entropy(&zeros(&[2, 3]), &[0], &plain), "the numbers of labels and rows");
    check(summed_cross_entropy(&zeros(&[0, 0]), &[], &plain), "no columns");
    let two = Criterion::new(vec![1.0, 2.0], 0.0);
    check(summed_cross_entropy(&zeros(&[1, 3]), &[0], &two), "numbers of weights and classes");
    check(first_rows(&zeros(&[3, 2]), &segments(&[1, 1])), "rows of the segments and of x");
    check(first_rows(&zeros(&[3, 2]), &segments(&[3, 0])), "segment 1 is empty");
}

#[test]
fn matrices() {
    let x = zeros(&[2, 3]);
    check(linear(&x, &zeros(&[4, 5]), &zeros(&[4])), "the columns of x and of weight");
    check(linear(&x, &zeros(&[4, 3]), &zeros(&[3])), "bias must have the shape [4]");
    check(linear(&zeros(&[3]), &zeros(&[4, 3]), &zeros(&[4])), "x must have 2 dimensions");
    check(layer_norm(&x, &zeros(&[2]), &zeros(&[3]), 0.0), "gamma must have the shape [3]");
    check(layer_norm(&x, &zeros(&[3]), &zeros(&[1, 3]), 0.0), "beta must have the shape [3]");
    check(layer_norm(&zeros(&[2, 0]), &zeros(&[0]), &zeros(&[0]), 0.0), "no columns");
    check(dropout(&x, &rows_dropped(3, 0.1)), "the numbers of dropout keys and rows");
    for rate in [1.0, -0.1, f32::NAN] {
        check(dropout(&x, &rows_dropped(2, rate)), "must lie in [0, 1)");
    }
}

#[test]
fn plans() {
    type Change = fn(&mut AttentionPlan);
    let changes: [(Change, &str); 7] = [
        (|plan| plan.heads = 0, "0 heads do not divide a width of 6"),
        (|plan| plan.heads = 4, "4 heads do not divide a width of 6"),
        (|plan| plan.queries = segments(&[1, 2]), "rows of the query segments and of q"),
        (|plan| plan.keys = segments(&[1, 2]), "rows of the key segments and of k"),
        (|plan| plan.keys = segments(&[5]), "the numbers of query and key segments"),
        (|plan| plan.keys = segments(&[0, 5]), "segment 0 has 2 queries but no keys"),
        (|plan| plan.dropout = Some(rows_dropped(5, 0.1)), "the numbers of dropout keys and rows"),
    ];
    let (q, k) = (zeros(&[4, 6]), zeros(&[5, 6]));
    for (change, message) in changes {
        let (queries, keys) = (segments(&[2, 2]), segments(&[2, 3]));
        let mut plan = AttentionPlan { heads: 2, queries, keys, dropout: None };
        assert!(attention(&q, &k, &k, &plan).is_ok());
        check(attention(&q, &k, &q, &plan), "they must be alike");
        check(attention(&q, &zeros(&[5, 4]), &zeros(&[5, 4]), &plan), "the columns of q and k");
        change(&mut plan);
        check(attention(&q, &k, &k, &plan), message);
    }
}

#[test]
fn blocks() {
    type Change = fn(&mut Vec<Tensor>);
    let run = |change: Change| {
        let operation = Operation::block(&[2, 1], (2, 3, 4), Rows::First, Some(0.1));
        let mut inputs = operation.values();
        change(&mut inputs);
        (operation.fused)(&inputs.into_iter().map(Weight::new).collect::<Vec<_>>())
    };
    assert!(run(|_| ()).is_ok());
    check(run(|t| t[0] = zeros(&[4, 6])), "rows of segments and x must be equal");
    check(run(|t| t[0] = zeros(&[3, 5])), "query must have the shape [5, 5]");
    check(run(|t| t[2] = zeros(&[5])), "the bias of query must have the shape [6]");
    check(run(|t| t[11] = zeros(&[6, 6])), "the bias of widen must have the shape [6]");
    check(run(|t| t[13] = zeros(&[5, 4])), "narrow must have the shape [6, 4]");
    let learns: Change = |t| t[1] = Var::from_tensor(&t[1]).unwrap().into_inner();
    check(run(learns), "the weights learn, but x was made outside of the graph");
}

#[test]
fn updates() {
    let update = AdamWUpdate {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.0,
        rate: 1e-3,
        step: 1,
        gradient_scale: 1.0,
    };
    let var = || Var::from_tensor(&zeros(&[3])).unwrap();
    let (weight, first, second) = (var(), var(), var());
    let gradient = Gradient::Dense(zeros(&[3]));
    let other = Gradient::Dense(zeros(&[2]));
    check(adamw(&weight, &other, &first, &second, &update), "gradient has the shape [2]");
    check(adamw(&weight, &gradient, &weight, &second, &update), "must not share memory");
    let own = Gradient::Dense(weight.as_detached_tensor());
    check(adamw(&weight, &own, &first, &second, &update), "must not share memory");
    let never = AdamWUpdate { step: 0, ..update };
    check(adamw(&weight, &gradient, &first, &second, &never), "counted from 1");
    let part = |range| adamw_part([&weight, &first, &second], &zeros(&[3]), range, &update);
    check(part(1..4), "the part 1..4 is not inside 3 values");
    let wide = [(); 3].map(|()| Var::zeros(3, DType::F64, &Device::Cpu).unwrap());
    let [weight, first, second] = &wide;
    let gradient = Tensor::zeros(3, DType::F64, &Device::Cpu).unwrap();
    let refused = adamw_part([weight, first, second], &gradient, 0..2, &update);
    check(refused, "only weights of f32 on the CPU");
}
