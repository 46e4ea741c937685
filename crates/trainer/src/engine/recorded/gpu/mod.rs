//! Recorded programs on a GPU: weights and moments stay in candle's variables, which lie there.

#[cfg(not(feature = "cuda"))]
mod disabled;
#[cfg(feature = "cuda")]
mod enabled;
#[cfg(any(test, feature = "cuda"))]
mod ranges;

#[cfg(not(feature = "cuda"))]
use disabled::sums;
#[cfg(feature = "cuda")]
use enabled::sums;

use lockstep_collective::Collective;
use lockstep_gpu::{self as gpu, CudaMachine};
use lockstep_params::Parameters;
use lockstep_program::Region;

use super::{Link, ParameterPlaces};
use crate::TrainError;

/// A GPU whose memory candle's variables lie in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnGpu;

impl Link<CudaMachine> for OnGpu {
    fn places(
        &self,
        _machine: &mut CudaMachine,
        parameters: &Parameters,
    ) -> Result<ParameterPlaces, TrainError> {
        let places = parameters.iter().map(|(name, variable)| {
            let region = gpu::region(variable)?;
            Ok((name.clone(), region))
        });
        places.collect()
    }

    fn publish(
        &self,
        _machine: &mut CudaMachine,
        _parameters: &Parameters,
        _places: &ParameterPlaces,
    ) -> Result<(), TrainError> {
        Ok(())
    }

    fn refresh(
        &self,
        _machine: &mut CudaMachine,
        _parameters: &Parameters,
        _places: &ParameterPlaces,
    ) -> Result<(), TrainError> {
        Ok(())
    }

    fn sums(
        &self,
        machine: &mut CudaMachine,
        buckets: &[Region],
        collective: &mut dyn Collective,
    ) -> Result<(), TrainError> {
        sums(machine, buckets, collective)
    }
}
