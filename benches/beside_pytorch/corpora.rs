//! The texts that rows are made of: the user's files, or the reviews that are built in.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use lockstep_data::{BatchPlan, Corpus, CorpusSource, Example, LabelMap, Labels, Order, RowPlace};
use lockstep_reviews::{Sentiment, Split, reviews};
use lockstep_world::{Seed, Step};
use serde_json::json;

use crate::Outcome;
use crate::work::{LabelledText, MAX_LENGTH};

const SEED: Seed = Seed(42);

/// The corpus of a file.
pub(crate) fn read(path: &Path, labels: Labels<'_>) -> Outcome<Corpus> {
    let source = CorpusSource::from(path.to_owned());
    Ok(Corpus::read(&source, labels)?)
}

/// The reviews that are built in.
pub(crate) fn generated(split: Split) -> Outcome<Corpus> {
    let examples = reviews(split, SEED).into_iter().zip(1..).map(|(review, line)| Example {
        text: review.text,
        label: review.label as u32,
        place: RowPlace::line(line),
    });
    let names = Sentiment::ALL.map(|sentiment| sentiment.name().to_owned());
    Ok(Corpus::from_examples(examples.collect(), LabelMap::new(names.to_vec())?)?)
}

/// The same corpus as a file that the `trainer` reads.
pub(crate) fn write(corpus: &Corpus, path: PathBuf) -> Outcome<PathBuf> {
    let mut file = BufWriter::new(File::create(&path)?);
    for (text, label) in corpus.texts_and_labels() {
        let label = corpus.labels().name(label);
        writeln!(file, "{}", json!({"text": text, "label": label}))?;
    }
    file.flush()?;
    Ok(path)
}

/// The texts of the first updates of a run, in its order.
pub(crate) fn first_batches(
    corpus: &Corpus,
    size: NonZeroUsize,
    batches: usize,
) -> Vec<LabelledText> {
    let plan = BatchPlan::new(corpus.examples().len(), size, Order::Shuffled(SEED));
    let steps = (0..plan.updates_per_epoch().min(batches) as u64).map(Step);
    let places = steps.flat_map(|step| plan.global_batch(step));
    places.map(|place| labelled(&corpus.examples()[place])).collect()
}

/// Texts so long that each is cut at the longest length.
pub(crate) fn long_texts(corpus: &Corpus, texts: usize) -> Vec<LabelledText> {
    let mut examples = corpus.examples().iter().cycle();
    let mut long = || {
        let (mut text, mut label) = (String::new(), 0);
        // A word is a token or more.
        while text.split_whitespace().count() < MAX_LENGTH {
            let Some(example) = examples.next() else { break };
            text = format!("{text} {}", example.text);
            label = example.label;
        }
        (text, label)
    };
    (0..texts).map(|_| long()).collect()
}

/// All texts.
pub(crate) fn all(corpus: &Corpus) -> Vec<LabelledText> {
    corpus.examples().iter().map(labelled).collect()
}

fn labelled(example: &Example) -> LabelledText {
    (example.text.clone(), example.label)
}
