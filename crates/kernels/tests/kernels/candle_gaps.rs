//! What candle's own pieces lack, which is why this crate exists.
//!
//! Each test states today's behaviour. One that fails says that candle has repaired something, and
//! what may become simpler here. That is news and no fault, so a weekly job runs these tests instead
//! of every change (`cargo test --release -p lockstep-kernels candle_gaps -- --ignored`).

use candle_core::{DType, Device, Module, Tensor, Var};

use crate::operations::noise;

fn variable(shape: (usize, usize)) -> Var {
    let values = noise(shape.0 * shape.1, 0);
    Var::from_tensor(&Tensor::from_vec(values, shape, &Device::Cpu).unwrap()).unwrap()
}

/// The gradient of the sum of `y`'s squares.
fn gradient(x: &Var, y: &Tensor) -> Option<Tensor> {
    y.sqr().unwrap().sum_all().unwrap().backward().unwrap().get(x).cloned()
}

#[test]
#[ignore = "weekly: what candle lacks"]
fn layer_norm_cuts_the_gradient() {
    let x = variable((3, 8));
    let ones = Tensor::ones(8, DType::F32, &Device::Cpu).unwrap();
    let layer = candle_nn::LayerNorm::new(ones.clone(), ones, 1e-12);
    assert!(
        gradient(&x, &layer.forward(&x).unwrap()).is_none(),
        "candle_nn::LayerNorm has a backward now (candle #2168): plain::layer_norm may use it, and \
         the custom layer norm may go if candle's is as fast"
    );
}

#[test]
#[ignore = "weekly: what candle lacks"]
fn softmax_last_dim_has_no_backward() {
    let x = variable((3, 8));
    assert!(
        gradient(&x, &candle_nn::ops::softmax_last_dim(&x).unwrap()).is_none(),
        "candle_nn::ops::softmax_last_dim has a backward now: plain::attention may use it"
    );
}

#[test]
#[ignore = "weekly: what candle lacks"]
fn gelu_is_the_tanh_form() {
    let x = variable((4, 64));
    let exact = x.gelu_erf().unwrap();
    let difference = (x.gelu().unwrap() - exact).unwrap().abs().unwrap().max_all().unwrap();
    assert!(
        difference.to_scalar::<f32>().unwrap() > 1e-5,
        "Tensor::gelu agrees with erf now: nothing to do here, but checkpoints made with the tanh \
         form may mean it"
    );
}

#[test]
#[ignore = "weekly: what candle lacks"]
fn gelu_erf_has_a_coarse_gradient() {
    let x = variable((4, 64)).to_dtype(DType::F64).unwrap();
    let x = Var::from_tensor(&x).unwrap();
    let gradient_of = |y: Tensor| y.sum_all().unwrap().backward().unwrap().remove(&x).unwrap();
    let theirs = gradient_of(x.gelu_erf().unwrap());
    let ours = gradient_of(lockstep_kernels::plain::gelu(&x).unwrap());
    let difference = (theirs - ours).unwrap().abs().unwrap().max_all().unwrap();
    assert!(
        difference.to_scalar::<f64>().unwrap() > 1e-8,
        "Tensor::gelu_erf's gradient uses 1/sqrt(2 pi) to more than six digits now: plain::gelu may \
         use it"
    );
}

#[test]
#[ignore = "weekly: what candle lacks"]
fn dropout_cannot_be_repeated() {
    let error = Device::Cpu.set_seed(1);
    assert!(
        error.is_err(),
        "Device::Cpu can be seeded now; masks by key stay, since they need no state to be saved"
    );
    let x = variable((30, 30));
    let once = candle_nn::ops::dropout(&x, 0.5).unwrap().to_vec2::<f32>().unwrap();
    let again = candle_nn::ops::dropout(&x, 0.5).unwrap().to_vec2::<f32>().unwrap();
    assert_ne!(once, again);
}
