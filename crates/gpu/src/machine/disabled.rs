//! A build without CUDA: no machine can be made.

use candle_core::{Device, Var};
use lockstep_program::{Machine, MachineError, Mark, Memory, Program, Region};

use super::{CardMemory, Graphs};
use crate::GpuError;

/// A machine that this build cannot have.
#[derive(Debug)]
pub struct CudaMachine(Never);

/// A program of a machine that this build cannot have.
#[derive(Debug)]
pub struct CudaProgram(Never);

#[derive(Debug)]
enum Never {}

impl CudaMachine {
    /// Always fails.
    ///
    /// # Errors
    /// [`GpuError::NotBuiltIn`].
    pub fn open(_device: &Device, _graphs: Graphs) -> Result<Self, GpuError> {
        Err(GpuError::NotBuiltIn)
    }

    /// Never called: there is no machine.
    ///
    /// # Errors
    /// None.
    pub fn load_choosing(
        &mut self,
        _program: &Program,
        _memory: &Memory,
        _answer: usize,
    ) -> Result<Option<CudaProgram>, MachineError> {
        match self.0 {}
    }

    /// Never called: there is no machine.
    ///
    /// # Errors
    /// None.
    pub fn time(&mut self, _program: &mut CudaProgram) -> Result<f64, MachineError> {
        match self.0 {}
    }

    /// Never called: there is no machine.
    ///
    /// # Errors
    /// None.
    pub fn time_each(&mut self, _program: &CudaProgram) -> Result<Vec<f64>, MachineError> {
        match self.0 {}
    }

    /// Never called: there is no machine.
    ///
    /// # Errors
    /// None.
    pub fn copy(&mut self, _from: Region, _to: Region) -> Result<(), MachineError> {
        match self.0 {}
    }

    /// Never called: there is no machine.
    ///
    /// # Errors
    /// None.
    pub fn card_name(&self) -> Result<String, MachineError> {
        match self.0 {}
    }

    /// Never called: there is no machine.
    ///
    /// # Errors
    /// None.
    pub fn card_memory(&self) -> Result<CardMemory, MachineError> {
        match self.0 {}
    }
}

/// Always fails: no variable lies on a GPU.
///
/// # Errors
/// [`MachineError::Device`].
pub fn region(_variable: &Var) -> Result<Region, MachineError> {
    let cause = GpuError::NotBuiltIn.to_string();
    Err(MachineError::Device { what: "the address of a variable".to_owned(), cause })
}

impl Machine for CudaMachine {
    type Loaded = CudaProgram;

    fn allocate(&mut self, _bytes: usize) -> Result<Region, MachineError> {
        match self.0 {}
    }

    fn write(&mut self, _to: Region, _bytes: &[u8]) -> Result<(), MachineError> {
        match self.0 {}
    }

    fn read(&mut self, _from: Region, _bytes: &mut [u8]) -> Result<(), MachineError> {
        match self.0 {}
    }

    fn load(&mut self, _: &Program, _: &Memory) -> Result<CudaProgram, MachineError> {
        match self.0 {}
    }

    fn run(&mut self, _program: &mut CudaProgram) -> Result<(), MachineError> {
        match self.0 {}
    }

    fn mark(&mut self) -> Result<Mark, MachineError> {
        match self.0 {}
    }

    fn has_passed(&mut self, _mark: Mark) -> Result<bool, MachineError> {
        match self.0 {}
    }

    fn wait(&mut self, _mark: Mark) -> Result<(), MachineError> {
        match self.0 {}
    }
}
