//! The embedding of tokens: the sum of a row for the word and a row for its position.
//!
//! The gradients of the two tables go to the weights' own sums: only the rows that were read are
//! in them, so their cost follows the tokens, not the vocabulary.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use crate::cpu::blocks::filled;
use crate::cpu::scatter::summed;
use crate::cpu::values::{Reading, stored};
use crate::cpu::vector::add;
use crate::{RowGradient, Weight, cpu, plain, shapes};

/// `words[ids] + places[positions]` for `words` (V,D), `places` (P,D), and N ids and positions; the
/// result is (N,D).
///
/// # Errors
/// When an id or a position is out of range, or the shapes do not fit each other.
pub fn embedding(
    words: &Weight,
    places: &Weight,
    ids: &[u32],
    positions: &[u32],
) -> Result<Tensor> {
    let (vocabulary, width) = shapes::matrix("embedding", "words", words.value())?;
    let (longest, place_width) = shapes::matrix("embedding", "places", places.value())?;
    shapes::equal("embedding", "the columns of words and of places", width, place_width)?;
    shapes::equal("embedding", "the numbers of ids and positions", ids.len(), positions.len())?;
    shapes::all_below("embedding", "token id", ids, vocabulary)?;
    shapes::all_below("embedding", "position", positions, longest)?;
    let (words_table, places_table) = (words.value(), places.value());
    if cpu::takes(&[words_table, places_table]) {
        let op = Embedding {
            words: words.clone(),
            places: places.clone(),
            ids: ids.to_vec(),
            positions: positions.to_vec(),
        };
        words_table.contiguous()?.apply_op2(&places_table.contiguous()?, op)
    } else {
        plain::embedding(words_table, places_table, ids, positions)
    }
}

struct Embedding {
    words: Weight,
    places: Weight,
    ids: Vec<u32>,       // (N), each below V
    positions: Vec<u32>, // (N), each below P
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
                let place = &places[self.positions[token] as usize * width..][..width];
                row.copy_from_slice(&words[self.ids[token] as usize * width..][..width]);
                add(row, place);
            }
        });
        Ok((CpuStorage::F32(y), (self.ids.len(), width).into()))
    }

    fn bwd(
        &self,
        _words: &Tensor,
        _places: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let dy = dy.contiguous()?;
        let rows = Reading::of(&dy)?; // (N,D)
        for (weight, read) in [(&self.words, &self.ids), (&self.places, &self.positions)] {
            weight.add_rows(|| {
                let shape = weight.value().dims2()?;
                let (rows, values) = summed(read, &rows, shape.1);
                RowGradient::new(rows, values, shape)
            })?;
        }
        Ok((None, None))
    }
}
