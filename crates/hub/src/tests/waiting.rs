//! One process downloads and the others wait, as long as it lives.

use std::fs::File;
use std::path::Path;
use std::time::Instant;

use super::*;

fn lock_at(cache: &TempDir, name: &str) -> File {
    let folder = cache.path().join(".locks/models--lab--model");
    fs::create_dir_all(&folder).unwrap();
    let file = File::create(folder.join(name)).unwrap();
    file.lock().unwrap();
    file
}

fn patient(patience: Duration, settings: HubSettings) -> HubSettings {
    HubSettings { waits: settings.waits.map(|waits| Waits { patience, ..waits }), ..settings }
}

#[test]
fn one_process_fetches_and_the_others_wait_for_it() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(MODEL, Manner::Proper);
    let settings = settings(&cache, &server.endpoint);
    let found: Vec<PathBuf> = std::thread::scope(|scope| {
        let ranks: Vec<_> =
            (0..4).map(|_| scope.spawn(|| find_model("lab/model", &settings).unwrap())).collect();
        ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
    });
    assert_eq!(server.count("/config.json"), 1, "the others take it from the cache");
    assert_eq!(server.count("pytorch_model.bin"), 1);
    assert!(found.iter().all(|folder| *folder == found[0]));
    for (name, content) in MODEL {
        assert_eq!(fs::read_to_string(found[0].join(name)).unwrap(), *content, "{name}");
    }
}

#[test]
fn a_holder_that_ends_is_waited_for_no_longer() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(MODEL, Manner::Proper);
    for name in ["lockstep.lock", "pytorch_model.bin-1.lock"] {
        let _ = fs::remove_dir_all(cache.path().join("models--lab--model"));
        let lock = lock_at(&cache, name);
        let asked = server.requests().len();
        std::thread::scope(|scope| {
            let settings = settings(&cache, &server.endpoint);
            let waiting = scope.spawn(move || find_model("lab/model", &settings).unwrap());
            std::thread::sleep(Duration::from_millis(300));
            assert!(!waiting.is_finished(), "{name}");
            let is_first = name.starts_with("lockstep");
            assert_eq!(server.requests().len() == asked, is_first, "{name}");
            drop(lock);
            waiting.join().unwrap();
        });
    }
}

#[test]
fn a_holder_is_waited_for_while_it_shows_signs_of_life() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(MODEL, Manner::Proper);
    let lock = lock_at(&cache, "lockstep.lock");
    let settings = patient(Duration::from_secs(2), settings(&cache, &server.endpoint));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| find_model("lab/model", &settings).unwrap());
        // Longer than the patience.
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(4) {
            std::thread::sleep(Duration::from_millis(100));
            lock.set_modified(std::time::SystemTime::now()).unwrap();
        }
        assert_eq!(server.requests().len(), 0);
        // And no longer than that without a sign.
        waiting.join().unwrap();
    });
    assert!(server.count("pytorch_model.bin") == 1);
}

#[test]
fn what_is_downloaded_without_a_lock_is_written_to_another_file() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(MODEL, Manner::BreaksOff("pytorch_model.bin"));
    let _lock = lock_at(&cache, "pytorch_model.bin-1.lock");
    let settings = patient(Duration::from_millis(200), settings(&cache, &server.endpoint));
    find_model("lab/model", &settings).unwrap_err();
    let blobs = cache.path().join("models--lab--model/blobs");
    let shared = format!("pytorch_model.bin-1.{}.incomplete", machine());
    let partial = |path: &Path| path.extension().is_some_and(|ending| ending == "incomplete");
    let mut paths = fs::read_dir(&blobs).unwrap().map(|entry| entry.unwrap().path());
    let found = paths.find(|path| partial(path)).unwrap();
    assert!(!blobs.join(shared).exists(), "{}", found.display());
}
