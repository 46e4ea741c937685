//! One training: from its data and a seed to a model and the reports of it.

use std::path::PathBuf;

use lockstep_collective::{Collective, Watch, broadcast_bytes};
use lockstep_host::ExitCode;
use lockstep_hub::find_model;
use lockstep_join::end_regardless;
use lockstep_program::Card;
use lockstep_report::{Histogram, Seeds};
use lockstep_settings::{ModelName, RunPlan, keys};
use lockstep_trainer::{Criterion, Ending, EvaluationReport, TrainSettings, Trainer};
use lockstep_world::{Rank, WorldSize};

use super::reports::Reports;
use super::tokenised::TokenSets;
use super::{Group, Run, report_or_warn, summary};
use crate::card::{CardSource, Hardware};
use crate::disk::Space;
use crate::failure::Failure;
use crate::models::{self, Base, Loaded};
use crate::observers::{Account, Cards, Console, Observers, Outlook, Teller};
use crate::sources::{Corpora, Places, RawCorpora};
use crate::{card, criterion, output_dir, report, write_file};

/// No path that the system opens is longer.
const LONGEST_PATH: usize = 4096;

/// What a training reads; trainings that differ in their seed only share it.
pub(super) struct Data {
    pub(super) corpora: Corpora,
    criterion: Criterion,
    /// The model to start from, until a training has taken it.
    base: Option<Base>,
    /// The tokens, once a training has made them.
    pub(super) tokens: Option<TokenSets>,
}

/// What a training is lent: what it reads, and the way to the other ranks.
pub(super) struct Lent {
    pub(super) data: Data,
    pub(super) collective: Box<dyn Collective>,
}

/// A training that is over, and what it was lent.
pub(super) struct Trained {
    pub(super) code: ExitCode,
    pub(super) lent: Lent,
}

impl Run<'_> {
    /// Reads the data, and says what they are.
    pub(super) fn read(&self, teller: &mut Teller<'_>) -> Result<Data, Failure> {
        let plan = self.plan;
        let places = Places { hub: self.hub, cache: Some(self.cache) };
        let raw = RawCorpora::read(&plan.data, places)?;
        let base = self.base()?;
        let corpora = raw.labelled(base.classes())?;
        teller.account(summary::of_corpora(&plan.data, &corpora));
        let criterion = criterion::criterion(&plan.train, &corpora.train)?;
        let loss = criterion::in_words(&criterion, corpora.train.labels().names());
        teller.account(Account::default().row("loss", loss));
        self.warn_of_classes(&corpora);
        Ok(Data { corpora, criterion, base: Some(base), tokens: None })
    }

    fn warn_of_classes(&self, corpora: &Corpora) {
        if self.seat.is_leader() {
            let doubts = corpora.doubts(&self.plan.data);
            doubts.iter().for_each(|doubt| tracing::warn!("{doubt}"));
        }
    }

    /// What the plan says on these ranks.
    pub(super) fn settings(&self) -> TrainSettings {
        let plan = self.plan;
        let recording = (!self.place.device.is_cpu()).then(|| plan.recording());
        plan.settings(self.seat.world(), recording)
    }

    /// Trains a model, and reports it.
    pub(super) fn train(
        &self,
        lent: Lent,
        group: &Group,
        teller: &mut Teller<'_>,
    ) -> Result<Trained, Failure> {
        let (plan, Lent { mut data, collective }) = (self.plan, lent);
        let is_first = data.tokens.is_none();
        let loaded = self.load(&mut data)?;
        let model = is_first.then(|| summary::of_model(&plan.model.name, &loaded));
        teller.account(model.unwrap_or_default());
        let Data { corpora, tokens, .. } = &mut data;
        let parts = self.parts(corpora, tokens, loaded, collective)?;
        if is_first {
            teller.account(summary::of_tokens(plan, &parts));
            teller.account(summary::of_plan(plan, &parts, &self.settings()));
        }
        let lengths = Histogram::of(parts.train.lengths(), parts.train.truncated());
        let usage = data.corpora.usage(plan.data.reading.max_length);
        let criterion = data.criterion.clone();
        let mut trainer =
            Trainer::new(parts, TrainSettings { usage, criterion, ..self.settings() })?;
        let checkpoint = self.prepare(trainer.collective())?;
        teller.log().open(&plan.run.directory, self.seat.rank());
        teller.account(summary::of_resumption(&plan.run, checkpoint.as_deref()));
        let host = self.hosts.first().map_or("", String::as_str);
        let mut reports = Reports::new(&plan.run, host);
        let ending = self.follow(&mut trainer, checkpoint, &mut reports, teller);
        let ending = ending.inspect_err(|failure| self.note_failure(failure, &group.watch))?;
        self.write_trace(&mut trainer)?;
        let code = match ending {
            Ending::Stopped => ExitCode::Stopped,
            Ending::Complete | Ending::EarlyStop => {
                self.report(&data.corpora, &reports, lengths);
                ExitCode::Done
            }
        };
        let lent = Lent { data, collective: trainer.into_collective() };
        Ok(Trained { code, lent })
    }

    /// Makes the model.
    fn load(&self, data: &mut Data) -> Result<Loaded, Failure> {
        let (plan, train) = (self.plan, &data.corpora.train);
        let base = data.base.take().map_or_else(|| self.base(), Ok)?;
        let precision = self.place.precision(plan.run.precision)?;
        let loaded = models::load(plan, &self.place.device, base, train)?;
        let loaded = Loaded { model: loaded.model.in_precision(precision), ..loaded };
        let parameters = loaded.model.parameters().scalars();
        if self.seat.is_leader() {
            let space = Space::of(plan, parameters, train.count(), self.seat.world());
            space.times(self.left).check(&plan.run)?;
        }
        Ok(loaded)
    }

    fn note_failure(&self, failure: &Failure, watch: &Watch) {
        if failure.code() == ExitCode::PeerLost && self.seat.world() != WorldSize::ONE {
            end_regardless(watch.handle(), failure.to_string());
        }
    }

    /// Prepares the directory, on the leader only; returns the checkpoint to resume from.
    fn prepare(&self, collective: &mut dyn Collective) -> Result<Option<PathBuf>, Failure> {
        let prepared = self.seat.is_leader().then(|| -> Result<_, Failure> {
            let checkpoint = output_dir::prepare(&self.plan.run)?;
            if checkpoint.is_none() {
                self.record()?;
            }
            Ok(checkpoint)
        });
        let found: Option<PathBuf> = prepared.transpose()?.flatten();
        let bytes = found.as_ref().map(|path| path.as_os_str().as_encoded_bytes());
        let path = broadcast_bytes(collective, bytes.unwrap_or_default(), Rank(0), LONGEST_PATH)?;
        Ok((!path.is_empty()).then(|| PathBuf::from(String::from_utf8_lossy(&path).into_owned())))
    }

    /// Runs to the end and reports to the log, the console and what `report_to` names.
    fn follow(
        &self,
        trainer: &mut Trainer,
        checkpoint: Option<PathBuf>,
        reports: &mut Reports,
        teller: &mut Teller<'_>,
    ) -> Result<Ending, Failure> {
        if let Some(checkpoint) = checkpoint {
            for forgotten in trainer.resume(&checkpoint)? {
                let warning = summary::of_forgotten(&self.plan.data, &forgotten);
                tracing::warn!("{warning}");
            }
            if self.seat.is_leader() {
                self.record_again()?;
            }
        }
        let mut console = Console::new(teller, self.outlook(), self.board.clone());
        let mut observers = match self.seat.is_leader() {
            true => reports.of_leader(&self.plan.run.reporters, &mut console),
            false => Observers(vec![&mut console]),
        };
        Ok(trainer.run(&mut observers, self.stops.begin())?)
    }

    /// What the console has to know.
    fn outlook(&self) -> Outlook {
        let RunPlan { train, run, .. } = self.plan;
        Outlook {
            every: run.logging_steps,
            shows_first: self.plan.is_on(&keys::LOGGING_FIRST_STEP),
            evaluation: train.evaluation,
            saving: run.saving.cadence,
            best_metric: train.best_metric,
            cards: Cards { card: Card::named(&self.place.name), count: self.seat.world().get() },
        }
    }

    /// Writes the trace of all ranks, where one was asked for.
    fn write_trace(&self, trainer: &mut Trainer) -> Result<(), Failure> {
        let Some(path) = self.plan.find(&keys::TRACE) else { return Ok(()) };
        if let Some(trace) = trainer.gather_trace()? {
            report_or_warn(write_file(&path, &trace));
        }
        Ok(())
    }

    /// Writes report and model card, without which the model is complete.
    fn report(&self, corpora: &Corpora, reports: &Reports, lengths: Histogram) {
        if !self.seat.is_leader() {
            return;
        }
        let directory = &self.plan.run.directory;
        let run = report::of_training(self.plan, corpora, reports.story(), lengths);
        let written = run.map_err(Failure::from);
        report_or_warn(written.and_then(|run| report::write(&run, directory)));
        let judged = reports.story().final_evaluation();
        let card = card::text(&self.card_source(corpora, judged, None));
        report_or_warn(card.and_then(|text| write_file(&directory.join("README.md"), &text)));
    }

    /// What the card of this run is made from.
    pub(super) fn card_source<'s>(
        &'s self,
        corpora: &'s Corpora,
        judged: Option<&'s EvaluationReport>,
        seeds: Option<&'s Seeds>,
    ) -> CardSource<'s> {
        let base = match &self.plan.model.name {
            ModelName::Named(name) => find_model(name, &self.hub.clone().without_network()).ok(),
            ModelName::Tiny => None,
        };
        let hardware = Hardware {
            device: self.place.name.clone(),
            ranks: self.seat.world().get(),
            hosts: self.hosts.len(),
        };
        CardSource { plan: self.plan, corpora, judged, seeds, hardware, base }
    }
}
