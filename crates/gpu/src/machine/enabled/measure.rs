//! What measuring needs beside running: the time of a program and of each of its operations, products
//! by an algorithm that is not the first choice, copies, memory.

use candle_core::cuda_backend::cudarc::driver::result::memcpy_dtod_async;
use candle_core::cuda_backend::cudarc::driver::sys::CUevent_flags;
use candle_core::cuda_backend::cudarc::driver::{CudaEvent, DriverError};
use lockstep_program::{Lane, Machine, MachineError, Memory, Program, Region, Work};

use super::super::Graphs;
use super::failure::driver;
use super::products::Planned;
use super::program::{Ready, Target};
use super::{CudaMachine, CudaProgram, fits};
use crate::CardMemory;

impl CudaMachine {
    /// As [`Machine::load`], with the heuristic's answer number `answer`, from 0, for each product;
    /// none where a product has fewer.
    ///
    /// # Errors
    /// As [`Machine::load`].
    pub fn load_choosing(
        &mut self,
        program: &Program,
        memory: &Memory,
        answer: usize,
    ) -> Result<Option<CudaProgram>, MachineError> {
        let mut loaded = self.load(program, memory)?;
        for (op, ready) in program.ops().zip(&mut loaded.calls.ready) {
            let Work::Product(product) = &op.work else { continue };
            match Planned::choosing(&self.library, &op.label, product, answer, memory)? {
                Some(planned) => *ready = Ready::Product(planned),
                None => return Ok(None),
            }
        }
        Ok(Some(loaded))
    }

    /// Runs a program and waits; the microseconds from its start to its end on the device.
    ///
    /// # Errors
    /// As [`Machine::run`].
    pub fn time(&mut self, program: &mut CudaProgram) -> Result<f64, MachineError> {
        let began = self.clock()?;
        self.run(program)?;
        let ended = self.clock()?;
        micros(&began, &ended)
    }

    /// Runs a program's operations one after the other on the main lane and waits; the microseconds of
    /// each on the device, with what lies between it and the one before. They say something where the
    /// device has other work when this begins, so that the host stays ahead of it.
    ///
    /// # Errors
    /// As [`Machine::run`].
    pub fn time_each(&mut self, program: &CudaProgram) -> Result<Vec<f64>, MachineError> {
        let Self { lanes, library, .. } = &*self;
        let target = Target { lanes, library, graphs: Graphs::Off };
        let mut clocks = vec![self.clock()?];
        // Made before anything is started: making an event takes the host longer than recording it.
        for _ in &program.calls.ready {
            clocks.push(self.new_clock().map_err(driver("making an event"))?);
        }
        for (ready, clock) in program.calls.ready.iter().zip(&clocks[1..]) {
            ready.start(Lane::Main, &target)?;
            clock.record(self.stream()).map_err(driver("a time"))?;
        }
        clocks.windows(2).map(|pair| micros(&pair[0], &pair[1])).collect()
    }

    /// Copies as much of `from` as `to` has room for, on the device.
    ///
    /// # Errors
    /// [`MachineError`] when `from` is shorter, or the driver fails.
    pub fn copy(&mut self, from: Region, to: Region) -> Result<(), MachineError> {
        fits("a copy", to.bytes, from)?;
        self.bind()?;
        // SAFETY: both regions lie in memory of this machine's device, and have as many bytes.
        #[expect(unsafe_code, reason = "the driver's own call")]
        let copied = unsafe {
            memcpy_dtod_async(to.address, from.address, to.bytes, self.stream().cu_stream())
        };
        copied.map_err(driver("a copy"))
    }

    /// What the driver calls the card.
    ///
    /// # Errors
    /// [`MachineError`] when the driver fails.
    pub fn card_name(&self) -> Result<String, MachineError> {
        self.stream().context().name().map_err(driver("asking for the card's name"))
    }

    /// The memory of the card.
    ///
    /// # Errors
    /// [`MachineError`] when the driver fails.
    pub fn card_memory(&self) -> Result<CardMemory, MachineError> {
        let context = self.stream().context();
        let (free, total) = context.mem_get_info().map_err(driver("asking for free memory"))?;
        let own = self.memory.iter().map(|slice| slice.num_bytes()).sum();
        Ok(CardMemory { own, used: total - free, total })
    }

    fn new_clock(&self) -> Result<CudaEvent, DriverError> {
        self.stream().context().new_event(Some(CUevent_flags::CU_EVENT_DEFAULT))
    }

    /// An event behind all that the main lane was given so far.
    fn clock(&self) -> Result<CudaEvent, MachineError> {
        let clock = self.new_clock().map_err(driver("making an event"))?;
        clock.record(self.stream()).map_err(driver("a time"))?;
        Ok(clock)
    }
}

/// From one event to the other, once both have passed.
fn micros(began: &CudaEvent, ended: &CudaEvent) -> Result<f64, MachineError> {
    let millis = began.elapsed_ms(ended).map_err(driver("a time"))?;
    Ok(f64::from(millis) * 1e3)
}
