//! What connects a machine with the tensors of a run and with the other ranks.

use std::collections::BTreeMap;

use bytemuck::cast_slice_mut;
use lockstep_collective::Collective;
use lockstep_params::{ParamName, Parameters};
use lockstep_program::{Machine, Region};

use crate::TrainError;

/// Finds tensors in a machine's memory, and sums that memory over the ranks.
pub trait Link<M> {
    /// Where each parameter lies; each place is good for the whole run.
    ///
    /// # Errors
    /// [`TrainError`] when one lies somewhere else.
    fn places(&self, parameters: &Parameters) -> Result<BTreeMap<ParamName, Region>, TrainError>;

    /// Replaces the f32 values of `region` by their sums over all ranks, the same bits on each.
    ///
    /// # Errors
    /// [`TrainError`] when a peer is lost.
    fn sum(
        &self,
        machine: &mut M,
        region: Region,
        collective: &mut dyn Collective,
    ) -> Result<(), TrainError>;
}

/// A machine whose memory is the host's own: the emulator.
#[derive(Clone, Copy, Debug)]
pub struct HostMemory;

impl<M: Machine> Link<M> for HostMemory {
    fn places(&self, parameters: &Parameters) -> Result<BTreeMap<ParamName, Region>, TrainError> {
        let mut regions = Vec::new();
        parameters.change_each(|values| -> Result<(), TrainError> {
            let address = values.as_mut_ptr() as u64;
            regions.push(Region { address, bytes: size_of_val(values) });
            Ok(())
        })?;
        let names = parameters.iter().map(|(name, _)| name.clone());
        Ok(names.zip(regions).collect())
    }

    fn sum(
        &self,
        machine: &mut M,
        region: Region,
        collective: &mut dyn Collective,
    ) -> Result<(), TrainError> {
        let mut values = vec![0.0_f32; region.bytes / 4];
        machine.read(region, cast_slice_mut(&mut values))?;
        collective.all_reduce_sum(&mut values)?;
        machine.write(region, bytemuck::cast_slice(&values))?;
        Ok(())
    }
}
