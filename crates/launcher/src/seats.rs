//! What the ranks of one machine have to know of all ranks, as torchrun's variables.

/// The ranks that one launcher starts, among all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seats {
    /// The first of them.
    pub(super) first: u64,
    /// How many there are here.
    pub(super) here: u64,
    /// How many there are on all machines.
    pub(super) world: u64,
    /// Where rank 0 is met.
    pub(super) host: String,
    /// At which port.
    pub(super) port: String,
}

impl Seats {
    /// Those of a run on this machine alone.
    pub(super) fn of_one_machine(ranks: u64, port: String) -> Self {
        Self { first: 0, here: ranks, world: ranks, host: "127.0.0.1".to_owned(), port }
    }

    /// What the `local`th rank of this machine needs to know.
    pub(super) fn variables(&self, local: u64) -> [(&'static str, String); 6] {
        [
            ("RANK", (self.first + local).to_string()),
            ("LOCAL_RANK", local.to_string()),
            ("WORLD_SIZE", self.world.to_string()),
            ("LOCAL_WORLD_SIZE", self.here.to_string()),
            ("MASTER_ADDR", self.host.clone()),
            ("MASTER_PORT", self.port.clone()),
        ]
    }
}
