//! Pipes and devices where files are expected: refused by name, and not waited for or read without end.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

use lockstep_testkit::reference;

use crate::program::Workplace;

/// What is put in the place of a file.
#[derive(Clone, Copy, Debug)]
enum Instead {
    Pipe,
    Device,
}

impl Instead {
    fn put(self, path: &Path) {
        let _ = fs::remove_file(path);
        match self {
            Self::Pipe => {
                assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
            }
            Self::Device => symlink("/dev/zero", path).unwrap(),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Pipe => "it is a pipe, not a file",
            Self::Device => "it is a device, not a file",
        }
    }
}

/// Runs a program that has to end soon.
fn ended(mut command: Command, what: &str) -> Output {
    let mut child = command.spawn().unwrap();
    let patience = Instant::now() + Duration::from_secs(120);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > patience {
            child.kill().unwrap();
            panic!("{what}: it does not end");
        }
        sleep(Duration::from_millis(10));
    }
    child.wait_with_output().unwrap()
}

/// A place with rows and a model of its own.
fn place() -> Workplace {
    let place = Workplace::new();
    fs::copy(reference("golden/rows.tsv"), place.path("rows.tsv")).unwrap();
    fs::write(place.path("run.toml"), "[data]\ntrain_file = \"rows.tsv\"\n").unwrap();
    fs::write(place.path("map.json"), "{}").unwrap();
    fs::create_dir(place.path("model")).unwrap();
    for file in fs::read_dir(reference("tiny-mlp")).unwrap().flatten() {
        fs::copy(file.path(), place.path("model").join(file.file_name())).unwrap();
    }
    place
}

#[test]
fn a_pipe_or_a_device_is_not_read_as_a_file() {
    let train = "train --model model --output-dir out --max-steps 1 --train-file rows.tsv";
    let (with_map, with_validation) =
        (format!("{train} --label-map map.json"), format!("{train} --validation-file other.tsv"));
    let evaluate = "evaluate --checkpoint model --data rows.tsv";
    let predict = "predict --checkpoint model --input texts.txt";
    let cases: [(&str, &str, i32); 12] = [
        ("rows.tsv", train, 3),
        ("other.tsv", &with_validation, 3),
        ("map.json", &with_map, 3),
        ("run.toml", "train run.toml --output-dir out", 2),
        ("run.toml", "plan run.toml", 2),
        ("model/config.json", train, 6),
        ("model/tokenizer.json", train, 6),
        ("model/model.safetensors", train, 6),
        ("model/model.safetensors", evaluate, 6),
        ("model/lockstep.json", evaluate, 6),
        ("rows.tsv", evaluate, 3),
        ("texts.txt", predict, 3),
    ];
    for (file, line, code) in cases {
        for instead in [Instead::Pipe, Instead::Device] {
            // Texts may come through a pipe.
            if file == "texts.txt" && matches!(instead, Instead::Pipe) {
                continue;
            }
            let what = format!("{instead:?} as {file}: {line}");
            let place = place();
            instead.put(&place.path(file));
            let words: Vec<&str> = line.split(' ').collect();
            let output = ended(place.trainer(&words), &what);
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(code), "{what}: {told}");
            assert!(told.contains(file) && told.contains(instead.words()), "{what}: {told}");
        }
    }
}
