//! What a training works on.

use lockstep_collective::Collective;
use lockstep_trainer::Parts;

use super::Run;
use crate::failure::Failure;
use crate::models::Loaded;
use crate::sources::Corpora;
use crate::tokens::Tokens;

impl Run<'_> {
    /// The run's material, tokenised by all ranks together.
    pub(super) fn parts(
        &self,
        corpora: &Corpora,
        loaded: Loaded,
        mut collective: Box<dyn Collective>,
    ) -> Result<Parts, Failure> {
        let Loaded { model, tokenizer, .. } = loaded;
        let (cache, reading) = (self.cache, &self.plan.data.reading);
        let tokens = Tokens { cache, tokenizer: &tokenizer, reading };
        let mut of = |set| tokens.among(set, &mut *collective);
        let train = of(Some(&corpora.train))?;
        let validation = of(corpora.validation.as_ref())?;
        let test = of(corpora.test.as_ref())?;
        let train = train.map_or_else(|| tokens.of(&corpora.train), Ok)?;
        let board = self.board.clone();
        Ok(Parts { train, validation, test, model, tokenizer, collective, board })
    }
}
