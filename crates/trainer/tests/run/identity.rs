//! What a checkpoint says of its run stays the same text from version to version.

use std::fs;

use lockstep_model::HeadKind;
use lockstep_optim::{Rates, ScheduleShape};
use lockstep_trainer::{Ending, StopRequest, latest_checkpoint};
use serde_json::Value;

use crate::setup::{Updates, settings, trainer};

/// The identity in a checkpoint of version 0.1.0, but for the head and the schedule.
const STORED: &str = r#"{
  "seed": 42,
  "total_updates": 40,
  "global_batch_size": 16,
  "gradient_accumulation_steps": 1,
  "train_examples": 200,
  "train_data_hash": "bd134f09f7ac4e88",
  "no_shuffle": true,
  "deterministic": false,
  "classes": "calm, glad, sad",
  "head": "HEAD",
  "dropout": "0.2",
  "attention_dropout": "0.2",
  "head_dropout": "0.2",
  "precision": "f32",
  "learning_rate": 0.001,
  "head_learning_rate": 0.005,
  "lr_scheduler_type": "SCHEDULE",
  "warmup_steps": 4,
  "weight_decay": 0.01,
  "no_decay_bias_norm": false,
  "adam_beta1": 0.9,
  "adam_beta2": 0.999,
  "adam_epsilon": 1e-8,
  "max_grad_norm": 1.0
}"#;

/// A run that stops at once leaves the identity of version 0.1.0 and continues from it.
fn check(start: (&str, HeadKind), schedule: ScheduleShape, [head_name, schedule_name]: [&str; 2]) {
    let output = tempfile::tempdir().unwrap();
    let run = || {
        let mut settings = settings(output.path(), Rates { encoder: 1e-3, head: 5e-3 });
        settings.schedule = schedule;
        trainer(start, Some(0.2), settings)
    };
    let stop = StopRequest::default();
    stop.ask();
    assert_eq!(run().run(&mut Updates::default(), &stop).unwrap(), Ending::Stopped);
    let checkpoint = latest_checkpoint(output.path()).unwrap().unwrap();
    let state = fs::read_to_string(checkpoint.join("trainer_state.json")).unwrap();
    let state: Value = serde_json::from_str(&state).unwrap();
    let stored = STORED.replace("HEAD", head_name).replace("SCHEDULE", schedule_name);
    assert_eq!(state["identity"], serde_json::from_str::<Value>(&stored).unwrap());
    run().resume(&checkpoint).unwrap();
}

#[test]
fn checkpoints_of_version_0_1_0_are_resumed() {
    check(("tiny", HeadKind::Mlp), ScheduleShape::Linear, ["mlp", "linear"]);
    check(("tiny", HeadKind::Mlp), ScheduleShape::Cosine, ["mlp", "cosine"]);
    check(("tiny-hf", HeadKind::Hf), ScheduleShape::Constant, ["hf", "constant"]);
}
