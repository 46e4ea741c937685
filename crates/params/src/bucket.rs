//! Gradients on a GPU, summed as one long vector.
//!
//! A launch and a message cost the same for a bias as for a matrix, so all gradients that are summed
//! together are copied into one bucket first (Li et al., "PyTorch Distributed: Experiences on
//! Accelerating Data Parallel Training", 2020, section 3.2.2), and are parts of it from then on.

use std::collections::BTreeMap;

use candle_core::Tensor;
use lockstep_collective::Collective;
use lockstep_kernels::{Gradient, squares_on_device};

use crate::global::Reduced;
use crate::{ParamName, ReducedGradients, ReductionError, in_place};

/// The sums of these gradients over all ranks.
pub(crate) fn sum(
    gradients: Vec<(ParamName, Tensor)>,
    collective: &mut dyn Collective,
) -> Result<ReducedGradients, ReductionError> {
    let flat = gradients.iter().map(|(_, gradient)| gradient.flatten_all());
    let bucket = Tensor::cat(&flat.collect::<candle_core::Result<Vec<_>>>()?, 0)?;
    reduce(&bucket, collective)?;
    let squares = squares_on_device(&bucket)?;
    Ok(ReducedGradients::of_bucket(parts(&bucket, gradients)?, squares))
}

/// Sums a bucket where it lies: on a GPU over NCCL, if the GPUs are connected.
fn reduce(bucket: &Tensor, collective: &mut dyn Collective) -> Result<(), ReductionError> {
    #[cfg(feature = "cuda")]
    if bucket.device().is_cuda() {
        let sum = |values: &mut _| Ok(collective.all_reduce_sum_on_gpu(values)?);
        return in_place::with_gpu_values(bucket, sum);
    }
    in_place::with_values(bucket, &mut |values| Ok(collective.all_reduce_sum(values)?))
}

/// Where each gradient lies in the bucket now.
fn parts(
    bucket: &Tensor,
    gradients: Vec<(ParamName, Tensor)>,
) -> candle_core::Result<BTreeMap<ParamName, Reduced>> {
    let mut start = 0;
    let part = |(name, gradient): (ParamName, Tensor)| {
        let sum = bucket.narrow(0, start, gradient.elem_count())?.reshape(gradient.shape())?;
        start += gradient.elem_count();
        Ok((name, Reduced::everywhere(Gradient::Dense(sum))))
    };
    gradients.into_iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use lockstep_collective::CollectiveError;
    use lockstep_world::{Rank, Seat, WorldSize};

    use super::*;

    /// Rank 0 of two; rank 1 did the same.
    struct Twin {
        calls: usize,
    }

    impl Collective for Twin {
        fn seat(&self) -> Seat {
            Seat::new(Rank(0), WorldSize::new(2).unwrap()).unwrap()
        }

        fn all_reduce_sum(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
            self.calls += 1;
            values.iter_mut().for_each(|value| *value *= 2.0);
            Ok(())
        }

        fn sum_by_tree(&mut self) -> Result<(), CollectiveError> {
            Ok(())
        }

        fn broadcast(&mut self, _: &mut [f32], _: Rank) -> Result<(), CollectiveError> {
            Ok(())
        }

        fn all_gather(&mut self, values: &[u64]) -> Result<Vec<u64>, CollectiveError> {
            Ok([values, values].concat())
        }
    }

    #[test]
    fn all_gradients_are_summed_in_one_call_and_keep_their_shapes() {
        let tensor = |values: &[f32]| Tensor::new(values, &Device::Cpu).unwrap();
        let matrix = tensor(&[1.0, 2.0, 3.0, 4.0]).reshape((2, 2)).unwrap();
        let mut twin = Twin { calls: 0 };
        let gradients = vec![("m".into(), matrix), ("v".into(), tensor(&[5.0]))];
        let sums = sum(gradients, &mut twin).unwrap();
        assert_eq!(twin.calls, 1);
        let squares = 4.0 * (1.0 + 4.0 + 9.0 + 16.0 + 25.0);
        assert_eq!([false, true].map(|common| sums.squares(common).unwrap()), [0.0, squares]);
        let global = sums.mean(1.0, squares);
        let values = |name: &str| global.get(&name.into()).unwrap().0.dense().unwrap().into_owned();
        assert_eq!(values("m").to_vec2::<f32>().unwrap(), [[2.0, 4.0], [6.0, 8.0]]);
        assert_eq!(values("v").to_vec1::<f32>().unwrap(), [10.0]);
    }
}
