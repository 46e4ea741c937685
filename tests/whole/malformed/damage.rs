//! Files damaged at random, always in the same way: whatever the program makes of them, it ends
//! with a code of its own and without a panic.

use lockstep_world::Seed;

use super::case::Case;
use super::checkpoint;
use super::files::Files;
use super::transcript::is_bug;

/// Damages to each file.
const ROUNDS: u64 = 12;

/// Damages one file of a case in [`ROUNDS`] ways.
fn check(directory: &'static str, files: &Files, file: &str, line: &str) {
    for round in 0..ROUNDS {
        let files = files.clone().edited(file, |content| damaged(content, Seed(round)));
        let case = Case::new("damaged", line).files(files.inside(directory));
        let ending = case.file("texts.txt", "a warm day\nthe old horse sleeps\n").run();
        assert!(!is_bug(&ending), "{file}, round {round}: {:?}\n{}", ending.code, ending.stderr);
    }
}

/// The content cut, or with one to four bytes changed; every other time near its beginning, where
/// most formats say what follows.
fn damaged(content: &[u8], seed: Seed) -> Vec<u8> {
    let mut content = content.to_vec();
    if seed.below(0, 4) == 0 {
        content.truncate(seed.below(1, content.len()));
        return content;
    }
    let reach = if seed.below(2, 2) == 0 { content.len().min(256) } else { content.len() };
    for change in 0..=seed.below(3, 4) as u64 {
        let place = seed.derive(lockstep_world::Purpose::Corpus, change).below(0, reach);
        content[place] ^= 1 << seed.below(4 + change, 8);
    }
    content
}

#[test]
fn damaged_models_are_refused_or_used() {
    let line = "predict --checkpoint model --input texts.txt";
    let mlp = Files::of_reference("tiny-mlp");
    for file in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        check("model", &mlp, file, line);
    }
    let bin = Files::of_reference("tiny-bin");
    let train = "train --model model --train-file <reference>/golden/rows.tsv --max-steps 1 \
                 --output-dir out";
    for file in ["pytorch_model.bin", "vocab.txt"] {
        check("model", &bin, file, train);
    }
}

#[test]
fn damaged_checkpoints_are_refused_or_gone_on_from() {
    let line = format!("{} --resume out/checkpoint-2", checkpoint::RUN);
    for file in
        ["MANIFEST.json", "model.safetensors", "optimizer.safetensors", "trainer_state.json"]
    {
        check("out/checkpoint-2", &checkpoint::whole(), file, &line);
    }
}
