//! The cache of tokens changes how soon a run starts, and nothing else.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use crate::program::{Starter, Workplace, succeed};

const ROWS: usize = 9000;

fn table(rows: usize) -> String {
    let row = |row: usize| {
        let (word, other) = (["good", "bad"][row % 2], ["film", "story", "plot"][row % 3]);
        format!("the {other} of row {row} is {word} {}\t{}\n", "and long ".repeat(row % 8), row % 2)
    };
    "sentence\tlabel\n".to_owned() + &(0..rows).map(row).collect::<String>()
}

/// The same with a second text in each row.
fn pairs(rows: usize) -> String {
    let second = |row: &str| row.replacen('\t', "\tand the next one is not\t", 1) + "\n";
    let table = table(rows);
    let rows = table.lines().skip(1).map(second);
    "sentence1\tsentence2\tlabel\n".to_owned() + &rows.collect::<String>()
}

fn place_of(table: fn(usize) -> String) -> Workplace {
    let place = Workplace::new();
    fs::write(place.path("train.tsv"), table(ROWS)).unwrap();
    fs::write(place.path("dev.tsv"), table(300)).unwrap();
    place
}

fn place() -> Workplace {
    place_of(table)
}

fn arguments(further: &str) -> Vec<String> {
    let fixed = "train --deterministic --model builtin:tiny --train-file train.tsv \
        --validation-file dev.tsv --device cpu --global-batch-size 16 --max-steps 5 \
        --eval-strategy steps --eval-steps 5 --max-seq-length 24";
    fixed.split_whitespace().chain(further.split_whitespace()).map(str::to_owned).collect()
}

fn weights(place: &Workplace, output: &str) -> Vec<u8> {
    fs::read(place.path(output).join("model.safetensors")).unwrap()
}

fn token_files(place: &Workplace) -> Vec<PathBuf> {
    let entries = fs::read_dir(place.path("cache")).unwrap();
    let mut paths: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "tokens"))
        .collect();
    paths.sort();
    paths
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_store_changes_no_bit() {
    store_changes_no_bit(&place_of(table));
}

#[test]
fn the_store_of_pairs_changes_no_bit() {
    store_changes_no_bit(&place_of(pairs));
}

fn store_changes_no_bit(place: &Workplace) {
    place.succeed(&arguments("--output-dir off --token-cache off"));
    let expected = weights(place, "off");
    assert!(!place.path("cache").exists());
    for output in ["cold", "warm"] {
        place.succeed(&arguments(&format!("--output-dir {output} --token-cache cache")));
        assert!(weights(place, output) == expected, "{output}: other weights");
    }
    let files = token_files(place);
    assert_eq!(files.len(), 2);
    for (cache, output) in [("cache", "two-warm"), ("two", "two-cold"), ("off", "two-off")] {
        let flags = arguments(&format!("--output-dir {output} --token-cache {cache}"));
        succeed(place.ranks(Starter::Launcher, 2, &flags).unwrap());
        assert!(weights(place, output) == expected, "{output}: other weights");
    }
    let bytes = |path: &PathBuf| fs::read(path).unwrap();
    for file in &files {
        let of_two = place.path("two").join(file.file_name().unwrap());
        assert!(bytes(&of_two) == bytes(file), "two ranks write the file of one");
    }
    let names = fs::read_dir(place.path("two")).unwrap();
    let is_left = |name: &std::ffi::OsStr| name.to_string_lossy().ends_with(".part");
    assert!(!names.map(|entry| entry.unwrap().file_name()).any(|name| is_left(&name)));
}

#[test]
fn a_sample_and_a_held_out_share_are_the_same_on_all_ranks_and_after_a_resume() {
    let place = place();
    let flags = |further: &str| {
        let fixed = "train --deterministic --model builtin:tiny --train-file train.tsv --device cpu \
            --global-batch-size 16 --max-steps 6 --eval-strategy steps --eval-steps 3 \
            --save-strategy steps --save-steps 3 --max-seq-length 24 --max-eval-samples 50";
        let words = fixed.split_whitespace().chain(further.split_whitespace());
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    for (name, data) in [
        ("split", "--validation-split 0.02 --max-train-samples 300 --token-cache cache"),
        ("file", "--validation-file dev.tsv --max-train-samples 300 --token-cache cache"),
    ] {
        let told = place.succeed(&flags(&format!("{data} --output-dir {name}-1")));
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        assert!(told.contains(": 300 of "), "{told}");
        let expected = weights(&place, &format!("{name}-1"));
        for ranks in [2, 3] {
            let output = format!("{name}-{ranks}");
            let flags = flags(&format!("{data} --output-dir {output}"));
            succeed(place.ranks(Starter::Launcher, ranks, &flags).unwrap());
            assert!(weights(&place, &output) == expected, "{output}: other weights");
        }
        // Evaluations name their set by its hash, so a resumed run would warn of another one.
        let output = format!("{name}-1");
        fs::remove_dir_all(place.path(&format!("{output}/checkpoint-6"))).unwrap();
        fs::remove_file(place.path(&format!("{output}/model.safetensors"))).unwrap();
        let again = place.succeed(&flags(&format!("{data} --output-dir {output} --resume auto")));
        assert!(!errors(&again).contains("validation set"), "{}", errors(&again));
        assert!(weights(&place, &output) == expected, "{output}: other weights when resumed");
        // Another sample is another run.
        let other = data.replace("300", "301");
        let output = flags(&format!("{other} --output-dir {output} --resume auto"));
        let refused = place.trainer(&output).output().unwrap();
        assert!(!refused.status.success());
        assert!(errors(&refused).contains("train_examples"), "{}", errors(&refused));
    }
}

#[test]
fn a_token_file_that_is_damaged_is_made_again_with_a_warning() {
    let place = place();
    place.succeed(&arguments("--output-dir first --token-cache cache"));
    for (number, file) in token_files(&place).iter().enumerate() {
        let whole = fs::read(file).unwrap();
        fs::write(file, &whole[..whole.len() / 2]).unwrap();
        let flags = arguments(&format!("--output-dir again-{number} --token-cache cache"));
        let output = place.succeed(&flags);
        let told = errors(&output);
        assert!(told.contains("it is not complete; the texts are tokenised again"), "{told}");
        assert!(fs::read(file).unwrap() == whole);
        assert!(weights(&place, &format!("again-{number}")) == weights(&place, "first"));
    }
}

#[test]
fn a_data_file_that_changes_between_runs_is_read_again() {
    let place = place();
    place.succeed(&arguments("--output-dir first --token-cache cache"));
    fs::write(place.path("train.tsv"), table(ROWS).replace("good", "fine")).unwrap();
    place.succeed(&arguments("--output-dir kept --token-cache cache"));
    place.succeed(&arguments("--output-dir off --token-cache off"));
    assert!(weights(&place, "kept") == weights(&place, "off"));
    assert_eq!(token_files(&place).len(), 4, "the vocabulary of builtin:tiny is another one");
}

#[test]
fn a_folder_that_cannot_be_made_is_told_and_fails_no_run() {
    let place = place();
    fs::write(place.path("cache"), "").unwrap();
    let output = place.succeed(&arguments("--output-dir out --token-cache cache"));
    let told = errors(&output);
    assert!(told.contains("cache: the tokens cannot be kept for the next run"), "{told}");
    place.succeed(&arguments("--output-dir off --token-cache off"));
    assert!(weights(&place, "out") == weights(&place, "off"));
}

/// No file may have more than so many KiB, as on a full disk, while the tokens have more.
#[test]
fn a_disk_that_fills_up_while_tokens_are_written_fails_no_run() {
    let place = place();
    fs::write(place.path("train.tsv"), table(60_000)).unwrap();
    let flags = arguments("--output-dir out --token-cache cache --save-strategy no");
    let trainer = place.trainer(&flags);
    let mut command = Command::new("bash");
    command.args(["-c", "trap '' XFSZ; ulimit -f 1400; exec \"$@\"", "bash"]);
    command.arg(trainer.get_program()).args(trainer.get_args());
    command.current_dir(place.path("")).env_clear().env("PATH", "/usr/bin:/bin");
    let output = succeed(command);
    let told = errors(&output);
    assert!(told.contains("the tokens cannot be kept for the next run"), "{told}");
    assert!(token_files(&place).iter().all(|file| file.metadata().unwrap().len() < 100_000));
    place.succeed(&arguments("--output-dir off --token-cache off"));
    assert!(weights(&place, "out") == weights(&place, "off"));
}
