//! No input makes the readers or the tokenizer panic, and no row is lost without an account.

use std::fs;

use std::path::PathBuf;

use lockstep_data::{
    Batch, Corpus, CorpusSource, Format, Labels, MaxLength, OnBadRow, TextReader, TextSource,
    TokenStore, Tokenizer,
};
use proptest::prelude::*;

const TINY: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n##a\n##b\n中\né\n";

/// Bytes in which separators, quotes, line ends and broken UTF-8 are common.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            &b"\t"[..], b",", b"\"", b"\n", b"\r\n", b"text", b"label", b"a", b"1", b"\0", b"\xFF",
            b"\xEF\xBB\xBF", b"{\"text\": \"a\", \"label\": 1}", b"{", b"}", b"null", b" ", b"\xC3\xA9",
        ]).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    let header = prop::sample::select(vec![&b""[..], b"text\tlabel\n", b"text,label\r\n"]);
    (header, prop::collection::vec(piece, 0..40))
        .prop_map(|(h, p)| [h.to_vec(), p.concat()].concat())
}

fn corpus(file: &[u8], extension: &str, on_bad_row: OnBadRow) -> Result<Corpus, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a").with_extension(extension);
    fs::write(&path, file).unwrap();
    let source = CorpusSource { on_bad_row, ..path.into() };
    Corpus::read(&source, Labels::Infer).map_err(|error| match error.remedy() {
        Some(remedy) => format!("{error}\n  remedy: {remedy:?}"),
        None => error.to_string(),
    })
}

fn texts(file: &[u8], format: Format) -> Vec<(u64, Option<String>)> {
    let source = TextSource { format: Some(format), ..PathBuf::from("input").into() };
    let Ok(reader) = TextReader::new(file, source) else { return Vec::new() };
    reader.map_while(Result::ok).map(|row| (row.line, row.text.ok())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_bytes_are_read_or_refused(
        file in bytes(),
        (extension, format) in prop::sample::select(vec![
            ("tsv", Format::Tsv), ("csv", Format::Csv), ("jsonl", Format::Jsonl),
        ]),
    ) {
        let answered = texts(&file, format);
        prop_assert!(answered.windows(2).all(|pair| pair[0].0 < pair[1].0), "lines in order");
        let plain = texts(&file, Format::Plain);
        let end = if file.contains(&b'\n') { b'\n' } else { b'\r' };
        prop_assert_eq!(plain.len(), file.split_inclusive(|&byte| byte == end).count());
        match (corpus(&file, extension, OnBadRow::Fail), corpus(&file, extension, OnBadRow::Skip)) {
            (Ok(strict), Ok(lenient)) => {
                prop_assert_eq!(strict.examples(), lenient.examples());
                prop_assert!(lenient.skipped().is_empty());
            }
            (Ok(_), Err(error)) => prop_assert!(false, "{}", error),
            (Err(error), Ok(lenient)) => {
                prop_assert!(!lenient.skipped().is_empty(), "{}", error);
                prop_assert!(lenient.examples().iter().all(|e| !e.text.trim().is_empty()));
            }
            (Err(error), Err(_)) => prop_assert!(error.contains("hint: ") || error.contains("remedy: "), "{}", error),
        }
    }

    #[test]
    fn any_text_is_encoded(texts in prop::collection::vec(any::<String>(), 0..5), most in 3_usize..40) {
        let tokenizer = tiny(TINY.as_bytes()).unwrap();
        let max = MaxLength::new(most).unwrap();
        let rows = || texts.iter().map(|text| (text.as_str(), 1));
        let store = TokenStore::build(rows(), &tokenizer, max).unwrap();
        let again = TokenStore::build(rows(), &tokenizer, max).unwrap();
        prop_assert_eq!(store.fingerprint(), again.fingerprint());
        let all: Vec<usize> = (0..store.len()).rev().collect();
        let batch = Batch::pack(&store, &all).unwrap();
        prop_assert_eq!(batch.tokens(), store.total_tokens());
        for (place, &example) in all.iter().enumerate() {
            let range = batch.offsets()[place]..batch.offsets()[place + 1];
            let tokens = &batch.ids()[range.clone()];
            prop_assert_eq!(tokens, tokenizer.encode(&texts[example], max).unwrap().ids);
            prop_assert_eq!((tokens[0], tokens[tokens.len() - 1]), (2, 3));
            prop_assert!(tokens.len() <= most);
            prop_assert!(batch.positions()[range].iter().copied().eq(0..store.lengths()[example]));
        }
        prop_assert!(Batch::pack(&store, &[store.len()]).is_err());
    }

    #[test]
    fn any_texts_can_be_learned_from(texts in prop::collection::vec(any::<String>(), 0..4), size in 0_usize..60) {
        let tokenizer = Tokenizer::train_wordpiece(texts.iter().map(String::as_str), size).unwrap();
        for text in &texts {
            tokenizer.encode(text, MaxLength::new(64).unwrap()).unwrap();
        }
    }

    #[test]
    fn any_vocabulary_is_read_or_refused(vocabulary in prop::collection::vec(any::<u8>(), 0..60)) {
        let whole = [TINY.as_bytes(), &vocabulary].concat();
        let tokenizer = tiny(&whole);
        prop_assert_eq!(tokenizer.is_some(), std::str::from_utf8(&whole).is_ok());
    }
}

fn tiny(vocabulary: &[u8]) -> Option<Tokenizer> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("vocab.txt"), vocabulary).unwrap();
    Tokenizer::from_dir(folder.path()).ok()
}
