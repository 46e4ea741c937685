//! How many validation texts are also in the training set.

use lockstep_data::{MaxLength, Overlap, TokenStore, Tokenizer};

const WORDS: [&str; 6] = ["good", "bad", "film", "story", "slow", "warm"];

fn store(rows: &[(String, u32)]) -> TokenStore {
    let tokenizer = Tokenizer::train_wordpiece(WORDS, 40).unwrap();
    let rows = rows.iter().map(|(text, class)| (text.as_str(), *class));
    TokenStore::build(rows, &tokenizer, MaxLength::new(16).unwrap()).unwrap()
}

fn text(number: usize) -> String {
    let word = |place: u32| WORDS[number / WORDS.len().pow(place) % WORDS.len()];
    format!("{} {} {}", word(0), word(1), word(2))
}

#[test]
fn shared_and_contradicting_texts_are_counted() {
    let class = |number: usize| u32::try_from(number % 2).unwrap();
    // 200 texts are more than three blocks of the store.
    let train: Vec<(String, u32)> = (0..200).map(|n| (text(n), class(n))).collect();
    let held: Vec<(String, u32)> = (190..216).map(|n| (text(n), 0)).collect();
    let overlap = Overlap::of(&store(&train), &store(&held)).unwrap();
    assert_eq!(overlap, Overlap { texts: 26, shared: 10, contradicting: 5 });
}

#[test]
fn a_text_with_both_classes_contradicts_none() {
    let rows = |rows: &[(&str, u32)]| {
        store(&rows.iter().map(|(text, class)| ((*text).to_owned(), *class)).collect::<Vec<_>>())
    };
    let train = rows(&[("good film", 0), ("Good  film", 1), ("bad", 1)]);
    let held = rows(&[("good film", 1), ("good film", 0), ("bad", 0), ("warm", 0)]);
    let overlap = Overlap::of(&train, &held).unwrap();
    assert_eq!(overlap, Overlap { texts: 4, shared: 3, contradicting: 1 });
    assert_eq!(Overlap::of(&held, &rows(&[])).unwrap(), Overlap::default());
}
