//! Programs that are ready: what each call needs, and the graph that was captured.

use std::rc::Rc;

use candle_core::cuda_backend::cudarc::driver::sys::CUgraphInstantiate_flags as Flags;
use candle_core::cuda_backend::cudarc::driver::sys::CUstreamCaptureMode as Mode;
use candle_core::cuda_backend::cudarc::driver::sys::{self, CUevent_record_flags};
use candle_core::cuda_backend::cudarc::driver::{CudaEvent, CudaGraph, CudaStream, DriverError};
use lockstep_program::{Lane, MachineError};

use super::super::Graphs;
use super::super::order::{Call, has_side};
use super::failure::{device, driver};
use super::handles::Handle;
use super::kernels::{Module, Prepared};
use super::lanes::Lanes;
use super::products::Planned;

/// A program that a [`CudaMachine`](super::CudaMachine) has loaded.
pub struct CudaProgram {
    pub(super) calls: Calls,
    state: State,
    /// What the graph launches; given back after it.
    _module: Rc<Module>,
}

/// What a program is made of.
pub(super) struct Calls {
    pub(super) name: String,
    /// In order.
    pub(super) order: Vec<Call>,
    pub(super) ready: Vec<Ready>,
    pub(super) events: Vec<CudaEvent>,
    /// Of at least as many buckets as the calls complete.
    pub(super) completes: Vec<Rc<Completed>>,
}

/// Where the main lane and the side lane have done their parts of a bucket, in this order.
pub(super) struct Completed(pub(super) [CudaEvent; 2]);

impl Completed {
    pub(super) fn of(&self, lane: Lane) -> &CudaEvent {
        match lane {
            Lane::Main => &self.0[0],
            Lane::Side => &self.0[1],
        }
    }
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

enum State {
    /// It did not run yet, so libraries may have to load what it calls, which a capture forbids.
    New,
    /// It has run call by call.
    Tried,
    Captured(CudaGraph),
}

impl CudaProgram {
    pub(super) fn new(calls: Calls, module: Rc<Module>) -> Self {
        Self { calls, state: State::New, _module: module }
    }

    /// Starts all calls behind what the main lane was given so far. The context is this thread's.
    pub(super) fn run(&mut self, target: &Target<'_>) -> Result<(), MachineError> {
        let Self { calls, state, .. } = self;
        if calls.order.is_empty() {
            return Ok(());
        }
        if let (State::Tried, Graphs::On) = (&state, target.graphs) {
            *state = State::Captured(calls.capture(target)?);
        }
        if let State::Captured(graph) = state {
            return graph.launch().map_err(driver(format!("the graph of `{}`", calls.name)));
        }
        calls.start(target, To::Streams)?;
        *state = State::Tried;
        Ok(())
    }
}

/// Where started calls go.
#[derive(Clone, Copy)]
enum To {
    Streams,
    /// Into the graph that is captured of the streams.
    Graph,
}

impl Calls {
    /// The calls as a graph.
    fn capture(&self, target: &Target<'_>) -> Result<CudaGraph, MachineError> {
        let what = || format!("the capture of `{}`", self.name);
        let main = target.lanes.stream(Lane::Main);
        main.begin_capture(Mode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL).map_err(driver(what()))?;
        let started = self.start(target, To::Graph);
        // Also after a failure, or the stream would stay unusable.
        let graph = main.end_capture(Flags(0));
        started?;
        let graph = graph.map_err(driver(what()))?;
        let graph = graph.ok_or_else(|| device(what(), "it gave no graph".to_owned()))?;
        graph.upload().map_err(driver(what()))?;
        Ok(graph)
    }

    /// Starts the calls one by one.
    fn start(&self, target: &Target<'_>, to: To) -> Result<(), MachineError> {
        let lanes = target.lanes;
        let failed = |what: &str| driver(format!("{what} in `{}`", self.name));
        let has_side = has_side(&self.order);
        if has_side {
            lanes.fork().map_err(failed("the fork of the lanes"))?;
        }
        for call in &self.order {
            match *call {
                Call::Start { lane, op } => self.ready[op].start(lane, target)?,
                Call::Signal { lane, event } => {
                    self.events[event].record(lanes.stream(lane)).map_err(failed("a signal"))?;
                }
                Call::Wait { lane, event } => {
                    lanes.stream(lane).wait(&self.events[event]).map_err(failed("a wait"))?;
                }
                Call::Complete { lane, bucket } => {
                    let event = self.completes[bucket].of(lane);
                    to.tell(event, lanes.stream(lane)).map_err(failed("the end of a bucket"))?;
                }
            }
        }
        if has_side {
            lanes.join().map_err(failed("the join of the lanes"))?;
        }
        Ok(())
    }
}

impl To {
    /// Records an event that streams outside of the program wait for. A graph has to be told that they
    /// do: each of its launches then records the event anew.
    fn tell(self, event: &CudaEvent, stream: &CudaStream) -> Result<(), DriverError> {
        let external = CUevent_record_flags::CU_EVENT_RECORD_EXTERNAL as u32;
        match self {
            Self::Streams => event.record(stream),
            // SAFETY: both are whole, and of one context, which is this thread's; the stream is being
            // captured, without which the flag would be an error.
            #[expect(unsafe_code, reason = "the driver's own call")]
            Self::Graph => unsafe {
                sys::cuEventRecordWithFlags(event.cu_event(), stream.cu_stream(), external).result()
            },
        }
    }
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
