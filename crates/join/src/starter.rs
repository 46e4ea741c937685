//! Who started this process among how many, by what the starter put into the environment.

use lockstep_collective::{Keeper, Meeting, MeetingPlace, Token};
use lockstep_host::{Environment, run_token};
use lockstep_world::{Rank, Seat, WorldSize};

use super::{WorldError, identity};

/// How a process was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Starter {
    /// By hand, as the only one.
    Single,
    /// By an MPI library's own starter, or by one that speaks its language.
    Mpi {
        /// Who the environment says this is.
        seat: Seat,
        /// Whose language the starter speaks.
        family: MpiFamily,
        /// How the ranks find each other without that library.
        instead: Option<Meeting>,
    },
    /// By one that says where rank 0 is met.
    Rendezvous {
        /// Who the environment says this is.
        seat: Seat,
        /// Where and as which run the ranks meet.
        meeting: Meeting,
    },
}

/// Whose language an MPI's starter speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MpiFamily {
    /// MPICH's PMI, as Slurm's `--mpi=pmi2` does.
    Mpich,
    /// PMIx.
    OpenMpi,
}

/// A starter's variables for the rank and the number of ranks.
#[derive(Clone, Copy, Debug)]
struct Variables {
    rank: &'static str,
    size: &'static str,
}

/// Open MPI's.
const OPEN_MPI: Variables =
    Variables { rank: "OMPI_COMM_WORLD_RANK", size: "OMPI_COMM_WORLD_SIZE" };
/// MPICH's, which Slurm sets too, for its own PMI.
const MPICH: Variables = Variables { rank: "PMI_RANK", size: "PMI_SIZE" };
/// Slurm's with PMIx. `PMIX_RANK` alone has no size beside it.
const PMIX: Variables = Variables { rank: "PMIX_RANK", size: "SLURM_STEP_NUM_TASKS" };

/// torchrun's, and those of starters that follow it.
const TORCHRUN: Variables = Variables { rank: "RANK", size: "WORLD_SIZE" };
/// Starters that only count.
const COUNTING: [Variables; 2] =
    [TORCHRUN, Variables { rank: "SLURM_PROCID", size: "SLURM_STEP_NUM_TASKS" }];

impl Starter {
    /// What the environment says, the more specific starters first. torchrun comes before all: it is
    /// often started on each machine by `srun` or `mpirun`, whose variables its ranks inherit.
    ///
    /// # Errors
    /// Variables that contradict themselves, or a world that has no place to meet.
    pub fn of(environment: &Environment) -> Result<Self, WorldError> {
        let is_torchrun = environment.get("TORCHELASTIC_RUN_ID").is_some();
        let torchrun = if is_torchrun { seat(environment, TORCHRUN)? } else { None };
        if torchrun.is_none()
            && let Some(started) = by_mpi(environment)?
        {
            return Ok(started);
        }
        let Some(seat) = first_seat(environment, &COUNTING)? else { return Ok(Self::Single) };
        match seat.world().get() {
            1 => Ok(Self::Single),
            size => Ok(Self::Rendezvous { seat, meeting: meeting(environment, size)? }),
        }
    }

    /// Who the environment says this is.
    pub fn seat(&self) -> Seat {
        match self {
            Self::Single => Seat::SOLO,
            Self::Mpi { seat, .. } | Self::Rendezvous { seat, .. } => *seat,
        }
    }
}

/// What a starter says behind which an MPI library finds the others.
fn by_mpi(environment: &Environment) -> Result<Option<Starter>, WorldError> {
    let has = |name| environment.get(name).is_some();
    let told_where = || {
        let has_address = has("MASTER_ADDR") && has("MASTER_PORT");
        has_address.then(|| meeting(environment, 2)).transpose()
    };
    if let Some(seat) = seat(environment, OPEN_MPI)? {
        return Ok(Some(Starter::Mpi { seat, family: MpiFamily::OpenMpi, instead: told_where()? }));
    }
    if let Some(seat) = seat(environment, MPICH)? {
        let is_slurms = has("PMI_JOBID") && has("SLURM_PROCID");
        let kept = match is_slurms {
            true => meeting(environment, seat.world().get()).ok(),
            false => kept_by_mpich(environment)?,
        };
        let instead = kept.map_or_else(told_where, |meeting| Ok(Some(meeting)))?;
        return Ok(Some(Starter::Mpi { seat, family: MpiFamily::Mpich, instead }));
    }
    let Some(seat) = seat(environment, PMIX)? else { return Ok(None) };
    let instead = meeting(environment, seat.world().get()).ok();
    Ok(Some(Starter::Mpi { seat, family: MpiFamily::OpenMpi, instead }))
}

/// What MPICH's starter keeps for the ranks.
fn kept_by_mpich(environment: &Environment) -> Result<Option<Meeting>, WorldError> {
    let number = environment.get("PMI_FD").and_then(|text| text.parse().ok());
    let Some(number) = number else { return Ok(None) };
    let (place, token) = (MeetingPlace { host: String::new(), port: 0 }, token(environment)?);
    Ok(Some(Meeting { keeper: Keeper::Pmi(number), token, ..place.into() }))
}

/// What the ranks of this run know, and no other program.
fn token(environment: &Environment) -> Result<Option<Token>, WorldError> {
    Ok(run_token(environment)?.map(|text| Token::new(&text)))
}

fn first_seat(environment: &Environment, pairs: &[Variables]) -> Result<Option<Seat>, WorldError> {
    let seats = pairs.iter().filter_map(|pair| seat(environment, *pair).transpose());
    seats.take(1).next().transpose()
}

/// The seat that two variables describe, if both are there.
fn seat(environment: &Environment, variables: Variables) -> Result<Option<Seat>, WorldError> {
    let Variables { rank, size } = variables;
    let (Some(r), Some(s)) = (environment.get(rank), environment.get(size)) else {
        return Ok(None);
    };
    let seat = match (r.parse(), s.parse().map(WorldSize::new)) {
        (Ok(r), Ok(Some(s))) => Seat::new(Rank(r), s).ok(),
        _ => None,
    };
    let none = || WorldError::NoSeat { variables: format!("{rank}={r} and {size}={s}") };
    seat.ok_or_else(none).map(Some)
}

/// How the ranks find each other, and only each other.
fn meeting(environment: &Environment, size: usize) -> Result<Meeting, WorldError> {
    let place = meeting_place(environment, size)?;
    // Where torchrun shares its store, its agent holds MASTER_PORT.
    let shares = environment.get("TORCHELASTIC_USE_AGENT_STORE");
    let keeper = if shares == Some("True") { Keeper::Agent } else { Keeper::Leader };
    Ok(Meeting { place, keeper, run: identity::of_run(environment), token: token(environment)? })
}

/// Where rank 0 is met: as the environment says, or on the first host of a Slurm step at a port derived from the job.
fn meeting_place(environment: &Environment, size: usize) -> Result<MeetingPlace, WorldError> {
    let slurm = || environment.get("SLURM_STEP_NODELIST").map(first_host);
    let host = environment.get("MASTER_ADDR").map(str::to_owned).or_else(slurm);
    let port =
        environment.get("MASTER_PORT").map(str::to_owned).or_else(|| steps_port(environment));
    match (host, port) {
        (Some(host), Some(text)) => match text.parse() {
            Ok(port @ 1..) => Ok(MeetingPlace { host, port }),
            _ => Err(WorldError::NoPort { text }),
        },
        (None, _) => Err(WorldError::NoAddress { size, variable: "MASTER_ADDR" }),
        (_, None) => Err(WorldError::NoAddress { size, variable: "MASTER_PORT" }),
    }
}

/// The first of `a[3-5,7],b`: `a3`.
fn first_host(list: &str) -> String {
    let end = list.find([',', '[']).unwrap_or(list.len());
    let (prefix, rest) = list.split_at(end);
    let number: String = match rest.strip_prefix('[') {
        Some(range) => range.chars().take_while(char::is_ascii_digit).collect(),
        None => String::new(),
    };
    format!("{prefix}{number}")
}

/// A port that two steps on one node rarely share, above those of system services: the steps of a job
/// and the jobs that follow each other have ports of their own.
fn steps_port(environment: &Environment) -> Option<String> {
    const STRIDE: u64 = 1009;
    let number = |name: &str| environment.get(name)?.parse::<u64>().ok();
    let job = number("SLURM_JOB_ID")?;
    let step = number("SLURM_STEP_ID").unwrap_or(0);
    Some((20_000 + (job % 10_000 + step % 10_000 * STRIDE) % 10_000).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starter(variables: &[(&str, &str)]) -> Result<Starter, WorldError> {
        let variables = variables.iter().map(|(n, v)| (n.to_string(), v.to_string()));
        Starter::of(&variables.collect())
    }

    /// Who those variables say that we are.
    fn check(variables: &[(&str, &str)], expected: &str) {
        let found = match starter(variables).unwrap() {
            Starter::Single => "single".to_owned(),
            Starter::Mpi { seat, family, instead } => {
                let family = if family == MpiFamily::Mpich { "mpich" } else { "mpi" };
                let instead = instead.map(|meeting| format!(", or at {meeting}"));
                format!("{family}: {seat}{}", instead.unwrap_or_default())
            }
            Starter::Rendezvous { seat, meeting } => {
                let by = if meeting.keeper == Keeper::Agent { ", by torchrun's agent" } else { "" };
                format!("{seat} at {}{by}", meeting.place)
            }
        };
        assert_eq!(found, expected, "{variables:?}");
    }

    #[test]
    fn the_starter_says_who_we_are() {
        check(&[], "single");
        check(&[("OMPI_COMM_WORLD_RANK", "3"), ("OMPI_COMM_WORLD_SIZE", "4")], "mpi: rank 3 of 4");
        let mpich = [("PMI_RANK", "1"), ("PMI_SIZE", "2"), ("RANK", "x")];
        check(&mpich, "mpich: rank 1 of 2");
        let kept = [&mpich[..], &[("PMI_FD", "9")]].concat();
        check(&kept, "mpich: rank 1 of 2, or at a port from mpiexec");
        let with_address = [&mpich[..], &[("MASTER_ADDR", "h"), ("MASTER_PORT", "1")]].concat();
        check(&with_address, "mpich: rank 1 of 2, or at h:1");
        let torchrun =
            [("RANK", "5"), ("WORLD_SIZE", "8"), ("MASTER_ADDR", "h"), ("MASTER_PORT", "1")];
        check(&torchrun, "rank 5 of 8 at h:1");
        check(&[&[("MASTER_ADDR", "fd00::1")], &torchrun[..]].concat(), "rank 5 of 8 at h:1");
        check(
            &[&torchrun[..], &[("MASTER_ADDR", "fd00::1")]].concat(),
            "rank 5 of 8 at [fd00::1]:1",
        );
    }

    #[test]
    fn slurm_says_who_we_are() {
        let slurm = [("SLURM_PROCID", "1"), ("SLURM_STEP_NUM_TASKS", "2")];
        check(&[&slurm[..], &[("PMIX_RANK", "1")]].concat(), "mpi: rank 1 of 2");
        let job = [("SLURM_JOB_ID", "31007"), ("SLURM_STEP_NODELIST", "gpu[03-05,9],cpu1")];
        check(&[&slurm[..], &job[..]].concat(), "rank 1 of 2 at gpu03:21007");
        let pmix = [&slurm[..], &job[..], &[("PMIX_RANK", "1")]].concat();
        check(&pmix, "mpi: rank 1 of 2, or at gpu03:21007");
        let pmi = [("PMI_RANK", "1"), ("PMI_SIZE", "2"), ("PMI_JOBID", "3"), ("PMI_FD", "9")];
        check(&[&slurm[..], &job[..], &pmi].concat(), "mpich: rank 1 of 2, or at gpu03:21007");
        let step = [&slurm[..], &job[..], &[("SLURM_STEP_ID", "2")]].concat();
        check(&step, "rank 1 of 2 at gpu03:23025");
        check(&[("SLURM_PROCID", "0"), ("SLURM_NTASKS", "2")], "single");
        check(&[("RANK", "0"), ("WORLD_SIZE", "1")], "single");
    }

    #[test]
    fn torchruns_ranks_are_asked_for_at_its_agent() {
        let check = |further: &[(&str, &str)], expected: &str| {
            let torchrun = [
                ("RANK", "1"),
                ("WORLD_SIZE", "2"),
                ("MASTER_ADDR", "h"),
                ("MASTER_PORT", "1"),
                ("TORCHELASTIC_RUN_ID", "none"),
            ];
            let Starter::Rendezvous { seat, meeting } =
                starter(&[&torchrun[..], further].concat()).unwrap()
            else {
                panic!("{further:?}");
            };
            assert_eq!(format!("{seat}, {:?}", meeting.keeper), expected, "{further:?}");
        };
        check(&[("TORCHELASTIC_USE_AGENT_STORE", "True")], "rank 1 of 2, Agent");
        check(&[("TORCHELASTIC_USE_AGENT_STORE", "False")], "rank 1 of 2, Leader");
        check(&[], "rank 1 of 2, Leader");
        // What starts an agent on each machine counts agents.
        let srun = [("PMIX_RANK", "0"), ("SLURM_PROCID", "0"), ("SLURM_STEP_NUM_TASKS", "4")];
        check(&srun, "rank 1 of 2, Leader");
        check(&[("PMI_RANK", "0"), ("PMI_SIZE", "1")], "rank 1 of 2, Leader");
        check(
            &[("OMPI_COMM_WORLD_RANK", "0"), ("OMPI_COMM_WORLD_SIZE", "1")],
            "rank 1 of 2, Leader",
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let check = |variables: &[(&str, &str)], expected: &str| {
            let error = starter(variables).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(&[("RANK", "5"), ("WORLD_SIZE", "2")], "RANK=5 and WORLD_SIZE=2");
        check(&[("RANK", "x"), ("WORLD_SIZE", "2")], "RANK=x");
        check(&[("RANK", "0"), ("WORLD_SIZE", "2")], "MASTER_ADDR is not set");
        let half = [("RANK", "0"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "h")];
        check(&half, "MASTER_PORT is not set");
        for port in ["0", "65536", "http"] {
            let all = [&half[..], &[("MASTER_PORT", port)]].concat();
            check(&all, &format!("MASTER_PORT={port} is not a port"));
        }
    }
}
