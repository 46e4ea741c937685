//! Gradients of the mean loss over the global batch: the only kind an optimiser takes.

use std::collections::BTreeMap;
use std::ops::Range;

use candle_core::Tensor;
use lockstep_kernels::{Gradient, sum_of_squares};
use lockstep_world::{Rank, WorldSize};

use crate::ParamName;

/// One gradient for each parameter: of vectors and tables the same on all processes, of a matrix
/// either that, or the values of this process's shard.
///
/// Kept as sums and one factor, so that neither the division by the number of examples nor
/// clipping walks over the memory: each reader of a gradient multiplies by the factor.
#[derive(Debug)]
pub struct GlobalGradients {
    sums: BTreeMap<ParamName, Reduced>,
    factor: f64,
    norm: f64,
}

/// Gradients summed over all processes, of some parameters or of all.
#[derive(Debug, Default)]
pub struct ReducedGradients {
    sums: BTreeMap<ParamName, Reduced>,
    /// Of the sums that lie on a GPU, a scalar for each bucket they were summed in.
    squares: Vec<Tensor>,
}

/// A gradient summed over all processes.
#[derive(Debug)]
pub(crate) struct Reduced {
    pub(crate) gradient: Gradient,
    /// Where its values are sums, if not everywhere: each process has them somewhere else.
    pub(crate) shard: Option<Range<usize>>,
}

impl Reduced {
    /// A sum that every process has.
    pub(crate) fn everywhere(gradient: Gradient) -> Self {
        Self { gradient, shard: None }
    }

    fn squares(&self) -> candle_core::Result<f64> {
        match (&self.gradient, &self.shard) {
            (Gradient::Dense(values), Some(shard)) => {
                sum_of_squares(&values.flatten_all()?.narrow(0, shard.start, shard.len())?)
            }
            (gradient, _) => gradient.sum_of_squares(),
        }
    }
}

impl Reduced {
    fn note_pieces(&self, largest: WorldSize, squares: &mut Vec<f64>) -> candle_core::Result<()> {
        let Gradient::Dense(tensor) = &self.gradient else {
            squares.push(self.gradient.sum_of_squares()?);
            return Ok(());
        };
        let values = tensor.flatten_all()?;
        let length = values.elem_count();
        let own = self.shard.clone().unwrap_or(0..length);
        for piece in borders(length, largest).windows(2) {
            let is_here = own.start <= piece[0] && piece[1] <= own.end;
            squares.push(match is_here {
                true => sum_of_squares(&values.narrow(0, piece[0], piece[1] - piece[0])?)?,
                false => 0.0,
            });
        }
        Ok(())
    }
}

/// Where worlds of up to `largest` ranks cut `length` values, with both ends; rising.
fn borders(length: usize, largest: WorldSize) -> Vec<usize> {
    let worlds = (1..=largest.get()).filter_map(WorldSize::new);
    let cuts = worlds.flat_map(|world| (0..world.get()).map(move |rank| (world, Rank(rank))));
    let mut borders: Vec<usize> =
        cuts.map(|(world, rank)| world.shard(rank, length).start).chain([length]).collect();
    borders.sort_unstable();
    borders.dedup();
    borders
}

impl ReducedGradients {
    /// Of sums that lie on the CPU.
    pub(crate) fn new(sums: BTreeMap<ParamName, Reduced>) -> Self {
        Self { sums, squares: Vec::new() }
    }

    /// Of a bucket on a GPU, and the sum of its squares.
    pub(crate) fn of_bucket(sums: BTreeMap<ParamName, Reduced>, squares: Tensor) -> Self {
        Self { sums, squares: vec![squares] }
    }

    /// Adds the sums of further parameters.
    pub fn join(&mut self, others: Self) {
        self.sums.extend(others.sums);
        self.squares.extend(others.squares);
    }

    /// Whether this parameter's sum is here.
    #[must_use]
    pub fn contains(&self, name: &ParamName) -> bool {
        self.sums.contains_key(name)
    }

    /// The sum of the squares of what this process has: its shards, and where it `counts_common`
    /// what all processes have. One process of a run counts that; the numbers of all of them then
    /// add up to the square of the global norm.
    ///
    /// # Errors
    /// The tensor library's.
    pub fn squares(&self, counts_common: bool) -> candle_core::Result<f64> {
        if !self.squares.is_empty() {
            let scalars = self.squares.iter().filter(|_| counts_common);
            return scalars.map(Tensor::to_scalar::<f64>).sum();
        }
        let counted = self.sums.values().filter(|sum| counts_common || sum.shard.is_some());
        counted.map(Reduced::squares).sum()
    }

    /// The sums of squares of pieces of all tensors, whose borders do not follow the number of
    /// processes: each tensor is cut where any world of up to `largest` ranks cuts it. Pieces that
    /// this process does not have are zeros, and all processes have the others' pieces alike, or not
    /// at all. So one order of adding gives the same bits at any of these numbers of processes.
    ///
    /// # Errors
    /// The tensor library's.
    pub fn squares_by_piece(&self, largest: WorldSize) -> candle_core::Result<Vec<f64>> {
        let mut squares = Vec::new();
        for sum in self.sums.values() {
            sum.note_pieces(largest, &mut squares)?;
        }
        Ok(squares)
    }

    /// The gradients of the mean over a global batch of this `weight`, the number of its examples
    /// where each counts 1; the squares of all sums over all processes add up to `squares`.
    #[must_use]
    pub fn mean(self, weight: f64, squares: f64) -> GlobalGradients {
        let factor = 1.0 / weight;
        GlobalGradients { sums: self.sums, factor, norm: factor * squares.sqrt() }
    }
}

impl GlobalGradients {
    /// One gradient: sums, and the factor to multiply it by.
    #[must_use]
    pub fn get(&self, name: &ParamName) -> Option<(&Gradient, f64)> {
        self.sums.get(name).map(|sum| (&sum.gradient, self.factor))
    }

    /// Where a matrix, seen as one row of values, is known here; nothing where it is known
    /// everywhere.
    #[must_use]
    pub fn shard(&self, name: &ParamName) -> Option<Range<usize>> {
        self.sums.get(name)?.shard.clone()
    }

    /// The Euclidean norm over all gradients of all processes together.
    #[must_use]
    pub fn norm(&self) -> f64 {
        self.norm
    }

    /// The same gradients times `scale`.
    #[must_use]
    pub fn scaled(self, scale: f64) -> Self {
        Self { factor: self.factor * scale, norm: self.norm * scale, ..self }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;

    #[test]
    fn pieces_of_all_ranks_are_those_of_one() {
        let largest = WorldSize::new(8).unwrap();
        for length in [1, 2, 7, 8, 40, 1001] {
            let values = (0..length).map(|place| 1.0 / (1 + place) as f32);
            let tensor = Tensor::from_iter(values, &Device::Cpu).unwrap();
            let pieces = |shard: Option<Range<usize>>| -> Vec<u64> {
                let sum = Reduced { gradient: Gradient::Dense(tensor.clone()), shard };
                let sums = ReducedGradients::new([("m".into(), sum)].into());
                sums.squares_by_piece(largest).unwrap().into_iter().map(f64::to_bits).collect()
            };
            let alone = pieces(None);
            for world in (2..=8).filter_map(WorldSize::new) {
                let mut together = vec![0; alone.len()];
                for rank in (0..world.get()).map(Rank) {
                    let theirs = pieces(Some(world.shard(rank, length)));
                    together.iter_mut().zip(theirs).for_each(|(bits, theirs)| *bits |= theirs);
                }
                assert_eq!(together, alone, "{length} values, {world:?}");
            }
        }
    }
}
