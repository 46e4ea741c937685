//! Gradients of shares that follow each other, added in the order of one binary tree.
//!
//! Each sum waits for the one beside it and is added to it, as a binary counter carries: so few sums
//! are kept at once, one for each level of the tree.

use crate::{GradientError, LocalGradients};

/// The sums of the subtrees that are complete, of all shares but the last one.
#[derive(Debug, Default)]
pub struct TreeSums(Vec<Subtree>);

#[derive(Debug)]
struct Subtree {
    shares: usize,
    sum: LocalGradients,
}

impl TreeSums {
    /// Adds the gradients of the next share.
    ///
    /// # Errors
    /// The tensor library's.
    pub fn push(&mut self, share: LocalGradients) -> Result<(), GradientError> {
        let mut next = Subtree { shares: 1, sum: share };
        while let Some(before) = self.0.pop_if(|before| before.shares == next.shares) {
            next = Subtree { shares: 2 * next.shares, sum: before.sum.plus(next.sum)? };
        }
        self.0.push(next);
        Ok(())
    }

    /// The sum over all shares, of the parameters of which `last` has the gradients of the last one.
    /// The number of shares is a power of two.
    ///
    /// # Errors
    /// The tensor library's.
    pub fn complete(&mut self, last: LocalGradients) -> Result<LocalGradients, GradientError> {
        self.0.iter_mut().rev().try_fold(last, |sum, before| before.sum.take_beside(&sum).plus(sum))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};
    use lockstep_kernels::{Gradient, RowGradient};
    use lockstep_world::add_by_tree;

    use super::*;
    use crate::{GradientLayout, ParameterInfo, Parameters};

    /// A vector and a table of four rows.
    fn parameters() -> Parameters {
        let mut all = Parameters::default();
        for (name, shape, layout) in [
            ("vector", vec![3], GradientLayout::Vector),
            ("table", vec![4, 3], GradientLayout::Table),
        ] {
            let zeros = Tensor::zeros(shape, candle_core::DType::F32, &Device::Cpu).unwrap();
            all.insert(name.into(), &zeros, ParameterInfo::new(layout)).unwrap();
        }
        all
    }

    /// Rounds differently in any other order.
    fn values(share: usize) -> [f32; 3] {
        [0.1, 0.7, 1.3].map(|start| 1.0 / (start + 37.0 * share as f32))
    }

    /// The gradients of a share that read one row of the table.
    fn share(all: &Parameters, number: usize) -> LocalGradients {
        let vector = Tensor::new(&values(number), &Device::Cpu).unwrap();
        let row = u32::try_from(number % 3).unwrap();
        let rows = RowGradient::new(vec![row], values(number).to_vec(), (4, 3)).unwrap();
        all.weight(&"vector".into()).unwrap().add_gradient(Gradient::Dense(vector)).unwrap();
        all.weight(&"table".into()).unwrap().add_gradient(Gradient::Rows(rows)).unwrap();
        LocalGradients::take(all).unwrap()
    }

    /// The values of the vector and of the table.
    fn found(sums: LocalGradients) -> [Vec<f32>; 2] {
        let global = sums.alone(1).unwrap();
        ["vector", "table"].map(|name| {
            let (gradient, _) = global.get(&name.into()).unwrap();
            gradient.dense().unwrap().flatten_all().unwrap().to_vec1().unwrap()
        })
    }

    #[test]
    fn shares_are_added_in_the_order_of_the_tree() {
        for shares in [1, 2, 4, 8] {
            let all = parameters();
            let mut sums = TreeSums::default();
            for number in 0..shares - 1 {
                sums.push(share(&all, number)).unwrap();
            }
            let sum = sums.complete(share(&all, shares - 1)).unwrap();
            let expected = |place: usize, row: Option<usize>| {
                let is_read = |number: usize| row.is_none_or(|row| number % 3 == row);
                let term = |number| if is_read(number) { values(number)[place] } else { 0.0 };
                add_by_tree((0..shares).map(term), |left, right| left + right).unwrap()
            };
            let table: Vec<f32> =
                (0..12).map(|place| expected(place % 3, Some(place / 3))).collect();
            let vector: Vec<f32> = (0..3).map(|place| expected(place, None)).collect();
            assert_eq!(found(sum), [vector, table], "{shares} shares");
            let nothing = sums.complete(LocalGradients::zeros(&all).unwrap()).unwrap();
            assert_eq!(found(nothing)[0], [0.0; 3], "what was completed is gone");
        }
    }
}
