//! All memory of an emulator, found by address.

use std::collections::BTreeMap;

use crate::memory::Allocation;

/// The buffers of an emulator.
#[derive(Debug, Default)]
pub(crate) struct Heap {
    by_start: BTreeMap<u64, Allocation>,
}

impl Heap {
    /// Adds a buffer and returns its address.
    pub(crate) fn add(&mut self, memory: Allocation) -> u64 {
        let address = memory.address();
        self.by_start.insert(address, memory);
        address
    }

    /// Takes the buffer that starts at an address away.
    pub(crate) fn remove(&mut self, address: u64) {
        self.by_start.remove(&address);
    }

    /// The buffer in which these bytes lie.
    pub(crate) fn find(&self, address: u64, bytes: usize) -> Option<&Allocation> {
        let (_, memory) = self.by_start.range(..=address).next_back()?;
        memory.holds(address, bytes).then_some(memory)
    }

    /// Gives the buffer that starts at an address a name.
    pub(crate) fn name(&mut self, address: u64, name: &str) {
        if let Some(memory) = self.by_start.get_mut(&address) {
            name.clone_into(&mut memory.name);
        }
    }

    /// Where an address lies in or beside a buffer, in words.
    pub(crate) fn place(&self, address: u64) -> Option<String> {
        let before = self.by_start.range(..=address).next_back();
        let behind = self.by_start.range(address..).next();
        before.into_iter().chain(behind).find_map(|(_, memory)| {
            let offset = memory.near(address)?;
            Some(format!("byte {offset} of {}", memory.named()))
        })
    }

    /// What something wrote around a buffer.
    pub(crate) fn damage(&self) -> Option<String> {
        self.by_start.values().find_map(Allocation::damage)
    }
}
