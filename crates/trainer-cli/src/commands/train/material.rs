//! What a training works on.

use lockstep_collective::{Collective, PhaseBoard};
use lockstep_settings::RunPlan;
use lockstep_trainer::Parts;

use crate::failure::Failure;
use crate::models::Loaded;
use crate::sources::{self, Corpora};

/// The run's material, tokenised.
pub(super) fn parts(
    plan: &RunPlan,
    corpora: &Corpora,
    loaded: Loaded,
    collective: Box<dyn Collective>,
    board: PhaseBoard,
) -> Result<Parts, Failure> {
    let Loaded { model, tokenizer, .. } = loaded;
    let tokens = |corpus| sources::tokens(corpus, &tokenizer, &plan.data.reading);
    Ok(Parts {
        train: tokens(&corpora.train)?,
        validation: corpora.validation.as_ref().map(tokens).transpose()?,
        test: corpora.test.as_ref().map(tokens).transpose()?,
        model,
        tokenizer,
        collective,
        board,
    })
}
