//! Pairs of texts: transformers' token numbers and types for 1,000 random pairs a layout.
//!
//! `golden/pairs.py` made the numbers; both sides draw the same pairs.

use std::fs;
use std::path::Path;

use lockstep_data::{Batch, MaxLength, TokenStore, Tokenizer, TokenizerError, paired};
use lockstep_testkit::reference;
use serde_json::{Value, json};

const GOLDEN: &str = include_str!("golden/pairs.json");
const PIECES: [&str; 28] = [
    "gloomy",
    "bird",
    "often",
    "open",
    "unaffable",
    "naïve",
    "日本",
    "don't",
    "!?",
    "🙂",
    "3.14",
    "</s>",
    "[SEP]",
    "<s>",
    "[CLS]",
    "file",
    "is",
    "the",
    "token",
    "movie",
    "HELLO",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "a-b",
    "walked",
    "sunny",
    "  ",
    "\t",
    "…",
];

/// `Draw` of `pairs.py`.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn text(&mut self) -> String {
        let most = [3, 12, 60][self.below(3)];
        let words = 1 + self.below(most);
        let mut drawn: Vec<&str> = (0..words).map(|_| PIECES[self.below(PIECES.len())]).collect();
        drawn.push(PIECES[self.below(10)]);
        drawn.join(" ")
    }
}

fn fnv<'a>(words: impl IntoIterator<Item = &'a u32>) -> u32 {
    words.into_iter().fold(2_166_136_261, |value, word| (value ^ word).wrapping_mul(16_777_619))
}

fn tokenizer(layout: &str, folder: &Path) -> Tokenizer {
    match layout {
        "bert" => Tokenizer::from_dir(&reference("tiny-hf")).unwrap(),
        "roberta" => {
            let variants: Value =
                serde_json::from_str(include_str!("golden/byte_level.json")).unwrap();
            let file = variants["variants"][0]["files"]["tokenizer.json"].as_str().unwrap();
            fs::write(folder.join("tokenizer.json"), file).unwrap();
            Tokenizer::from_dir(folder).unwrap()
        }
        _ => {
            for name in ["tokenizer.json", "tokenizer_config.json"] {
                fs::copy(reference("tiny-hf").join(name), folder.join(name)).unwrap();
            }
            let path = folder.join("tokenizer_config.json");
            let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            config["truncation_side"] = json!("left");
            fs::write(path, config.to_string()).unwrap();
            Tokenizer::from_dir(folder).unwrap()
        }
    }
}

/// The numbers and the types of a pair.
fn encoded(tokenizer: &Tokenizer, pair: &str, max: MaxLength) -> [Vec<u32>; 2] {
    let store = TokenStore::build([(pair, 0)], tokenizer, max).unwrap();
    let batch = Batch::pack(&store, &[0]).unwrap();
    [batch.ids().to_vec(), batch.token_types().to_vec()]
}

#[test]
fn a_thousand_pairs_a_layout_have_transformers_tokens() {
    let golden: Vec<Value> = serde_json::from_str(GOLDEN).unwrap();
    let mut pairs = 0;
    for (place, line) in golden.iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let layout = line["layout"].as_str().unwrap();
        let tokenizer = tokenizer(layout, folder.path());
        let saved = tempfile::tempdir().unwrap();
        tokenizer.save(saved.path(), 512).unwrap();
        let again = Tokenizer::from_dir(saved.path()).unwrap();
        let length = usize::try_from(line["max_length"].as_u64().unwrap()).unwrap();
        let max = MaxLength::new(length).unwrap();
        let mut draw = Draw(u64::try_from(place % 5).unwrap());
        for (number, hash) in line["hashes"].as_array().unwrap().iter().enumerate() {
            let (first, second) = (draw.text(), draw.text());
            let pair = paired(&first, &second);
            let [ids, mut token_types] = encoded(&tokenizer, &pair, max);
            assert_eq!(
                encoded(&again, &pair, max),
                [ids.clone(), token_types.clone()],
                "read again"
            );
            if layout == "roberta" {
                // Its types are all 0, and its encoder reads none.
                token_types.fill(0);
            }
            if let Some(shown) = line["first"].get(number) {
                assert_eq!(
                    *shown,
                    json!([ids, token_types]),
                    "{layout}, {length}: {first:?} {second:?}"
                );
            }
            let found = fnv(ids.iter().chain(&token_types));
            assert_eq!(json!(found), *hash, "{layout}, {length}, {number}: {first:?} {second:?}");
            pairs += 1;
        }
    }
    assert_eq!(pairs, 3000);
}

#[test]
fn what_has_no_room_for_a_pair_or_frames_it_otherwise_is_refused() {
    let tokenizer = Tokenizer::from_dir(&reference("tiny-hf")).unwrap();
    let encode = |tokenizer: &Tokenizer, length| {
        tokenizer.encode_pair(["a", "b"], MaxLength::new(length).unwrap())
    };
    assert_eq!(encode(&tokenizer, 5).unwrap().ids.len(), 5);
    let short = encode(&tokenizer, 4).unwrap_err();
    assert!(matches!(short, TokenizerError::NoRoom { max: 4, least: 5 }), "{short}");
    let folder = tempfile::tempdir().unwrap();
    let file = fs::read(reference("tiny-hf/tokenizer.json")).unwrap();
    let mut file: Value = serde_json::from_slice(&file).unwrap();
    file["post_processor"]["pair"][3]["Sequence"]["type_id"] = json!(0);
    fs::write(folder.path().join("tokenizer.json"), file.to_string()).unwrap();
    // Under another class, Python would put that class's template in place of the file's.
    let config = json!({"tokenizer_class": "PreTrainedTokenizerFast"}).to_string();
    fs::write(folder.path().join("tokenizer_config.json"), config).unwrap();
    let other = Tokenizer::from_dir(folder.path()).unwrap();
    assert_eq!(other.encode("a", MaxLength::new(8).unwrap()).unwrap().second, None);
    let refused = encode(&other, 8).unwrap_err();
    assert!(matches!(refused, TokenizerError::ForeignPair), "{refused}");
}

#[test]
fn a_border_elsewhere_among_the_same_tokens_has_another_fingerprint() {
    let tokenizer = Tokenizer::from_dir(&reference("tiny-hf")).unwrap();
    let max = MaxLength::new(16).unwrap();
    let store = |first: &str, second: &str| {
        TokenStore::build([(&*paired(first, second), 0)], &tokenizer, max).unwrap()
    };
    let stores = [store("bird [SEP]", "file"), store("bird", "[SEP] file")];
    let [one, other] = stores.each_ref().map(|store| Batch::pack(store, &[0]).unwrap());
    assert_eq!(one.ids(), other.ids());
    assert_ne!(one.token_types(), other.token_types());
    assert_ne!(stores[0].fingerprint(), stores[1].fingerprint());
}
