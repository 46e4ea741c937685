//! The tokens of a training's sets.

use lockstep_collective::Collective;
use lockstep_data::{Overlap, TokenStore};
use lockstep_trainer::Parts;
use lockstep_world::counted;

use super::Run;
use crate::failure::Failure;
use crate::models::Loaded;
use crate::sources::Corpora;
use crate::tokens::Tokens;

/// An overlap from one text in so many on is told.
const NOTEWORTHY: usize = 100;

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
            None => {
                let made = TokenSets::among(&tokens, corpora, &mut *collective)?;
                self.warn_of_overlap(&made)?;
                made
            }
        };
        *known = Some(made.clone());
        let TokenSets { train, validation, test } = made;
        let board = self.board.clone();
        Ok(Parts { train, validation, test, model, tokenizer, collective, board })
    }

    /// Says how many texts that the model is measured by are also learned from, where that is much.
    fn warn_of_overlap(&self, made: &TokenSets) -> Result<(), Failure> {
        for (name, store) in [("validation", &made.validation), ("test", &made.test)] {
            let Some(store) = store.as_ref().filter(|_| self.seat.is_leader()) else { continue };
            if let Some(words) = overlap_in_words(name, Overlap::of(&made.train, store)?) {
                tracing::warn!("{words}");
            }
        }
        Ok(())
    }
}

/// Nothing where so few texts are shared that scores hardly change.
fn overlap_in_words(name: &str, overlap: Overlap) -> Option<String> {
    let Overlap { texts, shared, contradicting } = overlap;
    if shared * NOTEWORTHY < texts || shared == 0 {
        return None;
    }
    let other = match contradicting {
        0 => String::new(),
        _ => format!(", {contradicting} of them only with another class"),
    };
    Some(format!(
        "{shared} of {} {} also in the training set{other}; scores on them do not show how the model does \
         on new texts\n  hint: `trainer inspect` shows what is in both files",
        counted(texts, &format!("{name} text")),
        if shared == 1 { "is" } else { "are" }
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlap_is_told_from_one_text_in_a_hundred_on() {
        let words = |texts, shared, contradicting| {
            overlap_in_words("test", Overlap { texts, shared, contradicting }).unwrap_or_default()
        };
        assert_eq!(words(0, 0, 0), "");
        assert_eq!(words(1000, 9, 0), "");
        assert!(
            words(1000, 10, 0).starts_with("10 of 1000 test texts are also in the training set; ")
        );
        assert!(words(1, 1, 1).starts_with(
            "1 of 1 test text is also in the training set, 1 of them only with another class; "
        ));
    }
}
