#!/usr/bin/env bash
# Three of candle's operations give no gradient, or a coarse one, and no error.
#
# candle-core and candle-nn 0.11.1, CPU, seen on 2026-11-27. The backward pass through candle_nn::LayerNorm and
# candle_nn::ops::softmax_last_dim reaches no tensor below them: the gradient store has no entry, and backward() returns
# Ok. A model that uses them trains only what lies above. The gradient of Tensor::gelu_erf is right to six digits in
# f64, because its constant 1/sqrt(2 pi) has no more.
#
# Needs Rust. Prints what was found, and exits with 1 when a later version behaves differently from this description.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "gradients"
version = "0.0.0"
edition = "2021"

[dependencies]
candle-core = "=0.11.1"
candle-nn = "=0.11.1"
TOML

cat >"$work/src/main.rs" <<'RUST'
use candle_core::{DType, Device, Module, Result, Tensor, Var};

fn main() -> Result<()> {
    let values: Vec<f64> = (0..24).map(|i| f64::from(i * 7 % 11) / 5.0 - 1.0).collect();
    let x = Var::from_tensor(&Tensor::from_vec(values.clone(), (3, 8), &Device::Cpu)?)?;
    let single = Var::from_tensor(&x.to_dtype(DType::F32)?)?;
    let ones = Tensor::ones(8, DType::F32, &Device::Cpu)?;
    let norm = candle_nn::LayerNorm::new(ones.clone(), ones, 1e-12).forward(&single)?;
    let softmax = candle_nn::ops::softmax_last_dim(&single)?;
    for (name, y) in [("LayerNorm", norm), ("softmax_last_dim", softmax)] {
        let store = y.sqr()?.sum_all()?.backward()?;
        let found = if store.get(&single).is_some() { "a gradient" } else { "no gradient" };
        println!("{name}: {found}");
    }
    let store = x.gelu_erf()?.sum_all()?.backward()?;
    let theirs = store.get(&x).unwrap().flatten_all()?.to_vec1::<f64>()?;
    let largest = values.iter().zip(theirs).map(|(x, theirs)| (theirs - derivative(*x)).abs());
    let largest = largest.fold(0.0, f64::max);
    println!("gelu_erf: gradient {}", if largest > 1e-8 { "off by more than 1e-8" } else { "exact" });
    Ok(())
}

/// The derivative of x Φ(x), with Φ' = exp(-x²/2) / √(2π), by central differences of 6th order.
fn derivative(x: f64) -> f64 {
    let f = |x: f64| {
        let y = Tensor::new(&[x], &Device::Cpu).and_then(|x| x.gelu_erf()).unwrap();
        y.to_vec1::<f64>().unwrap()[0]
    };
    let h = 1e-2;
    let near = 45.0 * (f(x + h) - f(x - h)) - 9.0 * (f(x + 2.0 * h) - f(x - 2.0 * h));
    (near + f(x + 3.0 * h) - f(x - 3.0 * h)) / (60.0 * h)
}
RUST

cargo run --quiet --manifest-path "$work/Cargo.toml" | tee "$work/seen"

cat >"$work/expected" <<'TEXT'
LayerNorm: no gradient
softmax_last_dim: no gradient
gelu_erf: gradient off by more than 1e-8
TEXT
diff "$work/expected" "$work/seen" || {
    echo "candle behaves differently now" >&2
    exit 1
}
echo "as described"
