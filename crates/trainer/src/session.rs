//! What a process remembers of a run between its start and its end.

use std::time::Instant;

use lockstep_world::Step;

use crate::work::Work;
use crate::{EvaluationReport, Observer, StopRequest, TrainEvent};

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
        }
    }

    pub(crate) fn observe(&mut self, event: &TrainEvent) {
        self.observer.observe(event);
    }
}
