//! Models from a small server on this machine, and what is said when there is none.

mod cache;
mod data_sets;
mod redirects;
mod refusals;
mod resumption;
mod waiting;

use std::fs;
use std::time::Duration;

use expect_test::{Expect, expect};
use tempfile::TempDir;

use super::partial::machine;
use super::server::{Manner, Server};
use super::settings::{Access, Token, Waits};
use super::*;

const MODEL: &[(&str, &str)] = &[
    ("config.json", "{\"a\": 1}"),
    ("pytorch_model.bin", "some weights"),
    ("vocab.txt", "[PAD]\n[UNK]\n"),
    ("tokenizer_config.json", "{}"),
];

fn settings(cache: &TempDir, endpoint: &str) -> HubSettings {
    HubSettings {
        cache: Some(cache.path().to_owned()),
        endpoint: endpoint.to_owned(),
        token: Token::Given("secret".to_owned()),
        access: Access::Online,
        waits: Ok(Waits {
            answer: Duration::from_secs(5),
            bytes: Duration::from_secs(5),
            tries: 0,
            pause: Duration::ZERO,
            patience: Duration::from_secs(20),
        }),
    }
}

fn trying(tries: u32, settings: HubSettings) -> HubSettings {
    HubSettings { waits: settings.waits.map(|waits| Waits { tries, ..waits }), ..settings }
}

/// Checks how the search for a model ends, with what differs from run to run replaced.
fn check_error(name: &str, settings: &HubSettings, expected: Expect) {
    expected.assert_eq(&ending(&find_model(name, settings).unwrap_err(), settings));
}

/// The exit code and the message of a failure, with what differs from run to run replaced.
fn ending(error: &HubError, settings: &HubSettings) -> String {
    let cache = settings.cache.clone().unwrap_or("CACHE".into());
    let message = error.to_string().replace(&settings.endpoint, "HUB");
    let message = message.replace(&cache.display().to_string(), "CACHE");
    format!("exit code {}: {}", error.code().number(), message.replace(&machine(), "MACHINE"))
}

fn check_manner(manner: Manner, files: &'static [(&'static str, &'static str)], expected: Expect) {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(files, manner);
    check_error("lab/model", &settings(&cache, &server.endpoint), expected);
}

#[test]
fn a_directory_is_taken_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().to_str().unwrap();
    let settings = HubSettings { cache: None, ..settings(&folder, "") };
    assert_eq!(find_model(name, &settings).unwrap(), folder.path());
}

#[test]
fn a_model_is_fetched_once_and_then_taken_from_the_cache() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(MODEL, Manner::Proper);
    let settings = settings(&cache, &server.endpoint);
    let folder = find_model("lab/model", &settings).unwrap();
    assert_eq!(folder, cache.path().join("models--lab--model/snapshots/c0ffee"));
    for (name, content) in MODEL {
        assert_eq!(fs::read_to_string(folder.join(name)).unwrap(), *content, "{name}");
    }
    let requests = server.requests();
    assert!(requests[0].starts_with("get /lab/model/resolve/main/config.json"), "{requests:?}");
    assert!(requests.iter().all(|head| head.contains("authorization: bearer secret")));

    assert_eq!(find_model("lab/model", &settings).unwrap(), folder);
    let offline = Access::Offline { variable: Some("HF_HUB_OFFLINE") };
    let settings = HubSettings { access: offline, ..settings };
    assert_eq!(find_model("lab/model", &settings).unwrap(), folder);
    assert_eq!(server.requests().len(), requests.len(), "the cache needs no network");
}

#[test]
fn what_was_fetched_before_a_break_is_not_fetched_again() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(MODEL, Manner::BreaksOff("pytorch_model.bin"));
    find_model("lab/model", &settings(&cache, &server.endpoint)).unwrap_err();
    let server = Server::start(MODEL, Manner::Proper);
    let folder = find_model("lab/model", &settings(&cache, &server.endpoint)).unwrap();
    assert_eq!(fs::read_to_string(folder.join("pytorch_model.bin")).unwrap(), "some weights");
    let requests = server.requests();
    assert!(requests.iter().any(|head| head.contains("range: bytes=6-")), "{requests:?}");
    assert!(!requests.iter().any(|head| head.contains("/config.json http")), "{requests:?}");
}

#[test]
fn names_that_are_neither_directory_nor_hub_id() {
    let cache = tempfile::tempdir().unwrap();
    let settings = settings(&cache, "http://127.0.0.1:1");
    check_error(
        "./models/mine",
        &settings,
        expect![[r#"
            exit code 6: the model `./models/mine` cannot be found: there is no directory of that name, and it is not a hub id (`name` or `owner/name`)
              hint: pass a directory that holds config.json, model.safetensors (or pytorch_model.bin), tokenizer.json (or vocab.txt) and tokenizer_config.json, a hub id such as distilbert-base-uncased, or builtin:tiny"#]],
    );
    for name in ["/no/where", "a/b/c", "../x", "a b", "~/m", "a/", ".hidden"] {
        let error = find_model(name, &settings).unwrap_err();
        assert!(matches!(error, HubError::NoDirectory { .. }), "{name}: {error}");
    }
    let file = cache.path().join("file");
    fs::write(&file, "").unwrap();
    let error = find_model(file.to_str().unwrap(), &settings).unwrap_err();
    assert!(matches!(error, HubError::IsFile { .. }), "{error}");
}

#[test]
fn a_model_that_cannot_be_fetched_says_which_files_to_fetch_and_where_to_put_them() {
    let cache = tempfile::tempdir().unwrap();
    let settings = settings(&cache, "http://127.0.0.1:1");
    check_error(
        "distilbert-base-uncased",
        &settings,
        expect![[r#"
            exit code 6: the model `distilbert-base-uncased` is neither a directory nor complete in the cache CACHE, and config.json cannot be downloaded from HUB: io: Connection refused (os error 111)
              hint: check the network (HF_ENDPOINT names the server), or download config.json, model.safetensors (or pytorch_model.bin), tokenizer.json (or vocab.txt) and tokenizer_config.json from https://huggingface.co/distilbert-base-uncased/tree/main into a directory DIR, and pass --model DIR"#]],
    );
    let offline = Access::Offline { variable: Some("HF_HUB_OFFLINE") };
    check_error(
        "lab/model",
        &HubSettings { access: offline, ..settings.clone() },
        expect![[r#"
            exit code 6: the model `lab/model` is neither a directory nor complete in the cache CACHE: config.json is missing, and HF_HUB_OFFLINE forbids downloads
              hint: unset HF_HUB_OFFLINE, or download config.json, model.safetensors (or pytorch_model.bin), tokenizer.json (or vocab.txt) and tokenizer_config.json from https://huggingface.co/lab/model/tree/main into a directory DIR, and pass --model DIR"#]],
    );
    check_error(
        "lab/model",
        &HubSettings { cache: None, ..settings },
        expect![[r#"
            exit code 6: the model `lab/model` is a hub id, and there is no directory for downloaded files
              hint: set HF_HOME to a writable directory, or pass a directory to --model"#]],
    );
}

#[test]
fn a_server_that_refuses_is_told_from_one_that_fails() {
    check_manner(
        Manner::Status(404),
        MODEL,
        expect![[r#"
            exit code 6: the model `lab/model` is not a directory, and HUB answers 404: the model does not exist, or it is private
              hint: check the spelling; set HF_TOKEN or run `hf auth login` for a private model; for a directory pass its path"#]],
    );
    check_manner(
        Manner::Status(401),
        MODEL,
        expect![[r#"
            exit code 6: the model `lab/model` is not a directory, and HUB answers 401: the model does not exist, or it is private
              hint: check the spelling; set HF_TOKEN or run `hf auth login` for a private model; for a directory pass its path"#]],
    );
    check_manner(
        Manner::Status(503),
        MODEL,
        expect![[r#"
            exit code 6: the model `lab/model` is neither a directory nor complete in the cache CACHE, and config.json cannot be downloaded from HUB: http status: 503
              hint: check the network (HF_ENDPOINT names the server), or download config.json, model.safetensors (or pytorch_model.bin), tokenizer.json (or vocab.txt) and tokenizer_config.json from https://huggingface.co/lab/model/tree/main into a directory DIR, and pass --model DIR"#]],
    );
}

#[test]
fn a_model_must_arrive_whole() {
    check_manner(
        Manner::Proper,
        &[("config.json", "{}"), ("vocab.txt", "a")],
        expect![[r#"
            exit code 6: the model `lab/model` on HUB has no model.safetensors and no pytorch_model.bin
              hint: choose a DistilBERT, BERT or RoBERTa model that has config.json, model.safetensors (or pytorch_model.bin), tokenizer.json (or vocab.txt) and tokenizer_config.json"#]],
    );
    check_manner(
        Manner::BreaksOff("pytorch_model.bin"),
        MODEL,
        expect![[r#"
            exit code 6: the download of pytorch_model.bin of the model `lab/model` from HUB failed: Peer disconnected
              hint: run the command again to continue the download, or download config.json, model.safetensors (or pytorch_model.bin), tokenizer.json (or vocab.txt) and tokenizer_config.json from https://huggingface.co/lab/model/tree/main into a directory DIR, and pass --model DIR"#]],
    );
    check_manner(
        Manner::Understates("vocab.txt"),
        MODEL,
        expect![[r#"
            exit code 6: the download of vocab.txt of the model `lab/model` from HUB failed: the server announced 11 bytes, then 12
              hint: run the command again to continue the download, or download config.json, model.safetensors (or pytorch_model.bin), tokenizer.json (or vocab.txt) and tokenizer_config.json from https://huggingface.co/lab/model/tree/main into a directory DIR, and pass --model DIR"#]],
    );
}
