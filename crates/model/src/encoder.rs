//! The encoder: embeddings, then all blocks, read at `[CLS]`.

use candle_core::Tensor;
use lockstep_kernels::{Rows, Segments};

use crate::block::Block;
use crate::embeddings::Embeddings;
use crate::layers::Scope;
use crate::pass::Pass;
use crate::{EncoderConfig, Input, ModelError};

#[derive(Debug)]
pub(crate) struct Encoder {
    embeddings: Embeddings,
    blocks: Vec<Block>,
}

impl Encoder {
    pub(crate) fn of(config: &EncoderConfig, scope: &Scope<'_>) -> Result<Self, ModelError> {
        let layers = scope.below(config.family.blocks());
        let block = |index| Block::of(index, config, &layers.below(&index.to_string()));
        Ok(Self {
            embeddings: Embeddings::of(config, scope)?,
            blocks: (0..config.blocks).map(block).collect::<Result<_, _>>()?,
        })
    }

    /// The last hidden state of each example's first token, (B, D).
    pub(crate) fn forward(
        &self,
        input: &Input<'_>,
        pass: &Pass<'_>,
    ) -> candle_core::Result<Tensor> {
        let segments = Segments::new(input.offsets)?;
        let mut x = self.embeddings.forward(input, &pass.masks)?; // (N, D)
        for (place, block) in self.blocks.iter().enumerate() {
            let is_last = place + 1 == self.blocks.len();
            let rows = if is_last { Rows::First } else { Rows::All };
            x = block.forward(&x, &segments, rows, pass)?;
        }
        Ok(x)
    }
}
