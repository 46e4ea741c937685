//! What a process remembers of a run between its start and its end.

use std::time::Instant;

use lockstep_world::Step;

use crate::work::Work;
use crate::{CheckpointReport, EvaluationReport, Observer, StopRequest, TrainEvent};

/// No checkpoint holds any of it.
pub(crate) struct Session<'a> {
    observer: &'a mut dyn Observer,
    pub(crate) began: Instant,
    /// The updates of this epoch, since the start or the resume.
    pub(crate) epoch: Work,
    /// Whether some rank was asked to stop; the same on all ranks.
    pub(crate) stop: bool,
    /// Where this rank is asked.
    pub(crate) request: &'a StopRequest,
    pub(crate) last_evaluation: Option<EvaluationReport>,
    /// The step of the newest checkpoint that this process wrote or came from.
    pub(crate) saved: Option<Step>,
    /// The checkpoint that was begun and not waited for; there is one on all ranks or on none.
    pub(crate) begun: Option<Begun>,
}

/// A checkpoint that is written in the background.
pub(crate) struct Begun {
    pub(crate) report: CheckpointReport,
    pub(crate) is_reported: bool,
}

impl<'a> Session<'a> {
    /// A run at its start, or at the checkpoint of the step `saved`.
    pub(crate) fn new(
        observer: &'a mut dyn Observer,
        request: &'a StopRequest,
        saved: Option<Step>,
    ) -> Self {
        Self {
            observer,
            began: Instant::now(),
            epoch: Work::default(),
            stop: false,
            request,
            last_evaluation: None,
            saved,
            begun: None,
        }
    }

    /// Reports that the checkpoint that was begun is whole, once.
    pub(crate) fn report_checkpoint(&mut self) {
        let Some(begun) = self.begun.as_mut().filter(|begun| !begun.is_reported) else { return };
        begun.is_reported = true;
        let event = TrainEvent::Checkpoint(begun.report.clone());
        self.observe(&event);
    }

    pub(crate) fn observe(&mut self, event: &TrainEvent) {
        self.observer.observe(event);
    }
}
