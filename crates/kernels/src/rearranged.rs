//! Rows in another order, with rows of zeros between them, and back.
//!
//! Each way is a gather and the other one's gradient. Candle's own gradient of a gather adds row by
//! row, on a GPU by as many threads as a row has values.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Storage, Tensor, bail};

/// What a gather answers with zeros.
const NOWHERE: u32 = u32::MAX;

/// Which row goes where.
#[derive(Clone, Debug)]
pub(crate) struct Rearrangement {
    there: Tensor, // (R): of which of the N rows each is, or NOWHERE
    back: Tensor,  // (N): where each row is
}

impl Rearrangement {
    /// The order in which `sources` names rows, of which there are `rows`, each once at most, and zeros
    /// where it names none.
    pub(crate) fn new(
        rows: usize,
        sources: impl Iterator<Item = Option<usize>>,
        device: &Device,
    ) -> Result<Self> {
        let mut back = vec![NOWHERE; rows];
        let mut there = Vec::new();
        for (place, source) in sources.enumerate() {
            there.push(source.map_or(Ok(NOWHERE), u32::try_from)?);
            if let Some(source) = source {
                back[source] = u32::try_from(place)?;
            }
        }
        let tensor = |places: Vec<u32>| {
            let count = places.len();
            Tensor::from_vec(places, count, device)
        };
        Ok(Self { there: tensor(there)?, back: tensor(back)? })
    }

    pub(crate) fn device(&self) -> &Device {
        self.there.device()
    }

    /// Rows (N,D) in the new order, (R,D).
    pub(crate) fn apply(&self, x: &Tensor) -> Result<Tensor> {
        x.contiguous()?.apply_op1(Gather(self.clone()))
    }

    /// Rows in the new order (R,D) in the old one, (N,D), with zeros for those that are not in it.
    pub(crate) fn undo(&self, x: &Tensor) -> Result<Tensor> {
        let Self { there, back } = self.clone();
        x.contiguous()?.apply_op1(Gather(Self { there: back, back: there }))
    }
}

struct Gather(Rearrangement);

impl CustomOp1 for Gather {
    fn name(&self) -> &'static str {
        "rearranged"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (ids, ids_layout) = self.0.there.storage_and_layout();
        let Storage::Cpu(ids) = &*ids else {
            bail!("rearranged: x is on the CPU, its order is not")
        };
        Ok((x.index_select(ids, layout, ids_layout, 0)?, self.shape(layout)?))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let (ids, ids_layout) = self.0.there.storage_and_layout();
        let Storage::Cuda(ids) = &*ids else {
            bail!("rearranged: x is on a GPU, its order is not")
        };
        Ok((x.index_select(ids, layout, ids_layout, 0)?, self.shape(layout)?))
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        dy.contiguous()?.index_select(&self.0.back, 0).map(Some)
    }
}

impl Gather {
    fn shape(&self, layout: &Layout) -> Result<Shape> {
        Ok((self.0.there.elem_count(), layout.shape().dims2()?.1).into())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Var;

    use super::*;

    #[test]
    fn rows_go_there_and_back_and_so_do_their_gradients() {
        let order = [Some(2), None, Some(0), Some(1)];
        let order = Rearrangement::new(3, order.into_iter(), &Device::Cpu).unwrap();
        let x = Var::new(&[[1_f32, 2.0], [3.0, 4.0], [5.0, 6.0]], &Device::Cpu).unwrap();
        let y = order.apply(&x).unwrap();
        let expected = [[5.0, 6.0], [0.0, 0.0], [1.0, 2.0], [3.0, 4.0]];
        assert_eq!(y.to_vec2::<f32>().unwrap(), expected);
        let z = order.undo(&y).unwrap();
        assert_eq!(z.to_vec2::<f32>().unwrap(), x.to_vec2::<f32>().unwrap());
        // The gradient of half the sum of squares is the value itself.
        let gradients = (z.sqr().unwrap().sum_all().unwrap() * 0.5).unwrap().backward().unwrap();
        let gradient = gradients.get(&x).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(gradient, x.to_vec2::<f32>().unwrap());
    }
}
