//! The same bits at any number of threads, forwards and backwards.

use candle_core::{DType, Device, Tensor, Var};
use lockstep_kernels::{AdamWUpdate, Gradient, Rows, adamw, sum_of_squares};

use crate::operations::{Operation, gradients, noise};

/// Runs `work` with 1, 2 and 3 threads and compares the bits.
fn check(name: &str, work: impl Fn() -> Vec<f32> + Sync) {
    let bits = |threads: usize| -> Vec<u32> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(&work).into_iter().map(f32::to_bits).collect()
    };
    let one = bits(1);
    for threads in [2, 3] {
        assert!(one == bits(threads), "{name}: {threads} threads differ from 1");
    }
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn operations_do_not_depend_on_threads() {
    let operations: [fn() -> Operation; 11] = [
        || Operation::embedding(1000, 65),
        || Operation::linear(301, 257, 513),
        || Operation::linear(150, 512, 200),
        || Operation::layer_norm(1000, 129),
        || Operation::gelu(500, 333),
        || Operation::dropout(500, 333, 0.1),
        || Operation::attention(&[(90, 90), (1, 30), (130, 130)], 3, 32, Some(0.1)),
        || Operation::block(&[90, 1, 130], (3, 32, 384), Rows::All, Some(0.1)),
        || Operation::block(&[90, 1, 130], (3, 32, 384), Rows::First, Some(0.1)),
        || Operation::cross_entropy(100, 77),
        || Operation::weighted_cross_entropy(100, 77),
    ];
    for make in operations {
        check(&make().name, || {
            let operation = make();
            let inputs = operation.values();
            let (y, gradients) = gradients(&operation.fused, &inputs, DType::F32).unwrap();
            std::iter::once(y)
                .chain(gradients.into_iter().flatten())
                .flat_map(|t| values(&t))
                .collect()
        });
    }
}

#[test]
fn updates_do_not_depend_on_threads() {
    let len = 300_000;
    let tensor = |stream| Tensor::from_vec(noise(len, stream), len, &Device::Cpu).unwrap();
    check("sum_of_squares", || {
        let sum = sum_of_squares(&tensor(0)).unwrap();
        // The bits of the f64, two bytes a value.
        sum.to_bits()
            .to_le_bytes()
            .chunks(2)
            .map(|c| f32::from(u16::from_le_bytes([c[0], c[1]])))
            .collect()
    });
    check("adamw", || {
        let [weight, first, second] =
            [1, 2, 3].map(|stream| Var::from_tensor(&tensor(stream).abs().unwrap()).unwrap());
        let update = AdamWUpdate {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.01,
            rate: 1e-3,
            step: 3,
            gradient_scale: 0.5,
        };
        adamw(&weight, &Gradient::Dense(tensor(4)), &first, &second, &update).unwrap();
        [weight, first, second].iter().flat_map(|t| values(t)).collect()
    });
}
