//! How a batch goes through the layers.

use std::sync::mpsc::Sender;

use lockstep_kernels::{Precision, Ready};

use crate::masks::Masks;

/// What holds in every layer.
pub(crate) struct Pass<'a> {
    pub(crate) masks: Masks<'a>,
    pub(crate) precision: Precision,
    /// Receives a message when a block's gradients are complete.
    pub(crate) listener: Option<&'a Sender<Ready>>,
}
