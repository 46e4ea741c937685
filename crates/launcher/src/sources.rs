//! Labelled examples, from a file or from the corpus that is built in.

use lockstep_data::{
    BadRows, Corpus, CorpusSource, DataError, Example, LabelMap, Labels, TokenStore, Tokenizer,
    reviews,
};
use lockstep_world::Seed;

use crate::config::{DataPlan, DataSource, Reading};

/// Which part of a corpus is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Split {
    /// What is learned from.
    Train,
    /// What it is judged on.
    Held,
}

/// The corpora of a training.
pub(crate) struct Corpora {
    /// What is learned from; its labels are everybody's.
    pub(crate) train: Corpus,
    /// What is evaluated while training.
    pub(crate) validation: Option<Corpus>,
    /// What the final model is evaluated on.
    pub(crate) test: Option<Corpus>,
}

impl Corpora {
    /// Reads the corpora of a plan.
    ///
    /// # Errors
    /// The first file that cannot be used.
    pub(crate) fn read(plan: &DataPlan) -> Result<Self, DataError> {
        let train = read(&plan.train, Split::Train, &plan.reading, Labels::Infer)?;
        let labels = train.labels().clone();
        let held = |source: &Option<DataSource>| {
            let read = |source| read(source, Split::Held, &plan.reading, Labels::Known(&labels));
            source.as_ref().map(read).transpose()
        };
        Ok(Self { validation: held(&plan.validation)?, test: held(&plan.test)?, train })
    }
}

/// Reads one corpus.
///
/// # Errors
/// A file that cannot be used.
pub(crate) fn read(
    source: &DataSource,
    split: Split,
    reading: &Reading,
    labels: Labels<'_>,
) -> Result<Corpus, DataError> {
    let DataSource::File(path) = source else { return generated(split) };
    let source = CorpusSource {
        path: path.clone(),
        text_column: reading.text_column.clone(),
        label_column: reading.label_column.clone(),
        on_bad_row: reading.on_bad_row,
    };
    Corpus::read(&source, labels)
}

/// What messages call a source.
pub(crate) fn name(source: &DataSource) -> String {
    match source {
        DataSource::Reviews => "builtin:reviews".to_owned(),
        DataSource::File(path) => path.display().to_string(),
    }
}

/// The tokens of a corpus.
///
/// # Errors
/// A text that cannot be encoded.
pub(crate) fn tokens(
    corpus: &Corpus,
    tokenizer: &Tokenizer,
    reading: &Reading,
) -> Result<TokenStore, DataError> {
    Ok(TokenStore::build(corpus.texts_and_labels(), tokenizer, reading.max_length)?)
}

/// The classes of the reviews that are built in.
pub(crate) fn review_labels() -> [&'static str; 2] {
    reviews::Sentiment::ALL.map(reviews::Sentiment::name)
}

/// The corpus that is built in: the same for every run, whatever its seed.
fn generated(split: Split) -> Result<Corpus, DataError> {
    const SEED: Seed = Seed(42);
    let part = match split {
        Split::Train => reviews::Split::Train,
        Split::Held => reviews::Split::Dev,
    };
    let example = |(review, line): (reviews::Review, u64)| Example {
        text: review.text,
        label: review.label as u32,
        line,
    };
    let examples = reviews::reviews(part, SEED).into_iter().zip(1..).map(example).collect();
    let labels = LabelMap::new(review_labels().map(str::to_owned).to_vec());
    let corpus = labels.and_then(|labels| Corpus::from_examples(examples, labels));
    corpus.map_err(|fault| DataError::Labels {
        path: "builtin:reviews".into(),
        skipped: BadRows::default(),
        fault,
    })
}
