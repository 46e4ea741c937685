//! Every message about a malformed tokenizer, as a user sees it.

use std::fs;

use expect_test::{Expect, expect};
use lockstep_data::Tokenizer;
use serde_json::{Value, json};

const VOCABULARY: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\n";

/// A whole tokenizer.json over [`VOCABULARY`].
fn whole() -> Value {
    json!({
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 0, "strategy": "LongestFirst", "stride": 9},
        "padding": {"strategy": {"Fixed": 7}, "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": [{"id": 3, "content": "[SEP]", "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true}],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {"unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2,
            "[SEP]": 3, "[MASK]": 4, "a": 5, "##b": 6}},
    })
}

fn check(files: &[(&str, &[u8])], expected: Expect) {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    let told = match Tokenizer::from_dir(folder.path()) {
        Ok(tokenizer) => {
            let max = lockstep_data::MaxLength::new(9).unwrap();
            let ids = tokenizer.encode("AB [SEP] c", max).unwrap().ids;
            format!("read: {} tokens; AB [SEP] c = {ids:?}", tokenizer.vocab_size())
        }
        Err(error) => error.to_string().replace(&folder.path().display().to_string(), "model"),
    };
    expected.assert_eq(&told);
}

/// tokenizer.json as [`whole`], but for the value at `pointer`.
fn check_json(pointer: &str, value: Value, expected: Expect) {
    let mut file = whole();
    *file.pointer_mut(pointer).unwrap() = value;
    check(&[("tokenizer.json", file.to_string().as_bytes())], expected);
}

#[test]
fn directories_without_one() {
    check(
        &[],
        expect![[r#"
            model: the directory has neither tokenizer.json nor vocab.txt, nor vocab.json with merges.txt
              hint: copy one of them from the model's source"#]],
    );
    check(
        &[("config.json", b"{}")],
        expect![[r#"
            model: the directory has neither tokenizer.json nor vocab.txt, nor vocab.json with merges.txt
              hint: copy one of them from the model's source"#]],
    );
}

#[test]
fn tokenizer_json_that_cannot_be_read() {
    let whole = whole().to_string();
    check(
        &[("tokenizer.json", whole.as_bytes())],
        expect!["read: 7 tokens; AB [SEP] c = [2, 5, 6, 3, 1, 3]"],
    );
    check(
        &[("tokenizer.json", &whole.as_bytes()[..whole.len() / 2])],
        expect![[r#"
            model/tokenizer.json: cannot be read as a WordPiece tokenizer: EOF while parsing an object at line 1 column 417
              hint: download the file again, from a BERT-like model"#]],
    );
    check(
        &[("tokenizer.json", b"")],
        expect![[r#"
            model/tokenizer.json: cannot be read as a WordPiece tokenizer: EOF while parsing a value at line 1 column 0
              hint: download the file again, from a BERT-like model"#]],
    );
    check(
        &[("tokenizer.json", b"[1, 2]")],
        expect![[r#"
            model/tokenizer.json: cannot be read as a WordPiece tokenizer: invalid type: integer `1`, expected a sequence at line 1 column 2
              hint: download the file again, from a BERT-like model"#]],
    );
}

#[test]
fn tokenizer_json_that_is_something_else() {
    check(
        &[("tokenizer.json", b"{}")],
        expect![[r#"
            model/tokenizer.json: cannot be read as a WordPiece tokenizer: missing field `model` at line 1 column 2
              hint: download the file again, from a BERT-like model"#]],
    );
    check(
        &[("tokenizer.json", &b"[".repeat(1 << 20))],
        expect![[r#"
            model/tokenizer.json: cannot be read as a WordPiece tokenizer: invalid type: sequence, expected u32 at line 1 column 3
              hint: download the file again, from a BERT-like model"#]],
    );
    check(
        &[("tokenizer.json", &b" ".repeat((16 << 20) + 1))],
        expect![[r#"
            model/tokenizer.json: the file has more than 16 MiB, too large for a tokenizer
              hint: check that it is not the weights, or download it again"#]],
    );
    check(
        &[("tokenizer.json", b"<!doctype html>")],
        expect![[r#"
            model/tokenizer.json: cannot be read as a WordPiece tokenizer: expected value at line 1 column 1
              hint: download the file again, from a BERT-like model"#]],
    );
    check(
        &[("tokenizer.json", b"version https://git-lfs.github.com/spec/v1\n")],
        expect![[r#"
            model/tokenizer.json: cannot be read as a WordPiece tokenizer: expected value at line 1 column 1
              hint: download the file again, from a BERT-like model"#]],
    );
}

#[test]
fn post_processors_that_are_not_bert() {
    check_json(
        "/post_processor",
        Value::Null,
        expect![[r#"
            model/tokenizer.json: its post_processor is missing, but only [CLS] text [SEP] is supported
              hint: use the tokenizer.json or vocab.txt that the model was trained with"#]],
    );
    check_json(
        "/post_processor",
        json!({"type": "ByteLevel", "trim_offsets": true}),
        expect![[r#"
            model/tokenizer.json: its post_processor is of another kind, but only [CLS] text [SEP] is supported
              hint: use the tokenizer.json or vocab.txt that the model was trained with"#]],
    );
    let template = |single: Value, tokens: Value| json!({"type": "TemplateProcessing", "single": single, "pair": [], "special_tokens": tokens});
    let text = json!([{"Sequence": {"id": "A", "type_id": 0}}]);
    check_json(
        "/post_processor",
        template(text, json!({})),
        expect![[r#"
            model/tokenizer.json: its post_processor is another template, but only [CLS] text [SEP] is supported
              hint: use the tokenizer.json or vocab.txt that the model was trained with"#]],
    );
    let unknown = json!([{"SpecialToken": {"id": "[CLS]", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}]);
    check_json(
        "/post_processor",
        template(unknown, json!({})),
        expect![[r#"
            model/tokenizer.json: its post_processor is another template, but only [CLS] text [SEP] is supported
              hint: use the tokenizer.json or vocab.txt that the model was trained with"#]],
    );
}

#[test]
fn a_normaliser_or_splitter_that_is_not_bert() {
    check_json(
        "/normalizer",
        json!({"type": "Precompiled", "precompiled_charsmap": "AA"}),
        expect![[r#"
            model/tokenizer.json: its normalizer is `Precompiled`, but only BertNormalizer is supported
              hint: use the tokenizer.json or vocab.txt that the model was trained with"#]],
    );
    check_json(
        "/normalizer",
        Value::Null,
        expect![[r#"
            model/tokenizer.json: its normalizer is missing, but only BertNormalizer is supported
              hint: use the tokenizer.json or vocab.txt that the model was trained with"#]],
    );
    check_json(
        "/pre_tokenizer",
        json!({"type": "Split", "pattern": {"Regex": "(a+)+$"}}),
        expect![[r#"
            model/tokenizer.json: its pre_tokenizer is `Split`, but only BertPreTokenizer is supported
              hint: use the tokenizer.json or vocab.txt that the model was trained with"#]],
    );
}

#[test]
fn models_that_are_not_bert() {
    let bpe = json!({"type": "BPE", "vocab": {}, "merges": []});
    let mut extra = whole()["model"].clone();
    extra["dropout"] = json!({"a": [1]});
    check_json("/model", extra, expect!["read: 7 tokens; AB [SEP] c = [2, 5, 6, 3, 1, 3]"]);
    check_json(
        "/model",
        json!({"vocab": {}}),
        expect![[r#"
            model/tokenizer.json: cannot be read as a WordPiece tokenizer: its model has no `unk_token`
              hint: download the file again, from a BERT-like model"#]],
    );
    check_json(
        "/model",
        bpe,
        expect![[r#"
            model/tokenizer.json: its normalizer is `BertNormalizer`, but only null is supported
              hint: use the tokenizer.json or vocab.txt that the model was trained with"#]],
    );
    check_json(
        "/model/max_input_chars_per_word",
        json!(1_000_000_000),
        expect![[r#"
            model/tokenizer.json: its model.max_input_chars_per_word is `1000000000`, but only 100 is supported
              hint: use the tokenizer.json or vocab.txt that the model was trained with"#]],
    );
    check_json(
        "/model/continuing_subword_prefix",
        json!("@@"),
        expect![[r#"
            model/tokenizer.json: its model.continuing_subword_prefix is `@@`, but only ## is supported
              hint: use the tokenizer.json or vocab.txt that the model was trained with"#]],
    );
}

#[test]
fn tokens_that_cannot_be() {
    check_json(
        "/model/unk_token",
        json!("<unk>"),
        expect![[r#"
            model/tokenizer.json: the vocabulary has no `<unk>`
              hint: check that the file is complete and belongs to the model; a BERT vocabulary has [UNK], [CLS] and [SEP]"#]],
    );
    check_json(
        "/model/vocab",
        json!({}),
        expect![[r#"
            model/tokenizer.json: the vocabulary has no `[UNK]`
              hint: check that the file is complete and belongs to the model; a BERT vocabulary has [UNK], [CLS] and [SEP]"#]],
    );
    check_json(
        "/model/vocab",
        json!({"[UNK]": 0, "[SEP]": 3}),
        expect!["read: 4 tokens; AB [SEP] c = [2, 0, 3, 0, 3]"],
    );
}

#[test]
fn numbers_that_cannot_be() {
    check_json(
        "/model/vocab/a",
        json!(6),
        expect![[r#"
            model/tokenizer.json: `##b` and `a` have the same token id 6
              hint: download the file again"#]],
    );
    check_json(
        "/model/vocab/a",
        json!(4_294_967_295_u32),
        expect![[r#"
            model/tokenizer.json: `a` has the token id 4294967295, but at most 4194304 tokens are supported
              hint: download the file again"#]],
    );
    check_json(
        "/model/vocab/a",
        json!(-1),
        expect![[r#"
            model/tokenizer.json: cannot be read as a WordPiece tokenizer: invalid value: integer `-1`, expected u32
              hint: download the file again, from a BERT-like model"#]],
    );
    check_json(
        "/model/vocab/a",
        json!(9),
        expect!["read: 10 tokens; AB [SEP] c = [2, 9, 6, 3, 1, 3]"],
    );
}

#[test]
fn tokens_that_contradict_the_vocabulary() {
    check_json(
        "/added_tokens/0/id",
        json!(5),
        expect![[r#"
            model/tokenizer.json: `[SEP]` is listed with the token id 5, but the vocabulary has 3
              hint: the file was edited or mixed from two; download it again"#]],
    );
    check_json(
        "/added_tokens/0/content",
        json!(""),
        expect!["read: 7 tokens; AB [SEP] c = [2, 5, 6, 3, 1, 3]"],
    );
    check_json(
        "/post_processor/cls",
        json!(["[CLS]", 77]),
        expect![[r#"
            model/tokenizer.json: `[CLS]` is listed with the token id 77, but the vocabulary has 2
              hint: the file was edited or mixed from two; download it again"#]],
    );
    check_json(
        "/post_processor/cls",
        json!(["<s>", 0]),
        expect![[r#"
            model/tokenizer.json: `<s>` is listed with the token id 0, but the vocabulary has 7
              hint: the file was edited or mixed from two; download it again"#]],
    );
}

#[test]
fn vocabularies_alone() {
    check(
        &[("vocab.txt", VOCABULARY.as_bytes())],
        expect!["read: 7 tokens; AB [SEP] c = [2, 5, 6, 3, 1, 3]"],
    );
    check(
        &[("vocab.txt", format!("{VOCABULARY}\n\n").as_bytes())],
        expect!["read: 7 tokens; AB [SEP] c = [2, 5, 6, 3, 1, 3]"],
    );
    check(
        &[("vocab.txt", VOCABULARY.replace('\n', "\r\n").as_bytes())],
        expect!["read: 7 tokens; AB [SEP] c = [2, 5, 6, 3, 1, 3]"],
    );
    check(
        &[("vocab.txt", b"")],
        expect![[r#"
            model/vocab.txt: the vocabulary has no `[UNK]`
              hint: check that the file is complete and belongs to the model; a BERT vocabulary has [UNK], [CLS] and [SEP]"#]],
    );
    check(
        &[("vocab.txt", b"[PAD]\n[UNK]\n[CLS]\n")],
        expect![[r#"
            model/vocab.txt: the vocabulary has no `[SEP]`
              hint: check that the file is complete and belongs to the model; a BERT vocabulary has [UNK], [CLS] and [SEP]"#]],
    );
    check(
        &[("vocab.txt", b"[PAD]\n\xFF\xFE\n")],
        expect![[r#"
            model/vocab.txt: cannot be read as a WordPiece tokenizer: stream did not contain valid UTF-8
              hint: download the file again, from a BERT-like model"#]],
    );
}

#[test]
fn tokenizer_config_that_decides() {
    let vocabulary = ("vocab.txt", VOCABULARY.as_bytes());
    let json = whole().to_string();
    let json = ("tokenizer.json", json.as_bytes());
    let config = |text: &'static str| ("tokenizer_config.json", text.as_bytes());
    check(
        &[vocabulary, config("{\"do_lower_case\": false}")],
        expect!["read: 7 tokens; AB [SEP] c = [2, 1, 3, 1, 3]"],
    );
    check(
        &[json, config("{\"do_lower_case\": false}")],
        expect!["read: 7 tokens; AB [SEP] c = [2, 1, 3, 1, 3]"],
    );
    check(
        &[json, config("{\"do_lower_case\": false, \"tokenizer_class\": \"TokenizersBackend\"}")],
        expect!["read: 7 tokens; AB [SEP] c = [2, 5, 6, 3, 1, 3]"],
    );
    check(
        &[vocabulary, config("{\"cls_token\": {\"content\": \"<s>\"}}")],
        expect![[r#"
            model/vocab.txt: the vocabulary has no `<s>`
              hint: check that the file is complete and belongs to the model; a BERT vocabulary has [UNK], [CLS] and [SEP]"#]],
    );
    check(
        &[vocabulary, config("{\"do_lower_case\": \"yes\"}")],
        expect![[r#"
            model/tokenizer_config.json: cannot be read as a WordPiece tokenizer: invalid type: string "yes", expected a boolean at line 1 column 23
              hint: download the file again, from a BERT-like model"#]],
    );
    check(
        &[vocabulary, config("{")],
        expect![[r#"
            model/tokenizer_config.json: cannot be read as a WordPiece tokenizer: EOF while parsing an object at line 1 column 1
              hint: download the file again, from a BERT-like model"#]],
    );
}
