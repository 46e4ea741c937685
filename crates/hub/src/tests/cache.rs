//! What is kept, and what is not believed.

use super::*;
use crate::server::{Files, Reply, file_of};
use lockstep_host::ExitCode;

fn hub_of(files: Files, change: impl Fn(&str, Reply) -> Reply + Send + 'static) -> Server {
    Server::answering(move |head| {
        let found = files.iter().find(|(name, _)| *name == file_of(head));
        let (name, body) = found.copied().unwrap_or(("", ""));
        match name {
            "" => Reply::of(404),
            name => change(name, Reply::file(head, name, body.as_bytes())),
        }
    })
}

/// SHA-256 of "some weights", of `sha256sum`.
const SHA256: &str = "a0c76a31f14d6cbed530bfac73778a5bb84861b795e8bd5d4c8eee29784fb766";

#[test]
fn the_layout_is_pythons() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(MODEL, Manner::Proper);
    find_model("lab/model", &settings(&cache, &server.endpoint)).unwrap();
    let folder = cache.path().join("models--lab--model");
    assert_eq!(fs::read_to_string(folder.join("refs/main")).unwrap(), "c0ffee");
    let pointer = folder.join("snapshots/c0ffee/vocab.txt");
    assert_eq!(fs::read_link(pointer).unwrap(), Path::new("../../blobs/vocab.txt-1"));
    let names = |folder: &Path| {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(&folder), ["blobs", "refs", "snapshots"]);
    assert_eq!(
        names(&folder.join("blobs")),
        ["config.json-1", "pytorch_model.bin-1", "tokenizer_config.json-1", "vocab.txt-1"]
    );
    assert_eq!(names(&folder.join("refs")), ["main"]);
    assert_eq!(names(&cache.path().join(".locks/models--lab--model")).len(), 5);
}

#[test]
fn content_is_taken_only_with_the_hash_that_the_hub_gives() {
    let with = |etag: &'static str| {
        hub_of(MODEL, move |name, reply| match name {
            "pytorch_model.bin" => reply.with("x-linked-etag", etag).with("x-linked-size", "12"),
            _ => reply,
        })
    };
    let cache = tempfile::tempdir().unwrap();
    let right = with(SHA256);
    let folder = find_model("lab/model", &settings(&cache, &right.endpoint)).unwrap();
    let blob = fs::canonicalize(folder.join("pytorch_model.bin")).unwrap();
    assert_eq!(blob.file_name().unwrap(), SHA256);

    let cache = tempfile::tempdir().unwrap();
    let wrong = with("\"0000000000000000000000000000000000000000000000000000000000000000\"");
    let error = find_model("lab/model", &settings(&cache, &wrong.endpoint)).unwrap_err();
    assert!(error.to_string().contains("its SHA-256 is "), "{error}");
    assert_eq!(error.code(), ExitCode::Checkpoint);
    let blobs = cache.path().join("models--lab--model/blobs");
    let mut kept = fs::read_dir(blobs).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!kept.any(|name| name.to_string_lossy().starts_with("0000")), "no damage stays");
}

#[test]
fn a_resumed_file_has_the_hash_of_all_its_bytes() {
    let cache = tempfile::tempdir().unwrap();
    let blobs = cache.path().join("models--lab--model/blobs");
    fs::create_dir_all(&blobs).unwrap();
    let partial = blobs.join(format!("{SHA256}.{}.incomplete", machine()));
    for (start, is_right) in [("some w", true), ("SOME W", false), ("some weights!!", true)] {
        let server = hub_of(MODEL, |name, reply| match name {
            "pytorch_model.bin" => reply.with("x-linked-etag", SHA256),
            _ => reply,
        });
        let _ = fs::remove_file(blobs.join(SHA256));
        let _ = fs::remove_file(
            cache.path().join("models--lab--model/snapshots/c0ffee/pytorch_model.bin"),
        );
        fs::write(&partial, start).unwrap();
        let found = find_model("lab/model", &settings(&cache, &server.endpoint));
        assert_eq!(found.is_ok(), is_right, "{start}");
        // What was wrong is fetched anew by the next try.
        find_model("lab/model", &settings(&cache, &server.endpoint)).unwrap();
    }
}

#[test]
fn a_break_is_gone_on_from_by_the_same_command() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(MODEL, Manner::BreaksOff("config.json"));
    // 8 bytes: 4, 2, 1 and none: a further try gets nothing of the last byte.
    let error = find_model("lab/model", &trying(4, settings(&cache, &server.endpoint)));
    assert!(matches!(error, Err(HubError::Interrupted { .. })), "{error:?}");
    let from: Vec<String> = server
        .requests()
        .iter()
        .filter_map(|head| Some(head.split("bytes=").nth(1)?.lines().next()?.to_owned()))
        .collect();
    assert_eq!(from, ["4-", "6-", "7-", "7-"]);
}

#[test]
fn a_server_that_fails_for_a_moment_is_asked_again() {
    let cache = tempfile::tempdir().unwrap();
    let failures = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::answering(move |head| {
        match failures.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Reply::of(503),
            1 => Reply::of(429),
            _ => {
                let found = MODEL.iter().find(|(name, _)| *name == file_of(head));
                found
                    .map_or(Reply::of(404), |(name, body)| Reply::file(head, name, body.as_bytes()))
            }
        }
    });
    find_model("lab/model", &trying(2, settings(&cache, &server.endpoint))).unwrap();
}

#[test]
fn where_there_is_no_way_nothing_is_tried_again() {
    let cache = tempfile::tempdir().unwrap();
    for endpoint in ["http://127.0.0.1:1", "http://127.0.0.1:2/under/a/path"] {
        let settings = trying(4, settings(&cache, endpoint));
        let waits = settings.waits.clone().map(|w| Waits { pause: Duration::from_secs(60), ..w });
        let start = std::time::Instant::now();
        let error = find_model("lab/model", &HubSettings { waits, ..settings }).unwrap_err();
        assert!(matches!(error, HubError::Unreachable { .. }), "{error}");
        assert!(start.elapsed() < Duration::from_secs(30), "{endpoint}: {error}");
    }
}

#[test]
fn a_full_disk_is_a_full_disk() {
    let cache = tempfile::tempdir().unwrap();
    let blobs = cache.path().join("models--lab--model/blobs");
    fs::create_dir_all(&blobs).unwrap();
    std::os::unix::fs::symlink(
        "/dev/full",
        blobs.join(format!("pytorch_model.bin-1.{}.incomplete", machine())),
    )
    .unwrap();
    let server = Server::start(MODEL, Manner::Proper);
    let error = find_model("lab/model", &settings(&cache, &server.endpoint)).unwrap_err();
    assert_eq!(error.code(), ExitCode::Failed);
    let text = ending(&error, &settings(&cache, &server.endpoint));
    expect![[r#"
        exit code 1: pytorch_model.bin of the model `lab/model` cannot be stored: CACHE/models--lab--model/blobs/pytorch_model.bin-1.MACHINE.incomplete cannot be written: No space left on device (os error 28)
          hint: free some space and run the command again, which continues the download; HF_HOME sets another directory for the cache"#]].assert_eq(&text);
}

#[test]
fn names_from_the_hub_stay_in_the_cache() {
    for (header, value) in [
        ("x-repo-commit", "../../../../evil"),
        ("x-linked-etag", "\"../evil\""),
        ("x-linked-etag", "\"/tmp/evil\""),
        ("x-linked-etag", "\"..\""),
        ("x-linked-etag", "\"\""),
    ] {
        let cache = tempfile::tempdir().unwrap();
        let server = hub_of(MODEL, move |_, mut reply| {
            reply.headers.retain(|(name, _)| *name != header);
            reply.with(header, value)
        });
        let error = find_model("lab/model", &settings(&cache, &server.endpoint)).unwrap_err();
        assert!(error.to_string().contains("so it is not a hub"), "{value}: {error}");
        let made: Vec<_> =
            fs::read_dir(cache.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(made, [".locks"], "{value}");
    }
}

#[test]
fn no_more_comes_than_the_hub_claimed() {
    // The body is longer than the size that the hub links to, and its own head says nothing.
    let cache = tempfile::tempdir().unwrap();
    let server = hub_of(MODEL, |name, reply| match name {
        "vocab.txt" => reply.with("x-linked-size", "3"),
        _ => reply,
    });
    let error = find_model("lab/model", &settings(&cache, &server.endpoint)).unwrap_err();
    assert!(error.to_string().contains("announced 3 bytes, then 12"), "{error}");
    let snapshot = cache.path().join("models--lab--model/snapshots/c0ffee");
    assert!(!snapshot.join("vocab.txt").exists());
}

#[test]
fn what_settings_cannot_be_is_said_as_a_fault_of_usage() {
    let cache = tempfile::tempdir().unwrap();
    for endpoint in ["huggingface.co", "ftp://huggingface.co", "https://me:pw@hub.co", "http://"] {
        let error = find_model("lab/model", &settings(&cache, endpoint)).unwrap_err();
        assert_eq!(error.code(), ExitCode::Usage, "{endpoint}: {error}");
    }
}

const SHARDED: Files = &[
    ("config.json", "{}"),
    ("tokenizer.json", "{}"),
    (
        "model.safetensors.index.json",
        r#"{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}"#,
    ),
    ("model-1.safetensors", "one"),
    ("model-2.safetensors", "two"),
    ("pytorch_model.bin", "not needed"),
];

#[test]
fn weights_in_several_files_are_fetched_with_their_index() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(SHARDED, Manner::BreaksOff("model-2.safetensors"));
    find_model("lab/model", &settings(&cache, &server.endpoint)).unwrap_err();
    let server = Server::start(SHARDED, Manner::Proper);
    let folder = find_model("lab/model", &settings(&cache, &server.endpoint)).unwrap();
    assert_eq!(fs::read_to_string(folder.join("model-2.safetensors")).unwrap(), "two");
    assert_eq!(server.count("model-1.safetensors"), 0, "it was there");
    assert_eq!(server.count("pytorch_model.bin"), 0);
    let asked = server.requests().len();
    find_model("lab/model", &settings(&cache, &server.endpoint)).unwrap();
    assert_eq!(server.requests().len(), asked);

    let server = Server::start(&SHARDED[..4], Manner::Proper);
    let cache = tempfile::tempdir().unwrap();
    let error = find_model("lab/model", &settings(&cache, &server.endpoint)).unwrap_err();
    assert!(error.to_string().contains("the index names it"), "{error}");
}

#[test]
fn a_byte_level_vocabulary_is_two_files() {
    const FILES: Files = &[
        ("config.json", "{}"),
        ("vocab.json", "{}"),
        ("merges.txt", "#version: 0.2"),
        ("model.safetensors", "some weights"),
    ];
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(FILES, Manner::Proper);
    let folder = find_model("lab/model", &settings(&cache, &server.endpoint)).unwrap();
    assert!(folder.join("vocab.json").is_file() && folder.join("merges.txt").is_file());
    let asked = server.requests().len();
    find_model("lab/model", &settings(&cache, &server.endpoint)).unwrap();
    assert_eq!(server.requests().len(), asked);

    // One of the two is not a vocabulary, also in the cache.
    fs::remove_file(folder.join("merges.txt")).unwrap();
    const HALF: Files = &[FILES[0], FILES[1], FILES[3]];
    let half = Server::start(HALF, Manner::Proper);
    check_error(
        "lab/model",
        &settings(&cache, &half.endpoint),
        expect![[r#"
        exit code 6: the model `lab/model` on HUB has no tokenizer.json and no vocab.txt and no vocab.json with merges.txt
          hint: choose a DistilBERT, BERT or RoBERTa model that has config.json, model.safetensors (or pytorch_model.bin), tokenizer.json (or vocab.txt) and tokenizer_config.json"#]],
    );
    find_model("lab/model", &settings(&cache, &server.endpoint)).unwrap();
}
