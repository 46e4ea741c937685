//! Who is told the token, wherever the hub sends.

use super::*;
use crate::server::{Reply, file_of};

/// A store that has the model's files, and asks for no token.
fn store() -> Server {
    Server::start(MODEL, Manner::Proper)
}

/// Fetches the model through a hub that answers so.
fn through(
    hub: impl Fn(&str) -> Reply + Send + 'static,
) -> (Server, Result<PathBuf, HubError>, TempDir) {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::answering(hub);
    let found = find_model("lab/model", &settings(&cache, &server.endpoint));
    (server, found, cache)
}

#[track_caller]
fn assert_told(server: &Server) {
    let requests = server.requests();
    assert!(!requests.is_empty());
    assert!(
        requests.iter().all(|head| head.contains("authorization: bearer secret")),
        "{requests:?}"
    );
}

#[track_caller]
fn assert_not_told(server: &Server) {
    let requests = server.requests();
    assert!(!requests.is_empty());
    let tells = |head: &String| head.contains("secret") || head.contains("authorization");
    assert!(!requests.iter().any(tells), "{requests:?}");
}

#[test]
fn the_token_goes_to_the_endpoint_and_to_no_other() {
    let store = store();
    let to = store.endpoint.clone();
    let (hub, found, _cache) = through(move |head| {
        Reply::to(&format!("{to}/signed/{}?key=1", file_of(head)))
            .with("x-repo-commit", "c0ffee")
            .with("x-linked-etag", &format!("\"{}-linked\"", file_of(head)))
    });
    let folder = found.unwrap();
    assert_eq!(fs::read_to_string(folder.join("pytorch_model.bin")).unwrap(), "some weights");
    assert_told(&hub);
    assert_not_told(&store);
    let blob = fs::canonicalize(folder.join("vocab.txt")).unwrap();
    assert_eq!(blob.file_name().unwrap(), "vocab.txt-linked", "the hub's word counts");
}

#[test]
fn a_resumed_download_tells_the_store_nothing_either() {
    let store = Server::start(MODEL, Manner::BreaksOff("pytorch_model.bin"));
    let to = store.endpoint.clone();
    let hub = Server::answering(move |head| Reply::to(&format!("{to}/{}", file_of(head))));
    let cache = tempfile::tempdir().unwrap();
    let error = find_model("lab/model", &trying(3, settings(&cache, &hub.endpoint))).unwrap_err();
    assert!(matches!(error, HubError::Interrupted { .. }), "{error}");
    assert!(store.requests().iter().any(|head| head.contains("bytes=6-")));
    assert_told(&hub);
    assert_not_told(&store);
}

#[test]
fn redirects_within_the_endpoint_keep_the_token() {
    let (hub, found, _cache) = through(|head| match head.contains("/resolve-cache/") {
        true => answer_of_model(head),
        false => {
            let file = file_of(head);
            let location = match file {
                "vocab.txt" => "//HOST/api/resolve-cache/vocab.txt".to_owned(),
                "config.json" => "../../../api/resolve-cache/config.json".to_owned(),
                file => format!("/api/resolve-cache/{file}?etag=1"),
            };
            let host = head.split("host: ").nth(1).unwrap().lines().next().unwrap();
            Reply::to(&location.replace("HOST", host)).with("etag", "\"of-the-redirect\"")
        }
    });
    let folder = found.unwrap();
    let blob = fs::canonicalize(folder.join("vocab.txt")).unwrap();
    assert_eq!(blob.file_name().unwrap(), "vocab.txt-1", "the file's etag, not the redirect's");
    assert_told(&hub);
}

fn answer_of_model(head: &str) -> Reply {
    let found = MODEL.iter().find(|(name, _)| *name == file_of(head));
    found.map_or(Reply::of(404), |(name, body)| Reply::file(head, name, body.as_bytes()))
}

#[test]
fn a_chain_tells_each_server_what_is_its_own() {
    // hub -> first -> second -> hub
    let hub_address = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let back = hub_address.clone();
    let second = Server::answering(move |head| {
        Reply::to(&format!("{}/home/{}", back.lock().unwrap(), file_of(head)))
    });
    let to = second.endpoint.clone();
    let first = Server::answering(move |head| Reply::to(&format!("{to}/{}", file_of(head))));
    let to = first.endpoint.clone();
    let hub = Server::answering(move |head| match head.contains("/home/") {
        true => answer_of_model(head),
        false => Reply::to(&format!("{to}/{}", file_of(head))),
    });
    hub_address.lock().unwrap().push_str(&hub.endpoint);
    let cache = tempfile::tempdir().unwrap();
    find_model("lab/model", &settings(&cache, &hub.endpoint)).unwrap();
    assert_told(&hub);
    assert_not_told(&first);
    assert_not_told(&second);
}

#[test]
fn the_same_host_by_another_name_or_port_is_another() {
    let store = store();
    let to = store.endpoint.replace("127.0.0.1", "localhost");
    let (_hub, found, _cache) = through(move |head| Reply::to(&format!("{to}/{}", file_of(head))));
    found.unwrap();
    assert_not_told(&store);
}

#[test]
fn without_redirects_from_the_hub_a_mirror_may_name_the_revision() {
    let store = store();
    let to = store.endpoint.clone();
    let (_hub, found, cache) = through(move |head| Reply::to(&format!("{to}/{}", file_of(head))));
    assert_eq!(found.unwrap(), cache.path().join("models--lab--model/snapshots/c0ffee"));
}

#[test]
fn redirects_that_lead_astray_are_refused() {
    let check = |location: &'static str, expected: Expect| {
        let (_hub, found, cache) = through(move |_| Reply::to(location));
        let error = found.unwrap_err();
        assert!(matches!(error, HubError::Redirected { .. }), "{error}");
        assert!(!cache.path().join("models--lab--model").exists());
        let text = error.to_string();
        let (_, cause) = text.lines().next().unwrap().rsplit_once(": it ").unwrap();
        expected.assert_eq(&format!("it {cause}"));
    };
    check(
        "file:///etc/passwd",
        expect![
            "it redirects to file:///etc/passwd, which is not the address of a file on the web"
        ],
    );
    check(
        "http://me@127.0.0.1/x?secret=1",
        expect![
            "it redirects to http://me@127.0.0.1/x, which is not the address of a file on the web"
        ],
    );
    check(
        "http://",
        expect!["it redirects to http://, which is not the address of a file on the web"],
    );
}

#[test]
fn a_circle_is_left() {
    let (hub, found, _cache) = through(|_| Reply::to("/again"));
    let error = found.unwrap_err().to_string();
    assert!(error.contains("/again, after more redirects than any hub makes"), "{error}");
    assert_eq!(hub.requests().len(), 11);
}

#[test]
fn from_https_to_http_nothing_is_followed() {
    let leads = |from: &str, to: &str| {
        crate::client::next(&from.parse().unwrap(), to).map(|there| there.to_string())
    };
    for to in ["http://hub.co/x", "http://cdn.org/x", "http://hub.co:443/x"] {
        let error = leads("https://hub.co/a", to).unwrap_err().to_string();
        assert!(error.contains("not encrypted"), "{error}");
    }
    assert_eq!(leads("https://hub.co/a", "//cdn.org/x").unwrap(), "https://cdn.org/x");
    assert_eq!(leads("http://hub.co/a", "http://cdn.org/x").unwrap(), "http://cdn.org/x");
    assert_eq!(leads("http://hub.co/a", "https://cdn.org/x").unwrap(), "https://cdn.org/x");
}
