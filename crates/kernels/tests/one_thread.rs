//! The pool of a rank with one thread, which is the thread that waits: a program of its own, because
//! a process has one such pool.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use candle_core::{DType, Device, Tensor};
use lockstep_kernels::Gradient;

#[test]
fn another_thread_adds_gradients_while_the_only_one_of_the_pool_waits_for_it() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
    pool.build_global().unwrap();
    let (done, waits) = mpsc::channel();
    thread::spawn(move || {
        let ones = || Tensor::ones(1 << 20, DType::F32, &Device::Cpu).unwrap();
        let sum = Gradient::Dense(ones()).plus(Gradient::Dense(ones())).unwrap();
        let values = sum.dense().unwrap().to_vec1::<f32>().unwrap();
        done.send(values.iter().all(|&value| value == 2.0)).unwrap();
    });
    let is_right = waits.recv_timeout(Duration::from_secs(60));
    assert!(is_right.expect("the sum waits for this thread"));
}
