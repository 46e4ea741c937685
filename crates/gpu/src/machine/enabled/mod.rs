//! The machine: candle's device, a second stream, our kernels, and cublasLt.
//!
//! Untested on a GPU where no test ran on one: the build only shows that the calls exist.

mod failure;
mod handles;
mod kernels;
mod lanes;
mod measure;
mod products;
mod program;
mod upload;
mod variable;

use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::sync::Arc;

use candle_core::Device;
use candle_core::cuda_backend::cudarc::cublaslt;
use candle_core::cuda_backend::cudarc::driver::result::memcpy_dtoh_async;
use candle_core::cuda_backend::cudarc::driver::{
    CudaEvent, CudaSlice, CudaStream, DevicePtr, DriverError,
};
use lockstep_program::{Lane, Machine, MachineError, Mark, Memory, Program, Region, Work};

use self::failure::{device, driver, library, memory};
use self::handles::Handle;
use self::kernels::Kernels;
use self::lanes::Lanes;
use self::products::Planned;
pub use self::program::CudaProgram;
use self::program::{Calls, Completed, Ready, Target};
use self::upload::Upload;
pub use self::variable::region;
use super::ring::{MARKS, Marks};
use super::{Graphs, order};
use crate::GpuError;

/// The alignment of what [`Machine::allocate`] gives.
const ALIGNED: u64 = 256;

/// A GPU that runs programs. Its main lane is the stream of candle's device, so that candle's
/// operations and programs run in the order in which they are started. While a program runs for the
/// second time it is captured, and no other thread may use that stream.
pub struct CudaMachine {
    lanes: Lanes,
    kernels: Kernels,
    library: Handle,
    graphs: Graphs,
    upload: Upload,
    /// Freed when it is released or the machine is dropped, behind what the main lane was given so far.
    memory: Vec<CudaSlice<u8>>,
    events: Vec<CudaEvent>,
    marks: Marks,
    /// By bucket.
    completes: Vec<Rc<Completed>>,
}

impl CudaMachine {
    /// The machine of a device that [`open`](crate::open) has opened.
    ///
    /// # Errors
    /// [`GpuError::Missing`] without cublasLt, [`GpuError::Refused`] when the driver or the library fails.
    pub fn open(device: &Device, graphs: Graphs) -> Result<Self, GpuError> {
        find_library()?;
        let cuda = device
            .as_cuda_device()
            .map_err(|cause| GpuError::Refused { ordinal: 0, cause: cause.to_string() })?;
        let main = cuda.cuda_stream();
        let ordinal = main.context().ordinal();
        Self::on(main, graphs)
            .map_err(|cause| GpuError::Refused { ordinal, cause: cause.to_string() })
    }

    fn on(main: Arc<CudaStream>, graphs: Graphs) -> Result<Self, MachineError> {
        let context = main.context().clone();
        let kernels = Kernels::load(&context)?;
        let events: Result<_, _> = (0..MARKS).map(|_| context.new_event(None)).collect();
        Ok(Self {
            kernels,
            library: Handle::new().map_err(library("opening cublasLt"))?,
            lanes: Lanes::new(main).map_err(driver("making the lanes"))?,
            graphs,
            upload: Upload::default(),
            memory: Vec::new(),
            events: events.map_err(driver("making the marks"))?,
            marks: Marks::default(),
            completes: Vec::new(),
        })
    }

    /// The events that a stream has to wait for before it touches the gradients of a bucket: of both
    /// lanes, behind the last started program that completes it. That program continues meanwhile.
    ///
    /// # Errors
    /// [`MachineError::Shape`] when no program that was loaded completes this bucket.
    pub fn completed(&self, bucket: usize) -> Result<[&CudaEvent; 2], MachineError> {
        let completed = self.completes.get(bucket).ok_or_else(|| MachineError::Shape {
            what: format!("bucket {bucket}"),
            cause: format!("programs complete {} buckets", self.completes.len()),
        })?;
        Ok(completed.0.each_ref())
    }

    /// The main lane.
    #[must_use]
    pub fn stream(&self) -> &Arc<CudaStream> {
        self.lanes.stream(Lane::Main)
    }

    /// Shows the f32 values of a region as a slice of the main lane, behind all that was started.
    pub fn with_values<T>(&self, region: Region, work: impl FnOnce(&mut CudaSlice<f32>) -> T) -> T {
        let values = region.bytes / size_of::<f32>();
        // SAFETY: a machine's region is memory that lives as long as the machine, or as candle's
        // variable, and has as many values; any bytes are values.
        #[expect(unsafe_code, reason = "the memory belongs to another owner")]
        let slice = unsafe { self.stream().upgrade_device_ptr::<f32>(region.address, values) };
        // Not to be freed, not even after a panic.
        let mut slice = ManuallyDrop::new(slice);
        let answer = work(&mut slice);
        ManuallyDrop::into_inner(slice).leak();
        answer
    }

    /// The driver's calls are of the thread's context. Also reports failures that were not reported yet.
    fn bind(&self) -> Result<(), MachineError> {
        self.stream().context().bind_to_thread().map_err(driver("an earlier operation"))
    }

    /// The events of at least `count` buckets. All programs share them, since one runs at a time.
    fn completes(&mut self, count: usize) -> Result<Vec<Rc<Completed>>, MachineError> {
        let context = self.stream().context().clone();
        let new = || context.new_event(None).map_err(driver("making the events of a bucket"));
        while self.completes.len() < count {
            self.completes.push(Rc::new(Completed([new()?, new()?])));
        }
        Ok(self.completes.clone())
    }

    fn ready(&mut self, program: &Program, memory: &Memory) -> Result<Vec<Ready>, MachineError> {
        let ready = program.ops().map(|op| match &op.work {
            Work::Launch(launch) => self.kernels.prepare(launch, memory).map(Ready::Launch),
            Work::Product(product) => {
                Planned::new(&self.library, &op.label, product, memory).map(Ready::Product)
            }
        });
        ready.collect()
    }

    fn copy_back(&self, from: Region, bytes: &mut [u8]) -> Result<(), DriverError> {
        let stream = self.stream();
        if !bytes.is_empty() {
            // SAFETY: the region has as many bytes, as `read` has checked, and lives as long as the
            // machine; `bytes` is borrowed until the stream is waited for.
            #[expect(unsafe_code, reason = "the driver's own call")]
            unsafe { memcpy_dtoh_async(bytes, from.address, stream.cu_stream()) }?;
        }
        stream.synchronize()
    }
}

impl Machine for CudaMachine {
    type Loaded = CudaProgram;

    fn allocate(&mut self, bytes: usize) -> Result<Region, MachineError> {
        // SAFETY: what memory holds is not defined, says the contract; any bytes are values.
        #[expect(unsafe_code, reason = "the memory is not initialised")]
        let slice = unsafe { self.stream().alloc::<u8>(bytes.max(1)) };
        let slice = slice.map_err(memory(bytes))?;
        let address = slice.device_ptr(self.stream()).0;
        if !address.is_multiple_of(ALIGNED) {
            let cause = format!("the driver gave address {address:#x}, no multiple of {ALIGNED}");
            return Err(device(format!("making room for {bytes} bytes"), cause));
        }
        self.memory.push(slice);
        Ok(Region { address, bytes })
    }

    fn release(&mut self, region: Region) -> Result<(), MachineError> {
        let stream = self.lanes.stream(Lane::Main);
        let is_it = |memory: &CudaSlice<u8>| memory.device_ptr(stream).0 == region.address;
        let Some(place) = self.memory.iter().position(is_it) else {
            let cause = "it is none of this machine's".to_owned();
            return Err(MachineError::Shape { what: "a region to release".to_owned(), cause });
        };
        // Freed in the order of the main lane, with which the side lane is joined.
        drop(self.memory.swap_remove(place));
        Ok(())
    }

    fn write(&mut self, to: Region, bytes: &[u8]) -> Result<(), MachineError> {
        fits("a write", bytes.len(), to)?;
        let stream = self.lanes.stream(Lane::Main);
        self.upload.write(stream, to.address, bytes).map_err(driver("a write"))
    }

    fn read(&mut self, from: Region, bytes: &mut [u8]) -> Result<(), MachineError> {
        fits("a read", bytes.len(), from)?;
        self.bind()?;
        self.copy_back(from, bytes).map_err(driver("a read, or what ran before it"))
    }

    fn load(&mut self, program: &Program, memory: &Memory) -> Result<CudaProgram, MachineError> {
        self.bind()?;
        let context = self.stream().context().clone();
        let events: Result<_, _> = (0..program.events).map(|_| context.new_event(None)).collect();
        let order = order::calls(program)?;
        let calls = Calls {
            name: program.name.clone(),
            ready: self.ready(program, memory)?,
            events: events.map_err(driver("making a program's events"))?,
            completes: self.completes(order::buckets(&order))?,
            order,
        };
        Ok(CudaProgram::new(calls, self.kernels.module()))
    }

    fn run(&mut self, program: &mut CudaProgram) -> Result<(), MachineError> {
        self.bind()?;
        let Self { lanes, library, graphs, .. } = self;
        program.run(&Target { lanes, library, graphs: *graphs })
    }

    fn mark(&mut self) -> Result<Mark, MachineError> {
        let (mark, place) = self.marks.make();
        self.events[place].record(self.stream()).map_err(driver("a mark"))?;
        Ok(mark)
    }

    fn has_passed(&mut self, mark: Mark) -> Result<bool, MachineError> {
        let place = self.marks.find(mark)?;
        self.bind()?;
        self.events[place].try_is_complete().map_err(driver("what ran before a mark"))
    }

    fn wait(&mut self, mark: Mark) -> Result<(), MachineError> {
        let place = self.marks.find(mark)?;
        self.events[place].synchronize().map_err(driver("what ran before a mark"))
    }
}

impl Drop for CudaMachine {
    fn drop(&mut self) {
        // Kernels and pinned memory are given back only when nothing uses them. A failure has been told.
        let _ = self.stream().synchronize();
    }
}

fn fits(what: &str, bytes: usize, region: Region) -> Result<(), MachineError> {
    if bytes <= region.bytes {
        return Ok(());
    }
    let cause = format!("{bytes} bytes, and the region has {}", region.bytes);
    Err(MachineError::Shape { what: what.to_owned(), cause })
}

/// The binding panics where the library is missing.
fn find_library() -> Result<(), GpuError> {
    // SAFETY: opening a library runs its constructors, which are NVIDIA's.
    #[expect(unsafe_code, reason = "opening a library runs what is in it")]
    let is_there = unsafe { cublaslt::sys::is_culib_present() };
    if is_there {
        return Ok(());
    }
    Err(GpuError::Missing {
        library: "libcublasLt.so",
        remedy: "it comes with libcublas; add its directory to LD_LIBRARY_PATH",
    })
}
