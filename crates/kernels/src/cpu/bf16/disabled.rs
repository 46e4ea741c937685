//! Processors of other families: there are no bf16 products, so nothing can ask for one.

use crate::cpu::matrix::Tile;
use crate::cpu::operands::{Held, Product};
use crate::cpu::precision::Bf16;

impl Bf16 {
    /// Cannot be called.
    pub(crate) fn multiply(self, _: Product, _: &mut Tile, _: Held) {
        match self {}
    }
}
