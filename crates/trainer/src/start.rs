//! How a run begins: from nothing or from a checkpoint, with the same weights on all ranks.

use std::collections::BTreeMap;
use std::sync::Arc;

use lockstep_data::BatchPlan;
use lockstep_gpu::CudaMachine;
use lockstep_optim::{AdamW, Schedule};
use lockstep_program::{Arithmetic, Machine};
use lockstep_world::Step;

use crate::checkpoint::Background;
use crate::engine::{Composed, Link, OnGpu, Recorded, Run, RunFacts};
use crate::identity::Identity;
use crate::journal::Journal;
use crate::resumption::judged_on;
use crate::{FinalModel, Parts, Recording, Tracer, TrainError, TrainSettings, Trainer, replicas};

impl Trainer {
    /// A run whose updates are recorded programs on `machine`.
    ///
    /// # Errors
    /// As [`Self::new`]; [`TrainError::Unsupported`] when the kernels do not take this model.
    pub fn on_machine<M: Machine + 'static>(
        parts: Parts,
        settings: TrainSettings,
        arithmetic: Arithmetic,
        machine: M,
        link: impl Link<M> + 'static,
    ) -> Result<Self, TrainError> {
        let mut trainer = Self::composed(parts, settings)?;
        let facts = trainer.facts(arithmetic)?;
        trainer.engine = Box::new(Recorded::new(facts, machine, link));
        Ok(trainer)
    }

    fn facts(&self, arithmetic: Arithmetic) -> Result<RunFacts, TrainError> {
        self.settings.check_place(self.collective.seat().world(), false)?;
        let run = Run {
            model: &self.model,
            train: &self.train,
            settings: &self.settings,
            plan: &self.plan,
            schedule: &self.schedule,
            total: self.total,
            seat: self.collective.seat(),
        };
        RunFacts::new(run, arithmetic)
    }

    /// A run before its first update. On a GPU its updates are recorded programs, unless the kernels
    /// do not take the model, which then goes through candle's operations.
    ///
    /// # Errors
    /// [`TrainError`] when the ranks were started for different runs, or memory is short.
    pub fn new(parts: Parts, settings: TrainSettings) -> Result<Self, TrainError> {
        let Some(Recording { arithmetic, graphs }) = settings.recording else {
            return Self::composed(parts, settings);
        };
        let device = parts.model.device();
        let mut trainer = Self::composed(parts, settings)?;
        match trainer.facts(arithmetic) {
            Ok(facts) => {
                let machine = CudaMachine::open(&device, graphs)?;
                trainer.engine = Box::new(Recorded::new(facts, machine, OnGpu));
            }
            Err(TrainError::Unsupported(why)) => {
                tracing::warn!("{why}; updates use candle's operations, which are slower");
            }
            Err(other) => return Err(other),
        }
        Ok(trainer)
    }

    /// A run before its first update, whose updates go through candle's operations.
    fn composed(parts: Parts, settings: TrainSettings) -> Result<Self, TrainError> {
        let Parts { model, tokenizer, train, validation, test, mut collective, board } = parts;
        settings.check_place(collective.seat().world(), model.device().is_cpu())?;
        if settings.deterministic {
            collective.sum_by_tree()?;
        }
        let plan = BatchPlan::new(train.len(), settings.global_batch, settings.order);
        let total = settings.length.updates(plan.updates_per_epoch() as u64);
        let schedule =
            Schedule::new(settings.schedule, settings.peak_rates, settings.warmup, total);
        let optimizer = AdamW::new(model.parameters(), settings.adamw)?;
        let identity = Identity::of(&settings, total, &model, &train);
        let journal = Journal::new(identity, judged_on(validation.as_ref()), settings.best_metric);
        let background = Background::new(board.clone());
        let mut trainer = Self {
            model,
            tokenizer: Arc::new(tokenizer),
            train,
            validation,
            test,
            collective,
            board,
            settings,
            plan,
            total,
            schedule,
            optimizer,
            engine: Box::new(Composed),
            step: Step::START,
            journal,
            origin: None,
            tracer: Tracer::default(),
            background,
        };
        trainer.unite()?;
        Ok(trainer)
    }

    /// Makes sure that all ranks train the same, from the same weights.
    fn unite(&mut self) -> Result<(), TrainError> {
        let mut facts = replicas::facts(&self.journal.identity);
        let stores = [("validation data", &self.validation), ("test data", &self.test)];
        for (name, store) in stores {
            let print = store.as_ref().map(|store| format!("{:016x}", store.fingerprint()));
            facts.insert(name.to_owned(), print.unwrap_or_else(|| "none".to_owned()));
        }
        facts.extend(decisions(&self.settings));
        facts.insert("parameters".to_owned(), replicas::layout(self.model.parameters()));
        facts.insert("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        replicas::agree(&mut *self.collective, &facts)?;
        replicas::spread_weights(&mut *self.collective, &self.model)
    }
}

/// What decides which calls the ranks make together beside the updates, by the names of the keys.
fn decisions(settings: &TrainSettings) -> BTreeMap<String, String> {
    let TrainSettings { evaluation, saving, replica_check, early_stopping, on_nonfinite, .. } =
        settings;
    let metric = settings.best_metric.name().to_owned();
    let patience = early_stopping.map_or_else(|| "none".to_owned(), |most| most.to_string());
    let skipped = match on_nonfinite.most() {
        0 => "fail".to_owned(),
        most => format!("skip {most} in a row"),
    };
    [
        ("eval_strategy", evaluation.to_string()),
        ("save_strategy", saving.cadence.to_string()),
        ("load_best_model_at_end", (saving.final_model == FinalModel::Best).to_string()),
        ("replica_check_steps", replica_check.to_string()),
        ("early_stopping_patience", patience),
        ("metric_for_best_model", metric),
        ("on_nonfinite", skipped),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
