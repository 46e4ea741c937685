//! Whole public data sets against Hugging Face's tokenizer and our own past measurements.
//!
//! The files are not part of the repository: without them these tests are skipped.
//! `golden/real_files.py` made the numbers.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use lockstep_data::{
    BatchPlan, Corpus, CorpusSource, Labels, MaxLength, Order, TokenStore, Tokenizer,
};
use lockstep_testkit::real;
use lockstep_world::{Rank, Seat, Seed, Step, WorldSize};
use serde_json::Value;

const GOLDEN: &str = include_str!("golden/real_files.json");
const TEXTS: &str = include_str!("golden/tokenizer.json");

/// The folder that holds `data/` and `models/`.
fn root() -> Option<PathBuf> {
    real("models/minilm-distilbert")?;
    real("data")?.parent().map(Path::to_path_buf)
}

fn corpus(path: PathBuf) -> Corpus {
    let source = CorpusSource::from(path);
    Corpus::read(&source, Labels::Infer).unwrap()
}

/// The tokenizer of a model directory, from tokenizer.json and from vocab.txt alone.
fn both(model: &Path) -> [Tokenizer; 2] {
    let folder = tempfile::tempdir().unwrap();
    for name in ["vocab.txt", "tokenizer_config.json"] {
        fs::copy(model.join(name), folder.path().join(name)).unwrap();
    }
    [Tokenizer::from_dir(model).unwrap(), Tokenizer::from_dir(folder.path()).unwrap()]
}

#[test]
fn ids_are_those_of_hugging_face() {
    let Some(root) = root() else { return };
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    for tokenizer in both(&root.join("models/minilm-distilbert")) {
        assert_eq!(tokenizer.vocab_size(), 30_522);
        for row in golden["files"].as_array().unwrap() {
            check_file(&tokenizer, &root, row);
        }
        check_odd_texts(&tokenizer, &golden["odd"]);
    }
}

fn check_file(tokenizer: &Tokenizer, root: &Path, row: &Value) {
    let corpus = corpus(root.join("data").join(row["file"].as_str().unwrap()));
    let texts = corpus.texts_and_labels().map(|(text, _)| (text, 0));
    let max = MaxLength::new(number(&row["max"])).unwrap();
    let store = TokenStore::build(texts, tokenizer, max).unwrap();
    assert_eq!(store.len(), number(&row["texts"]), "{row}");
    assert_eq!(store.total_tokens(), number(&row["tokens"]), "{row}");
    assert_eq!(store.truncated(), number(&row["truncated"]), "{row}");
    assert_eq!(format!("{:016x}", store.fingerprint()), row["fingerprint"], "{row}");
}

fn check_odd_texts(tokenizer: &Tokenizer, ids: &Value) {
    let texts: Value = serde_json::from_str(TEXTS).unwrap();
    for (length, all) in ids.as_object().unwrap() {
        let max = MaxLength::new(length.parse().unwrap()).unwrap();
        for (text, ids) in texts["texts"].as_array().unwrap().iter().zip(all.as_array().unwrap()) {
            let expected: Vec<u32> = serde_json::from_value(ids.clone()).unwrap();
            let encoded = tokenizer.encode(text.as_str().unwrap(), max).unwrap();
            assert_eq!(encoded.ids, expected, "{text} at {length}");
        }
    }
}

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

#[test]
fn public_files_are_read_without_a_word() {
    let Some(root) = root() else { return };
    let check = |file: &str, examples: usize, classes: usize, last: (&str, u64)| {
        let corpus = corpus(root.join("data").join(file));
        assert_eq!((corpus.examples().len(), corpus.labels().len()), (examples, classes), "{file}");
        let example = corpus.examples().last().unwrap();
        let name = corpus.labels().name(example.label).unwrap();
        assert_eq!((name, example.place.line), last, "{file}");
        assert!(corpus.skipped().is_empty());
    };
    check("sst2/dev.tsv", 872, 2, ("1", 873));
    check("sst2/train.tsv", 6_920, 2, ("1", 6_921));
    check("sst2/train-phrases.tsv", 67_349, 2, ("0", 67_350));
    check("banking77/train.csv", 10_003, 77, ("country_support", 10_017));
}

#[test]
fn the_busiest_rank_has_hardly_more_than_the_mean() {
    let Some(root) = root() else { return };
    let lengths = sst2_lengths(&root);
    let batch = NonZeroUsize::new(64).unwrap();
    let plan = BatchPlan::new(lengths.len(), batch, Order::Shuffled(Seed(42)));
    let world = WorldSize::new(4).unwrap();
    let over_mean = |loads: Vec<u32>| {
        f64::from(*loads.iter().max().unwrap()) * 4.0 / f64::from(loads.iter().sum::<u32>())
    };
    let load = |examples: &mut dyn Iterator<Item = usize>| examples.map(|i| lengths[i]).sum();
    let dealt = |step| {
        let share = |rank| plan.share(step, Seat::new(Rank(rank), world).unwrap(), &lengths);
        over_mean((0..4).map(|rank| load(&mut share(rank).into_iter())).collect())
    };
    let strided = |step| {
        let batch = plan.global_batch(step);
        let share = |rank| load(&mut batch.iter().copied().skip(rank).step_by(4));
        over_mean((0..4).map(share).collect())
    };
    let mean = |of: &dyn Fn(Step) -> f64| (0..500).map(|step| of(Step(step))).sum::<f64>() / 500.0;
    let (mean, plain) = (mean(&dealt), mean(&strided));
    println!(
        "busiest rank over the mean, SST-2, 4 ranks, 64 a batch: {mean:.4}; strided {plain:.4}"
    );
    assert!(mean <= 1.05, "{mean}");
}

/// A measurement rather than a test: it prints, and only a loss of an order of magnitude fails it.
#[test]
fn the_whole_of_sst2_is_read_and_tokenised_in_seconds() {
    let Some(root) = root() else { return };
    let [tokenizer, _] = both(&root.join("models/minilm-distilbert"));
    let start = Instant::now();
    let corpus = corpus(root.join("data/sst2/train-phrases.tsv"));
    let read = start.elapsed();
    let max = MaxLength::new(128).unwrap();
    let store = TokenStore::build(corpus.texts_and_labels(), &tokenizer, max).unwrap();
    let tokenised = start.elapsed() - read;
    println!("{} texts read in {read:.2?}, tokenised in {tokenised:.2?}", store.len());
    assert_eq!(store.lengths(), sst2_lengths(&root));
    assert!(start.elapsed().as_secs() < 60);
}

fn sst2_lengths(root: &Path) -> Vec<u32> {
    let lengths = fs::read_to_string(root.join("data/sst2/train-phrases.lengths")).unwrap();
    lengths.lines().map(|line| line.parse().unwrap()).collect()
}
