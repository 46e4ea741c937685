//! Which elements a training pass drops: a function of the update, the example and the place.
//!
//! Each place in the model that drops is a site with a number. A mask row's key is derived from
//! (update, site, example, position), so a token meets the same mask however the batch is split
//! over ranks, and whether or not the last block is computed at all positions.

use std::sync::Arc;

use lockstep_kernels::{Dropout, Rows};
use lockstep_world::{Purpose, Seed};

use crate::{EncoderConfig, HeadKind, Input, Mode};

/// The recipe's dropout inside its own head.
const MLP_HEAD_DROPOUT: f32 = 0.3;

/// Rates given by the user; what is not given comes from config.json or the recipe.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dropouts {
    /// After the embeddings, after each feed-forward part, and in BERT and RoBERTa after the layer
    /// behind each attention.
    pub hidden: Option<f32>,
    /// On attention probabilities.
    pub attention: Option<f32>,
    /// Inside the head.
    pub head: Option<f32>,
}

/// The rates a model trains with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DropoutRates {
    /// After the embeddings and after each feed-forward part.
    pub hidden: f32,
    /// On attention probabilities.
    pub attention: f32,
    /// After the layer behind the attention.
    pub attention_output: f32,
    /// Inside the head.
    pub head: f32,
}

impl Dropouts {
    /// The rates that a model of this configuration trains with.
    #[must_use]
    pub fn rates(&self, config: &EncoderConfig, head: HeadKind) -> DropoutRates {
        let usual = match head {
            HeadKind::Mlp => MLP_HEAD_DROPOUT,
            HeadKind::Hf => config.head_dropout,
        };
        let hidden = self.hidden.unwrap_or(config.dropout);
        DropoutRates {
            hidden,
            attention_output: if config.family.drops_attention_output() { hidden } else { 0.0 },
            attention: self.attention.unwrap_or(config.attention_dropout),
            head: self.head.unwrap_or(usual),
        }
    }
}

/// A place that drops.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Site {
    Embeddings,
    Attention { block: usize },
    AttentionOutput { block: usize },
    FeedForward { block: usize },
    Head,
}

impl Site {
    // These numbers are part of what makes a run repeatable.
    fn number(self) -> u64 {
        match self {
            Self::Embeddings => 0,
            Self::Head => 1,
            Self::Attention { block } => 2 + 2 * block as u64,
            Self::FeedForward { block } => 3 + 2 * block as u64,
            // Behind those of any number of blocks, so that no other site's number depends on it.
            Self::AttentionOutput { block } => (1 << 32) + block as u64,
        }
    }
}

/// The masks of one pass.
pub(crate) struct Masks<'a> {
    input: Input<'a>,
    mode: Mode<'a>,
    rates: DropoutRates,
}

impl<'a> Masks<'a> {
    pub(crate) fn new(input: Input<'a>, mode: Mode<'a>, rates: DropoutRates) -> Self {
        Self { input, mode, rates }
    }

    /// The mask of a site, or nothing where nothing is dropped.
    pub(crate) fn at(&self, site: Site, rows: Rows) -> Option<Dropout> {
        let rate = match site {
            Site::Embeddings | Site::FeedForward { .. } => self.rates.hidden,
            Site::Attention { .. } => self.rates.attention,
            Site::AttentionOutput { .. } => self.rates.attention_output,
            Site::Head => self.rates.head,
        };
        match self.mode {
            Mode::Train { dropout, .. } if rate > 0.0 => {
                let site_seed = dropout.derive(Purpose::DropoutSite, site.number());
                Some(Dropout { rate, keys: self.keys(site_seed, rows) })
            }
            _ => None,
        }
    }

    fn keys(&self, site: Seed, rows: Rows) -> Arc<[Seed]> {
        let spans = self.input.offsets.windows(2).map(|bounds| bounds[0]..bounds[1]);
        let of_example = |(&example, span): (&u64, std::ops::Range<usize>)| {
            let seed = site.derive(Purpose::DropoutExample, example);
            let positions = match rows {
                Rows::All => &self.input.positions[span],
                Rows::First => &[0],
            };
            positions
                .iter()
                .map(move |&position| seed.derive(Purpose::DropoutPosition, u64::from(position)))
        };
        self.input.examples.iter().zip(spans).flat_map(of_example).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `world/golden/seed.py` made the numbers, from lists of tags and sites of its own.
    #[test]
    fn every_site_has_its_number() {
        let input = Input {
            ids: &[7],
            positions: &[5],
            token_types: &[],
            offsets: &[0, 1],
            examples: &[1000],
        };
        let dropout = Seed(42).derive(Purpose::Dropout, 17);
        let [hidden, attention, attention_output, head] = [0.1; 4];
        let rates = DropoutRates { hidden, attention, attention_output, head };
        let masks = Masks::new(input, Mode::Train { dropout, listener: None }, rates);
        let check = |site, expected| {
            let found = masks.at(site, Rows::All).unwrap();
            assert_eq!(*found.keys, [Seed(expected)], "{site:?}");
        };
        check(Site::Embeddings, 0xA84F_85AC_90AB_D8E4);
        check(Site::Head, 0x0E4F_1945_A0AE_73D2);
        check(Site::Attention { block: 0 }, 0xFD1F_8C11_C603_B053);
        check(Site::FeedForward { block: 0 }, 0x2692_ED2F_DB2E_C3F9);
        check(Site::Attention { block: 5 }, 0x2A25_CAB5_44B1_20C7);
        check(Site::FeedForward { block: 5 }, 0xCA87_6F60_B080_B98E);
        check(Site::AttentionOutput { block: 0 }, 0x8F0E_B72C_71F2_CACF);
        check(Site::AttentionOutput { block: 5 }, 0x7520_5220_A218_9D9B);
    }
}
