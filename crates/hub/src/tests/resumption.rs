//! What is done with the bytes of an earlier download.

use std::time::SystemTime;

use super::*;
use crate::server::{Reply, file_of};

/// SHA-256 of "some weights", of `sha256sum`.
const SHA256: &str = "a0c76a31f14d6cbed530bfac73778a5bb84861b795e8bd5d4c8eee29784fb766";

/// A hub whose answer for the weights is changed; with their SHA-256 where that is wanted.
fn hub(change: impl Fn(&str, Reply) -> Reply + Send + 'static) -> Server {
    Server::answering(move |head| {
        let Some((name, body)) = MODEL.iter().find(|(name, _)| *name == file_of(head)) else {
            return Reply::of(404);
        };
        match *name {
            "pytorch_model.bin" => change(head, Reply::file(head, name, body.as_bytes())),
            name => Reply::file(head, name, body.as_bytes()),
        }
    })
}

fn with_hash(reply: Reply) -> Reply {
    reply.with("x-linked-etag", SHA256).with("x-linked-size", "12")
}

/// A cache in which the first bytes of the weights lie under this name.
fn cache_with(name: &str, bytes: &str) -> TempDir {
    let cache = tempfile::tempdir().unwrap();
    let blobs = cache.path().join("models--lab--model/blobs");
    fs::create_dir_all(&blobs).unwrap();
    fs::write(blobs.join(name), bytes).unwrap();
    cache
}

fn ours(etag: &str) -> String {
    format!("{etag}.{}.incomplete", machine())
}

/// The first bytes that were asked for, of each request for a part.
fn parts(server: &Server) -> Vec<String> {
    let heads = server.requests();
    let part = |head: &String| Some(head.split("bytes=").nth(1)?.lines().next()?.to_owned());
    heads.iter().filter_map(part).collect()
}

#[track_caller]
fn check(server: &Server, cache: &TempDir, expected: &[&str]) {
    let folder = find_model("lab/model", &settings(cache, &server.endpoint)).unwrap();
    assert_eq!(fs::read_to_string(folder.join("pytorch_model.bin")).unwrap(), "some weights");
    assert_eq!(parts(server), expected);
}

#[test]
fn a_server_without_parts_sends_all_of_it() {
    let server = hub(|head, _| Reply::file(&head.replace("bytes=", ""), "w", b"some weights"));
    check(&server, &cache_with(&ours("w-1"), "some"), &["4-"]);
}

#[test]
fn a_part_that_cannot_be_had_is_forgotten() {
    let server = hub(|head, reply| match head.contains("bytes=") {
        true => Reply::of(416),
        false => reply,
    });
    check(&server, &cache_with(&ours("pytorch_model.bin-1"), "some"), &["4-"]);
}

#[test]
fn another_part_than_was_asked_for_is_not_taken() {
    let server = hub(|head, reply| match head.contains("bytes=") {
        true => Reply::file("range: bytes=6-", "pytorch_model.bin", b"some weights"),
        false => reply,
    });
    let cache = cache_with(&ours("pytorch_model.bin-1"), "some");
    let settings = settings(&cache, &server.endpoint);
    check_error(
        "lab/model",
        &settings,
        expect![[r#"
        exit code 6: the download of pytorch_model.bin of the model `lab/model` from HUB failed: another part came than was asked for
          hint: run the command again to continue the download, or download config.json, model.safetensors (or pytorch_model.bin), tokenizer.json (or vocab.txt) and tokenizer_config.json from https://huggingface.co/lab/model/tree/main into a directory DIR, and pass --model DIR"#]],
    );
    assert_eq!(parts(&server), ["4-"]);
    // What was there is forgotten, so that the next command begins anew.
    find_model("lab/model", &settings).unwrap();
}

#[test]
fn a_file_that_is_changed_between_two_parts_is_fetched_anew() {
    // Before the second command: the content has another name.
    let server = hub(|_, reply| reply);
    check(&server, &cache_with(&ours("of-yesterday"), "SOME"), &[]);

    // Between two requests of one command.
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let server = hub(move |head, mut reply| {
        if asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 0 {
            reply = Reply::file(head, "new", b"some weights");
        }
        reply
    });
    let cache = cache_with(&ours("pytorch_model.bin-1"), "SOME");
    check_error(
        "lab/model",
        &settings(&cache, &server.endpoint),
        expect![[r#"
        exit code 6: the download of pytorch_model.bin of the model `lab/model` from HUB failed: the file was changed during the download
          hint: run the command again to continue the download, or download config.json, model.safetensors (or pytorch_model.bin), tokenizer.json (or vocab.txt) and tokenizer_config.json from https://huggingface.co/lab/model/tree/main into a directory DIR, and pass --model DIR"#]],
    );
    let folder = find_model("lab/model", &settings(&cache, &server.endpoint)).unwrap();
    assert_eq!(fs::read_to_string(folder.join("pytorch_model.bin")).unwrap(), "some weights");
}

#[test]
fn the_bytes_of_another_process_are_copied_where_the_hub_gives_a_hash() {
    for name in ["incomplete", "ab12cd34.incomplete"] {
        let name = format!("{SHA256}.{name}");
        let server = hub(|_, reply| with_hash(reply));
        let cache = cache_with(&name, "some wei");
        check(&server, &cache, &["8-"]);
        let left = cache.path().join("models--lab--model/blobs").join(&name);
        assert_eq!(fs::read_to_string(left).unwrap(), "some wei", "it may still be written to");

        // Wrong bytes cost a download, and not the model.
        let server = hub(|_, reply| with_hash(reply));
        check(&server, &cache_with(&name, "SOME WEI"), &["8-"]);
        let server = hub(|_, reply| with_hash(reply));
        check(&server, &cache_with(&name, "some weights, and more"), &[]);
    }
    // Without a hash nothing would tell that they are wrong.
    let server = hub(|_, reply| reply);
    check(&server, &cache_with("pytorch_model.bin-1.incomplete", "SOME"), &[]);
}

#[test]
fn what_no_process_writes_to_any_more_is_removed() {
    let server = hub(|_, reply| with_hash(reply));
    let cache = cache_with(&format!("{SHA256}.ab12cd34.incomplete"), "some");
    let blobs = cache.path().join("models--lab--model/blobs");
    let old = blobs.join(format!("{SHA256}.ab12cd34.incomplete"));
    let hour = SystemTime::now() - Duration::from_secs(3600);
    fs::File::options().append(true).open(&old).unwrap().set_modified(hour).unwrap();
    let other = blobs.join(format!("{SHA256}.99999999.incomplete"));
    fs::write(&other, "s").unwrap();
    check(&server, &cache, &["4-"]);
    assert!(!old.exists() && other.exists());
}
