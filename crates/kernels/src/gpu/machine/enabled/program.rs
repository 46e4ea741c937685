//! Programs that are ready: what each call needs, and the graphs that were captured.

use std::rc::Rc;

use candle_core::cuda_backend::cudarc::driver::sys::CUgraphInstantiate_flags as Flags;
use candle_core::cuda_backend::cudarc::driver::sys::CUstreamCaptureMode as Mode;
use candle_core::cuda_backend::cudarc::driver::{CudaEvent, CudaGraph};
use lockstep_program::{Lane, MachineError};

use super::super::Graphs;
use super::super::order::{Call, Part};
use super::failure::{device, driver};
use super::handles::Handle;
use super::kernels::{Module, Prepared};
use super::lanes::Lanes;
use super::products::Planned;

/// A program that a [`CudaMachine`](super::CudaMachine) has loaded.
pub struct CudaProgram {
    pub(super) whole: Section,
    /// The same calls, cut where ranks add gradients.
    pub(super) parts: Vec<Section>,
    pub(super) calls: Calls,
    /// What the graphs launch; given back after them.
    pub(super) _module: Rc<Module>,
}

/// What all sections of a program share.
pub(super) struct Calls {
    pub(super) name: String,
    pub(super) ready: Vec<Ready>,
    pub(super) events: Vec<CudaEvent>,
}

/// An operation that can be started.
pub(super) enum Ready {
    Launch(Prepared),
    Product(Planned),
}

/// Where calls go.
pub(super) struct Target<'a> {
    pub(super) lanes: &'a Lanes,
    pub(super) library: &'a Handle,
    pub(super) graphs: Graphs,
}

/// Calls that are started together.
pub(super) struct Section {
    pub(super) part: Part,
    state: State,
}

enum State {
    /// It did not run yet, so libraries may have to load what it calls, which a capture forbids.
    New,
    /// It has run call by call.
    Tried,
    Captured(CudaGraph),
}

impl Section {
    pub(super) fn new(part: Part) -> Self {
        Self { part, state: State::New }
    }

    /// Starts all calls behind what the main lane was given so far. The context is this thread's.
    pub(super) fn run(&mut self, calls: &Calls, target: &Target<'_>) -> Result<(), MachineError> {
        if self.part.calls.is_empty() {
            return Ok(());
        }
        if let (State::Tried, Graphs::On) = (&self.state, target.graphs) {
            self.state = State::Captured(capture(&self.part, calls, target)?);
        }
        if let State::Captured(graph) = &self.state {
            return graph.launch().map_err(driver(format!("the graph of `{}`", calls.name)));
        }
        start(&self.part, calls, target)?;
        self.state = State::Tried;
        Ok(())
    }
}

/// The calls as a graph.
fn capture(part: &Part, calls: &Calls, target: &Target<'_>) -> Result<CudaGraph, MachineError> {
    let what = || format!("the capture of `{}`", calls.name);
    let main = target.lanes.stream(Lane::Main);
    main.begin_capture(Mode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL).map_err(driver(what()))?;
    let started = start(part, calls, target);
    // Also after a failure, or the stream would stay unusable.
    let graph = main.end_capture(Flags(0));
    started?;
    let graph = graph.map_err(driver(what()))?;
    let graph = graph.ok_or_else(|| device(what(), "it gave no graph".to_owned()))?;
    graph.upload().map_err(driver(what()))?;
    Ok(graph)
}

/// Starts the calls one by one, on the lanes' streams or into the graph that is captured of them.
fn start(part: &Part, calls: &Calls, target: &Target<'_>) -> Result<(), MachineError> {
    let lanes = target.lanes;
    let failed = |what: &str| driver(format!("{what} in `{}`", calls.name));
    if part.has_side() {
        lanes.fork().map_err(failed("the fork of the lanes"))?;
    }
    for call in &part.calls {
        match *call {
            Call::Start { lane, op } => calls.ready[op].start(lane, target)?,
            Call::Signal { lane, event } => {
                calls.events[event].record(lanes.stream(lane)).map_err(failed("a signal"))?;
            }
            Call::Wait { lane, event } => {
                lanes.stream(lane).wait(&calls.events[event]).map_err(failed("a wait"))?;
            }
        }
    }
    if part.has_side() {
        lanes.join().map_err(failed("the join of the lanes"))?;
    }
    Ok(())
}

impl Ready {
    pub(super) fn start(&self, lane: Lane, target: &Target<'_>) -> Result<(), MachineError> {
        let stream = target.lanes.stream(lane);
        match self {
            Self::Launch(launch) => launch.start(stream),
            Self::Product(product) => {
                product.start(target.library, target.lanes.workspace(lane), stream)
            }
        }
    }
}
