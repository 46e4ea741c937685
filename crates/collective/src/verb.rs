//! The verbs of a collective, by the names that messages and records have for them.

use serde::{Deserialize, Serialize};

/// What ranks do together in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u64)]
pub enum Verb {
    /// [`Collective::all_reduce_sum`](crate::Collective::all_reduce_sum), also of values on a GPU.
    AllReduceSum,
    /// [`Collective::reduce_scatter_sum`](crate::Collective::reduce_scatter_sum).
    ReduceScatterSum,
    /// [`Collective::all_gather_shards`](crate::Collective::all_gather_shards).
    AllGatherShards,
    /// [`Collective::broadcast`](crate::Collective::broadcast).
    Broadcast,
    /// [`Collective::all_gather`](crate::Collective::all_gather).
    AllGather,
    /// [`Collective::barrier`](crate::Collective::barrier).
    Barrier,
    /// [`Collective::leave`](crate::Collective::leave).
    Leave,
    /// The start of sums on GPUs, whose end the host does not wait for.
    StartSumsOnGpu,
}

impl Verb {
    const ALL: [Self; 8] = [
        Self::AllReduceSum,
        Self::ReduceScatterSum,
        Self::AllGatherShards,
        Self::Broadcast,
        Self::AllGather,
        Self::Barrier,
        Self::Leave,
        Self::StartSumsOnGpu,
    ];

    /// The name of its method.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AllReduceSum => "all_reduce_sum",
            Self::ReduceScatterSum => "reduce_scatter_sum",
            Self::AllGatherShards => "all_gather_shards",
            Self::Broadcast => "broadcast",
            Self::AllGather => "all_gather",
            Self::Barrier => "barrier",
            Self::Leave => "leave",
            Self::StartSumsOnGpu => "start_sums_on_gpu",
        }
    }

    /// What one of its values takes.
    pub(crate) fn bytes_of_a_value(self) -> usize {
        match self {
            Self::AllGather => size_of::<u64>(),
            _ => size_of::<f32>(),
        }
    }

    /// The verb of a number on the wire.
    pub(crate) fn read(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| *verb as u64 == number)
    }
}
