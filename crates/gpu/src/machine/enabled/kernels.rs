//! Our kernels: the fatbin that launch/cuda.sh compiled, and the functions in it.

use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::rc::Rc;
use std::sync::Arc;

use candle_core::cuda_backend::cudarc::driver::result::{function, launch_kernel, module};
use candle_core::cuda_backend::cudarc::driver::sys::{self, CUfunction, CUmodule, CUresult};
use candle_core::cuda_backend::cudarc::driver::{CudaContext, CudaStream, DriverError};
use lockstep_program::{Launch, MachineError, Memory};

use super::super::values::Value;
use super::failure::{device, driver};

/// The shared memory of a block that needs no permission.
const GRANTED: u32 = 48 << 10;

/// Bytes that begin where the driver may read whole words.
#[repr(C, align(64))]
struct Aligned<B: ?Sized>(B);

static FATBIN: &Aligned<[u8]> = &Aligned(*include_bytes!(env!(
    "LOCKSTEP_FATBIN",
    "the kernels are compiled by launch/cuda.sh, which builds with the feature `cuda`"
)));

/// The fatbin, loaded. Graphs that launch its kernels have a share in it.
pub(super) struct Module {
    context: Arc<CudaContext>,
    raw: CUmodule,
}

/// The functions of the fatbin that were asked for so far.
pub(super) struct Kernels {
    module: Rc<Module>,
    found: HashMap<String, Kernel>,
}

#[derive(Clone, Copy)]
struct Kernel {
    function: CUfunction,
    /// Dynamic shared memory that a block may have.
    shared: u32,
}

/// A launch that is ready.
pub(super) struct Prepared {
    kernel: String,
    function: CUfunction,
    grid: [u32; 2],
    threads: u32,
    shared: u32,
    values: Vec<Value>,
}

impl Kernels {
    /// Loads the fatbin, for the GPU that is there.
    pub(super) fn load(context: &Arc<CudaContext>) -> Result<Self, MachineError> {
        if FATBIN.0.is_empty() {
            let cause = "this build was made to be checked, without kernels".to_owned();
            return Err(device("loading the kernels", cause));
        }
        context.bind_to_thread().map_err(driver("choosing the GPU"))?;
        // SAFETY: the image is a whole fatbin, which says its own length, and lives forever.
        #[expect(unsafe_code, reason = "the driver's own call")]
        let module = unsafe { module::load_data(FATBIN.0.as_ptr().cast()) };
        let module = module.map_err(driver("loading the kernels"))?;
        let module = Module { context: context.clone(), raw: module };
        Ok(Self { module: Rc::new(module), found: HashMap::new() })
    }

    /// A share in what the kernels of a program need.
    pub(super) fn module(&self) -> Rc<Module> {
        self.module.clone()
    }

    /// Finds the kernel of `launch`, and compares what it takes with what the launch gives.
    pub(super) fn prepare(
        &mut self,
        launch: &Launch,
        memory: &Memory,
    ) -> Result<Prepared, MachineError> {
        let kernel = self.find(&launch.kernel)?;
        let values: Vec<_> =
            launch.arguments.iter().map(|argument| Value::of(argument, memory)).collect();
        check(launch, kernel.function, &values)?;
        if launch.shared > kernel.shared {
            allow_shared(kernel.function, launch.shared).map_err(driver(format!(
                "{} bytes of shared memory for kernel `{}`",
                launch.shared, launch.kernel
            )))?;
            self.found.insert(launch.kernel.clone(), Kernel { shared: launch.shared, ..kernel });
        }
        Ok(Prepared {
            kernel: launch.kernel.clone(),
            function: kernel.function,
            grid: launch.grid,
            threads: launch.threads,
            shared: launch.shared,
            values,
        })
    }

    fn find(&mut self, name: &str) -> Result<Kernel, MachineError> {
        if let Some(kernel) = self.found.get(name) {
            return Ok(*kernel);
        }
        let unknown = || MachineError::UnknownKernel { name: name.to_owned() };
        let text = CString::new(name).map_err(|_| unknown())?;
        // SAFETY: the module is loaded, and unloaded when nothing has a share in it.
        #[expect(unsafe_code, reason = "the driver's own call")]
        let function = unsafe { module::get_function(self.module.raw, text) };
        let function = function.map_err(|cause| match cause.0 {
            CUresult::CUDA_ERROR_NOT_FOUND => unknown(),
            _ => driver(format!("finding kernel `{name}`"))(cause),
        })?;
        let kernel = Kernel { function, shared: GRANTED };
        self.found.insert(name.to_owned(), kernel);
        Ok(kernel)
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        if self.context.bind_to_thread().is_ok() {
            // SAFETY: nothing else has the module. Nothing of it runs: the machine has a share as long as
            // it starts programs, and waits for them when it is dropped.
            #[expect(unsafe_code, reason = "the driver's own call")]
            let _ = unsafe { module::unload(self.raw) };
        }
    }
}

fn allow_shared(function: CUfunction, bytes: u32) -> Result<(), DriverError> {
    let attribute = sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
    let bytes = i32::try_from(bytes).unwrap_or(i32::MAX);
    // SAFETY: the function is of a loaded module; the value is copied.
    #[expect(unsafe_code, reason = "the driver's own call")]
    unsafe {
        function::set_function_attribute(function, attribute, bytes)
    }
}

/// A launch with another number of arguments, or arguments of other sizes, would read what is not there.
fn check(launch: &Launch, function: CUfunction, values: &[Value]) -> Result<(), MachineError> {
    let misfit = |cause| MachineError::Shape { what: format!("kernel `{}`", launch.kernel), cause };
    for (place, value) in values.iter().enumerate() {
        let (given, wanted) = (value.bytes().len(), parameter_bytes(function, place));
        if wanted != Some(given) {
            return Err(misfit(format!("argument {place} has {given} bytes, wanted: {wanted:?}")));
        }
    }
    if parameter_bytes(function, values.len()).is_some() {
        return Err(misfit(format!("it takes more than {} arguments", values.len())));
    }
    Ok(())
}

/// How many bytes parameter `place` of a kernel has; none where it has fewer parameters.
fn parameter_bytes(function: CUfunction, place: usize) -> Option<usize> {
    let (mut offset, mut bytes) = (0, 0);
    // SAFETY: the function is of a loaded module; both pointers are to locals that outlive the call.
    #[expect(unsafe_code, reason = "the driver's own call")]
    let result =
        unsafe { sys::cuFuncGetParamInfo(function, place, &raw mut offset, &raw mut bytes) };
    result.result().is_ok().then_some(bytes)
}

impl Prepared {
    /// Puts the launch behind what `stream` was given so far. The context is this thread's.
    pub(super) fn start(&self, stream: &CudaStream) -> Result<(), MachineError> {
        let mut addresses: Vec<*mut c_void> =
            self.values.iter().map(|value| value.bytes().as_ptr().cast_mut().cast()).collect();
        let grid = (self.grid[0], self.grid[1], 1);
        let (block, shared) = ((self.threads, 1, 1), self.shared);
        let stream = stream.cu_stream();
        // SAFETY: the function is of the machine's module, in which the program has a share. The
        // addresses are of as many values, and of the sizes, as the kernel takes: `check` has compared
        // them. The driver copies them before it returns. That the kernel stays inside of the
        // buffers is the program's promise, which the emulator tests.
        #[expect(unsafe_code, reason = "the driver's own call")]
        let started =
            unsafe { launch_kernel(self.function, grid, block, shared, stream, &mut addresses) };
        started.map_err(driver(format!("kernel `{}`", self.kernel)))
    }
}
