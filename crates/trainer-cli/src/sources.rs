//! Labelled examples: from a file, from the hub, or from the corpus that is built in.

use lockstep_data::{
    BadRows, Columns, Corpus, DataError, Doubt, Example, HeldOut, LabelMap, Labels, MaxLength,
    RawCorpus, RawCorpusFile, Renames, RowPlace, Sample, TokenCache,
};
use lockstep_hub::HubSettings;
use lockstep_reviews as reviews;
use lockstep_settings::{DataPlan, DataSource, Reading};
use lockstep_trainer::Usage;
use lockstep_world::Seed;

use crate::failure::Failure;
use crate::remedies;
use crate::set::Set;
use crate::source_files::{corpus_source, file_set, in_memory};

/// Where data sets of the hub come from, and where tokens are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places<'a> {
    pub(crate) hub: &'a HubSettings,
    pub(crate) cache: Option<&'a TokenCache>,
}

/// Which part of a corpus is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Split {
    /// What is learned from.
    Train,
    /// The validation or test set.
    Held,
}

/// The corpora of a training.
pub(crate) struct Corpora {
    /// The training set; its labels are those of the other sets.
    pub(crate) train: Set,
    /// What is evaluated while training.
    pub(crate) validation: Option<Set>,
    /// What the final model is evaluated on.
    pub(crate) test: Option<Set>,
    /// What the labels of the files are called.
    renames: Option<Renames>,
}

impl Corpora {
    /// What is odd about the classes and the texts, each with the file it is said of.
    pub(crate) fn doubts(&self, plan: &DataPlan) -> Vec<String> {
        let line = |name: &str, doubt: &Doubt| format!("{name}: {}", remedies::of_doubt(doubt));
        let name = name(&plan.train);
        let mut lines: Vec<String> =
            self.train.doubts().iter().map(|doubt| line(&name, doubt)).collect();
        for Held { name, corpus, .. } in self.held(plan) {
            lines.extend(corpus.doubts_beside(&self.train).map(|doubt| line(&name, &doubt)));
        }
        lines
    }

    /// The sets that are evaluated on.
    pub(crate) fn held(&self, plan: &DataPlan) -> Vec<Held<'_>> {
        let validation = self.validation.as_ref().zip(validation_name(plan));
        let test = self.test.as_ref().zip(plan.test.as_ref().map(name));
        let both = [("validation", validation), ("test", test)];
        let held = both.into_iter().filter_map(|(set, found)| {
            let (corpus, name) = found?;
            Some(Held { set, name, corpus })
        });
        held.collect()
    }

    /// What a model needs to read other files as these were read.
    pub(crate) fn usage(&self, max_length: MaxLength) -> Usage {
        let Columns { text, second, label } = self.train.columns().clone();
        Usage {
            max_seq_length: max_length.get(),
            text_column: Some(text),
            text_pair_column: second,
            label_column: label,
            label_map: self.renames.as_ref().map(Renames::classes),
        }
    }
}

/// A set that is evaluated on.
pub(crate) struct Held<'a> {
    /// `validation` or `test`.
    pub(crate) set: &'static str,
    /// What messages call its source.
    pub(crate) name: String,
    /// Its examples.
    pub(crate) corpus: &'a Set,
}

/// The corpora of a training, read before it is known which classes the model has.
pub(crate) struct RawCorpora<'a> {
    train: Raw,
    validation: Option<Raw>,
    test: Option<Raw>,
    /// What messages call the validation and the test set.
    held_names: [Option<String>; 2],
    held_out: Option<HeldOut>,
    /// Which training and which validation examples are used.
    samples: [Option<Sample>; 2],
    cache: Option<&'a TokenCache>,
    renames: Option<Renames>,
}

/// A corpus whose labels are not classes yet.
enum Raw {
    Generated(Corpus),
    /// Read into memory.
    Held(RawCorpus),
    /// Its texts stay in the file.
    File(RawCorpusFile),
}

impl<'a> RawCorpora<'a> {
    /// Reads the corpora of a plan.
    ///
    /// # Errors
    /// The first source that cannot be read, or whose columns are not known.
    pub(crate) fn read(plan: &DataPlan, places: Places<'a>) -> Result<Self, Failure> {
        let renames = renames(&plan.reading)?;
        let read = |source: &DataSource, split| {
            // A part is held out by its texts.
            let keeps = plan.held_out.is_none() || split == Split::Held;
            let places = Places { cache: places.cache.filter(|_| keeps), ..places };
            Raw::read(source, split, &plan.reading, renames.as_ref(), places)
        };
        let held = |source: &Option<DataSource>| {
            source.as_ref().map(|source| read(source, Split::Held)).transpose()
        };
        Ok(Self {
            train: read(&plan.train, Split::Train)?,
            validation: held(&plan.validation)?,
            test: held(&plan.test)?,
            held_names: [&plan.validation, &plan.test].map(|source| source.as_ref().map(name)),
            held_out: plan.held_out,
            samples: [plan.train_sample, plan.evaluation_sample],
            cache: places.cache,
            renames,
        })
    }

    /// The corpora with their classes: those of the model's head, if it has all of them.
    ///
    /// # Errors
    /// The first file that cannot be used.
    pub(crate) fn labelled(self, head: Option<&LabelMap>) -> Result<Corpora, DataError> {
        let train = self.train.labelled(head.map_or(Labels::Infer, Labels::Offered))?;
        let labels = train.labels().clone();
        let held =
            |raw: Option<Raw>| raw.map(|raw| raw.labelled(Labels::Known(&labels))).transpose();
        let (validation, test) = (held(self.validation)?, held(self.test)?);
        let is_of_pairs = |corpus: &Set| corpus.columns().second.is_some();
        for (name, corpus) in self.held_names.iter().zip([&validation, &test]) {
            let differs = |corpus: &&Set| is_of_pairs(corpus) != is_of_pairs(&train);
            if let (Some(name), Some(corpus)) = (name, corpus.as_ref().filter(differs)) {
                let is_of_pairs = is_of_pairs(corpus);
                return Err(DataError::PairsAndSingles { name: name.clone(), is_of_pairs });
            }
        }
        let (train, validation) = match self.held_out {
            Some(rule) => match train {
                Set::Held(train) => {
                    let (train, held) = train.hold_out(rule)?;
                    (Set::Held(Box::new(train)), Some(Set::Held(Box::new(held))))
                }
                train @ Set::File(_) => (train, validation),
            },
            None => (train, validation),
        };
        // A smaller sample of the training examples is compared on the same validation set.
        let [of_train, of_validation] = self.samples;
        let train = train.limited_to(of_train, self.cache)?;
        let validation =
            validation.map(|set| set.limited_to(of_validation, self.cache)).transpose()?;
        Ok(Corpora { validation, test, train, renames: self.renames })
    }
}

impl Raw {
    fn read(
        source: &DataSource,
        split: Split,
        reading: &Reading,
        renames: Option<&Renames>,
        places: Places<'_>,
    ) -> Result<Self, Failure> {
        if *source == DataSource::Reviews {
            return Ok(Self::Generated(generated(split)?));
        }
        let source = corpus_source(file_set(source, places.hub)?, reading);
        let known = match places.cache {
            Some(cache) => cache.labels(&source)?,
            None => None,
        };
        Ok(match (known, renames) {
            (Some(raw), Some(renames)) => Self::File(raw.renamed(renames)),
            (Some(raw), None) => Self::File(raw),
            (None, renames) => Self::Held(in_memory(&source, renames)?),
        })
    }

    fn labelled(self, labels: Labels<'_>) -> Result<Set, DataError> {
        match (self, labels) {
            (Self::File(raw), labels) => raw.labelled(labels).map(Box::new).map(Set::File),
            (Self::Held(raw), labels) => raw.labelled(labels).map(Box::new).map(Set::Held),
            (Self::Generated(corpus), Labels::Offered(map) | Labels::Known(map)) => {
                Ok(Set::Held(Box::new(corpus.in_terms_of(map))))
            }
            (Self::Generated(corpus), Labels::Infer) => Ok(Set::Held(Box::new(corpus))),
        }
    }
}

/// Reads one set whose classes are known.
///
/// # Errors
/// A source that cannot be used.
pub(crate) fn read(
    source: &DataSource,
    reading: &Reading,
    labels: &LabelMap,
    places: Places<'_>,
) -> Result<Set, Failure> {
    let renames = renames(reading)?;
    let raw = Raw::read(source, Split::Held, reading, renames.as_ref(), places)?;
    Ok(raw.labelled(Labels::Known(labels))?)
}

/// What the labels of the files are called: as the map says that is given, else the remembered one.
///
/// # Errors
/// A map that cannot be used.
pub(crate) fn renames(reading: &Reading) -> Result<Option<Renames>, DataError> {
    match &reading.label_map {
        Some(map) => Renames::read(map).map(Some),
        None => Ok(reading.remembered_map.clone()),
    }
}

/// What messages call the validation set, if there is one.
pub(crate) fn validation_name(plan: &DataPlan) -> Option<String> {
    let share = plan.held_out.map(|HeldOut { share, .. }| {
        format!("{} % of {}", (1e4 * share).round() / 1e2, name(&plan.train))
    });
    share.or_else(|| plan.validation.as_ref().map(name))
}

/// What messages call a source.
pub(crate) fn name(source: &DataSource) -> String {
    match source {
        DataSource::Reviews => "builtin:reviews".to_owned(),
        DataSource::File(path) => path.display().to_string(),
        DataSource::Hub(split) => split.to_string(),
    }
}

/// The texts to evaluate on among the reviews that are built in.
pub(crate) fn review_texts() -> Vec<String> {
    let held = reviews::reviews(reviews::Split::Dev, REVIEWS);
    held.into_iter().map(|review| review.text).collect()
}

/// The classes of the reviews that are built in.
pub(crate) fn review_labels() -> [&'static str; 2] {
    reviews::Sentiment::ALL.map(reviews::Sentiment::name)
}

/// The seed of the corpus that is built in.
const REVIEWS: Seed = Seed(42);

/// The corpus that is built in: the same for every run, whatever its seed.
fn generated(split: Split) -> Result<Corpus, DataError> {
    let part = match split {
        Split::Train => reviews::Split::Train,
        Split::Held => reviews::Split::Dev,
    };
    let example = |(review, line): (reviews::Review, u64)| Example {
        text: review.text,
        label: review.label as u32,
        place: RowPlace::line(line),
    };
    let examples = reviews::reviews(part, REVIEWS).into_iter().zip(1..).map(example).collect();
    let labels = LabelMap::new(review_labels().map(str::to_owned).to_vec());
    let corpus = labels.and_then(|labels| Corpus::from_examples(examples, labels));
    corpus.map_err(|fault| DataError::Labels {
        path: "builtin:reviews".into(),
        skipped: BadRows::default(),
        fault: Box::new(fault),
    })
}
