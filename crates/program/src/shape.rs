//! The sizes of a model, and which of them the kernels can take.

use thiserror::Error;

/// The sizes and rates of an encoder with a head of two layers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModelShape {
    /// V, rows of the word table.
    pub vocabulary: usize,
    /// P, rows of the position table.
    pub positions: usize,
    /// D, the width of a token's state.
    pub width: usize,
    /// H, heads of a block's attention.
    pub heads: usize,
    /// F, the width inside the feed-forward part.
    pub feed_forward: usize,
    /// Transformer blocks.
    pub blocks: usize,
    /// I, the width inside the head.
    pub inner: usize,
    /// K, classes.
    pub classes: usize,
    /// Inside the head.
    pub activation: Activation,
    /// What is dropped in training.
    pub dropout: DropRates,
    /// What keeps the layer norms' divisors above zero.
    pub epsilon: f32,
}

/// What stands between the two layers of the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// The exact one.
    Gelu,
    /// max(0, x)
    Relu,
    /// The hyperbolic tangent.
    Tanh,
}

/// Dropout rates, each in [0, 1).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DropRates {
    /// After the embeddings and after each feed-forward part.
    pub hidden: f32,
    /// On attention probabilities.
    pub attention: f32,
    /// After the layer behind the attention; 0 in DistilBERT.
    pub attention_output: f32,
    /// Inside the head.
    pub head: f32,
}

impl DropRates {
    /// Whether anything is dropped after the layer behind the attention.
    pub(crate) fn has_attention_output(&self) -> bool {
        self.attention_output > 0.0
    }
}

/// What the kernels do not take.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unsupported {
    /// A size of the model.
    #[error("the GPU kernels take no {what} of {found}: {limit}")]
    Size {
        /// Which size.
        what: &'static str,
        /// What it is.
        found: usize,
        /// What it has to be.
        limit: &'static str,
    },
    /// Another loss than plain cross-entropy.
    #[error("the GPU kernels take no class weights and no label smoothing")]
    Loss,
    /// Another type than 0.
    #[error("the GPU kernels take no token types, which BERT gives the second text of a pair")]
    TokenTypes,
}

/// Tokens of the longest text that the attention kernels take.
pub const LONGEST: usize = 512;

impl ModelShape {
    /// C, columns of a head.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.width / self.heads
    }

    /// Sites whose masks have keys.
    pub(crate) fn sites(&self) -> usize {
        2 + if self.dropout.has_attention_output() { 3 } else { 2 } * self.blocks
    }

    /// Whether the kernels take this model and texts of `longest` tokens.
    ///
    /// # Errors
    /// [`Unsupported::Size`] names the size that they do not take.
    pub fn check(&self, longest: usize) -> Result<(), Unsupported> {
        let columns = self.columns();
        let limits = [
            ("head size", columns, matches!(columns, 32 | 64), "it must be 32 or 64"),
            ("width", self.width, self.width <= 1024, "it must be at most 1024"),
            (
                "inner width",
                self.feed_forward,
                self.feed_forward.is_multiple_of(8),
                "it must divide by 8",
            ),
            ("head width", self.inner, self.inner.is_multiple_of(8), "it must divide by 8"),
            ("number of classes", self.classes, self.classes <= 8192, "it must be at most 8192"),
            ("text length", longest, longest <= LONGEST, "it must be at most 512 tokens"),
        ];
        match limits.into_iter().find(|(_, _, is_taken, _)| !is_taken) {
            None => Ok(()),
            Some((what, found, _, limit)) => Err(Unsupported::Size { what, found, limit }),
        }
    }
}
