//! What is assumed of a GPU.

use crate::Arithmetic;

/// A GPU, described by what its memory and its multipliers reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Card {
    /// The product, without the maker.
    pub name: &'static str,
    /// Bytes a second that kernels reach, which is less than the datasheet has.
    pub bandwidth: f64,
    /// Floating-point operations a second that products reach in f32, TF32 and bf16.
    products: [f64; 3],
    /// The same of attention, in f32 and in bf16.
    attention: [f64; 2],
    /// The datasheet's rate of bf16 products of dense matrices: what MFU is a share of.
    pub dense_bf16: f64,
}

/// The H200 with SXM: its copies and products were measured (benches/results/2026-11-27-gpu.md:
/// 4.26 TB/s, 792 TFLOP/s in one large product), the rest is assumed.
const H200: Card = Card {
    name: "H200",
    bandwidth: 4.2e12,
    products: [35e12, 325e12, 650e12],
    attention: [20e12, 190e12],
    dense_bf16: 989e12,
};

/// The H100 with SXM: the same multipliers before a slower memory.
const H100: Card = Card { name: "H100", bandwidth: 3.0e12, ..H200 };

/// The A100 with SXM or PCIe; all of it is assumed.
const A100: Card = Card {
    name: "A100",
    bandwidth: 1.7e12,
    products: [15e12, 120e12, 240e12],
    attention: [8e12, 70e12],
    dense_bf16: 312e12,
};

impl Card {
    /// All that are described.
    pub const ALL: [Self; 3] = [H200, H100, A100];

    /// The card that a driver calls so, for example `NVIDIA H100 80GB HBM3`. Slices of a card, and
    /// variants of Hopper with other rates, are not described.
    #[must_use]
    pub fn named(device: &str) -> Option<Self> {
        let words: Vec<&str> = device.split(|c: char| !c.is_ascii_alphanumeric()).collect();
        let card = Self::ALL.into_iter().find(|card| words.contains(&card.name))?;
        let is_variant = words.contains(&"NVL") || (words.contains(&"PCIe") && card != A100);
        let is_slice = words.contains(&"MIG");
        (!is_variant && !is_slice).then_some(card)
    }

    /// Floating-point operations a second of a large product.
    #[must_use]
    pub(crate) fn product_rate(&self, arithmetic: Arithmetic) -> f64 {
        self.products[arithmetic as usize]
    }

    /// The same of the attention kernels; those for TF32 are those for f32.
    #[must_use]
    pub(crate) fn attention_rate(&self, is_bf16: bool) -> f64 {
        self.attention[usize::from(is_bf16)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_are_known_by_the_drivers_names() {
        let name = |device| Card::named(device).map(|card| card.name);
        assert_eq!(name("NVIDIA H200"), Some("H200"));
        assert_eq!(name("NVIDIA H100 80GB HBM3"), Some("H100"));
        assert_eq!(name("NVIDIA A100-SXM4-80GB"), Some("A100"));
        assert_eq!(name("NVIDIA A100 80GB PCIe"), Some("A100"));
        for other in ["NVIDIA H100 PCIe", "NVIDIA H200 NVL", "NVIDIA GH200 480GB", "CPU", ""] {
            assert_eq!(name(other), None, "{other}");
        }
    }
}
