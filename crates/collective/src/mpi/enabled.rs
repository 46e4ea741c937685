//! Ranks that an MPI library connects.
//!
//! The library is initialised for calls that follow each other from any thread. It is finalised by
//! [`Collective::leave`] only: MPI_Finalize waits for all ranks, so a rank that failed must not
//! call it on its way out.

use std::mem::ManuallyDrop;
use std::thread;
use std::time::{Duration, Instant};

use lockstep_world::{Rank, Seat, WorldSize};
use mpi::environment::Universe;
use mpi::request::{self, Request, Scope};
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives, Destination, Root, Source};
use mpi::{Count, Threading};

use crate::ring::{Neighbours, Ring};
use crate::{Collective, CollectiveError, check_root, pulse};

/// Scalars of one broadcast: 2 MiB, so that one piece is passed on while the next one arrives.
const CHUNK: usize = 512 * 1024;

/// Of our messages; they follow each other, so they need no names.
const TAG: mpi::Tag = 0;

/// A rank of the world that mpirun or srun started.
///
/// It may move between threads: the library is initialised with at least MPI_THREAD_SERIALIZED, and
/// calls do not overlap, as each takes `&mut self`.
pub struct Mpi {
    ring: Ring<Library>,
}

/// The library, initialised.
struct Library(ManuallyDrop<Universe>);

impl Mpi {
    /// Whether this build has an MPI library.
    pub const IS_BUILT_IN: bool = true;

    /// Whether ranks that MPICH's starter starts find each other through this build's library: all
    /// but Open MPI's descend from MPICH.
    #[must_use]
    pub fn speaks_to_mpich() -> bool {
        let version = mpi::environment::library_version().unwrap_or_default();
        !version.starts_with("Open MPI")
    }

    /// Initialises the library; all ranks do so together.
    ///
    /// # Errors
    /// [`CollectiveError::Missing`] when the library allows calls from one thread only, or was
    /// initialised before.
    pub fn join() -> Result<Self, CollectiveError> {
        let missing = |remedy| CollectiveError::Missing { library: "MPI", remedy };
        let Some((universe, threading)) = mpi::initialize_with_threading(Threading::Serialized)
        else {
            return Err(missing("it was initialised twice; this is a bug, please report it"));
        };
        let universe = ManuallyDrop::new(universe);
        if threading < Threading::Serialized {
            return Err(missing(
                "it allows calls from one thread only; use an MPI built with thread support",
            ));
        }
        let world = universe.world();
        let size = usize::try_from(world.size()).ok().and_then(WorldSize::new);
        let rank = usize::try_from(world.rank()).ok().map(Rank);
        let seat = rank.zip(size).and_then(|(rank, size)| Seat::new(rank, size).ok());
        let seat = seat.ok_or_else(|| missing("it gives this process no rank"))?;
        Ok(Self { ring: Ring::new(seat, Library(universe)) })
    }

    fn world(&self) -> SimpleCommunicator {
        self.ring.neighbours.0.world()
    }

    /// The library's name and version.
    #[must_use]
    pub fn library(&self) -> String {
        let text = mpi::environment::library_version().unwrap_or_default();
        let name = text.split([',', '\n']).next().unwrap_or_default().replace(" Version:", "");
        name.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// Waits for a call to complete, and gives the core away meanwhile.
///
/// Gradients are summed on a thread beside the one that computes; MPI's own waiting, in a busy
/// loop, would take half of its time.
fn wait<'a, D: ?Sized, S: Scope<'a>>(mut request: Request<'a, D, S>) {
    let began = Instant::now();
    loop {
        match request.test() {
            Ok(_) => return,
            Err(pending) => request = pending,
        }
        pulse::note();
        if began.elapsed() < PROMPT {
            thread::yield_now();
        } else {
            thread::sleep(NAP);
        }
    }
}

/// How long a call is asked for its end again and again, before each question waits for a nap.
const PROMPT: Duration = Duration::from_micros(500);
const NAP: Duration = Duration::from_micros(50);

impl Neighbours for Library {
    fn exchange(
        &mut self,
        _call: &'static str,
        given: &[u8],
        taken: &mut [u8],
    ) -> Result<(), CollectiveError> {
        let world = self.0.world();
        let (rank, size) = (world.rank(), world.size());
        let next = world.process_at_rank((rank + 1) % size);
        let previous = world.process_at_rank((rank + size - 1) % size);
        request::scope(|scope| {
            let comes = previous.immediate_receive_into_with_tag(scope, taken, TAG);
            wait(next.immediate_send_with_tag(scope, given, TAG));
            wait(comes);
        });
        Ok(())
    }
}

impl Collective for Mpi {
    fn seat(&self) -> Seat {
        self.ring.seat()
    }

    /// By our own ring: rsmpi has no MPI_IN_PLACE, and between two ranks what Open MPI 4.1 does
    /// without blocking is a reduction by one of them, for which the other waits.
    fn all_reduce_sum(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        self.ring.all_reduce_sum(values)
    }

    fn reduce_scatter_sum(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        self.ring.reduce_scatter_sum(values)
    }

    fn all_gather_shards(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        self.ring.all_gather_shards(values)
    }

    fn sum_by_tree(&mut self) -> Result<(), CollectiveError> {
        self.ring.sum_by_tree();
        Ok(())
    }

    fn broadcast(&mut self, values: &mut [f32], root: Rank) -> Result<(), CollectiveError> {
        check_root(root, self.seat())?;
        let place = Count::try_from(root.0);
        let place = place.map_err(|_| CollectiveError::NoSuchRoot { root, seat: self.seat() })?;
        let world = self.world();
        let root = world.process_at_rank(place);
        for chunk in values.chunks_mut(CHUNK) {
            request::scope(|scope| wait(root.immediate_broadcast_into(scope, chunk)));
        }
        Ok(())
    }

    fn all_gather(&mut self, values: &[u64]) -> Result<Vec<u64>, CollectiveError> {
        let mut all = vec![0; values.len() * self.seat().world().get()];
        let world = self.world();
        request::scope(|scope| {
            wait(world.immediate_all_gather_into(scope, values, &mut all[..]));
        });
        Ok(all)
    }

    fn barrier(&mut self) -> Result<(), CollectiveError> {
        wait(self.world().immediate_barrier());
        Ok(())
    }

    fn leave(self: Box<Self>) -> Result<(), CollectiveError> {
        drop(ManuallyDrop::into_inner(self.ring.neighbours.0));
        Ok(())
    }
}
