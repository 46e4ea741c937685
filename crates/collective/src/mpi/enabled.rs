//! Ranks that an MPI library connects.
//!
//! The library is initialised for calls that follow each other from any thread. It is finalised by
//! [`Collective::leave`] only: MPI_Finalize waits for all ranks, so a rank that failed must not
//! call it on its way out.

use std::mem::ManuallyDrop;
use std::thread;
use std::time::{Duration, Instant};

use lockstep_world::{Rank, Seat, WorldSize};
use mpi::collective::SystemOperation;
use mpi::environment::Universe;
use mpi::request::{self, Request, Scope};
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives, Root};
use mpi::{Count, Threading};

use crate::{Collective, CollectiveError, check_root};

/// Scalars of one call: 16 MiB. Smaller ones cost more calls, larger ones more memory and, measured
/// with Open MPI, twice the time.
const CHUNK: usize = 4 * 1024 * 1024;

/// How many of them are under way at once; their sums take as much memory again.
const IN_FLIGHT: usize = 4;

/// A rank of the world that mpirun or srun started.
pub struct Mpi {
    seat: Seat,
    world: SimpleCommunicator,
    universe: ManuallyDrop<Universe>,
    /// Where sums arrive, since rsmpi has no MPI_IN_PLACE.
    sums: Vec<f32>,
}

#[expect(unsafe_code, reason = "a communicator is a pointer, which is not Send by itself")]
// SAFETY: the library is initialised with at least MPI_THREAD_SERIALIZED, so its handles may be
// used from any thread as long as calls do not overlap; `&mut self` sees to that.
unsafe impl Send for Mpi {}

impl Mpi {
    /// Initialises the library; all ranks do so together.
    ///
    /// # Errors
    /// [`CollectiveError::Missing`] when the library allows calls from one thread only, or was
    /// initialised before.
    pub fn join() -> Result<Self, CollectiveError> {
        let missing = |remedy| CollectiveError::Missing { library: "MPI", remedy };
        let Some((universe, threading)) = mpi::initialize_with_threading(Threading::Serialized)
        else {
            return Err(missing("it was initialised twice, which is a bug of ours"));
        };
        let universe = ManuallyDrop::new(universe);
        if threading < Threading::Serialized {
            return Err(missing(
                "this one allows calls from one thread only; use one built with thread support",
            ));
        }
        let world = universe.world();
        let size = usize::try_from(world.size()).ok().and_then(WorldSize::new);
        let rank = usize::try_from(world.rank()).ok().map(Rank);
        let seat = rank.zip(size).and_then(|(rank, size)| Seat::new(rank, size).ok());
        let seat = seat.ok_or_else(|| missing("it gives this process no rank"))?;
        Ok(Self { seat, world, universe, sums: Vec::new() })
    }

    /// The library's name and version.
    #[must_use]
    pub fn library(&self) -> String {
        let text = mpi::environment::library_version().unwrap_or_default();
        text.split([',', '\n']).next().unwrap_or_default().trim().to_owned()
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

impl Collective for Mpi {
    fn seat(&self) -> Seat {
        self.seat
    }

    fn all_reduce_sum(&mut self, values: &mut [f32]) -> Result<(), CollectiveError> {
        let world = &self.world;
        self.sums.resize(values.len().min(CHUNK * IN_FLIGHT), 0.0);
        for wave in values.chunks_mut(CHUNK * IN_FLIGHT) {
            let sums = &mut self.sums[..wave.len()];
            request::scope(|scope| {
                let mut requests = Vec::with_capacity(IN_FLIGHT);
                for (chunk, sums) in wave.chunks(CHUNK).zip(sums.chunks_mut(CHUNK)) {
                    let sum = SystemOperation::sum();
                    requests.push(world.immediate_all_reduce_into(scope, chunk, sums, sum));
                }
                requests.into_iter().for_each(wait);
            });
            wave.copy_from_slice(sums);
        }
        Ok(())
    }

    fn broadcast(&mut self, values: &mut [f32], root: Rank) -> Result<(), CollectiveError> {
        check_root(root, self.seat)?;
        let place = Count::try_from(root.0);
        let place = place.map_err(|_| CollectiveError::NoSuchRoot { root, seat: self.seat })?;
        let root = self.world.process_at_rank(place);
        for chunk in values.chunks_mut(CHUNK) {
            request::scope(|scope| wait(root.immediate_broadcast_into(scope, chunk)));
        }
        Ok(())
    }

    fn all_gather(&mut self, values: &[u64]) -> Result<Vec<u64>, CollectiveError> {
        let mut all = vec![0; values.len() * self.seat.world().get()];
        let world = &self.world;
        request::scope(|scope| {
            wait(world.immediate_all_gather_into(scope, values, &mut all[..]));
        });
        Ok(all)
    }

    fn barrier(&mut self) -> Result<(), CollectiveError> {
        wait(self.world.immediate_barrier());
        Ok(())
    }

    fn leave(self: Box<Self>) -> Result<(), CollectiveError> {
        let Self { universe, .. } = *self;
        drop(ManuallyDrop::into_inner(universe));
        Ok(())
    }
}
