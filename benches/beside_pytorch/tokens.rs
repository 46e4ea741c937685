//! How long all texts of a file take to become tokens.

use std::time::Instant;

use lockstep_data::{Labels, MaxLength, TokenStore};

use crate::measured::median;
use crate::report::Fact;
use crate::stage::Stage;
use crate::work::MAX_LENGTH;
use crate::{Outcome, corpora};

const TRIES: usize = 5;

/// Seconds of tokenising, the file being read already.
pub(crate) fn facts(stage: &Stage) -> Outcome<Vec<Fact>> {
    let corpus = match &stage.options.phrases {
        Some(path) => corpora::read(path, Labels::Known(stage.train.labels()))?,
        None => stage.train.clone(),
    };
    let longest = MaxLength::new(MAX_LENGTH).ok_or("no such length")?;
    let mut seconds = Vec::new();
    let mut tokens = 0;
    for _ in 0..TRIES {
        let began = Instant::now();
        let store = TokenStore::build(corpus.texts_and_labels(), &stage.tokenizer, longest)?;
        seconds.push(began.elapsed().as_secs_f64());
        tokens = store.total_tokens();
    }
    let seconds = median(seconds);
    let texts = corpus.examples().len();
    let rate = tokens as f64 / seconds / 1e6;
    Ok(vec![Fact {
        what: format!("tokenising {texts} texts, {tokens} tokens"),
        figure: format!("{seconds:.3} s, {rate:.2} million tokens/s"),
        wanted: "67,349 phrases of SST-2 in ≤ 1 s",
    }])
}
