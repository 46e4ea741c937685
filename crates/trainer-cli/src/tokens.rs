//! The tokens of a run's sets: kept from an earlier run, or made by all ranks together.

use std::path::PathBuf;

use lockstep_collective::{Collective, gather_bytes};
use lockstep_data::{
    Corpus, CorpusFile, DataError, Duty, Exchange, MaxLength, TokenCache, TokenStore, Tokenising,
    Tokenizer,
};
use lockstep_host::progress::Progress;
use lockstep_host::{Environment, host_name};
use lockstep_settings::{Reading, TokenPlace};
use lockstep_world::{Fingerprint, Seat, WorldSize};

use crate::failure::Failure;
use crate::set::Set;

/// Data files of fewer bytes are tokenised in a fraction of a second, so no file is kept of them unless
/// a folder is named.
const LEAST: u64 = 1 << 20;

/// Bytes that a rank sends of the texts that it tokenises at once, at most.
const MOST: usize = 256 << 20;

/// Where tokens are kept.
pub(crate) fn cache(place: Option<&TokenPlace>, environment: &Environment) -> TokenCache {
    let scratch = Some(environment.get("TMPDIR").map_or_else(|| "/tmp".into(), PathBuf::from));
    match place {
        Some(TokenPlace::Off) => TokenCache { scratch, ..TokenCache::default() },
        Some(TokenPlace::Folder(folder)) => {
            TokenCache { directory: Some(folder.clone()), least: 0, scratch }
        }
        None => TokenCache { directory: usual(environment), least: LEAST, scratch },
    }
}

/// The folder that the XDG base directory specification means; a relative one counts as unset, as it says.
fn usual(environment: &Environment) -> Option<PathBuf> {
    let absolute =
        |name: &str| environment.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    Some(caches?.join("lockstep/tokens"))
}

/// How the sets of a run become tokens.
pub(crate) struct Tokens<'a> {
    pub(crate) cache: &'a TokenCache,
    pub(crate) tokenizer: &'a Tokenizer,
    pub(crate) reading: &'a Reading,
}

/// What a rank says of its tokens of a set.
#[derive(Clone, Copy)]
struct State {
    /// Whether it reads a file.
    is_file: bool,
    /// Whether it has the tokens already.
    has: bool,
    /// Whether it looks for them in a cache.
    keeps: bool,
    host: u64,
}

impl State {
    const WORDS: usize = 2;

    fn words(self) -> [u64; Self::WORDS] {
        let Self { is_file, has, keeps, host } = self;
        [u64::from(is_file) | u64::from(has) << 1 | u64::from(keeps) << 2, host]
    }

    fn of_words(words: &[u64]) -> Self {
        let [marks, host] = [0, 1].map(|place| words.get(place).copied().unwrap_or_default());
        let is = |place: u32| marks >> place & 1 == 1;
        Self { is_file: is(0), has: is(1), keeps: is(2), host }
    }
}

impl Tokens<'_> {
    /// The tokens of a set on one rank.
    ///
    /// # Errors
    /// A text that cannot be encoded, a file that has changed.
    pub(crate) fn of(&self, set: &Set) -> Result<TokenStore, DataError> {
        match set {
            Set::Held(corpus) => in_memory(corpus, self.tokenizer, self.reading.max_length),
            Set::File(corpus) => match self.known(corpus) {
                Some(store) => Ok(store),
                None => self.made(corpus),
            },
        }
    }

    fn how(&self, corpus: &CorpusFile) -> Tokenising<'_> {
        let classes = corpus.labels().len() as u64;
        let are_pairs = corpus.columns().second.is_some();
        let (tokenizer, max) = (self.tokenizer, self.reading.max_length);
        Tokenising { tokenizer, max, classes, are_pairs }
    }

    fn known(&self, corpus: &CorpusFile) -> Option<TokenStore> {
        self.cache.open(corpus, self.how(corpus))
    }

    fn made(&self, corpus: &CorpusFile) -> Result<TokenStore, DataError> {
        let bar = Progress::of("tokenising", corpus.count() as u64, "texts");
        self.cache.build(corpus, self.how(corpus), &|texts| bar.set(texts))
    }

    /// The tokens of a set, or of none, on a rank that does this together with all others.
    ///
    /// # Errors
    /// As [`Self::of`]; a rank that is lost.
    pub(crate) fn among(
        &self,
        set: Option<&Set>,
        collective: &mut dyn Collective,
    ) -> Result<Option<TokenStore>, Failure> {
        if collective.seat().world() == WorldSize::ONE {
            return Ok(set.map(|set| self.of(set)).transpose()?);
        }
        let file = match set {
            Some(Set::File(corpus)) => Some(corpus),
            _ => None,
        };
        let known = file.and_then(|corpus| self.known(corpus));
        let host = Fingerprint::of_bytes(host_name().as_bytes());
        let (is_file, has) = (file.is_some(), known.is_some());
        let keeps = file.is_some_and(|corpus| self.cache.keeps(corpus));
        let mine = State { is_file, has, keeps, host };
        let all = collective.all_gather(&mine.words())?;
        let all: Vec<State> = all.chunks_exact(State::WORDS).map(State::of_words).collect();
        let (Some(corpus), true) = (file, all.iter().all(|state| state.is_file)) else {
            // Each rank by itself; what differs is reported later, with all else that differs.
            return Ok(set.map(|set| known.map_or_else(|| self.of(set), Ok)).transpose()?);
        };
        if all.iter().all(|state| state.has) {
            return Ok(known);
        }
        let duty = duty(&all, collective.seat());
        let bar = Progress::of("tokenising", corpus.count() as u64, "texts");
        let ranks = &mut Ranks { collective, bar };
        let made = self.cache.build_among(corpus, self.how(corpus), duty, ranks)?;
        // The files are there when all ranks have come this far.
        collective.all_gather(&[0])?;
        let store = known.or(made).or_else(|| self.known(corpus));
        Ok(Some(store.map_or_else(|| self.made(corpus), Ok)?))
    }
}

/// The tokens of texts that are in memory.
///
/// # Errors
/// A text that cannot be encoded.
pub(crate) fn in_memory(
    corpus: &Corpus,
    tokenizer: &Tokenizer,
    max: MaxLength,
) -> Result<TokenStore, DataError> {
    let bar = Progress::of("tokenising", corpus.count() as u64, "texts");
    let texts = corpus.texts_and_labels().inspect(|_| bar.advance());
    Ok(TokenStore::build(texts, tokenizer, max)?)
}

/// What the rank at `seat` does: on each host the first that lacks the tokens writes them; where there is no cache, each.
fn duty(all: &[State], seat: Seat) -> Duty {
    let Some((mine, others)) = all.get(..=seat.rank().0).and_then(<[_]>::split_last) else {
        return Duty::Keep;
    };
    let writes = |other: &State| other.host == mine.host && other.keeps && !other.has;
    match mine.has || mine.keeps && others.iter().any(writes) {
        true => Duty::Help,
        false => Duty::Keep,
    }
}

/// All ranks of a run.
struct Ranks<'a> {
    collective: &'a mut dyn Collective,
    bar: Progress,
}

impl Exchange for Ranks<'_> {
    type Error = Failure;

    fn seat(&self) -> Seat {
        self.collective.seat()
    }

    fn exchange(&mut self, mine: Vec<u8>) -> Result<Vec<Vec<u8>>, Failure> {
        Ok(gather_bytes(self.collective, &mine, MOST)?)
    }

    fn done(&self, texts: u64) {
        self.bar.set(texts);
    }
}

#[cfg(test)]
mod tests {
    use lockstep_world::Rank;

    use super::*;

    #[test]
    fn on_each_host_one_rank_writes() {
        let state = |host, has, keeps| State { is_file: true, has, keeps, host };
        let check = |all: &[State], expected: &[Duty]| {
            let world = WorldSize::new(all.len()).unwrap();
            let seats = (0..all.len()).map(|rank| Seat::new(Rank(rank), world).unwrap());
            assert_eq!(seats.map(|seat| duty(all, seat)).collect::<Vec<_>>(), expected);
        };
        use Duty::{Help, Keep};
        let cold = |host| state(host, false, true);
        check(&[cold(1), cold(1), cold(2), cold(1), cold(2)], &[Keep, Help, Keep, Help, Help]);
        check(&[state(1, true, true), cold(1), cold(1)], &[Help, Keep, Help]);
        check(&[state(1, false, false); 2], &[Keep, Keep]);
        check(&[state(1, false, false), cold(1), cold(1)], &[Keep, Keep, Help]);
    }

    #[test]
    fn the_folder_is_the_one_of_the_specification() {
        let check = |variables: &[(&str, &str)], expected: Option<&str>| {
            let pairs =
                variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            assert_eq!(usual(&pairs.collect()), expected.map(PathBuf::from));
        };
        check(&[], None);
        check(&[("HOME", "/h")], Some("/h/.cache/lockstep/tokens"));
        check(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")], Some("/x/lockstep/tokens"));
        check(&[("HOME", "/h"), ("XDG_CACHE_HOME", "x")], Some("/h/.cache/lockstep/tokens"));
    }
}
