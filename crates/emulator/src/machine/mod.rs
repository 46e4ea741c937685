//! The emulator as a machine for programs.

mod checks;
mod lanes;
mod load;

use lockstep_program::{Machine, MachineError, Mark, Memory, Program, Region};

pub use load::Loaded;

use crate::Emulator;
use crate::memory::Allocation;

/// What a machine's buffers are aligned to.
const ALIGNMENT: usize = 256;

/// Everything is done when a call returns, so marks have passed at once.
impl Machine for Emulator {
    type Loaded = Loaded;

    fn allocate(&mut self, bytes: usize) -> Result<Region, MachineError> {
        let memory = Allocation::new(bytes, ALIGNMENT)
            .map_err(|error| MachineError::Memory { bytes, cause: error.to_string() })?;
        Ok(Region { address: self.memory.get_mut().add(memory), bytes })
    }

    fn release(&mut self, region: Region) -> Result<(), MachineError> {
        self.copy("a release", region, 0, |_| ())?;
        self.memory.get_mut().remove(region.address);
        Ok(())
    }

    fn write(&mut self, to: Region, bytes: &[u8]) -> Result<(), MachineError> {
        self.copy("a write", to, bytes.len(), |memory| memory.write(to.address, bytes))
    }

    fn read(&mut self, from: Region, bytes: &mut [u8]) -> Result<(), MachineError> {
        self.copy("a read", from, bytes.len(), |memory| memory.read(from.address, bytes))
    }

    fn load(&mut self, program: &Program, memory: &Memory) -> Result<Loaded, MachineError> {
        self.loaded(program, memory)
    }

    fn run(&mut self, program: &mut Loaded) -> Result<(), MachineError> {
        self.run_program(program)
    }

    fn mark(&mut self) -> Result<Mark, MachineError> {
        self.marks += 1;
        Ok(Mark(self.marks))
    }

    fn has_passed(&mut self, _mark: Mark) -> Result<bool, MachineError> {
        Ok(true)
    }

    fn wait(&mut self, _mark: Mark) -> Result<(), MachineError> {
        Ok(())
    }
}

impl Emulator {
    /// Copies where the region is ours and long enough.
    fn copy(
        &self,
        what: &str,
        region: Region,
        bytes: usize,
        copy: impl FnOnce(&Allocation),
    ) -> Result<(), MachineError> {
        let memory = self.memory.borrow();
        let shape = |cause| Err(MachineError::Shape { what: what.to_owned(), cause });
        let Some(found) = memory.find(region.address, region.bytes) else {
            return shape("the region is none of this machine's".to_owned());
        };
        if bytes > region.bytes {
            return shape(format!("{bytes} bytes, where the region has {}", region.bytes));
        }
        copy(found);
        Ok(())
    }
}
