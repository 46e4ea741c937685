//! Processors of other families: there are no bf16 products, so nothing can ask for one.

use crate::cpu::matrix::Tile;
use crate::cpu::product::{Held, Product};

/// Never exists here.
#[derive(Clone, Copy, Debug)]
pub enum Bf16 {}

impl Bf16 {
    /// Always `None`.
    #[must_use]
    pub fn detect() -> Option<Self> {
        None
    }

    /// Cannot be called.
    pub(crate) fn multiply(self, _: Product, _: &mut Tile, _: Held) {
        match self {}
    }
}
