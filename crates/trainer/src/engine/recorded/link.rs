//! What connects a machine with the tensors of a run and with the other ranks.

use std::collections::BTreeMap;

use bytemuck::{cast_slice, cast_slice_mut};
use lockstep_collective::Collective;
use lockstep_params::{ParamName, Parameters};
use lockstep_program::{Machine, MachineError, Region};

use crate::TrainError;

/// Where parameters lie in a machine's memory.
pub type ParameterPlaces = BTreeMap<ParamName, Region>;

/// Brings the tensors of a run and a machine's memory together, and sums that memory over ranks.
pub trait Link<M> {
    /// Where each parameter lies, with the values it has now; each place is good for the whole run.
    ///
    /// # Errors
    /// [`TrainError`] when memory is short, or a tensor lies where the machine cannot reach it.
    fn places(
        &self,
        machine: &mut M,
        parameters: &Parameters,
    ) -> Result<ParameterPlaces, TrainError>;

    /// Brings the tensors up to date with what the machine has written.
    ///
    /// # Errors
    /// [`TrainError`] when the machine failed.
    fn publish(
        &self,
        machine: &mut M,
        parameters: &Parameters,
        places: &ParameterPlaces,
    ) -> Result<(), TrainError>;

    /// Brings the machine's memory up to date with tensors that others have written.
    ///
    /// # Errors
    /// [`TrainError`] when the machine failed.
    fn refresh(
        &self,
        machine: &mut M,
        parameters: &Parameters,
        places: &ParameterPlaces,
    ) -> Result<(), TrainError>;

    /// Replaces the f32 values of each bucket by their sums over all ranks, the same bits on each, in
    /// this order. A sum may begin while the pass that was started last still runs, once it has completed
    /// the bucket of that number; whatever is started next finds the sums.
    ///
    /// # Errors
    /// [`TrainError`] when a peer is lost.
    fn sums(
        &self,
        machine: &mut M,
        buckets: &[Region],
        collective: &mut dyn Collective,
    ) -> Result<(), TrainError>;
}

/// A machine that has memory of its own, into which tensors are copied, and back: the emulator.
#[derive(Clone, Copy, Debug)]
pub struct CopyingLink;

impl<M: Machine> Link<M> for CopyingLink {
    fn places(
        &self,
        machine: &mut M,
        parameters: &Parameters,
    ) -> Result<ParameterPlaces, TrainError> {
        let mut regions = Vec::new();
        parameters.change_each(|values| -> Result<(), TrainError> {
            let region = machine.allocate(size_of_val(values))?;
            machine.write(region, cast_slice(values))?;
            regions.push(region);
            Ok(())
        })?;
        let names = parameters.iter().map(|(name, _)| name.clone());
        Ok(names.zip(regions).collect())
    }

    fn publish(
        &self,
        machine: &mut M,
        parameters: &Parameters,
        places: &ParameterPlaces,
    ) -> Result<(), TrainError> {
        each(parameters, places, |region, values| machine.read(region, cast_slice_mut(values)))
    }

    fn refresh(
        &self,
        machine: &mut M,
        parameters: &Parameters,
        places: &ParameterPlaces,
    ) -> Result<(), TrainError> {
        each(parameters, places, |region, values| machine.write(region, cast_slice(values)))
    }

    fn sums(
        &self,
        machine: &mut M,
        buckets: &[Region],
        collective: &mut dyn Collective,
    ) -> Result<(), TrainError> {
        for &bucket in buckets {
            let mut values = vec![0.0_f32; bucket.bytes / 4];
            machine.read(bucket, cast_slice_mut(&mut values))?;
            collective.all_reduce_sum(&mut values)?;
            machine.write(bucket, cast_slice(&values))?;
        }
        Ok(())
    }
}

/// Shows the values of each parameter to `copy`, with the place where they lie on the machine.
fn each(
    parameters: &Parameters,
    places: &ParameterPlaces,
    mut copy: impl FnMut(Region, &mut [f32]) -> Result<(), MachineError>,
) -> Result<(), TrainError> {
    let mut regions = places.values();
    parameters.change_each(|values| {
        let region = regions.next().ok_or(TrainError::Engine)?;
        Ok(copy(*region, values)?)
    })
}
