//! What the cache of tokens gives, whatever lies in it.

use std::fs;
use std::path::{Path, PathBuf};

use lockstep_data::{
    Batch, ColumnChoice, Corpus, CorpusFile, CorpusSource, DataError, Duty, Exchange, Labels,
    MaxLength, Order, Sample, TokenCache, TokenStore, Tokenising, Tokenizer,
};
use lockstep_world::{Rank, Seat, Seed, WorldSize};

/// A folder with a data file, and a cache in it.
struct Place {
    folder: tempfile::TempDir,
    cache: TokenCache,
    tokenizer: Tokenizer,
    are_pairs: bool,
}

const ROWS: usize = 10_000;

fn text(row: usize) -> String {
    format!("row {row} of a file with {} words {}", row % 7, "more ".repeat(row % 5))
}

fn table(rows: usize) -> String {
    let row = |row| format!("{}\t{}\n", text(row), ["no", "yes", "perhaps"][row % 3]);
    "text\tlabel\n".to_owned() + &(0..rows).map(row).collect::<String>()
}

fn pairs(rows: usize) -> String {
    let row = |row| {
        let label = ["no", "yes", "perhaps"][row % 3];
        format!("{}\tis row {}\t{label}\n", text(row), row % 11)
    };
    "sentence1\tsentence2\tlabel\n".to_owned() + &(0..rows).map(row).collect::<String>()
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = Some(folder.path().join("cache/tokens"));
        let cache = TokenCache { directory, least: 0, scratch: None };
        let tokenizer = Tokenizer::train_wordpiece((0..100).map(text), 60).unwrap();
        let place = Self { folder, cache, tokenizer, are_pairs: false };
        place.write(&table(ROWS));
        place
    }

    fn of_pairs() -> Self {
        let place = Self { are_pairs: true, ..Self::new() };
        place.write(&pairs(ROWS));
        place
    }

    fn write(&self, content: &str) {
        fs::write(self.data(), content).unwrap();
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("train.tsv")
    }

    fn source(&self) -> CorpusSource {
        CorpusSource::from(self.data())
    }

    fn corpus(&self) -> CorpusFile {
        self.cache.labels(&self.source()).unwrap().unwrap().labelled(Labels::Infer).unwrap()
    }

    fn how(&self) -> Tokenising<'_> {
        let max = MaxLength::new(12).unwrap();
        Tokenising { tokenizer: &self.tokenizer, max, classes: 3, are_pairs: self.are_pairs }
    }

    /// The tokens, and whether they come from an earlier run.
    fn tokens(&self) -> (TokenStore, bool) {
        let corpus = self.corpus();
        match self.cache.open(&corpus, self.how()) {
            Some(store) => (store, true),
            None => (self.cache.build(&corpus, self.how(), &|_| ()).unwrap(), false),
        }
    }

    /// What tokenising in memory gives.
    fn expected(&self) -> TokenStore {
        let corpus = Corpus::read(&self.source(), Labels::Infer).unwrap();
        let how = self.how();
        TokenStore::build(corpus.texts_and_labels(), how.tokenizer, how.max).unwrap()
    }

    fn check(&self, store: &TokenStore) {
        let expected = self.expected();
        assert_eq!(store.lengths(), expected.lengths());
        let facts = |store: &TokenStore| {
            (store.fingerprint(), store.len(), store.total_tokens(), store.truncated())
        };
        assert_eq!(facts(store), facts(&expected));
        let some: Vec<usize> = (0..store.len()).rev().step_by(7).collect();
        assert_eq!(Batch::pack(store, &some).unwrap(), Batch::pack(&expected, &some).unwrap());
    }

    /// The files of the cache with this ending.
    fn files(&self, ending: &str) -> Vec<PathBuf> {
        let entries = self.cache.directory.iter().flat_map(fs::read_dir).flatten();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.to_str().unwrap().ends_with(ending)).collect()
    }

    fn file(&self) -> PathBuf {
        self.files(".tokens").pop().unwrap()
    }
}

#[test]
fn the_second_run_finds_what_the_first_has_made() {
    let place = Place::new();
    for is_known in [false, true, true] {
        let (store, known) = place.tokens();
        assert_eq!(known, is_known);
        place.check(&store);
    }
    assert_eq!((place.files(".tokens").len(), place.files(".part").len()), (1, 0));
}

#[test]
fn a_sample_is_the_same_in_memory_and_in_a_file_and_no_other_text_is_tokenised() {
    let place = Place::new();
    let read = || Corpus::read(&place.source(), Labels::Infer).unwrap();
    for order in [Order::AsInFile, Order::Shuffled(Seed(42))] {
        let sample = Sample { most: 1000.try_into().unwrap(), order };
        let held = read().limited_to(sample);
        for is_known in [false, true] {
            let corpus = place.cache.limited_to(place.corpus(), sample).unwrap();
            assert_eq!((corpus.count(), corpus.counts()), (1000, held.counts()));
            assert_eq!(corpus.examples_in_words(), held.examples_in_words());
            let examples: Result<Vec<_>, _> = corpus.read(|examples| examples.collect());
            assert_eq!(examples.unwrap(), held.examples());
            let known = place.cache.open(&corpus, place.how());
            assert_eq!(known.is_some(), is_known);
            let store =
                known.unwrap_or_else(|| place.cache.build(&corpus, place.how(), &|_| ()).unwrap());
            let expected =
                TokenStore::build(held.texts_and_labels(), &place.tokenizer, place.how().max);
            assert_eq!(store.fingerprint(), expected.unwrap().fingerprint());
        }
    }
    let all = Sample { most: ROWS.try_into().unwrap(), order: Order::AsInFile };
    assert!(place.cache.limited_to(place.corpus(), all).unwrap().sampled().is_none());
    // Counts that are not those of a sample are made anew.
    for content in [&b""[..], b"[1]", &[0; 100]] {
        place.files(".sample").iter().for_each(|path| fs::write(path, content).unwrap());
        let sample = Sample { most: 1000.try_into().unwrap(), order: Order::Shuffled(Seed(42)) };
        let corpus = place.cache.limited_to(place.corpus(), sample).unwrap();
        assert_eq!(corpus.counts(), read().limited_to(sample).counts());
    }
}

#[test]
fn labels_are_known_without_the_texts() {
    let place = Place::new();
    let facts = |corpus: &CorpusFile| {
        (
            corpus.counts().to_vec(),
            corpus.labels().clone(),
            corpus.columns().clone(),
            corpus.count(),
        )
    };
    let first = facts(&place.corpus());
    let known = place.files(".labels");
    assert_eq!(known.len(), 1);
    assert_eq!(facts(&place.corpus()), first);
    let [no, perhaps, yes] = [0, 2, 1].map(|rest| (0..ROWS).filter(|row| row % 3 == rest).count());
    assert_eq!(first.0, [no, perhaps, yes]);
    // What is no labels file is made anew.
    for content in [&b""[..], b"{}", &[0; 100]] {
        fs::write(&known[0], content).unwrap();
        assert_eq!(facts(&place.corpus()), first);
    }
}

#[test]
fn a_file_that_was_damaged_is_made_anew() {
    let place = Place::new();
    let (first, _) = place.tokens();
    let whole = fs::read(place.file()).unwrap();
    let cut = |length: usize| whole[..length].to_vec();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let last = whole.len() - 1;
    let mut cases =
        vec![vec![], cut(7), cut(100), cut(4096), cut(last), [&whole[..], b"x"].concat()];
    cases.extend([0, 9, 30, 40, 60, 100, 4096, 5000, 70_000, last - 40_000, last].map(flipped));
    // Sizes that would need more memory than there is, under a header whose hash is right or not.
    let mut huge = whole.clone();
    huge[32..48].fill(0xff);
    cases.push(huge);
    for bytes in cases {
        fs::write(place.file(), &bytes).unwrap();
        let (store, known) = place.tokens();
        assert!(!known, "{} bytes", bytes.len());
        assert_eq!(store.fingerprint(), first.fingerprint());
        assert!(place.tokens().1, "it is written again");
    }
    // A directory, and a file of other texts.
    fs::remove_file(place.file()).unwrap();
    let (_, known) = place.tokens();
    assert!(!known);
    let other = Place::new();
    other.write(&table(ROWS - 1));
    other.tokens();
    fs::copy(other.file(), place.file()).unwrap();
    let (store, known) = place.tokens();
    assert!(!known);
    place.check(&store);
}

#[test]
fn damage_that_comes_while_a_run_reads_ends_it_in_words() {
    let place = Place::new();
    let (store, _) = place.tokens();
    let path = place.file();
    // Where the first text is, which no process has read since.
    let bytes = fs::read(&path).unwrap();
    let mut torn = bytes.clone();
    torn[4096..5000].fill(0xff);
    fs::OpenOptions::new().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(
        &fs::OpenOptions::new().write(true).open(&path).unwrap(),
        &torn,
        0,
    )
    .unwrap();
    let error = Batch::pack(&store, &[0]).unwrap_err();
    assert!(matches!(error, DataError::Changed(_)), "{error}");
    assert!(error.to_string().contains("start the run again"), "{error}");
    assert!(!path.exists());
    assert!(!place.tokens().1);
}

#[test]
fn what_changes_the_tokens_changes_the_key() {
    let mut place = Place::new();
    assert!(!place.tokens().1);
    // Other texts of the same length, under an old time.
    let times = fs::metadata(place.data()).unwrap().modified().unwrap();
    place.write(&table(ROWS).replace("row 5 ", "raw 5 "));
    fs::File::open(place.data()).unwrap().set_modified(times).unwrap();
    let (store, known) = place.tokens();
    assert!(!known);
    place.check(&store);
    place.write(&table(ROWS));
    assert!(place.tokens().1, "the content counts, and not the time");
    // The same content under another name.
    let moved = place.folder.path().join("moved.tsv");
    fs::rename(place.data(), &moved).unwrap();
    let source = CorpusSource::from(moved.clone());
    let corpus = place.cache.labels(&source).unwrap().unwrap().labelled(Labels::Infer).unwrap();
    assert!(place.cache.open(&corpus, place.how()).is_some());
    fs::rename(&moved, place.data()).unwrap();
    // Another limit, and another tokenizer.
    let corpus = place.corpus();
    let longer = Tokenising { max: MaxLength::new(13).unwrap(), ..place.how() };
    assert!(place.cache.open(&corpus, longer).is_none());
    place.tokenizer = Tokenizer::train_wordpiece((0..100).map(text), 50).unwrap();
    assert!(!place.tokens().1);
}

#[test]
fn a_cache_that_cannot_be_written_fails_no_run() {
    let mut place = Place::new();
    let blocker = place.folder.path().join("blocker");
    fs::write(&blocker, "").unwrap();
    for directory in [Path::new("/proc/nowhere"), &blocker, &blocker.join("below")] {
        place.cache.directory = Some(directory.to_owned());
        for _ in 0..2 {
            let (store, known) = place.tokens();
            assert!(!known);
            place.check(&store);
        }
    }
    place.cache.directory = None;
    place.check(&place.tokens().0);
}

#[test]
fn a_file_that_changes_between_its_two_readings_is_refused() {
    let place = Place::new();
    for content in [table(ROWS - 1), table(ROWS + 1), table(ROWS).replace("perhaps", "ever")] {
        place.write(&table(ROWS));
        let corpus = place.corpus();
        place.write(&content);
        let error = place.cache.build(&corpus, place.how(), &|_| ()).unwrap_err();
        assert!(matches!(error, DataError::Changed(_)), "{error}");
        assert!(error.to_string().contains("changed while it was read"), "{error}");
    }
    assert_eq!(place.files(".part").len(), 0);
}

#[test]
fn two_runs_that_make_one_file_at_once_both_have_it() {
    let place = Place::new();
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| place.tokens().0)).collect();
        runs.into_iter().for_each(|run| place.check(&run.join().unwrap()));
    });
    assert_eq!((place.files(".tokens").len(), place.files(".part").len()), (1, 0));
    assert!(place.tokens().1);
}

/// Ranks that are threads of this test.
struct Ranks<'a> {
    seat: Seat,
    round: &'a std::sync::Barrier,
    desk: &'a std::sync::Mutex<Vec<Vec<u8>>>,
}

impl Exchange for Ranks<'_> {
    type Error = DataError;

    fn seat(&self) -> Seat {
        self.seat
    }

    fn exchange(&mut self, mine: Vec<u8>) -> Result<Vec<Vec<u8>>, DataError> {
        self.desk.lock().unwrap()[self.seat.rank().0] = mine;
        self.round.wait();
        let all = self.desk.lock().unwrap().clone();
        self.round.wait();
        Ok(all)
    }

    fn done(&self, _: u64) {}
}

/// What each rank makes of the file of its place.
fn among(places: &[&Place], duty: impl Fn(usize) -> Duty + Sync) -> Vec<Option<TokenStore>> {
    let world = WorldSize::new(places.len()).unwrap();
    let (round, desk) =
        (std::sync::Barrier::new(places.len()), std::sync::Mutex::new(vec![vec![]; places.len()]));
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..places.len())
            .map(|rank| {
                let (round, desk, duty, place) = (&round, &desk, &duty, places[rank]);
                scope.spawn(move || {
                    let seat = Seat::new(Rank(rank), world).unwrap();
                    let ranks = &mut Ranks { seat, round, desk };
                    let corpus = place.corpus();
                    place.cache.build_among(&corpus, place.how(), duty(rank), ranks).unwrap()
                })
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    })
}

#[test]
fn ranks_that_tokenise_their_parts_make_the_file_of_one() {
    for ranks in [2, 3, 5] {
        let place = Place::new();
        let first = |rank| if rank == 0 { Duty::Keep } else { Duty::Help };
        let made = among(&vec![&place; ranks], first);
        place.check(made[0].as_ref().unwrap());
        assert!(made[1..].iter().all(Option::is_none));
        let (store, known) = place.tokens();
        assert!(known);
        place.check(&store);
    }
}

#[test]
fn pairs_are_kept_with_the_place_where_their_second_texts_begin() {
    for ranks in [1, 2, 3] {
        let place = Place::of_pairs();
        let first = |rank| if rank == 0 { Duty::Keep } else { Duty::Help };
        let made = among(&vec![&place; ranks], first);
        let (kept, known) = place.tokens();
        assert!(known);
        for store in [made[0].as_ref().unwrap(), &kept] {
            place.check(store);
            assert!(store.is_of_pairs());
            let token_types = Batch::pack(store, &[5]).unwrap().token_types().to_vec();
            assert!(
                token_types.is_sorted()
                    && token_types.first() == Some(&0)
                    && token_types.last() == Some(&1)
            );
        }
        // The same columns of the same file as single texts have tokens of another name.
        let single = Tokenising { are_pairs: false, ..place.how() };
        assert!(place.cache.open(&place.corpus(), single).is_none());
        assert!(place.file().exists());
    }
}

#[test]
fn columns_and_their_pairs_have_files_each() {
    let mut place = Place::of_pairs();
    for (columns, are_pairs) in [
        ("sentence1", false),
        ("sentence2", false),
        ("sentence1,sentence2", true),
        ("sentence2,sentence1", true),
    ] {
        place.are_pairs = are_pairs;
        let source = CorpusSource {
            text_column: ColumnChoice::from(Some(columns.to_owned())),
            ..place.source()
        };
        let corpus = place.cache.labels(&source).unwrap().unwrap().labelled(Labels::Infer).unwrap();
        assert!(place.cache.open(&corpus, place.how()).is_none(), "{columns}");
        place.cache.build(&corpus, place.how(), &|_| ()).unwrap();
        assert!(place.cache.open(&corpus, place.how()).is_some(), "{columns}");
    }
    assert_eq!(place.files(".tokens").len(), 4);
}

#[test]
fn ranks_that_read_different_texts_make_nothing_together() {
    let (one, other) = (Place::new(), Place::new());
    other.write(&table(ROWS).replace("row 9999 ", "raw 9999 "));
    let made = among(&[&one, &other], |_| Duty::Keep);
    assert!(made.iter().all(Option::is_none));
    assert_eq!(one.files(".part").len() + other.files(".part").len(), 0);
}
