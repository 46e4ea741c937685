//! The embedding of tokens: the sum of a row for the word and a row for its position.
//!
//! The gradients of the two tables are dense, as candle's gradient store and the optimiser expect
//! them, but only the rows that were read are touched.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use crate::cpu::blocks::filled;
use crate::cpu::scatter::scattered;
use crate::cpu::values::{Reading, gradient, stored};
use crate::cpu::vector::add;
use crate::{cpu, plain, shapes};

/// `words[ids] + places[positions]` for `words` (V,D), `places` (P,D), and N ids and positions; the
/// result is (N,D).
///
/// # Errors
/// When an id or a position is out of range, or the shapes do not fit each other.
pub fn embedding(
    words: &Tensor,
    places: &Tensor,
    ids: &[u32],
    positions: &[u32],
) -> Result<Tensor> {
    let (vocabulary, width) = shapes::matrix("embedding", "words", words)?;
    let (longest, place_width) = shapes::matrix("embedding", "places", places)?;
    shapes::equal("embedding", "the columns of words and of places", width, place_width)?;
    shapes::equal("embedding", "the numbers of ids and positions", ids.len(), positions.len())?;
    shapes::all_below("embedding", "token id", ids, vocabulary)?;
    shapes::all_below("embedding", "position", positions, longest)?;
    if cpu::takes(&[words, places]) {
        let rows = Embedding { ids: indices(ids), positions: indices(positions) };
        words.contiguous()?.apply_op2(&places.contiguous()?, rows)
    } else {
        plain::embedding(words, places, ids, positions)
    }
}

struct Embedding {
    ids: Vec<usize>,       // (N), each below V
    positions: Vec<usize>, // (N), each below P
}

impl CustomOp2 for Embedding {
    fn name(&self) -> &'static str {
        "embedding"
    }

    fn cpu_fwd(
        &self,
        words: &CpuStorage,
        words_layout: &Layout,
        places: &CpuStorage,
        places_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let width = words_layout.shape().dims2()?.1;
        let (words, places) = (stored(words, words_layout)?, stored(places, places_layout)?);
        let y = filled(self.ids.len() * width, width, |start, block| {
            for (i, row) in block.chunks_exact_mut(width).enumerate() {
                let token = start / width + i;
                let place = &places[self.positions[token] * width..][..width];
                row.copy_from_slice(&words[self.ids[token] * width..][..width]);
                add(row, place);
            }
        });
        Ok((CpuStorage::F32(y), (self.ids.len(), width).into()))
    }

    fn bwd(
        &self,
        words: &Tensor,
        places: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let dy = dy.contiguous()?;
        let rows = Reading::of(&dy)?; // (N,D)
        let (words_shape, places_shape) = (words.dims2()?, places.dims2()?);
        let dwords = gradient(words, || scattered(&self.ids, &rows, words_shape))?;
        let dplaces = gradient(places, || scattered(&self.positions, &rows, places_shape))?;
        Ok((dwords, dplaces))
    }
}

fn indices(values: &[u32]) -> Vec<usize> {
    values.iter().map(|&value| value as usize).collect()
}
