//! The gradient of one weight: all of it, or the rows of a table that were read.
//!
//! A batch reads a few hundred of the word embedding's thirty thousand rows. The gradient of the
//! others is zero, and such zeros are neither stored, cleared, sent nor summed.

use std::borrow::Cow;

use candle_core::{Device, Result, Tensor, bail};

use crate::cpu::vector::{Add, vectorised};
use crate::{norm, sum_of_squares};

/// The gradient of one weight.
#[derive(Clone, Debug)]
pub enum Gradient {
    /// A value for each of the weight's.
    Dense(Tensor),
    /// Values for some rows of a table, in f32 on the CPU; the others are zero.
    Rows(RowGradient),
}

impl Gradient {
    /// The shape of the weight.
    #[must_use]
    pub fn dims(&self) -> Vec<usize> {
        match self {
            Self::Dense(tensor) => tensor.dims().to_vec(),
            Self::Rows(rows) => vec![rows.shape.0, rows.shape.1],
        }
    }

    /// How many values the weight has.
    #[must_use]
    pub fn scalars(&self) -> usize {
        self.dims().iter().product()
    }

    /// A value for each of the weight's.
    ///
    /// # Errors
    /// The tensor library's.
    pub fn dense(&self) -> Result<Cow<'_, Tensor>> {
        match self {
            Self::Dense(tensor) => Ok(Cow::Borrowed(tensor)),
            Self::Rows(rows) => rows.dense().map(Cow::Owned),
        }
    }

    /// The rows that have values: of a dense gradient, all.
    ///
    /// # Errors
    /// When it is no table in f32 on the CPU.
    pub fn into_rows(self) -> Result<RowGradient> {
        match self {
            Self::Rows(rows) => Ok(rows),
            Self::Dense(tensor) => {
                let shape = tensor.dims2()?;
                let values = tensor.flatten_all()?.to_vec1()?;
                RowGradient::new((0..u32::try_from(shape.0)?).collect(), values, shape)
            }
        }
    }

    /// `Σ g²`, accumulated in f64 as in [`sum_of_squares`].
    ///
    /// # Errors
    /// The tensor library's.
    pub fn sum_of_squares(&self) -> Result<f64> {
        match self {
            Self::Dense(tensor) => sum_of_squares(tensor),
            Self::Rows(rows) => Ok(norm::of_values(&rows.values)),
        }
    }

    /// The sum of both.
    ///
    /// # Errors
    /// When they are gradients of weights of different shapes.
    pub fn plus(self, other: Self) -> Result<Self> {
        match (self, other) {
            (Self::Rows(rows), Self::Rows(more)) => rows.plus(&more).map(Self::Rows),
            (left, right) => Ok(Self::Dense((&*left.dense()? + &*right.dense()?)?)),
        }
    }
}

/// The gradient of a table (V,D), of which U rows were read.
#[derive(Clone, Debug, PartialEq)]
pub struct RowGradient {
    rows: Vec<u32>,        // (U), rising, each below V
    values: Vec<f32>,      // (U,D)
    shape: (usize, usize), // (V,D)
}

impl RowGradient {
    /// The gradient of a table of this `shape` that is `values` (U,D) at `rows` (U).
    ///
    /// # Errors
    /// When the rows do not rise or leave the table, or the values are not as many.
    pub fn new(rows: Vec<u32>, values: Vec<f32>, shape: (usize, usize)) -> Result<Self> {
        if shape.0 == 0 || shape.1 == 0 {
            bail!("gradient: a table of the shape {shape:?} has nothing to learn");
        }
        if values.len() != rows.len() * shape.1 {
            bail!("gradient: {} rows of {} have {} values", rows.len(), shape.1, values.len());
        }
        let rises = rows.windows(2).all(|pair| pair[0] < pair[1]);
        if !rises || rows.last().is_some_and(|&last| last as usize >= shape.0) {
            bail!("gradient: rows must rise and stay below {}, but they are {rows:?}", shape.0);
        }
        Ok(Self { rows, values, shape })
    }

    /// Which rows have values, (U), rising.
    #[must_use]
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// The rows' values, (U,D).
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The rows' values, (U,D), to change.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// The shape of the table, (V,D).
    #[must_use]
    pub fn shape(&self) -> (usize, usize) {
        self.shape
    }

    /// The same gradient with values, maybe zeros, for all of `rows` as well.
    ///
    /// # Errors
    /// When `rows` do not rise or leave the table.
    pub fn with_rows(self, rows: &[u32]) -> Result<Self> {
        let mut all = [&*self.rows, rows].concat();
        all.sort_unstable();
        all.dedup();
        if all == self.rows {
            return Ok(self);
        }
        let values = vec![0.0; all.len() * self.shape.1];
        let mut wider = Self::new(all, values, self.shape)?;
        wider.add(&self);
        Ok(wider)
    }

    fn plus(self, other: &Self) -> Result<Self> {
        if self.shape != other.shape {
            bail!("gradient: tables of {:?} and {:?} cannot be added", self.shape, other.shape);
        }
        let mut sum = self.with_rows(&other.rows)?;
        sum.add(other);
        Ok(sum)
    }

    /// Adds the values of `other`, whose rows are all among these.
    fn add(&mut self, other: &Self) {
        let width = self.shape.1;
        let mut place = 0;
        for (&row, values) in other.rows.iter().zip(other.values.chunks_exact(width)) {
            place += self.rows[place..].partition_point(|&mine| mine < row);
            vectorised(Add(&mut self.values[place * width..][..width], values));
        }
    }

    fn dense(&self) -> Result<Tensor> {
        let (height, width) = self.shape;
        let mut values = vec![0.0; height * width];
        for (&row, source) in self.rows.iter().zip(self.values.chunks_exact(width)) {
            values[row as usize * width..][..width].copy_from_slice(source);
        }
        Tensor::from_vec(values, self.shape, &Device::Cpu)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[u32], values: &[f32]) -> RowGradient {
        RowGradient::new(rows.to_vec(), values.to_vec(), (5, 2)).unwrap()
    }

    #[test]
    fn rows_add_up_to_what_dense_gradients_do() {
        fn check(left: RowGradient, right: RowGradient) {
            let dense = |gradient: Gradient| gradient.dense().unwrap().to_vec2::<f32>().unwrap();
            let [x, y] = [&left, &right].map(|part| Gradient::Dense(part.dense().unwrap()));
            let expected = dense(x.clone().plus(y).unwrap());
            let mixed = x.plus(Gradient::Rows(right.clone())).unwrap();
            assert_eq!(dense(mixed), expected);
            let sum = Gradient::Rows(left).plus(Gradient::Rows(right)).unwrap();
            let squares: f32 = expected.iter().flatten().map(|x| x * x).sum();
            assert_eq!(sum.sum_of_squares().unwrap(), f64::from(squares));
            assert_eq!(dense(sum), expected);
        }
        check(rows(&[], &[]), rows(&[], &[]));
        check(rows(&[1, 4], &[1.0, 2.0, 3.0, 4.0]), rows(&[1, 4], &[5.0, 6.0, 7.0, 8.0]));
        check(rows(&[0, 3], &[1.0, 2.0, 3.0, 4.0]), rows(&[2, 3, 4], &[5.0; 6]));
    }

    #[test]
    fn impossible_rows_are_refused() {
        fn check(rows: &[u32], values: usize, message: &str) {
            let error = RowGradient::new(rows.to_vec(), vec![0.0; values], (5, 2)).unwrap_err();
            assert!(error.to_string().contains(message), "{rows:?}: {error}");
        }
        check(&[1], 3, "1 rows of 2 have 3 values");
        check(&[1, 1], 4, "rows must rise");
        check(&[5], 2, "stay below 5");
        let odd = RowGradient::new(vec![0], vec![0.0; 3], (5, 3)).unwrap();
        let error = Gradient::Rows(rows(&[], &[])).plus(Gradient::Rows(odd)).unwrap_err();
        assert!(error.to_string().contains("cannot be added"), "{error}");
    }
}
