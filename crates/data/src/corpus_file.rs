//! A labelled corpus whose texts stay in their files: they are read again where they are needed, one by
//! one, so files may be larger than memory.

use std::ops::{ControlFlow, Deref};
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use crate::changed::ChangedFile;
use crate::error::DataError;
use crate::facts::{CorpusFacts, RawFacts};
use crate::file_state::FileState;
use crate::labels::Labels;
use crate::raw_corpus;
use crate::renames::Renames;
use crate::sample::{Chosen, Sample, Sampled};
use crate::sorted_rows::{Labelled, SortedRows};
use crate::source::{CorpusSource, Example};

/// Examples that go from the reading thread to the other at once.
const AT_ONCE: usize = 512;
/// Bytes of texts after which they go.
const BYTES: usize = 1 << 20;
/// How many such parts wait there at most.
const WAITING: usize = 8;

/// Files of labelled texts that were read, before it is settled which labels are classes.
#[derive(Clone, Debug)]
pub struct RawCorpusFile {
    pub(crate) source: CorpusSource,
    pub(crate) facts: RawFacts,
    /// The files as they were read.
    pub(crate) states: Vec<FileState>,
    /// What their content and the way they are read hash to, where that is known.
    pub(crate) key: Option<u128>,
}

impl RawCorpusFile {
    /// Reads the files of `source`, which were in these `states` before.
    ///
    /// # Errors
    /// As [`crate::RawCorpus::read`]; [`DataError::Changed`].
    pub(crate) fn read(source: &CorpusSource, states: Vec<FileState>) -> Result<Self, DataError> {
        let facts = raw_corpus::read(source, &mut drop)?;
        check(source, &states)?;
        Ok(Self { source: source.clone(), facts, states, key: None })
    }

    /// The same with each label called as the user calls it.
    #[must_use]
    pub fn renamed(mut self, renames: &Renames) -> Self {
        self.facts.rename(renames);
        self
    }

    /// The corpus with classes of `labels`.
    ///
    /// # Errors
    /// [`DataError`], for files that cannot be learned from.
    pub fn labelled(mut self, labels: Labels<'_>) -> Result<CorpusFile, DataError> {
        let facts = self.facts.labelled(labels)?;
        let Self { source, states, key, facts: RawFacts { rows, .. } } = self;
        let classes = rows.numbers(facts.labels());
        Ok(CorpusFile { source, facts, rows, classes, states, key, chosen: None })
    }
}

/// The usable examples of one set of files, in these files.
#[derive(Clone, Debug)]
pub struct CorpusFile {
    source: CorpusSource,
    facts: CorpusFacts,
    rows: SortedRows,
    /// The class of each label, by the label's number; nothing where its rows are bad.
    pub(crate) classes: Vec<Option<u32>>,
    states: Vec<FileState>,
    pub(crate) key: Option<u128>,
    /// Which of the usable rows are used; nothing for all.
    chosen: Option<Chosen>,
}

impl Deref for CorpusFile {
    type Target = CorpusFacts;

    fn deref(&self) -> &CorpusFacts {
        &self.facts
    }
}

impl CorpusFile {
    /// What messages call the files.
    #[must_use]
    pub fn name(&self) -> &Path {
        &self.source.files.name
    }

    /// Reads the files and gives their examples, in this order, to `take`, which works beside the reading
    /// thread. The last one is an error where the files are not what they were.
    pub fn read<T>(
        &self,
        take: impl FnOnce(&mut dyn Iterator<Item = Result<Example, DataError>>) -> T,
    ) -> T {
        thread::scope(|scope| {
            let (sender, receiver) = sync_channel(WAITING);
            scope.spawn(move || {
                let mut send = |part| match sender.send(part) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                };
                let rest = self.send(&mut send);
                let _ = send(rest);
            });
            take(&mut examples(receiver))
        })
    }

    /// The examples of a sample, of which so many are in each class; nothing where that is wrong.
    pub(crate) fn limited_to(mut self, sample: Sample, counts: Vec<usize>) -> Option<Self> {
        let used: usize = counts.iter().sum();
        let chosen = sample.of(self.count())?;
        if used != sample.most.get() || counts.len() != self.facts.counts.len() {
            return None;
        }
        let counts = std::mem::replace(&mut self.facts.counts, counts);
        self.facts.sampled = Some(Sampled { sample, counts });
        Some(Self { chosen: Some(chosen), ..self })
    }

    /// How many examples of a sample are in each class.
    ///
    /// # Errors
    /// [`DataError::Changed`].
    pub(crate) fn counts_of(&self, sample: Sample) -> Result<Vec<usize>, DataError> {
        let chosen = sample.of(self.count());
        let part = Self { chosen, ..self.clone() };
        let mut counts = vec![0; self.facts.counts.len()];
        part.read(|examples| {
            for example in examples {
                let class = usize::try_from(example?.label).ok();
                class.and_then(|class| counts.get_mut(class)).into_iter().for_each(|n| *n += 1);
            }
            Ok(counts)
        })
    }

    fn uses(&self, number: usize) -> bool {
        self.chosen.is_none_or(|chosen| chosen.has(number))
    }

    /// Sends all examples but the last ones, which are what is left at the end.
    fn send(
        &self,
        send: &mut dyn FnMut(Result<Vec<Example>, DataError>) -> ControlFlow<()>,
    ) -> Result<Vec<Example>, DataError> {
        let mut part = Vec::with_capacity(AT_ONCE);
        let mut bytes = 0;
        let mut numbers = 0..self.facts.sampled.as_ref().map_or(self.count(), Sampled::of);
        let mut flow = ControlFlow::Continue(());
        let read = raw_corpus::read(&self.source, &mut |Labelled { label, text, place }| {
            let class = usize::try_from(label).ok().and_then(|label| *self.classes.get(label)?);
            let Some(label) = class else { return };
            let is_used = numbers.next().is_some_and(|number| self.uses(number));
            if is_used && flow.is_continue() {
                bytes += text.len();
                part.push(Example { text, label, place });
                if part.len() == AT_ONCE || bytes >= BYTES {
                    bytes = 0;
                    flow = send(Ok(std::mem::replace(&mut part, Vec::with_capacity(AT_ONCE))));
                }
            }
        })?;
        check(&self.source, &self.states)?;
        match read.rows.equals(&self.rows) {
            true => Ok(part),
            false => Err(changed(&self.source)),
        }
    }
}

/// The examples of the parts that arrive, up to the first error.
fn examples(
    parts: Receiver<Result<Vec<Example>, DataError>>,
) -> impl Iterator<Item = Result<Example, DataError>> {
    parts.into_iter().flat_map(|part| {
        let (examples, error) = match part {
            Ok(examples) => (examples, None),
            Err(error) => (Vec::new(), Some(Err(error))),
        };
        examples.into_iter().map(Ok).chain(error)
    })
}

/// Whether the files are in these states.
fn check(source: &CorpusSource, states: &[FileState]) -> Result<(), DataError> {
    let is_same = source.files.files.iter().zip(states).all(|(path, state)| state.is_of(path));
    if is_same { Ok(()) } else { Err(changed(source)) }
}

fn changed(source: &CorpusSource) -> DataError {
    ChangedFile::Data { path: source.files.name.clone() }.into()
}
