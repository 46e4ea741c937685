//! A tiny model on the reference's rows.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::Path;

use candle_core::Device;
use lockstep_collective::{Collective, PhaseBoard, Solo};
use lockstep_data::{Corpus, CorpusSource, Labels, MaxLength, Order, TokenStore, Tokenizer};
use lockstep_model::{Classifier, Dropouts, HeadKind, ModelRequest, Precision};
use lockstep_optim::{AdamWSettings, DecayRule, Rates, ScheduleShape, Warmup};
use lockstep_testkit::reference;
use lockstep_trainer::{
    BestMetric, Cadence, Criterion, FinalModel, Logging, Observer, OnNonFinite, Parts, RunLength,
    Saving, TrainEvent, TrainSettings, Trainer, UpdateReport, Usage,
};
use lockstep_world::Seed;

/// Keeps every update.
#[derive(Default)]
pub(crate) struct Updates(pub(crate) Vec<UpdateReport>);

impl Observer for Updates {
    fn observe(&mut self, event: &TrainEvent) {
        if let TrainEvent::Update(report) = event {
            self.0.push(report.clone());
        }
    }
}

/// The recipe in file order for 40 updates, everything written to `output_dir`.
pub(crate) fn settings(output_dir: &Path, peak_rates: Rates) -> TrainSettings {
    TrainSettings {
        seed: Seed(42),
        order: Order::AsInFile,
        length: RunLength::Updates(40.try_into().unwrap()),
        global_batch: NonZeroUsize::new(16).unwrap(),
        accumulation: NonZeroUsize::MIN,
        peak_rates,
        schedule: ScheduleShape::Linear,
        warmup: Warmup::Ratio(0.1),
        adamw: AdamWSettings {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.01,
            decay: DecayRule::Every,
        },
        max_grad_norm: 1.0,
        criterion: Criterion::default(),
        on_nonfinite: OnNonFinite::Fail,
        evaluation: Cadence::Never,
        replica_check: Cadence::EverySteps(NonZeroU64::MIN),
        saving: Saving { cadence: Cadence::Never, keep: None, final_model: FinalModel::Last },
        best_metric: BestMetric::Accuracy,
        logging: Logging { every: NonZeroU64::MIN, first: false },
        trace: false,
        early_stopping: None,
        usage: Usage { max_seq_length: 128, ..Usage::default() },
        output_dir: output_dir.to_owned(),
        deterministic: false,
        recording: None,
    }
}

/// A run of the golden rows from one of the tiny checkpoints.
pub(crate) fn trainer(
    (directory, head): (&str, HeadKind),
    dropout: Option<f32>,
    settings: TrainSettings,
) -> Trainer {
    trainer_in(Precision::F32, (directory, head), dropout, settings)
}

/// The same in another precision.
pub(crate) fn trainer_in(
    precision: Precision,
    model: (&str, HeadKind),
    dropout: Option<f32>,
    settings: TrainSettings,
) -> Trainer {
    let parts = parts(model, (dropout, usize::MAX), Box::new(Solo));
    let parts = Parts { model: parts.model.in_precision(precision), ..parts };
    Trainer::new(parts, settings).unwrap()
}

/// A tiny checkpoint, the first so many of the reference's rows, and the other ranks.
pub(crate) fn parts(
    (directory, head): (&str, HeadKind),
    (dropout, rows): (Option<f32>, usize),
    collective: Box<dyn Collective>,
) -> Parts {
    let tokenizer = Tokenizer::from_dir(&reference(directory)).unwrap();
    let source = CorpusSource::from(reference("golden/rows.tsv"));
    let corpus = Corpus::read(&source, Labels::Infer).unwrap();
    let max = MaxLength::new(128).unwrap();
    let train = TokenStore::build(corpus.texts_and_labels().take(rows), &tokenizer, max).unwrap();
    let request = ModelRequest {
        head,
        labels: corpus.labels().names().to_vec(),
        dropouts: Dropouts { hidden: dropout, attention: dropout, head: dropout },
        seed: Seed(42),
        device: Device::Cpu,
    };
    let (model, _) = Classifier::load(&reference(directory), &request).unwrap();
    let board = PhaseBoard::default();
    Parts { model, tokenizer, train, validation: None, test: None, collective, board }
}
