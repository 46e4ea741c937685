//! What is said when the hub refuses, is busy, fails, or is not there; and with which exit code.

use super::*;
use crate::server::{Reply, file_of};

/// A hub that answers so to everything.
fn check_reply(reply: Reply, expected: Expect) {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::answering(move |_| reply.clone());
    check_error("lab/model", &settings(&cache, &server.endpoint), expected);
    assert_eq!(server.requests().len(), 1, "nothing was tried again");
}

fn complaint(status: u16, code: &str, words: &str) -> Reply {
    let reply = Reply::of(status).with("x-error-message", words);
    if code.is_empty() { reply } else { reply.with("x-error-code", code) }
}

#[test]
fn a_refusal_says_why() {
    let absent = complaint(401, "RepoNotFound", "Repository not found");
    check_reply(
        absent,
        expect![[r#"
            exit code 6: the model `lab/model` is not a directory, and HUB answers 401: the model does not exist, or it is private
              hint: check the spelling; set HF_TOKEN or run `hf auth login` for a private model; for a directory pass its path"#]],
    );
    let token = complaint(401, "", "Invalid credentials in Authorization header");
    check_reply(
        token,
        expect![[r#"
        exit code 6: the model `lab/model` is not a directory, and HUB answers 401: the token is not valid
          hint: set HF_TOKEN to a valid token or run `hf auth login`; for a public model unset HF_TOKEN"#]],
    );
    check_reply(
        complaint(403, "GatedRepo", "Access to model is restricted"),
        expect![[r#"
        exit code 6: the model `lab/model` is not a directory, and HUB answers 403: access to the model is restricted, and the token's account was not granted it
          hint: ask for access at HUB/lab/model, then set HF_TOKEN to a token of that account or run `hf auth login`"#]],
    );
    let disabled = complaint(403, "", "Access to this resource is disabled.");
    check_reply(
        disabled,
        expect![[r#"
        exit code 6: the model `lab/model` is not a directory, and HUB answers 403: access to the model is disabled for everyone
          hint: choose another model"#]],
    );
    check_reply(
        complaint(403, "", "Forbidden"),
        expect![[r#"
        exit code 6: the model `lab/model` is not a directory, and HUB answers 403: the token may not read the model
          hint: give the token the permission to read lab/model (a fine-grained token names what it may read), or set HF_TOKEN to another one"#]],
    );
}

#[test]
fn what_is_not_there_is_named() {
    check_reply(
        complaint(404, "RepoNotFound", "Repository not found"),
        expect![[r#"
            exit code 6: the model `lab/model` is not a directory, and HUB answers 404: the model does not exist, or it is private
              hint: check the spelling; set HF_TOKEN or run `hf auth login` for a private model; for a directory pass its path"#]],
    );
    check_reply(
        complaint(404, "RevisionNotFound", "Invalid rev id: main"),
        expect![[r#"
        exit code 6: the model `lab/model` is not a directory, and HUB answers 404: the model has no branch `main`
          hint: choose another model, or create the branch on the hub"#]],
    );
    check_reply(
        complaint(404, "EntryNotFound", "Entry not found"),
        expect![[r#"
        exit code 6: the model `lab/model` on HUB has no config.json
          hint: choose a DistilBERT, BERT or RoBERTa model that has config.json, model.safetensors (or pytorch_model.bin), tokenizer.json (or vocab.txt) and tokenizer_config.json"#]],
    );
    check_reply(
        Reply::of(400),
        expect![[r#"
        exit code 6: the model `lab/model` is neither a directory nor complete in the cache CACHE, and config.json cannot be downloaded from HUB: http status: 400
          hint: check the network (HF_ENDPOINT names the server), or download config.json, model.safetensors (or pytorch_model.bin), tokenizer.json (or vocab.txt) and tokenizer_config.json from https://huggingface.co/lab/model/tree/main into a directory DIR, and pass --model DIR"#]],
    );
}

#[test]
fn a_gate_without_a_token_says_that_none_was_sent() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::answering(|_| complaint(401, "GatedRepo", "Access is restricted"));
    let settings = HubSettings { token: Token::Absent, ..settings(&cache, &server.endpoint) };
    check_error(
        "lab/model",
        &settings,
        expect![[r#"
        exit code 6: the model `lab/model` is not a directory, and HUB answers 401: access to the model is restricted, and no token was sent
          hint: ask for access at HUB/lab/model, then set HF_TOKEN to a token of that account or run `hf auth login`"#]],
    );
}

#[test]
fn a_server_that_is_not_a_hub_is_named() {
    let page = "<!DOCTYPE html>\n<html><body>Please sign in to the network</body></html>";
    let page = || Reply { body: page.as_bytes().to_vec(), ..Reply::of(200) };
    check_reply(
        page().with("content-type", "text/html"),
        expect![[r#"
        exit code 6: config.json of the model `lab/model` cannot be downloaded from HUB: its answer has no revision of the file (x-repo-commit, etag), so it is not a hub
          hint: check HF_ENDPOINT, which names the server, or download config.json, model.safetensors (or pytorch_model.bin), tokenizer.json (or vocab.txt) and tokenizer_config.json from https://huggingface.co/lab/model/tree/main into a directory DIR, and pass --model DIR"#]],
    );
    let cache = tempfile::tempdir().unwrap();
    let server = Server::answering(move |_| page());
    let settings = settings(&cache, &server.endpoint);
    let name = SplitName { id: "lab/set", config: None, split: "train" };
    let error = find_split(&name, &settings).unwrap_err();
    expect![[r#"
        exit code 3: the list of files of the data set `lab/set` cannot be downloaded from HUB: its answer is not JSON (it begins with `<!DOCTYPE html>`), so it is not a hub
          hint: check HF_ENDPOINT, which names the server, or download its Parquet files from https://huggingface.co/datasets/lab/set, and pass their paths"#]].assert_eq(&ending(&error, &settings));
}

#[test]
fn a_busy_hub_is_asked_again_when_it_allows_it() {
    let after = |header: &'static str, value: &'static str| {
        let cache = tempfile::tempdir().unwrap();
        let asked = std::sync::atomic::AtomicUsize::new(0);
        let server = Server::answering(move |head| {
            if asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 {
                return Reply::of(429).with(header, value);
            }
            let found = MODEL.iter().find(|(name, _)| *name == file_of(head));
            found.map_or(Reply::of(404), |(name, body)| Reply::file(head, name, body.as_bytes()))
        });
        let start = std::time::Instant::now();
        let settings = trying(1, settings(&cache, &server.endpoint));
        let found = find_model("lab/model", &settings).map_err(|error| ending(&error, &settings));
        (found.err(), start.elapsed().as_secs())
    };
    assert_eq!(after("retry-after", "1"), (None, 1));
    assert_eq!(after("ratelimit", "\"resolvers\";r=0;t=0"), (None, 1), "rounded up");
    assert_eq!(after("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"), (None, 0));
    let (said, _) = after("retry-after", "3600");
    expect![[r#"
        exit code 6: config.json of the model `lab/model` cannot be downloaded from HUB: http status: 429 (too many requests); it allows the next one in 3600 s
          hint: run the command again later; the hub allows more requests with a token (HF_TOKEN)"#]].assert_eq(&said.unwrap());
}

#[test]
fn a_hub_that_stays_busy_or_fails_is_given_up() {
    let check = |status, expected: Expect| {
        let cache = tempfile::tempdir().unwrap();
        let server = Server::answering(move |_| Reply::of(status));
        check_error("lab/model", &trying(4, settings(&cache, &server.endpoint)), expected);
        assert_eq!(server.requests().len(), 5);
    };
    check(
        429,
        expect![[r#"
        exit code 6: config.json of the model `lab/model` cannot be downloaded from HUB: http status: 429
          hint: run the command again later; the hub allows more requests with a token (HF_TOKEN)"#]],
    );
    check(
        500,
        expect![[r#"
        exit code 6: the model `lab/model` is neither a directory nor complete in the cache CACHE, and config.json cannot be downloaded from HUB: http status: 500
          hint: check the network (HF_ENDPOINT names the server), or download config.json, model.safetensors (or pytorch_model.bin), tokenizer.json (or vocab.txt) and tokenizer_config.json from https://huggingface.co/lab/model/tree/main into a directory DIR, and pass --model DIR"#]],
    );
    check(
        504,
        expect![[r#"
        exit code 6: the model `lab/model` is neither a directory nor complete in the cache CACHE, and config.json cannot be downloaded from HUB: http status: 504
          hint: check the network (HF_ENDPOINT names the server), or download config.json, model.safetensors (or pytorch_model.bin), tokenizer.json (or vocab.txt) and tokenizer_config.json from https://huggingface.co/lab/model/tree/main into a directory DIR, and pass --model DIR"#]],
    );
}

#[test]
fn a_server_that_answers_too_slowly_is_given_up() {
    let check = |reply: fn(Reply) -> Reply, expected: Expect| {
        let cache = tempfile::tempdir().unwrap();
        let server = Server::answering(move |head| match file_of(head) {
            "config.json" => reply(Reply::file(head, "config.json", b"{\"a\": 1}")),
            _ => Reply::of(404),
        });
        let settings = settings(&cache, &server.endpoint);
        let waits = settings.waits.clone().map(|waits| Waits {
            answer: Duration::from_millis(300),
            bytes: Duration::from_millis(300),
            ..waits
        });
        check_error("lab/model", &HubSettings { waits, ..settings }, expected);
    };
    let head = |reply| {
        std::thread::sleep(Duration::from_secs(1));
        reply
    };
    check(
        head,
        expect![[r#"
            exit code 6: the model `lab/model` is neither a directory nor complete in the cache CACHE, and config.json cannot be downloaded from HUB: the server did not answer in time (HF_HUB_ETAG_TIMEOUT sets how many seconds)
              hint: check the network (HF_ENDPOINT names the server), or download config.json, model.safetensors (or pytorch_model.bin), tokenizer.json (or vocab.txt) and tokenizer_config.json from https://huggingface.co/lab/model/tree/main into a directory DIR, and pass --model DIR"#]],
    );
    let body = |reply| Reply { withheld: 3, lingers: Duration::from_secs(1), ..reply };
    check(
        body,
        expect![[r#"
            exit code 6: the download of config.json of the model `lab/model` from HUB failed: no bytes arrived in time (HF_HUB_DOWNLOAD_TIMEOUT sets how many seconds)
              hint: run the command again to continue the download, or download config.json, model.safetensors (or pytorch_model.bin), tokenizer.json (or vocab.txt) and tokenizer_config.json from https://huggingface.co/lab/model/tree/main into a directory DIR, and pass --model DIR"#]],
    );
}

#[test]
fn a_mirror_may_lie_below_a_path() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(MODEL, Manner::Proper);
    let endpoint = format!("{}/hub/mirror", server.endpoint);
    find_model("lab/model", &settings(&cache, &endpoint)).unwrap();
    let first = &server.requests()[0];
    assert!(first.starts_with("get /hub/mirror/lab/model/resolve/main/config.json "), "{first}");
}
