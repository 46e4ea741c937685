//! Copies of tensors on a second thread, while the first one continues.
//!
//! The copying thread first takes a read lock on every tensor, and gives each one back once it is
//! copied. A thread that only reads the tensors does not notice; one that changes a tensor waits until
//! that tensor is copied. So the copies have the values of one moment.

use std::borrow::Cow;
use std::collections::BTreeMap;

use candle_core::{CpuStorage, Storage, Tensor};
use safetensors::{Dtype, View};

use crate::ParamName;
use crate::numbers::are_numbers;

/// The scalars of a tensor at one moment.
#[derive(Debug)]
pub struct TensorCopy {
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl TensorCopy {
    /// Copies an f32 tensor from wherever it lies, at once.
    ///
    /// # Errors
    /// The tensor library's.
    pub fn of(tensor: &Tensor) -> candle_core::Result<Self> {
        let values = tensor.flatten_all()?.to_vec1()?;
        Ok(Self { shape: tensor.dims().to_vec(), values })
    }

    /// Whether no scalar is infinite or NaN.
    #[must_use]
    pub fn are_numbers(&self) -> bool {
        are_numbers(&self.values)
    }
}

impl View for TensorCopy {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(bytemuck::cast_slice(&self.values))
    }

    fn data_len(&self) -> usize {
        size_of_val(self.values.as_slice())
    }
}

/// Copies contiguous f32 tensors that lie on the CPU, in the order in which they are given. `held` is
/// called as soon as none of them can change before it is copied. The memory of `spare`, copies that
/// are not needed any more, is used again.
///
/// # Errors
/// A tensor of another kind.
pub fn copy_each(
    tensors: &[(ParamName, Tensor)],
    mut spare: BTreeMap<ParamName, TensorCopy>,
    held: impl FnOnce(),
) -> candle_core::Result<BTreeMap<ParamName, TensorCopy>> {
    let locks: Vec<_> = tensors.iter().map(|(_, tensor)| tensor.storage_and_layout()).collect();
    held();
    let mut copies = BTreeMap::new();
    for ((name, _), (storage, layout)) in tensors.iter().zip(locks) {
        let (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) =
            (&*storage, layout.contiguous_offsets())
        else {
            candle_core::bail!("tensor `{name}` does not lie on the CPU as contiguous f32");
        };
        let mut copy =
            spare.remove(name).map_or_else(|| Vec::with_capacity(end - start), |old| old.values);
        copy.clear();
        copy.extend_from_slice(&values[start..end]);
        copies.insert(name.clone(), TensorCopy { shape: layout.dims().to_vec(), values: copy });
    }
    Ok(copies)
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::in_place::with_values;

    #[test]
    fn a_change_waits_until_the_tensor_is_copied() {
        let length = 1 << 20;
        let zeros = Tensor::zeros(length, candle_core::DType::F32, &Device::Cpu).unwrap();
        let variables: Vec<_> = (0..4).map(|_| Var::from_tensor(&zeros).unwrap()).collect();
        let named = |(place, variable): (usize, &Var)| {
            (ParamName::from(format!("{place}")), variable.as_tensor().clone())
        };
        let tensors: Vec<_> = variables.iter().enumerate().map(named).collect();
        let mut spare = BTreeMap::new();
        for round in 1..=3_u8 {
            let before = f32::from(round - 1);
            let (held, is_held) = std::sync::mpsc::channel();
            spare = std::thread::scope(|scope| {
                let copies = scope.spawn(|| copy_each(&tensors, spare, || held.send(()).unwrap()));
                is_held.recv().unwrap();
                for variable in variables.iter().rev() {
                    let add = &mut |values: &mut [f32]| -> candle_core::Result<()> {
                        values.iter_mut().for_each(|value| *value += 1.0);
                        Ok(())
                    };
                    with_values(variable, add).unwrap();
                }
                copies.join().unwrap().unwrap()
            });
            assert_eq!(spare.len(), 4);
            for copied in spare.values() {
                assert!(copied.values.iter().all(|value| *value == before), "round {round}");
                assert_eq!((copied.shape(), copied.data_len()), (&[length][..], 4 * length));
            }
        }
    }

    #[test]
    fn a_tensor_of_another_kind_is_named() {
        let whole = Tensor::new(&[1_i64], &Device::Cpu).unwrap();
        let error = copy_each(&[("w".into(), whole)], BTreeMap::new(), || ()).unwrap_err();
        assert!(error.to_string().contains("tensor `w` does not lie"), "{error}");
    }
}
