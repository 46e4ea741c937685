//! The token store: how long texts take to become tokens, beside Python's tokenizer, how long a second
//! start takes, and what many rows cost in memory.
//!
//! ```text
//! cargo bench --bench tokens -- phrases MODEL FILE [PYTHON]
//! cargo bench --bench tokens -- rows MODEL ROWS LONGEST FOLDER
//! ```

#![expect(clippy::print_stdout, reason = "a program that prints a report")]

mod peer;
mod rows;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Instant;

use lockstep_data::{
    CorpusFile, CorpusSource, Labels, MaxLength, TokenCache, TokenStore, Tokenising, Tokenizer,
};

use peer::Peer;

/// What a measurement gives, or why it cannot be made.
type Outcome<T> = Result<T, Box<dyn Error>>;

const ROUNDS: usize = 7;
const LONGEST: usize = 128;

fn main() -> Outcome<()> {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *words.as_slice() {
        ["phrases", model, file] => phrases(model.as_ref(), file.as_ref(), None),
        ["phrases", model, file, python] => phrases(model.as_ref(), file.as_ref(), Some(python)),
        ["rows", model, count, longest, folder] => {
            rows::measure(model, count.parse()?, longest.parse()?, folder.as_ref())
        }
        ["process", task, model, file, folder] => {
            rows::process(task, model.as_ref(), file.as_ref(), folder.as_ref())
        }
        _ => Err("see the head of benches/tokens/main.rs".into()),
    }
}

/// Seconds of one thing, round by round.
#[derive(Default)]
struct Times(Vec<f64>);

impl Times {
    fn note(&mut self, began: Instant) {
        self.0.push(began.elapsed().as_secs_f64());
    }

    fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn print(&self, what: &str) {
        let least = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        println!("{what:<60} median {:.4} s, least {least:.4} s", self.median());
    }
}

/// The set in `file`, whose texts stay there.
fn corpus(cache: &TokenCache, file: &Path) -> Outcome<CorpusFile> {
    let raw = cache.labels(&source_of(file))?.ok_or("not a file that can be read twice")?;
    Ok(raw.labelled(Labels::Infer)?)
}

fn how(tokenizer: &Tokenizer, classes: usize) -> Outcome<Tokenising<'_>> {
    let max = MaxLength::new(LONGEST).ok_or("no such length")?;
    Ok(Tokenising { tokenizer, max, classes: classes as u64, are_pairs: false })
}

fn cache(folder: &Path) -> TokenCache {
    let scratch = Some(std::env::temp_dir());
    TokenCache { directory: Some(folder.to_owned()), least: 0, scratch }
}

/// The tokens of a set, from the cache or made.
fn tokens(cache: &TokenCache, tokenizer: &Tokenizer, file: &Path) -> Outcome<TokenStore> {
    let corpus = corpus(cache, file)?;
    let how = how(tokenizer, corpus.labels().len())?;
    match cache.open(&corpus, how) {
        Some(store) => Ok(store),
        None => Ok(cache.build(&corpus, how, &|_| ())?),
    }
}

fn phrases(model: &Path, file: &Path, python: Option<&str>) -> Outcome<()> {
    let mut peer = python.map(|python| Peer::start(python, model, file)).transpose()?;
    let tokenizer = Tokenizer::from_dir(model)?;
    let [mut first, mut second, mut alone, mut theirs] = [(); 4].map(|()| Times::default());
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir()?;
        let cache = cache(folder.path());
        let began = Instant::now();
        let store = tokens(&cache, &tokenizer, file)?;
        first.note(began);
        let began = Instant::now();
        let again = tokens(&cache, &tokenizer, file)?;
        second.note(began);
        assert_eq!(store.fingerprint(), again.fingerprint());
        let whole = lockstep_data::Corpus::read(&source_of(file), Labels::Infer)?;
        let max = MaxLength::new(LONGEST).ok_or("no such length")?;
        let began = Instant::now();
        let held = TokenStore::build(whole.texts_and_labels(), &tokenizer, max)?;
        alone.note(began);
        assert_eq!(store.fingerprint(), held.fingerprint());
        if let Some(peer) = &mut peer {
            let (seconds, tokens) = peer.tokenise()?;
            assert_eq!(tokens, store.total_tokens());
            theirs.0.push(seconds);
        }
    }
    println!("{}: {} threads; {}", file.display(), rayon::current_num_threads(), load());
    first.print("first start: read twice, tokenised, hashed, on the disk");
    second.print("second start");
    alone.print("tokenised, the texts being in memory");
    if peer.is_some() {
        theirs.print("Python's fast tokenizer, all texts in one call");
        println!("Python / ours, in memory: {:.2}", theirs.median() / alone.median());
        println!("Python / first start: {:.2}", theirs.median() / first.median());
    }
    Ok(())
}

fn source_of(file: &Path) -> CorpusSource {
    CorpusSource::from(file.to_owned())
}

/// How busy the machine is.
fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!("load {}", load.split(' ').take(2).collect::<Vec<_>>().join(" "))
}
