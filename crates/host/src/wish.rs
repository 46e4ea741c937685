//! What is asked of the machines.

/// What is asked of the machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Where to compute.
    pub device: DeviceChoice,
    /// Whether ranks may have one GPU together.
    pub sharing: Sharing,
}

/// Whether ranks may have one GPU together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Each rank needs its own GPU.
    Refused,
    /// Ranks may share: for tests, since they slow each other down.
    Allowed,
}

/// Which device is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChoice {
    /// A GPU where there is one, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// A GPU or an error.
    Cuda,
}

/// In which precision the passes are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrecisionChoice {
    /// IEEE single precision.
    F32,
    /// Single precision with matrix products on tensor cores.
    Tf32,
    /// bfloat16 passes over single precision weights.
    Bf16,
}
