//! Gradients as one process computed them: sums over its own examples.

use std::collections::BTreeMap;
use std::ops::Range;

use candle_core::{Tensor, bail};
use lockstep_kernels::{Gradient, RowGradient};

use crate::global::Sum;
use crate::parameters::{Parameter, Reads};
use crate::{GlobalGradients, GlobalSums, ParamName, Parameters, bucket, in_place};

/// One gradient for each parameter, summed over this process's examples only.
#[derive(Debug)]
pub struct LocalGradients(BTreeMap<ParamName, Local>);

#[derive(Debug)]
struct Local {
    sum: Gradient,
    reads: Reads,
}

impl Local {
    fn lies_on_a_gpu(&self) -> bool {
        matches!(&self.sum, Gradient::Dense(sum) if !sum.device().is_cpu())
    }
}

/// What the processes of a run do together with their gradients, each the same calls in the same
/// order.
pub trait Reduction {
    /// Why it failed.
    type Error: From<candle_core::Error>;

    /// Replaces the values by their sums over all processes.
    ///
    /// # Errors
    /// When a process is lost, for example.
    fn sum(&mut self, values: &mut [f32]) -> Result<(), Self::Error>;

    /// Replaces one shard of the values by their sums over all processes and tells which one; each
    /// process has another one, and what the rest holds afterwards is not defined. It tells none
    /// where all values are sums.
    ///
    /// # Errors
    /// When a process is lost, for example.
    fn sum_shard(&mut self, values: &mut [f32]) -> Result<Option<Range<usize>>, Self::Error>;

    /// Replaces the values of a vector that lies on a GPU by their sums over all processes: there
    /// where it is connected to the others', or else through the host.
    ///
    /// # Errors
    /// When a process is lost, for example.
    fn sum_on_device(&mut self, bucket: &Tensor) -> Result<(), Self::Error> {
        in_place::with_values(bucket, &mut |values| self.sum(values))
    }

    /// Sets each bit that is set in any process.
    ///
    /// # Errors
    /// When a process is lost, for example.
    fn unite(&mut self, bits: &mut [u64]) -> Result<(), Self::Error>;
}

/// The reduction of a process that has no others.
struct Alone;

impl Reduction for Alone {
    type Error = candle_core::Error;

    fn sum(&mut self, _values: &mut [f32]) -> Result<(), Self::Error> {
        Ok(())
    }

    fn sum_shard(&mut self, _values: &mut [f32]) -> Result<Option<Range<usize>>, Self::Error> {
        Ok(None)
    }

    fn unite(&mut self, _bits: &mut [u64]) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// Why gradients could not be had.
#[derive(Debug, thiserror::Error)]
pub enum GradientError {
    /// The graph does not lead from the loss to these parameters.
    #[error(
        "no gradient reached {}: the graph between the loss and these parameters is cut, \
         so they would never learn; this is a bug of the model",
        list(names)
    )]
    Missing {
        /// The parameters.
        names: Vec<ParamName>,
    },
    /// The tensor library failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

fn list(names: &[ParamName]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

impl LocalGradients {
    /// Takes the sums that the backward passes since the last time left at `parameters`.
    ///
    /// # Errors
    /// [`GradientError::Missing`] names every parameter without one.
    pub fn take(parameters: &Parameters) -> Result<Self, GradientError> {
        Self::take_some(parameters, |_| true)
    }

    /// The same of those parameters that are `wanted`.
    ///
    /// # Errors
    /// [`GradientError::Missing`] names every one without a gradient.
    pub fn take_some(
        parameters: &Parameters,
        wanted: impl Fn(&ParamName) -> bool,
    ) -> Result<Self, GradientError> {
        let mut gradients = BTreeMap::new();
        let mut names = Vec::new();
        for (name, parameter) in parameters.all().filter(|(name, _)| wanted(name)) {
            match parameter.weight.take_gradient() {
                Some(sum) => {
                    gradients.insert(name.clone(), Local { sum, reads: parameter.reads });
                }
                None => names.push(name.clone()),
            }
        }
        if names.is_empty() { Ok(Self(gradients)) } else { Err(GradientError::Missing { names }) }
    }

    /// The gradients of a process that had no example in this update.
    ///
    /// # Errors
    /// The tensor library's, out of memory for example.
    pub fn zeros(parameters: &Parameters) -> Result<Self, GradientError> {
        Self::some_zeros(parameters, |_| true)
    }

    /// The same of those parameters that are `wanted`.
    ///
    /// # Errors
    /// The tensor library's, out of memory for example.
    pub fn some_zeros(
        parameters: &Parameters,
        wanted: impl Fn(&ParamName) -> bool,
    ) -> Result<Self, GradientError> {
        let zero = |(name, parameter): (&ParamName, &Parameter)| {
            let variable = parameter.variable.as_tensor();
            let sum = match (parameter.reads, variable.device().is_cpu()) {
                (Reads::Whole, _) | (_, false) => Gradient::Dense(variable.zeros_like()?),
                (Reads::Rows, true) => {
                    Gradient::Rows(RowGradient::new(Vec::new(), Vec::new(), variable.dims2()?)?)
                }
            };
            Ok((name.clone(), Local { sum, reads: parameter.reads }))
        };
        let all = parameters.all().filter(|(name, _)| wanted(name));
        all.map(zero).collect::<Result<_, _>>().map(Self)
    }

    /// The gradients of a run of this process alone, which had so many `examples`.
    ///
    /// # Errors
    /// The tensor library's.
    pub fn alone(self, examples: usize) -> candle_core::Result<GlobalGradients> {
        let sums = self.sum(&mut Alone)?;
        let squares = sums.squares(true)?;
        Ok(sums.mean(examples, squares))
    }

    /// Sums over all processes, in the order of the names: matrices where they lie and maybe in
    /// shards, all vectors in one call, and tables at the rows that some process read. What lies on
    /// a GPU is summed all in one call.
    ///
    /// # Errors
    /// The first error of `reduction`, or the tensor library's.
    pub fn sum<R: Reduction>(self, reduction: &mut R) -> Result<GlobalSums, R::Error> {
        if self.0.values().any(Local::lies_on_a_gpu) {
            let dense = self.0.into_iter().map(|(name, local)| match local.sum {
                Gradient::Dense(sum) => Ok((name, sum)),
                Gradient::Rows(_) => bail!("the gradient of `{name}` should lie on the GPU"),
            });
            return bucket::sum(dense.collect::<candle_core::Result<_>>()?, reduction);
        }
        let mut sums = BTreeMap::new();
        let mut vectors = Vec::new();
        for (name, local) in self.0 {
            if local.reads == Reads::Rows {
                let sum = sum_of_rows(local.sum.into_rows()?, reduction)?;
                sums.insert(name, Sum::common(Gradient::Rows(sum)));
                continue;
            }
            let dense = local.sum.dense()?.into_owned();
            if is_matrix(&dense) {
                sums.insert(name, sum_of_matrix(dense, reduction)?);
            } else {
                vectors.push((name, dense));
            }
        }
        sum_together(&vectors, reduction)?;
        let vectors = vectors.into_iter().map(|(name, sum)| (name, Gradient::Dense(sum)));
        sums.extend(vectors.map(|(name, sum)| (name, Sum::common(sum))));
        Ok(GlobalSums::new(sums))
    }
}

/// Whether the gradient of this weight goes alone. Vectors go together: a call costs more than a
/// copy of some.
pub(crate) fn is_matrix(weight: &Tensor) -> bool {
    weight.rank() > 1
}

/// One reduction of many tensors, through a vector that holds them all.
fn sum_together<R: Reduction>(
    tensors: &[(ParamName, Tensor)],
    reduction: &mut R,
) -> Result<(), R::Error> {
    let mut all = Vec::new();
    for (_, tensor) in tensors {
        in_place::with_values(tensor, &mut |values| -> Result<(), R::Error> {
            all.extend_from_slice(values);
            Ok(())
        })?;
    }
    reduction.sum(&mut all)?;
    let mut rest = all.as_slice();
    for (_, tensor) in tensors {
        in_place::with_values(tensor, &mut |values| -> Result<(), R::Error> {
            let (own, others) = rest.split_at(values.len());
            values.copy_from_slice(own);
            rest = others;
            Ok(())
        })?;
    }
    Ok(())
}

fn sum_of_matrix<R: Reduction>(dense: Tensor, reduction: &mut R) -> Result<Sum, R::Error> {
    let mut shard = None;
    in_place::with_values(&dense, &mut |values| -> Result<(), R::Error> {
        shard = reduction.sum_shard(values)?;
        Ok(())
    })?;
    Ok(Sum { gradient: Gradient::Dense(dense), shard })
}

fn sum_of_rows<R: Reduction>(
    local: RowGradient,
    reduction: &mut R,
) -> Result<RowGradient, R::Error> {
    let mut read = marks(&local);
    reduction.unite(&mut read)?;
    let mut rows = local.with_rows(&marked(&read))?;
    reduction.sum(rows.values_mut())?;
    Ok(rows)
}

/// One bit for each row of the table, set where there is a gradient.
fn marks(gradient: &RowGradient) -> Vec<u64> {
    let mut bits = vec![0; gradient.shape().0.div_ceil(64)];
    for &row in gradient.rows() {
        bits[row as usize / 64] |= 1 << (row % 64);
    }
    bits
}

/// The rows whose bits are set, rising.
fn marked(bits: &[u64]) -> Vec<u32> {
    let rows = (0_u32..).step_by(64).zip(bits);
    rows.flat_map(|(first, &word)| {
        (0..64).filter(move |bit| word >> bit & 1 != 0).map(move |bit| first + bit)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    /// One further process that did the same, but read row 2 instead of row 0.
    struct Twin;

    impl Reduction for Twin {
        type Error = candle_core::Error;

        fn sum(&mut self, values: &mut [f32]) -> Result<(), Self::Error> {
            values.iter_mut().for_each(|value| *value *= 2.0);
            Ok(())
        }

        fn unite(&mut self, bits: &mut [u64]) -> Result<(), Self::Error> {
            bits[0] |= 0b100;
            Ok(())
        }

        fn sum_shard(&mut self, values: &mut [f32]) -> Result<Option<Range<usize>>, Self::Error> {
            let shard = values.len() / 2..values.len();
            self.sum(&mut values[shard.clone()])?;
            Ok(Some(shard))
        }
    }

    fn tensor(values: &[f32]) -> Tensor {
        Tensor::new(values, &Device::Cpu).unwrap()
    }

    fn two() -> Parameters {
        let mut all = Parameters::default();
        all.insert("a".into(), &tensor(&[1.0, 2.0]), Reads::Whole).unwrap();
        all.insert("b".into(), &tensor(&[3.0, 4.0]), Reads::Whole).unwrap();
        all
    }

    fn add_product(all: &Parameters) {
        let [a, b] = ["a", "b"].map(|name| all.weight(&name.into()).unwrap().value());
        all.add_gradients((a * b).unwrap().sum_all().unwrap().backward().unwrap()).unwrap();
    }

    #[test]
    fn a_parameter_without_gradient_is_named() {
        let all = two();
        let a = all.weight(&"a".into()).unwrap().value();
        all.add_gradients(a.sqr().unwrap().sum_all().unwrap().backward().unwrap()).unwrap();
        let error = LocalGradients::take(&all).unwrap_err();
        assert!(error.to_string().starts_with("no gradient reached `b`:"), "{error}");
    }

    #[test]
    fn micro_batches_add_and_the_reduction_divides() {
        let all = two();
        add_product(&all);
        add_product(&all);
        let sums = LocalGradients::take(&all).unwrap().sum(&mut Twin).unwrap();
        let global = sums.mean(4, 0.0);
        // Twice (3, 4), doubled by the reduction, over 4 examples.
        let (gradient, factor) = global.get(&"a".into()).unwrap();
        assert_eq!(gradient.dense().unwrap().to_vec1::<f32>().unwrap(), [12.0, 16.0]);
        assert!((factor - 0.25).abs() < 1e-12);
        assert!(LocalGradients::take(&all).is_err(), "what was taken is gone");
    }

    #[test]
    fn matrices_are_summed_in_shards_and_vectors_everywhere() {
        let length = 20 * 30;
        let mut all = Parameters::default();
        let matrix = tensor(&[1.0; 600]).reshape((20, 30)).unwrap();
        for (name, ones) in [("matrix", matrix), ("vector", tensor(&[1.0; 4]))] {
            all.insert(name.into(), &ones, Reads::Whole).unwrap();
            all.weight(&name.into()).unwrap().add_gradient(Gradient::Dense(ones)).unwrap();
        }
        let sums = LocalGradients::take(&all).unwrap().sum(&mut Twin).unwrap();
        // A sum is 2 here and its square 4; the twin has the other half of the matrix.
        let (shard, common) = (4.0 * length as f64 / 2.0, 4.0 * 4.0);
        assert_eq!([false, true].map(|c| sums.squares(c).unwrap()), [shard, shard + common]);
        let global = sums.mean(10, 2.0 * shard + common);
        assert!((global.norm() - (4.0 * (length + 4) as f64).sqrt() / 10.0).abs() < 1e-9);
        assert_eq!(global.shard(&"matrix".into()), Some(length / 2..length));
        assert_eq!(global.shard(&"vector".into()), None);
    }

    #[test]
    fn tables_are_reduced_at_the_rows_that_some_process_read() {
        fn check(gradient: Option<Gradient>, rows: &[u32], values: &[f32]) {
            let mut all = Parameters::default();
            let table = tensor(&[0.0; 8]).reshape((4, 2)).unwrap();
            all.insert("t".into(), &table, Reads::Rows).unwrap();
            let local = match gradient {
                None => LocalGradients::zeros(&all).unwrap(),
                Some(gradient) => {
                    all.weight(&"t".into()).unwrap().add_gradient(gradient).unwrap();
                    LocalGradients::take(&all).unwrap()
                }
            };
            let global = local.sum(&mut Twin).unwrap().mean(1, 0.0);
            let Some((Gradient::Rows(found), _)) = global.get(&"t".into()) else {
                panic!("a table's gradient has rows")
            };
            assert_eq!((found.rows(), found.values()), (rows, values));
        }
        let first = RowGradient::new(vec![0], vec![1.0, 2.0], (4, 2)).unwrap();
        check(Some(Gradient::Rows(first)), &[0, 2], &[2.0, 4.0, 0.0, 0.0]);
        check(None, &[2], &[0.0, 0.0]);
        let dense = tensor(&[1.0; 8]).reshape((4, 2)).unwrap();
        check(Some(Gradient::Dense(dense)), &[0, 1, 2, 3], &[2.0; 8]);
    }

    #[test]
    fn rows_of_what_is_read_whole_are_reduced_as_all_of_it() {
        let mut all = Parameters::default();
        all.insert("w".into(), &tensor(&[0.0; 4]).reshape((2, 2)).unwrap(), Reads::Whole).unwrap();
        let rows = RowGradient::new(vec![1], vec![1.0, 2.0], (2, 2)).unwrap();
        all.weight(&"w".into()).unwrap().add_gradient(Gradient::Rows(rows)).unwrap();
        let global = LocalGradients::take(&all).unwrap().sum(&mut Twin).unwrap().mean(1, 0.0);
        let (gradient, _) = global.get(&"w".into()).unwrap();
        let values = gradient.dense().unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(values, [[0.0, 0.0], [2.0, 4.0]]);
    }

    #[test]
    fn what_a_failed_update_left_is_forgotten() {
        let all = two();
        add_product(&all);
        all.forget_gradients();
        add_product(&all);
        let global = LocalGradients::take(&all).unwrap().alone(1).unwrap();
        let (gradient, _) = global.get(&"a".into()).unwrap();
        assert_eq!(gradient.dense().unwrap().to_vec1::<f32>().unwrap(), [3.0, 4.0]);
    }
}
