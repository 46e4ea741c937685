//! Damage to the files of a checkpoint, at random: none of it is accepted, and none costs a panic.
//!
//! `LOCKSTEP_MUTATIONS=10000 cargo test --release -p lockstep-trainer --test run mutations -- --nocapture`
//! makes more of it.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use lockstep_model::HeadKind;
use lockstep_optim::Rates;
use lockstep_trainer::{Cadence, RunLength, StopRequest, Trainer, check_model, latest_checkpoint};
use lockstep_world::{Purpose, Seed};

use crate::setup::{Updates, settings, trainer};

const START: (&str, HeadKind) = ("tiny", HeadKind::Mlp);

/// As many as a test run makes.
const FEW: u64 = 300;

/// What a run does not need of a checkpoint to use it as a model.
const OF_THE_RUN: [&str; 2] = ["optimizer.safetensors", "trainer_state.json"];

/// Numbers that follow from a seed.
struct Dice(u64, u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.1 += 1;
        let number = Seed(self.0).derive(Purpose::Dropout, self.1).0 % limit as u64;
        usize::try_from(number).unwrap()
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }
}

/// One way to damage one file of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Damage {
    BitFlipped,
    BytesFlipped,
    BlockZeroed,
    CutShort,
    Lengthened,
    Missing,
    FromTheOtherCheckpoint,
    FromAnotherFile,
    Directory,
    EndlessDevice,
}

const ALL: [Damage; 10] = [
    Damage::BitFlipped,
    Damage::BytesFlipped,
    Damage::BlockZeroed,
    Damage::CutShort,
    Damage::Lengthened,
    Damage::Missing,
    Damage::FromTheOtherCheckpoint,
    Damage::FromAnotherFile,
    Damage::Directory,
    Damage::EndlessDevice,
];

/// The files of a checkpoint.
struct Checkpoint {
    directory: PathBuf,
    files: BTreeMap<String, Vec<u8>>,
}

impl Checkpoint {
    fn read(directory: PathBuf) -> Self {
        let file = |entry: std::io::Result<fs::DirEntry>| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
        };
        let files = fs::read_dir(&directory).unwrap().map(file).collect();
        Self { directory, files }
    }
}

/// The file with other content; nothing where that would be the same.
fn damaged(damage: Damage, file: &[u8], others: [&[u8]; 2], dice: &mut Dice) -> Option<Vec<u8>> {
    let mut content = file.to_vec();
    match damage {
        Damage::BitFlipped => content[dice.below(file.len())] ^= 1 << dice.below(8),
        Damage::BytesFlipped => {
            let start = dice.below(file.len());
            let end = file.len().min(start + 1 + dice.below(64));
            content[start..end].iter_mut().for_each(|byte| *byte = dice.byte());
        }
        Damage::BlockZeroed => {
            let start = dice.below(file.len()) / 512 * 512;
            let end = file.len().min(start + 512);
            content[start..end].fill(0);
        }
        Damage::CutShort => content.truncate(dice.below(file.len())),
        Damage::Lengthened => content.extend((0..=dice.below(64)).map(|_| b'x')),
        Damage::FromTheOtherCheckpoint => content = others[0].to_vec(),
        Damage::FromAnotherFile => content = others[1].to_vec(),
        Damage::Missing | Damage::Directory | Damage::EndlessDevice => return Some(Vec::new()),
    }
    (content != file).then_some(content)
}

fn lay(damage: Damage, path: &Path, content: &[u8]) {
    fs::remove_file(path).unwrap();
    match damage {
        Damage::Missing => {}
        Damage::Directory => fs::create_dir(path).unwrap(),
        Damage::EndlessDevice => std::os::unix::fs::symlink("/dev/zero", path).unwrap(),
        _ => fs::write(path, content).unwrap(),
    }
}

fn restore(damage: Damage, path: &Path, content: &[u8]) {
    match damage {
        Damage::Directory => fs::remove_dir(path).unwrap(),
        Damage::Missing => {}
        _ => fs::remove_file(path).unwrap(),
    }
    fs::write(path, content).unwrap();
}

/// The most memory that this process has had, in MiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
}

/// A run with the checkpoints 2 and 4, and another replica of it to resume.
fn two_checkpoints(output: &Path) -> ([Checkpoint; 2], Trainer) {
    let make = || {
        let mut settings = settings(output, Rates { encoder: 1e-3, head: 5e-3 });
        settings.length = RunLength::Updates(4.try_into().unwrap());
        settings.saving.cadence = Cadence::EverySteps(NonZeroU64::new(2).unwrap());
        trainer(START, Some(0.2), settings)
    };
    make().run(&mut Updates::default(), &StopRequest::default()).unwrap();
    let read = |step| Checkpoint::read(output.join(format!("checkpoint-{step}")));
    ([read(2), read(4)], make())
}

/// What was done to which file.
#[derive(Clone, Copy)]
struct Mutation<'a> {
    damage: Damage,
    name: &'a str,
    keeps_size: bool,
}

/// A damaged checkpoint is no model either, if what a model needs was damaged.
fn check_as_model(directory: &Path, mutation: Mutation<'_>, context: &str) {
    let Mutation { damage, name, keeps_size } = mutation;
    // Without its manifest it is a model like any other, of which a warning tells.
    let is_lost = name == "MANIFEST.json" && damage == Damage::Missing;
    let is_unneeded = keeps_size && OF_THE_RUN.contains(&name);
    if !is_lost && !is_unneeded {
        assert!(check_model(directory).is_err(), "{context}");
    }
}

#[test]
fn no_mutation_of_a_checkpoint_is_accepted() {
    let wanted = std::env::var("LOCKSTEP_MUTATIONS").ok().and_then(|text| text.parse().ok());
    let wanted = wanted.unwrap_or(FEW);
    let output = tempfile::tempdir().unwrap();
    let ([older, newest], mut replica) = two_checkpoints(output.path());
    let names: Vec<&String> = newest.files.keys().collect();
    let (mut dice, mut counts) = (Dice(18, 0), BTreeMap::<(Damage, &str), u64>::new());
    let before = peak();
    let mut made = 0;
    while made < wanted {
        let (damage, name) = (ALL[dice.below(ALL.len())], names[dice.below(names.len())]);
        let file = &newest.files[name];
        let others = [&older.files[name][..], &newest.files[names[dice.below(names.len())]]];
        let Some(content) = damaged(damage, file, others, &mut dice) else { continue };
        let path = newest.directory.join(name);
        lay(damage, &path, &content);
        let context = || format!("mutation {made}: {damage:?} of {name}");
        let found = latest_checkpoint(output.path()).unwrap();
        assert_eq!(found.as_ref(), Some(&older.directory), "{}", context());
        let error = replica.resume(&newest.directory).err();
        let error = error.unwrap_or_else(|| panic!("resumed from {}", context())).to_string();
        assert!(error.contains("is not an intact checkpoint: "), "{}: {error}", context());
        let keeps_size = content.len() == file.len();
        check_as_model(&newest.directory, Mutation { damage, name, keeps_size }, &context());
        restore(damage, &path, file);
        *counts.entry((damage, name)).or_default() += 1;
        made += 1;
    }
    replica.resume(&newest.directory).unwrap();
    assert_eq!(latest_checkpoint(output.path()).unwrap(), Some(newest.directory.clone()));
    let grown = peak() - before;
    println!(
        "{made} mutations of {} files, none accepted; memory grew by {grown} MiB",
        names.len()
    );
    let mut by_damage = BTreeMap::<Damage, u64>::new();
    counts.iter().for_each(|((damage, _), count)| *by_damage.entry(*damage).or_default() += count);
    println!("{by_damage:?}");
    assert!(grown < 200, "memory grew by {grown} MiB");
}

#[test]
fn a_checkpoint_with_the_name_of_another_is_refused() {
    let output = tempfile::tempdir().unwrap();
    let ([older, newest], mut replica) = two_checkpoints(output.path());
    let aside = output.path().join("aside");
    fs::rename(&older.directory, &aside).unwrap();
    fs::rename(&newest.directory, &older.directory).unwrap();
    fs::rename(&aside, &newest.directory).unwrap();
    let error = latest_checkpoint(output.path()).unwrap_err().to_string();
    assert!(error.contains("it is the checkpoint of update 2"), "{error}");
    let error = replica.resume(&older.directory).unwrap_err().to_string();
    assert!(error.contains("it is the checkpoint of update 4"), "{error}");
    // Under a name that says nothing of a step it is what it is.
    fs::rename(&older.directory, &aside).unwrap();
    replica.resume(&aside).unwrap();
}
