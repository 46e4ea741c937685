//! Gradients as one process computed them: sums over its own examples.

use std::collections::BTreeMap;

use candle_core::{Tensor, bail};
use lockstep_collective::{Collective, Solo};
use lockstep_kernels::{Gradient, RowGradient};

use crate::global::Reduced;
use crate::parameters::Parameter;
use crate::{
    GlobalGradients, GradientError, GradientLayout, ParamName, ParameterInfo, Parameters,
    ReducedGradients, ReductionError, bucket, in_place,
};

/// One gradient for each parameter, summed over this process's examples only.
#[derive(Debug)]
pub struct LocalGradients(BTreeMap<ParamName, Local>);

#[derive(Debug)]
struct Local {
    sum: Gradient,
    layout: GradientLayout,
}

impl Local {
    fn lies_on_a_gpu(&self) -> bool {
        matches!(&self.sum, Gradient::Dense(sum) if !sum.device().is_cpu())
    }
}

impl LocalGradients {
    /// Takes the sums that the backward passes since the last time left at `parameters`.
    ///
    /// # Errors
    /// [`GradientError::Missing`] names every parameter without one.
    pub fn take(parameters: &Parameters) -> Result<Self, GradientError> {
        Self::take_some(parameters, |_, _| true)
    }

    /// The same of those parameters that are `wanted`.
    ///
    /// # Errors
    /// [`GradientError::Missing`] names every one without a gradient.
    pub fn take_some(
        parameters: &Parameters,
        wanted: impl Fn(&ParamName, &ParameterInfo) -> bool,
    ) -> Result<Self, GradientError> {
        let mut gradients = BTreeMap::new();
        let mut names = Vec::new();
        for (name, parameter) in parameters.all().filter(|(name, one)| wanted(name, &one.info)) {
            match parameter.weight.take_gradient() {
                Some(sum) => {
                    let layout = parameter.info.layout;
                    gradients.insert(name.clone(), Local { sum, layout });
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
        Self::some_zeros(parameters, |_, _| true)
    }

    /// The same of those parameters that are `wanted`.
    ///
    /// # Errors
    /// The tensor library's, out of memory for example.
    pub fn some_zeros(
        parameters: &Parameters,
        wanted: impl Fn(&ParamName, &ParameterInfo) -> bool,
    ) -> Result<Self, GradientError> {
        let zero = |(name, parameter): (&ParamName, &Parameter)| {
            let variable = parameter.variable.as_tensor();
            let layout = parameter.info.layout;
            let sum = match (layout, variable.device().is_cpu()) {
                (GradientLayout::Table, true) => {
                    Gradient::Rows(RowGradient::new(Vec::new(), Vec::new(), variable.dims2()?)?)
                }
                _ => Gradient::Dense(variable.zeros_like()?),
            };
            Ok((name.clone(), Local { sum, layout }))
        };
        let all = parameters.all().filter(|(name, one)| wanted(name, &one.info));
        all.map(zero).collect::<Result<_, _>>().map(Self)
    }

    /// The sums of both, of each parameter that one of them has.
    ///
    /// # Errors
    /// The tensor library's.
    pub(crate) fn plus(mut self, other: Self) -> Result<Self, GradientError> {
        for (name, local) in other.0 {
            let sum = match self.0.remove(&name) {
                Some(Local { sum, .. }) => sum.plus(local.sum)?,
                None => local.sum,
            };
            self.0.insert(name, Local { sum, layout: local.layout });
        }
        Ok(self)
    }

    /// Takes the sums of those parameters that `other` has.
    pub(crate) fn take_beside(&mut self, other: &Self) -> Self {
        let taken = other.0.keys().filter_map(|name| self.0.remove_entry(name));
        Self(taken.collect())
    }

    /// The gradients of a run of this process alone, which had so many `examples`.
    ///
    /// # Errors
    /// [`ReductionError::Tensor`] when the tensor library fails.
    pub fn alone(self, examples: usize) -> Result<GlobalGradients, ReductionError> {
        let sums = self.sum(&mut Solo)?;
        let squares = sums.squares(true)?;
        Ok(sums.mean(examples as f64, squares))
    }

    /// Sums over all ranks, in the order of the names: matrices where they lie and in shards, all
    /// vectors in one call, and tables at the rows that some rank read. Gradients on a GPU are all
    /// summed in one call.
    ///
    /// # Errors
    /// [`ReductionError`] when a rank is lost, or the tensor library fails.
    pub fn sum(self, collective: &mut dyn Collective) -> Result<ReducedGradients, ReductionError> {
        if self.0.values().any(Local::lies_on_a_gpu) {
            let dense = self.0.into_iter().map(|(name, local)| match local.sum {
                Gradient::Dense(sum) => Ok((name, sum)),
                Gradient::Rows(_) => bail!("the gradient of `{name}` should lie on the GPU"),
            });
            return bucket::sum(dense.collect::<candle_core::Result<_>>()?, collective);
        }
        let mut reduced = BTreeMap::new();
        let mut vectors = Vec::new();
        for (name, Local { sum, layout }) in self.0 {
            match layout {
                GradientLayout::Vector => vectors.push((name, sum.dense()?.into_owned())),
                GradientLayout::Matrix => {
                    reduced.insert(name, sum_of_matrix(sum.dense()?.into_owned(), collective)?);
                }
                GradientLayout::Table => {
                    let rows = sum_of_rows(sum.into_rows()?, collective)?;
                    reduced.insert(name, Reduced::everywhere(Gradient::Rows(rows)));
                }
            }
        }
        sum_together(&vectors, collective)?;
        let vectors = vectors.into_iter().map(|(name, sum)| (name, Gradient::Dense(sum)));
        reduced.extend(vectors.map(|(name, sum)| (name, Reduced::everywhere(sum))));
        Ok(ReducedGradients::new(reduced))
    }
}

/// One call that sums many tensors, through a vector that holds them all.
fn sum_together(
    tensors: &[(ParamName, Tensor)],
    collective: &mut dyn Collective,
) -> Result<(), ReductionError> {
    let mut all = Vec::new();
    for (_, tensor) in tensors {
        in_place::with_values(tensor, &mut |values| -> Result<(), ReductionError> {
            all.extend_from_slice(values);
            Ok(())
        })?;
    }
    collective.all_reduce_sum(&mut all)?;
    let mut rest = all.as_slice();
    for (_, tensor) in tensors {
        in_place::with_values(tensor, &mut |values| -> Result<(), ReductionError> {
            let (own, others) = rest.split_at(values.len());
            values.copy_from_slice(own);
            rest = others;
            Ok(())
        })?;
    }
    Ok(())
}

/// Each rank gets the sums of its shard only; a rank whose shard is the whole matrix has all sums.
fn sum_of_matrix(
    dense: Tensor, // (O, I)
    collective: &mut dyn Collective,
) -> Result<Reduced, ReductionError> {
    let shard = collective.seat().shard(dense.elem_count());
    in_place::with_values(&dense, &mut |values| -> Result<(), ReductionError> {
        Ok(collective.reduce_scatter_sum(values)?)
    })?;
    let is_whole = shard.len() == dense.elem_count();
    Ok(Reduced { gradient: Gradient::Dense(dense), shard: (!is_whole).then_some(shard) })
}

/// The ranks first find the rows that any of them read, then sum these.
fn sum_of_rows(
    local: RowGradient,
    collective: &mut dyn Collective,
) -> Result<RowGradient, ReductionError> {
    let mut read = marks(&local);
    for theirs in collective.all_gather(&read)?.chunks_exact(read.len()) {
        read.iter_mut().zip(theirs).for_each(|(bits, theirs)| *bits |= theirs);
    }
    let mut rows = local.with_rows(&marked(&read))?;
    collective.all_reduce_sum(rows.values_mut())?;
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
    use lockstep_collective::CollectiveError;
    use lockstep_world::{Rank, Seat, WorldSize};

    /// Rank 1 of two. Rank 0 did the same, but read row 2 instead of row 0.
    struct Twin;

    impl Collective for Twin {
        fn seat(&self) -> Seat {
            Seat::new(Rank(1), WorldSize::new(2).unwrap()).unwrap()
        }

        fn all_reduce_sum(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
            values.iter_mut().for_each(|value| *value *= 2.0);
            Ok(())
        }

        fn sum_by_tree(&mut self) -> Result<(), CollectiveError> {
            Ok(())
        }

        fn broadcast(&mut self, _: &mut [f32], _: Rank) -> Result<(), CollectiveError> {
            Ok(())
        }

        fn all_gather(&mut self, values: &[u64]) -> Result<Vec<u64>, CollectiveError> {
            let mut theirs = vec![0; values.len()];
            theirs[0] = 0b100;
            Ok([&theirs, values].concat())
        }
    }

    fn tensor(values: &[f32]) -> Tensor {
        Tensor::new(values, &Device::Cpu).unwrap()
    }

    fn two() -> Parameters {
        let mut all = Parameters::default();
        all.insert("a".into(), &tensor(&[1.0, 2.0]), ParameterInfo::new(GradientLayout::Vector))
            .unwrap();
        all.insert("b".into(), &tensor(&[3.0, 4.0]), ParameterInfo::new(GradientLayout::Vector))
            .unwrap();
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
        let global = sums.mean(4.0, 0.0);
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
        let vector = tensor(&[1.0; 4]);
        for (name, ones, layout) in
            [("matrix", matrix, GradientLayout::Matrix), ("vector", vector, GradientLayout::Vector)]
        {
            all.insert(name.into(), &ones, ParameterInfo::new(layout)).unwrap();
            all.weight(&name.into()).unwrap().add_gradient(Gradient::Dense(ones)).unwrap();
        }
        let sums = LocalGradients::take(&all).unwrap().sum(&mut Twin).unwrap();
        // A sum is 2 here and its square 4; the twin has the other half of the matrix.
        let (shard, common) = (4.0 * length as f64 / 2.0, 4.0 * 4.0);
        assert_eq!([false, true].map(|c| sums.squares(c).unwrap()), [shard, shard + common]);
        let global = sums.mean(10.0, 2.0 * shard + common);
        assert!((global.norm() - (4.0 * (length + 4) as f64).sqrt() / 10.0).abs() < 1e-9);
        assert_eq!(global.shard(&"matrix".into()), Some(length / 2..length));
        assert_eq!(global.shard(&"vector".into()), None);
    }

    #[test]
    fn tables_are_reduced_at_the_rows_that_some_process_read() {
        fn check(gradient: Option<Gradient>, rows: &[u32], values: &[f32]) {
            let mut all = Parameters::default();
            let table = tensor(&[0.0; 8]).reshape((4, 2)).unwrap();
            all.insert("t".into(), &table, ParameterInfo::new(GradientLayout::Table)).unwrap();
            let local = match gradient {
                None => LocalGradients::zeros(&all).unwrap(),
                Some(gradient) => {
                    all.weight(&"t".into()).unwrap().add_gradient(gradient).unwrap();
                    LocalGradients::take(&all).unwrap()
                }
            };
            let global = local.sum(&mut Twin).unwrap().mean(1.0, 0.0);
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
        let zeros = tensor(&[0.0; 4]).reshape((2, 2)).unwrap();
        all.insert("w".into(), &zeros, ParameterInfo::new(GradientLayout::Matrix)).unwrap();
        let rows = RowGradient::new(vec![1], vec![1.0, 2.0], (2, 2)).unwrap();
        all.weight(&"w".into()).unwrap().add_gradient(Gradient::Rows(rows)).unwrap();
        let global = LocalGradients::take(&all).unwrap().sum(&mut Twin).unwrap().mean(1.0, 0.0);
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
