//! What a file of weights has besides the weights that learn.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use candle_core::Tensor;
use safetensors::{Dtype, View};

use crate::tensor_output::write_tensors;
use crate::{Digest, ParamName, TensorCopy, TensorFile, TensorFileError};

/// Tensors, and leading rows of tables, that other libraries expect in a file of weights and that
/// training leaves as they are. Empty for most models.
#[derive(Clone, Debug, Default)]
pub struct Fixed {
    /// Rows before those that learn, by the name of their table: (R, D) each.
    before: BTreeMap<ParamName, Tensor>,
    whole: BTreeMap<ParamName, Tensor>,
}

impl Fixed {
    /// Adds a tensor that does not learn.
    #[must_use]
    pub fn with_tensor(mut self, name: ParamName, tensor: Tensor) -> Self {
        self.whole.insert(name, tensor);
        self
    }

    /// The tensor `name`, if it is one that does not learn.
    #[must_use]
    pub fn tensor(&self, name: &ParamName) -> Option<&Tensor> {
        self.whole.get(name)
    }

    /// Adds rows (R, D) that a file has before those of the table `name`.
    #[must_use]
    pub fn with_rows(mut self, name: ParamName, rows: Tensor) -> Self {
        self.before.insert(name, rows);
        self
    }

    /// Writes weights together with what is fixed, as [`write_tensors`] does.
    ///
    /// # Errors
    /// [`TensorFileError::Io`] when the file system refuses, a full disk included.
    pub fn write<V: View>(
        &self,
        path: &Path,
        weights: &BTreeMap<ParamName, V>,
    ) -> Result<Digest, TensorFileError> {
        let copied = |map: &BTreeMap<ParamName, Tensor>| {
            map.iter()
                .map(|(name, tensor)| Ok((name.clone(), TensorCopy::of(tensor)?)))
                .collect::<candle_core::Result<BTreeMap<_, _>>>()
        };
        let read = copied(&self.before).and_then(|before| Ok((before, copied(&self.whole)?)));
        let (before, whole) = read.map_err(|cause| TensorFileError::Io {
            verb: "write",
            path: path.to_owned(),
            cause: std::io::Error::other(cause),
        })?;
        let of_weight =
            |(name, weight)| (ParamName::clone(name), Stored::weight(before.get(name), weight));
        let fixed = whole.iter().map(|(name, tensor)| (name.clone(), Stored::fixed(tensor)));
        write_tensors(path, &weights.iter().map(of_weight).chain(fixed).collect())
    }

    /// Takes the weight `name` out of a file that [`Self::write`] wrote; nothing when it is missing.
    pub fn take(&self, file: &mut TensorFile, name: &ParamName) -> Option<Tensor> {
        let tensor = file.take(name)?;
        let Some(rows) = self.before.get(name).and_then(|rows| rows.dim(0).ok()) else {
            return Some(tensor);
        };
        let learned = tensor.dim(0).ok()?.checked_sub(rows)?;
        tensor.narrow(0, rows, learned).and_then(|tensor| tensor.force_contiguous()).ok()
    }
}

/// A tensor as it is written.
struct Stored<'a, V> {
    shape: Vec<usize>,
    before: Option<&'a TensorCopy>,
    rest: Rest<'a, V>,
}

enum Rest<'a, V> {
    Weight(&'a V),
    Fixed(&'a TensorCopy),
}

impl<'a, V: View> Stored<'a, V> {
    fn weight(before: Option<&'a TensorCopy>, weight: &'a V) -> Self {
        let mut shape = weight.shape().to_vec();
        if let (Some(first), Some(before)) = (shape.first_mut(), before) {
            *first += before.shape().first().copied().unwrap_or_default();
        }
        Self { shape, before, rest: Rest::Weight(weight) }
    }

    fn fixed(tensor: &'a TensorCopy) -> Self {
        Self { shape: tensor.shape().to_vec(), before: None, rest: Rest::Fixed(tensor) }
    }
}

impl<V: View> View for Stored<'_, V> {
    fn dtype(&self) -> Dtype {
        match self.rest {
            Rest::Weight(weight) => weight.dtype(),
            Rest::Fixed(_) => Dtype::F32,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let rest = match self.rest {
            Rest::Weight(weight) => weight.data(),
            Rest::Fixed(tensor) => tensor.data(),
        };
        match self.before {
            None => rest,
            Some(before) => Cow::Owned([before.data(), rest].concat()),
        }
    }

    fn data_len(&self) -> usize {
        let rest = match self.rest {
            Rest::Weight(weight) => weight.data_len(),
            Rest::Fixed(tensor) => tensor.data_len(),
        };
        rest + self.before.map_or(0, View::data_len)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn rows_and_tensors_are_written_around_the_weights_and_taken_off_again() {
        let tensor = |values: &[f32]| {
            Tensor::from_slice(values, (values.len() / 2, 2), &Device::Cpu).unwrap()
        };
        let name = |name: &str| ParamName::from(name);
        let fixed = Fixed::default()
            .with_rows(name("places"), tensor(&[9.0, 8.0]))
            .with_tensor(name("kinds"), tensor(&[7.0, 6.0]));
        let weights = [("places", tensor(&[1.0, 2.0, 3.0, 4.0])), ("w", tensor(&[5.0, 6.0]))];
        let weights = weights.map(|(key, value)| (name(key), value)).into_iter().collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        fixed.write(&path, &weights).unwrap();
        let mut file = TensorFile::read(&path).unwrap();
        let rows = |tensor: Tensor| tensor.to_vec2::<f32>().unwrap();
        let found = file.iter().find(|(found, _)| found.as_str() == "places").unwrap();
        assert_eq!(rows(found.1.clone()), [[9.0, 8.0], [1.0, 2.0], [3.0, 4.0]]);
        for (name, weight) in &weights {
            assert_eq!(rows(fixed.take(&mut file, name).unwrap()), rows(weight.clone()));
        }
        assert_eq!(rows(file.take(&name("kinds")).unwrap()), [[7.0, 6.0]]);
        assert!(fixed.take(&mut file, &name("w")).is_none());
    }
}
