//! Splits of data sets from a small hub, and what is said where there are none.

use super::*;
use crate::server::{Reply, file_of};

type Branches = &'static [(&'static str, &'static [(&'static str, &'static str)])];

const CONVERTED: &str = "refs%2fconvert%2fparquet";
const TWO: Branches = &[
    (
        CONVERTED,
        &[
            ("cola/train/0000.parquet", "cola"),
            ("sst2/train/0000.parquet", "first"),
            ("sst2/train/0001.parquet", "second"),
            ("sst2/test/0000.parquet", "test"),
        ],
    ),
    ("main", &[("README.md", "words"), ("data/dev-00000-of-00001.parquet", "of main")]),
];

/// The real hub's answers for a data set of these branches; the revision of a branch is its place.
fn hub(branches: Branches) -> Server {
    Server::answering(move |head| {
        let path = head.split_whitespace().nth(1).unwrap();
        let rest = |start| path.strip_prefix(start);
        if let Some(branch) = rest("/api/datasets/lab/set/revision/") {
            let place = branches.iter().position(|(name, _)| *name == branch);
            let answer = |place| json(&serde_json::json!({"sha": format!("c0ffee{place}")}));
            return place.map_or(complaint("RevisionNotFound"), answer);
        }
        if let Some(tree) = rest("/api/datasets/lab/set/tree/") {
            return page(branches, tree);
        }
        match rest("/datasets/lab/set/resolve/").and_then(|rest| rest.split_once('/')) {
            Some((revision, file)) => content(branches, head, revision, file),
            None => complaint("RepoNotFound"),
        }
    })
}

fn complaint(code: &str) -> Reply {
    Reply::of(404).with("x-error-code", code)
}

fn json(value: &serde_json::Value) -> Reply {
    Reply { body: value.to_string().into_bytes(), ..Reply::of(200) }
}

fn files(branches: Branches, revision: &str) -> &'static [(&'static str, &'static str)] {
    let place: usize = revision.strip_prefix("c0ffee").unwrap().parse().unwrap();
    branches[place].1
}

/// Two files a page; the next one is behind an address that no client of a mirror reaches.
fn page(branches: Branches, tree: &str) -> Reply {
    let (revision, query) = tree.split_once('?').unwrap();
    let entry = |(path, body): &(&str, &str)| {
        let lfs = serde_json::json!({"oid": "ab", "size": body.len(), "pointerSize": 9});
        serde_json::json!({
            "type": "file", "path": path, "size": body.len(), "oid": "0", "lfs": lfs
        })
    };
    let from = query.split("cursor=").nth(1).map_or(0, |text| text.parse().unwrap());
    let all = files(branches, revision);
    let reply = json(&all.iter().skip(from).take(2).map(entry).collect());
    let next = format!("<https://huggingface.co/x?cursor={}>; rel=\"next\"", from + 2);
    if all.len() > from + 2 { reply.with("link", &next) } else { reply }
}

fn content(branches: Branches, head: &str, revision: &str, file: &str) -> Reply {
    let found = files(branches, revision).iter().find(|(name, _)| *name == file);
    found.map_or(complaint("EntryNotFound"), |(name, body)| {
        let etag = format!("{revision}-{}", name.replace('/', "-"));
        let mut reply = Reply::file(head, &etag, body.as_bytes());
        reply.headers.retain(|(name, _)| *name != "x-repo-commit");
        reply.with("x-repo-commit", revision)
    })
}

fn split<'a>(config: &'a str, split: &'a str) -> SplitName<'a> {
    SplitName { id: "lab/set", config: (!config.is_empty()).then_some(config), split }
}

fn offline(settings: HubSettings) -> HubSettings {
    HubSettings { access: Access::Offline { variable: Some("HF_HUB_OFFLINE") }, ..settings }
}

fn contents(files: &[PathBuf]) -> Vec<String> {
    files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

#[track_caller]
fn check_fault(name: &SplitName<'_>, settings: &HubSettings, expected: Expect) {
    expected.assert_eq(&ending(&find_split(name, settings).unwrap_err(), settings));
}

#[test]
fn a_split_is_fetched_once_and_then_taken_from_the_cache() {
    let cache = tempfile::tempdir().unwrap();
    let server = hub(TWO);
    let settings = settings(&cache, &server.endpoint);
    let train = find_split(&split("sst2", "train"), &settings).unwrap();
    assert_eq!(contents(&train), ["first", "second"]);
    let folder = cache.path().join("datasets--lab--set");
    assert_eq!(train[1], folder.join("snapshots/c0ffee0/sst2/train/0001.parquet"));
    assert_eq!(
        fs::read_link(&train[1]).unwrap(),
        Path::new("../../../../blobs/c0ffee0-sst2-train-0001.parquet-1")
    );
    let reference = fs::read_to_string(folder.join("refs/refs/convert/parquet")).unwrap();
    assert_eq!(reference, "c0ffee0");
    let tree = fs::read_to_string(folder.join("trees/c0ffee0.json")).unwrap();
    let tree: serde_json::Value = serde_json::from_str(&tree).unwrap();
    let entry = serde_json::json!({"size": 4, "blob_id": "0", "lfs_sha256": "ab", "lfs_size": 4});
    assert_eq!(tree["files"]["sst2/test/0000.parquet"], entry);
    assert_eq!((tree["files"].as_object().unwrap().len(), &tree["format_version"]), (4, &1.into()));
    let heads = server.requests();
    assert!(heads.iter().all(|head| head.contains("authorization: bearer secret")), "{heads:?}");

    for settings in [settings.clone(), offline(settings.clone())] {
        assert_eq!(find_split(&split("sst2", "train"), &settings).unwrap(), train);
    }
    assert_eq!(server.requests().len(), heads.len(), "the cache needs no network");

    // Another split of the same revision needs its file only, and the revision.
    assert_eq!(contents(&find_split(&split("sst2", "test"), &settings).unwrap()), ["test"]);
    assert_eq!(server.requests().len(), heads.len() + 2);

    // Parts that are missing are seen, also where the network is forbidden.
    fs::remove_file(&train[1]).unwrap();
    check_fault(
        &split("sst2", "train"),
        &offline(settings.clone()),
        expect![[r#"
        exit code 3: the data set `lab/set` is not complete in the cache CACHE: the split `train` of the configuration `sst2` is missing, and HF_HUB_OFFLINE forbids downloads
          hint: unset HF_HUB_OFFLINE, or download its Parquet files from https://huggingface.co/datasets/lab/set, and pass their paths"#]],
    );
    assert_eq!(find_split(&split("sst2", "train"), &settings).unwrap(), train);
}

#[test]
fn what_the_hub_did_not_convert_may_lie_on_the_main_branch() {
    let cache = tempfile::tempdir().unwrap();
    let server = hub(TWO);
    let found = find_split(&split("", "dev"), &settings(&cache, &server.endpoint));
    assert_eq!(contents(&found.unwrap()), ["of main"]);
    let cache = tempfile::tempdir().unwrap();
    let server = hub(&TWO[1..]);
    let settings = settings(&cache, &server.endpoint);
    let found = find_split(&split("default", "dev"), &settings).unwrap();
    assert_eq!(find_split(&split("", "dev"), &offline(settings)).unwrap(), found);
}

#[test]
fn a_split_that_is_not_there_is_answered_with_those_that_are() {
    let cache = tempfile::tempdir().unwrap();
    let server = hub(&TWO[..1]);
    let settings = settings(&cache, &server.endpoint);
    check_fault(
        &split("sst2", "validation"),
        &settings,
        expect![[r#"
        exit code 3: the data set `lab/set` has no split `validation`
          hint: name one of `test`, `train`; where there is none to validate with, hold out a share of the training split"#]],
    );
    check_fault(
        &split("", "train"),
        &settings,
        expect![[r#"
        exit code 3: the data set `lab/set` has several configurations
          hint: name one of them before the split: `cola`, `sst2`"#]],
    );
    check_fault(
        &split("qnli", "train"),
        &settings,
        expect![[r#"
        exit code 3: the data set `lab/set` has no configuration `qnli`
          hint: name one of `cola`, `sst2`"#]],
    );
}

#[test]
fn a_data_set_that_is_not_there_is_named() {
    let cache = tempfile::tempdir().unwrap();
    let server = hub(&TWO[..1]);
    let settings = settings(&cache, &server.endpoint);
    let name = SplitName { id: "lab/other", ..split("", "train") };
    check_fault(
        &name,
        &settings,
        expect![[r#"
            exit code 3: the data set `lab/other` cannot be downloaded: HUB answers 404: the data set does not exist, or it is private
              hint: check the spelling; set HF_TOKEN or run `hf auth login` for a private data set; for files pass their paths"#]],
    );
    check_fault(
        &SplitName { id: "a/b/c", ..name },
        &settings,
        expect![[r#"
        exit code 2: `a/b/c` is not the name of a data set on the hub
          hint: write `owner/name` or `name`, of letters, digits, `-`, `_` and `.`"#]],
    );
    check_fault(
        &name,
        &offline(settings.clone()),
        expect![[r#"
        exit code 3: the data set `lab/other` is not complete in the cache CACHE: the split `train` is missing, and HF_HUB_OFFLINE forbids downloads
          hint: unset HF_HUB_OFFLINE, or download its Parquet files from https://huggingface.co/datasets/lab/other, and pass their paths"#]],
    );
    let none: Branches = &[("main", &[("train.csv", "text,label")])];
    let server = hub(none);
    check_fault(
        &split("", "train"),
        &self::settings(&cache, &server.endpoint),
        expect![[r#"
        exit code 3: the data set `lab/set` has no Parquet files of a split: neither CONFIG/SPLIT/0000.parquet on its branch refs/convert/parquet, where the hub converts public data sets, nor data/SPLIT-00000-of-00001.parquet on its branch main
          hint: download its files, and pass their paths"#]],
    );
}

#[test]
fn files_that_python_left_without_a_list_are_taken_where_there_is_no_network() {
    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().join("datasets--lab--set");
    let place = |branch: &str, file: &str| {
        let path = folder.join("snapshots/c0ffee").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
        let reference = folder.join("refs").join(branch);
        fs::create_dir_all(reference.parent().unwrap()).unwrap();
        fs::write(reference, "c0ffee").unwrap();
    };
    let settings = offline(settings(&cache, "http://127.0.0.1:1"));
    place("main", "data/dev-00000-of-00002.parquet");
    assert!(find_split(&split("", "dev"), &settings).is_err(), "the second one is missing");
    place("main", "data/dev-00001-of-00002.parquet");
    assert_eq!(find_split(&split("", "dev"), &settings).unwrap().len(), 2);
    place("refs/convert/parquet", "default/train/0000.parquet");
    assert_eq!(contents(&find_split(&split("", "train"), &settings).unwrap()).len(), 1);
}

#[test]
fn the_token_is_sent_to_the_endpoint_only() {
    let store = hub(TWO);
    let to = store.endpoint.clone();
    let server = hub(TWO);
    let api = server.endpoint.clone();
    let front = Server::answering(move |head| {
        let path = head.split_whitespace().nth(1).unwrap();
        let is_list = path.starts_with("/api/");
        let there = if is_list { &api } else { &to };
        Reply::to(&format!("{there}{path}"))
    });
    let cache = tempfile::tempdir().unwrap();
    find_split(&split("sst2", "test"), &settings(&cache, &front.endpoint)).unwrap();
    let tells = |server: &Server| {
        let heads = server.requests();
        assert!(!heads.is_empty());
        heads.iter().filter(|head| head.contains("secret")).count()
    };
    assert_eq!((tells(&store), tells(&server)), (0, 0));
    assert_eq!(tells(&front), front.requests().len());
    assert_eq!(file_of(&store.requests()[0]), "0000.parquet");
}
