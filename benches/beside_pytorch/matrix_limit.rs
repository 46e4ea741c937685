//! The matrix products of an update alone: the limit that everything else is measured against.
//!
//! They are those of the layers, in the layers' precision, one size after the other, each often
//! enough that its factors and the threads are warm.

use std::time::Instant;

use lockstep_kernels::{LayerProducts, Precision};

use crate::measured::median;
use crate::products::Layers;

/// How often a size is run.
const TIMES: usize = 5;

/// Buffers for the products of some layers.
pub(crate) struct MatrixLimit(Vec<(Layers, LayerProducts)>);

impl MatrixLimit {
    pub(crate) fn new(layers: Vec<Layers>, precision: Precision) -> Self {
        let products =
            |layer: &Layers| LayerProducts::new(layer.rows, layer.inputs, layer.outputs, precision);
        Self(layers.into_iter().map(|layer| (layer, products(&layer))).collect())
    }

    /// Operations of an update in these layers.
    pub(crate) fn operations(&self) -> f64 {
        self.0.iter().map(|(layer, _)| layer.operations()).sum()
    }

    /// How long an update's products take: the median of a size counts as often as it occurs.
    pub(crate) fn seconds(&mut self) -> f64 {
        let seconds = self.0.iter_mut().map(|(layer, products)| {
            let times = (0..TIMES).map(|_| {
                let began = Instant::now();
                products.multiply();
                began.elapsed().as_secs_f64()
            });
            median(times) * layer.count as f64
        });
        seconds.sum()
    }
}
