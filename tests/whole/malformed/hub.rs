//! Hubs that refuse, send pages for people, or lack what was asked for. What is tried again is in the
//! tests of the crate `hub`, with shorter pauses.

use lockstep_testkit::reference;

use super::case::Case;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// All cases.
pub(super) fn cases() -> Vec<Case> {
    [refusals(), answers(), splits(), cached()].into_iter().flatten().collect()
}

fn model(name: &'static str, answer: fn(&str) -> String) -> Case {
    let line = "train --model lab/model --train-file <reference>/golden/rows.tsv --output-dir out";
    Case::new(name, line).hub(answer)
}

fn set(name: &'static str, split: &str, answer: fn(&str) -> String) -> Case {
    Case::new(name, "inspect").word(split).hub(answer)
}

/// An answer with these lines in its head.
fn answer(status: &str, lines: &[&str], body: &str) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{lines}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn refusal(status: &str, code: &str, words: &str) -> String {
    let lines = [format!("x-error-code: {code}"), format!("x-error-message: {words}")];
    let lines: Vec<&str> =
        lines.iter().map(String::as_str).skip(usize::from(code.is_empty())).collect();
    answer(status, &lines, "")
}

fn refusals() -> Vec<Case> {
    vec![
        model("a model that is not there", |_| {
            refusal("404 Not Found", "RepoNotFound", "Repository not found")
        }),
        model("a model that is not there, or not for this token", |_| {
            refusal("401 Unauthorized", "RepoNotFound", "Repository not found")
        }),
        model("a token that is not valid", |_| {
            refusal("401 Unauthorized", "", "Invalid credentials in Authorization header")
        }),
        model("a model for those who asked for it", |_| {
            refusal("403 Forbidden", "GatedRepo", "Access to model lab/model is restricted")
        }),
        model("a model that was taken down", |_| {
            refusal("403 Forbidden", "", "Access to this resource is disabled.")
        }),
        model("a token that may not read the model", |_| {
            refusal("403 Forbidden", "", "Forbidden: pass a token with the right permissions")
        }),
        model("a model without the branch main", |_| {
            refusal("404 Not Found", "RevisionNotFound", "Invalid rev id: main")
        }),
        model("a repository without config.json", |_| {
            refusal("404 Not Found", "EntryNotFound", "Entry not found")
        }),
        model("a hub that wants no request for an hour", |_| {
            answer("429 Too Many Requests", &["retry-after: 3600"], "")
        }),
    ]
}

fn answers() -> Vec<Case> {
    vec![
        model("a page for people instead of a file", |_| {
            answer("200 OK", &["content-type: text/html"], "<!DOCTYPE html><p>Please sign in</p>")
        }),
        model("a redirect to another kind of address", |_| {
            answer("302 Found", &["location: file:///etc/passwd"], "")
        }),
        model("a redirect to itself", |_| answer("302 Found", &["location: /mirror/again"], "")),
        set("a page for people instead of a list", "hub:lab/set:train", |_| {
            answer("200 OK", &["content-type: text/html"], "<!DOCTYPE html><p>Please sign in</p>")
        }),
    ]
}

/// A hub with these Parquet files, of which none can be read.
fn list(path: &str, names: &[&str]) -> String {
    let entry =
        |name: &&str| serde_json::json!({"type": "file", "path": name, "size": 4, "oid": "0"});
    if path == "/api/datasets/lab/set/revision/refs%2Fconvert%2Fparquet" {
        return answer("200 OK", &[], &format!("{{\"sha\": \"{COMMIT}\"}}"));
    }
    if path.starts_with("/api/datasets/lab/set/tree/") {
        let list: Vec<_> = names.iter().map(entry).collect();
        return answer("200 OK", &[], &serde_json::Value::from(list).to_string());
    }
    if path.starts_with("/api/datasets/lab/set/") {
        return refusal("404 Not Found", "RevisionNotFound", "Invalid rev id");
    }
    refusal("404 Not Found", "EntryNotFound", "Entry not found")
}

fn splits() -> Vec<Case> {
    let two = |path: &str| list(path, &["cola/train/0000.parquet", "sst2/train/0000.parquet"]);
    vec![
        set("a data set that is not there", "hub:lab/set:train", |_| {
            refusal("404 Not Found", "RepoNotFound", "Repository not found")
        }),
        set("a split that is not there", "hub:lab/set:sst2:dev", two),
        set("a configuration that is not there", "hub:lab/set:qnli:train", two),
        set("a data set of several configurations", "hub:lab/set:train", two),
        set("a data set without Parquet files", "hub:lab/set:train", |path| {
            list(path, &["train.csv"])
        }),
        set("a data set that was converted in part", "hub:lab/set:train", |path| {
            list(path, &["default/partial-train/0000.parquet"])
        }),
        set("a file of the list that is not there", "hub:lab/set:cola:train", two),
        set("a data set without a split", "hub:lab/set", two),
        set("a name that cannot be one of the hub's", "hub:a/b/c:train", two),
    ]
}

/// What lies in the cache, where the network is forbidden.
fn cached() -> Vec<Case> {
    let folder = "cache/hub/datasets--lab--set";
    let train = "train --model builtin:tiny --max-steps 1 --output-dir out --train-file";
    let case = |name, split: &str| Case::new(name, train).word(split);
    let with = |case: Case, file: &str| {
        let content = std::fs::read(reference("golden/hub_set").join(file)).unwrap();
        case.file(&format!("{folder}/refs/refs/convert/parquet"), COMMIT)
            .file(&format!("{folder}/snapshots/{COMMIT}/{file}"), content)
    };
    vec![
        case("a data set that is not in the cache", "hub:lab/set:train"),
        with(
            case("a split that is not in the cache", "hub:lab/set:train"),
            "default/validation/0000.parquet",
        ),
        with(case("a split without labels", "hub:lab/set:test"), "default/test/0000.parquet"),
    ]
}
