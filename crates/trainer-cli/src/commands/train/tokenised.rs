//! The tokens of a training's sets.

use lockstep_collective::Collective;
use lockstep_data::TokenStore;
use lockstep_trainer::Parts;

use super::Run;
use crate::failure::Failure;
use crate::models::Loaded;
use crate::sources::Corpora;
use crate::tokens::Tokens;

/// The tokens of all sets; a clone reads the same ones.
#[derive(Clone)]
pub(super) struct TokenSets {
    train: TokenStore,
    validation: Option<TokenStore>,
    test: Option<TokenStore>,
}

impl TokenSets {
    /// Made by all ranks together.
    fn among(
        tokens: &Tokens<'_>,
        corpora: &Corpora,
        collective: &mut dyn Collective,
    ) -> Result<Self, Failure> {
        let mut of = |set| tokens.among(set, &mut *collective);
        let train = of(Some(&corpora.train))?;
        let validation = of(corpora.validation.as_ref())?;
        let test = of(corpora.test.as_ref())?;
        let train = train.map_or_else(|| tokens.of(&corpora.train), Ok)?;
        Ok(Self { train, validation, test })
    }
}

impl Run<'_> {
    /// What is trained on what; tokenised by all ranks together, unless an earlier training did that.
    pub(super) fn parts(
        &self,
        corpora: &Corpora,
        known: &mut Option<TokenSets>,
        loaded: Loaded,
        mut collective: Box<dyn Collective>,
    ) -> Result<Parts, Failure> {
        let Loaded { model, tokenizer, .. } = loaded;
        let (cache, reading) = (self.cache, &self.plan.data.reading);
        let tokens = Tokens { cache, tokenizer: &tokenizer, reading };
        let made = match known.take() {
            Some(made) => made,
            None => TokenSets::among(&tokens, corpora, &mut *collective)?,
        };
        *known = Some(made.clone());
        let TokenSets { train, validation, test } = made;
        let board = self.board.clone();
        Ok(Parts { train, validation, test, model, tokenizer, collective, board })
    }
}
