//! The thread that writes a checkpoint while training continues; there is at most one.
//!
//! On a CPU it also copies weights and moments: it locks all of them before the next update begins,
//! which only reads the weights until its end, and gives each one back as soon as it is copied. So an
//! optimiser that is faster than the copy waits, and nothing else does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc;
use std::thread::JoinHandle;

use candle_core::Tensor;
use lockstep_collective::PhaseBoard;
use lockstep_model::Classifier;
use lockstep_optim::AdamW;
use lockstep_params::{ParamName, TensorCopy, copy_each};

use super::CheckpointError;
use super::write::{Draft, Tensors};
use crate::Tracer;
use crate::trace::Lane;

type Copies = BTreeMap<ParamName, TensorCopy>;

/// Where checkpoints are written.
#[derive(Default)]
pub(crate) struct Background {
    board: PhaseBoard,
    writing: Option<JoinHandle<Result<Copies, CheckpointError>>>,
    /// What became of the last one, where it failed and nothing waited for it yet.
    failure: Option<CheckpointError>,
    /// The last copies, whose memory the next ones take: new memory would take twice the time.
    spare: Copies,
}

/// How far a checkpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// None is under way.
    Idle,
    /// It is not whole yet.
    Writing,
    /// It became whole since the last question.
    Whole,
    /// It could not be written; [`Background::wait`] says why.
    Failed,
}

/// Notes on the board that a checkpoint is being written, as long as it lives.
struct Writing(PhaseBoard);

impl Writing {
    fn begin(board: &PhaseBoard) -> Self {
        board.note_writing(true);
        Self(board.clone())
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.0.note_writing(false);
    }
}

impl Background {
    /// One that notes on `board` while it writes.
    pub(crate) fn new(board: PhaseBoard) -> Self {
        Self { board, ..Self::default() }
    }

    /// Begins a checkpoint of the weights and moments as they are now.
    ///
    /// # Errors
    /// Those of the checkpoint before, and where no thread can be had.
    pub(crate) fn begin(
        &mut self,
        model: &Classifier,
        optimizer: &AdamW,
        draft: Draft,
        tracer: Tracer,
    ) -> Result<(), CheckpointError> {
        self.wait()?;
        let names: BTreeSet<ParamName> =
            model.parameters().iter().map(|(name, _)| name.clone()).collect();
        let sources = Sources::of(model, optimizer)?;
        let spare = std::mem::take(&mut self.spare);
        let (held, is_held) = mpsc::channel();
        let path = draft.output_dir.clone();
        let writing = Writing::begin(&self.board);
        let work = move || {
            let _writing = writing;
            let _span = tracer.span(Lane::Writer, "write checkpoint", draft.step.0);
            let copies = sources.copy(spare, move || drop(held))?;
            if let Some((tensor, _)) = copies.iter().find(|(_, copy)| !copy.are_numbers()) {
                let (update, tensor) = (draft.step.0, tensor.to_string());
                return Err(CheckpointError::NotNumbers { update, tensor });
            }
            let tensors = Tensors::new(copies, &names);
            draft.write(&tensors).map(|()| tensors.into_all())
        };
        let thread = std::thread::Builder::new().name("checkpoint".to_owned()).spawn(work);
        let refused =
            |cause| CheckpointError::Io { verb: "start the thread that writes to", path, cause };
        self.writing = Some(thread.map_err(refused)?);
        // Nothing is ever sent: the wait ends when the sender is gone, however the thread fares.
        let _: Result<(), _> = is_held.recv();
        Ok(())
    }

    /// How far the checkpoint is, without a wait.
    pub(crate) fn progress(&mut self) -> Progress {
        match &self.writing {
            None => Progress::Idle,
            Some(thread) if !thread.is_finished() => Progress::Writing,
            Some(_) => match self.wait() {
                Ok(()) => Progress::Whole,
                Err(error) => {
                    self.failure = Some(error);
                    Progress::Failed
                }
            },
        }
    }

    /// Waits until the checkpoint is whole, if one is under way.
    ///
    /// # Errors
    /// What kept it from becoming whole.
    pub(crate) fn wait(&mut self) -> Result<(), CheckpointError> {
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        if let Some(thread) = self.writing.take() {
            self.spare = thread.join().map_err(|_| CheckpointError::Thread)??;
        }
        Ok(())
    }
}

/// Where the scalars of a checkpoint come from.
enum Sources {
    /// Variables on the CPU, in the order in which the optimiser changes them.
    Variables(Vec<(ParamName, Tensor)>),
    /// Copies of what lies elsewhere, where the next update changes it without a lock.
    Copies(Copies),
}

impl Sources {
    fn of(model: &Classifier, optimizer: &AdamW) -> Result<Self, CheckpointError> {
        let (weights, moments) = (model.parameters(), optimizer.moments());
        let mut all = Vec::new();
        for (name, weight) in weights.iter() {
            all.push((name.clone(), weight.as_tensor().clone()));
            for prefix in ["exp_avg", "exp_avg_sq"] {
                let name = ParamName::from(format!("{prefix}.{name}"));
                all.extend(moments.get(&name).map(|one| (name, one.as_tensor().clone())));
            }
        }
        if weights.device().is_cpu() {
            return Ok(Self::Variables(all));
        }
        let copy = |(name, tensor): (ParamName, Tensor)| Ok((name, TensorCopy::of(&tensor)?));
        Ok(Self::Copies(all.into_iter().map(copy).collect::<candle_core::Result<_>>()?))
    }

    fn copy(self, spare: Copies, held: impl FnOnce()) -> candle_core::Result<Copies> {
        match self {
            Self::Variables(all) => copy_each(&all, spare, held),
            Self::Copies(copies) => Ok(copies),
        }
    }
}
