//! Training on a data set of the hub.

use super::*;
use server::send;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A hub with the data set `lab/set`: a file to train with, one to validate with, and one without labels.
fn hub_of_set() -> Server {
    let folder = reference("golden/hub_set");
    let names = ["train/0000", "validation/0000", "test/0000"];
    let names = names.map(|name| format!("default/{name}.parquet"));
    Server::start(move |head, stream| {
        let path = head.split_whitespace().nth(1).unwrap();
        let file = path.split("/resolve/").nth(1).and_then(|rest| rest.split_once('/'));
        if path == "/api/datasets/lab/set/revision/refs%2fconvert%2fparquet" {
            send(stream, "200 Yes\r\n", format!("{{\"sha\": \"{COMMIT}\"}}").as_bytes());
        } else if path.starts_with(&format!("/api/datasets/lab/set/tree/{COMMIT}?")) {
            let entry = |name: &String| {
                let size = size_of(&folder.join(name));
                serde_json::json!({"type": "file", "path": name, "size": size, "oid": "0"})
            };
            let tree: Vec<_> = names.iter().map(entry).collect();
            send(stream, "200 Yes\r\n", serde_json::Value::from(tree).to_string().as_bytes());
        } else if let Some((_, file)) = file.filter(|(_, file)| names.iter().any(|n| n == file)) {
            let lines = format!(
                "200 Yes\r\netag: \"{}\"\r\nx-repo-commit: {COMMIT}\r\n",
                file.replace('/', "-")
            );
            send(stream, &lines, &fs::read(folder.join(file)).unwrap());
        } else if path.starts_with("/api/datasets/lab/set/") {
            send(stream, "404 No\r\nx-error-code: RevisionNotFound\r\n", b"");
        } else {
            send(stream, "404 No\r\nx-error-code: RepoNotFound\r\n", b"");
        }
    })
}

fn line(train: &str, validation: &str) -> Vec<String> {
    let line = ["train", "--model", "builtin:tiny", "--device", "cpu", "--max-steps", "2"];
    let files = ["--train-file", train, "--validation-file", validation, "--output-dir", "out"];
    let further = ["--overwrite-output-dir"];
    line.iter().chain(&files).chain(&further).map(|word| (*word).to_owned()).collect()
}

#[test]
fn a_split_of_the_hub_trains_the_same_bits_as_its_file() {
    let (place, hub) = (Workplace::new(), hub_of_set());
    let weights = |mut command: Command| {
        let (code, told) = ended(command.spawn().unwrap());
        assert_eq!(code, Some(0), "{told}");
        fs::read(place.path("out/model.safetensors")).unwrap()
    };
    let [train, held] = ["train", "validation"].map(|split| {
        reference("golden/hub_set/default").join(split).join("0000.parquet").display().to_string()
    });
    let of_files = weights(place.trainer(&line(&train, &held)));
    let names = line("hub:lab/set:train", "hub:lab/set:default:validation");
    assert!(weights(asking(place.trainer(&names), &place, &hub)) == of_files);
    let labels = fs::read_to_string(place.path("out/config.json")).unwrap();
    assert!(["calm", "glad", "sad"].iter().all(|name| labels.contains(name)), "{labels}");
    assert!(hub.heads().iter().all(|head| head.contains("authorization: bearer secret")));

    // Without a network, from the cache.
    let asked = hub.heads().len();
    let mut offline = place.trainer(&names);
    offline.env("HF_HOME", place.path("hf"));
    assert!(weights(offline) == of_files);
    let data = ["evaluate", "--checkpoint", "out", "--data", "hub:lab/set:validation", "--json"];
    let mut evaluate = place.trainer(&data);
    evaluate.env("HF_HOME", place.path("hf"));
    let found = crate::program::succeed(evaluate).stdout;
    let found: serde_json::Value = serde_json::from_slice(&found).unwrap();
    assert_eq!((&found["examples"], &found["split"]), (&40.into(), &data[4].into()));
    assert_eq!(hub.heads().len(), asked);
}

/// A hub with the data set `lab/parts`, whose training split is in two files.
fn hub_of_parts() -> Server {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/whole/tables");
    Server::start(move |head, stream| {
        let path = head.split_whitespace().nth(1).unwrap();
        let part = ["pandas", "polars"].into_iter().enumerate().find_map(|(number, name)| {
            let file = format!("default/train/{number:04}.parquet");
            path.ends_with(&file).then(|| folder.join(format!("{name}.parquet")))
        });
        if path.starts_with("/api/datasets/lab/parts/revision/") {
            send(stream, "200 Yes\r\n", format!("{{\"sha\": \"{COMMIT}\"}}").as_bytes());
        } else if path.starts_with(&format!("/api/datasets/lab/parts/tree/{COMMIT}?")) {
            let entry = |number: usize| {
                let path = format!("default/train/{number:04}.parquet");
                let size = size_of(&folder.join(["pandas.parquet", "polars.parquet"][number]));
                serde_json::json!({"type": "file", "path": path, "size": size, "oid": number.to_string()})
            };
            let tree: Vec<_> = (0..2).map(entry).collect();
            send(stream, "200 Yes\r\n", serde_json::Value::from(tree).to_string().as_bytes());
        } else if let Some(part) = part {
            let etag = path.replace('/', "-");
            let lines = format!("200 Yes\r\netag: \"{etag}\"\r\nx-repo-commit: {COMMIT}\r\n");
            send(stream, &lines, &fs::read(part).unwrap());
        } else {
            send(stream, "404 No\r\nx-error-code: EntryNotFound\r\n", b"");
        }
    })
}

#[test]
fn a_split_in_several_files_trains_the_same_bits_as_the_files_also_under_a_label_map() {
    let (place, hub) = (Workplace::new(), hub_of_parts());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/whole/tables");
    let files = ["pandas", "polars"].map(|name| folder.join(format!("{name}.parquet")));
    let files = files.map(|path| path.display().to_string()).join(",");
    fs::write(place.path("map.json"), r#"{"0": "dull", "1": "fine"}"#).unwrap();
    let run = |train: &str, further: &[&str]| {
        let words = ["train", "--model", "builtin:tiny", "--device", "cpu", "--max-steps", "2"];
        let out = ["--train-file", train, "--output-dir", "out", "--overwrite-output-dir"];
        let command = place.trainer(&[&words[..], &out, further].concat());
        let mut command = asking(command, &place, &hub);
        let (code, told) = ended(command.stdout(std::process::Stdio::piped()).spawn().unwrap());
        assert_eq!(code, Some(0), "{told}");
        fs::read(place.path("out/model.safetensors")).unwrap()
    };
    let expected = run(&files, &[]);
    assert!(run("hub:lab/parts:train", &[]) == expected);
    let map = ["--label-map", "map.json"];
    assert!(run(&files, &map) == expected && run("hub:lab/parts:train", &map) == expected);
    let labels = fs::read_to_string(place.path("out/config.json")).unwrap();
    assert!(labels.contains("\"0\": \"dull\"") && labels.contains("\"1\": \"fine\""), "{labels}");
}

#[test]
fn what_a_data_set_lacks_is_said_before_training() {
    let (place, hub) = (Workplace::new(), hub_of_set());
    let check = |train: &str, held: &str, code: i32, expected: &[&str]| {
        let mut command = asking(place.trainer(&line(train, held)), &place, &hub);
        let (found, told) = ended(command.spawn().unwrap());
        println!("{told}");
        assert_eq!(found, Some(code), "{told}");
        assert!(expected.iter().all(|words| told.contains(words)), "{told}");
    };
    let train = "hub:lab/set:train";
    check(train, "hub:lab/set:dev", 3, &["has no split `dev`", "`test`, `train`, `validation`"]);
    check(train, "hub:lab/set:de:train", 3, &["has no configuration `de`", "`default`"]);
    check("hub:lab/other:train", train, 3, &["answers 404: the data set does not exist"]);
    check(train, "hub:lab/set:test", 3, &["the label is -1, which marks a row without a label"]);
    check("hub:lab/set", train, 2, &["hub:OWNER/NAME[:CONFIG]:SPLIT"]);
}
