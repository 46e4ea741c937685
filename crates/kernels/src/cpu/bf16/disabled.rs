//! Processors of other families: there are no bf16 products, so nothing can ask for one.

use crate::cpu::matrix::Tile;
use crate::cpu::product::Product;

/// Never exists here.
#[derive(Clone, Copy)]
pub(crate) enum Bf16 {}

impl Bf16 {
    /// Always `None`.
    pub(crate) fn detect() -> Option<Self> {
        None
    }

    /// Cannot be called.
    pub(crate) fn store(self, _: Product, _: &mut Tile) {
        match self {}
    }

    /// Cannot be called.
    pub(crate) fn add_to(self, _: Product, _: &mut Tile) {
        match self {}
    }
}
