//! Models whose tokenizer cannot be read, or belongs to another model.

use serde_json::{Value, json};

use super::case::Case;
use super::files::Files;

/// All cases.
pub(super) fn cases() -> Vec<Case> {
    [jsons(), vocabularies(), pairs()].into_iter().flatten().collect()
}

/// A training from the reference model, whose files are changed.
fn model(name: &'static str, change: impl FnOnce(Files) -> Files) -> Case {
    let line = "train --model model --train-file <reference>/golden/rows.tsv --max-steps 1 \
                --output-dir out";
    Case::new(name, line).files(change(Files::of_reference("tiny")).inside("model"))
}

fn with_json(name: &'static str, edit: impl FnOnce(&mut Value)) -> Case {
    model(name, |files| files.edited_json("tokenizer.json", edit))
}

fn with_vocabulary(name: &'static str, edit: impl FnOnce(String) -> String) -> Case {
    model(name, |files| {
        let files = files.without("tokenizer.json");
        files.edited("vocab.txt", |text| {
            edit(String::from_utf8(text.to_vec()).unwrap()).into_bytes()
        })
    })
}

fn jsons() -> Vec<Case> {
    let text_alone = json!([{"Sequence": {"id": "A", "type_id": 0}}]);
    vec![
        model("a tokenizer.json cut short", |files| files.halved("tokenizer.json")),
        model("an empty tokenizer.json", |files| files.with("tokenizer.json", "")),
        model("a tokenizer.json of another shape", |files| {
            files.with("tokenizer.json", "{\"vocab\": [\"a\", \"b\"]}")
        }),
        model("a pointer of Git LFS", |files| {
            files.with("tokenizer.json", "version https://git-lfs.github.com/spec/v1\n")
        }),
        with_json("a tokenizer of another kind", |json| json["model"] = json!({"type": "Unigram"})),
        with_json("a tokenizer of RoBERTa", |json| json["model"] = json!({"type": "BPE"})),
        with_json("no [CLS] in the vocabulary", |json| {
            json["model"]["vocab"].as_object_mut().unwrap().remove("[CLS]");
            json["added_tokens"] = json!([]);
        }),
        with_json("no [CLS] around the text", |json| {
            json["post_processor"]["single"] = text_alone;
        }),
        with_json("no post-processor", |json| json["post_processor"] = Value::Null),
        with_json("two tokens of one number", |json| {
            json["model"]["vocab"]["[MASK]"] = json!(7);
            json["added_tokens"] = json!([]);
        }),
        with_json("a token with a number beyond all vocabularies", |json| {
            json["model"]["vocab"]["zzz"] = json!(4_294_967_295_u32);
        }),
        with_json("a token with a negative number", |json| {
            json["model"]["vocab"]["zzz"] = json!(-1)
        }),
    ]
}

fn vocabularies() -> Vec<Case> {
    vec![
        with_vocabulary("an empty vocab.txt", |_| String::new()),
        with_vocabulary("a vocab.txt without [CLS]", |text| text.replace("[CLS]\n", "")),
        with_vocabulary("a special token twice in vocab.txt", |text| text + "[UNK]\n"),
        with_vocabulary("a word in the place of another", |text| text.replace("\n?\n", "\n!\n"))
            .accepted("tokens"),
        with_vocabulary("a vocab.txt cut short", |text| text[..12].to_owned()),
        model("a vocab.txt that is not UTF-8", |files| {
            files.without("tokenizer.json").with("vocab.txt", b"[UNK]\n[CLS]\n[SEP]\ncaf\xe9\n")
        }),
        model("a vocab.txt that is JSON", |files| {
            files.without("tokenizer.json").with("vocab.txt", "{\"[UNK]\": 0}")
        }),
        model("a tokenizer_config.json that is cut short", |files| {
            files.without("tokenizer.json").halved("tokenizer_config.json")
        }),
    ]
}

fn pairs() -> Vec<Case> {
    vec![
        model("neither tokenizer.json nor vocab.txt", |files| {
            files.without("tokenizer.json").without("vocab.txt")
        }),
        with_json("a tokenizer with more tokens than the model", |json| {
            json["model"]["vocab"]["zzz"] = json!(297);
        }),
        with_vocabulary("a vocab.txt with more tokens than the model", |text| text + "zzz\n"),
    ]
}
