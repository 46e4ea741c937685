//! What lasts from update to update beside the weights.

use crate::parts::ModelParts;
use crate::{Control, Moments, RESULTS, Rate, Span, UpdateResult};

/// Parts of each sum of squares.
pub(crate) const SQUARES: usize = 128;

/// The state of the optimiser and of the run on the device.
#[derive(Clone, Debug)]
pub struct State {
    /// First and second moments.
    pub moments: [ModelParts<Span>; 2],
    /// AdamW's constants.
    pub constants: Moments,
    /// The global norm that gradients are clipped to.
    pub max_norm: f64,
    /// Whether an update whose loss or norm is not finite is skipped; else it is the last one.
    pub skips: bool,
    /// Flags of the word table: whether it decays.
    pub word_flags: i32,
    /// A [`Control`].
    pub control: Span,
    /// [`RESULTS`] slots of [`UpdateResult`].
    pub results: Span,
    /// A [`Rate`] for each update and group.
    pub rates: Span,
    /// The table of all weights but the word table's.
    pub chunks: Span,
    /// Sums of squares: `SQUARES` parts a bucket, then those of the words.
    pub squares: Span,
    /// Updates that each row of the word table has had, (V), int.
    pub applied: Span,
    /// Whether each row of the word table ever had a gradient, (V), bytes.
    pub seen: Span,
    /// One int: how many updates all rows shall have.
    pub updates: Span,
}

impl State {
    /// Bytes of the control block.
    pub const CONTROL_BYTES: usize = size_of::<Control>();

    /// Bytes of the ring of results.
    pub const RESULTS_BYTES: usize = RESULTS * size_of::<UpdateResult>();

    /// Bytes of the rates of `updates` updates.
    #[must_use]
    pub const fn rates_bytes(updates: usize) -> usize {
        updates * 2 * size_of::<Rate>()
    }

    /// Bytes of the sums of squares of a model of `blocks` blocks.
    #[must_use]
    pub const fn squares_bytes(blocks: usize) -> usize {
        (blocks + 3) * SQUARES * 8
    }
}
