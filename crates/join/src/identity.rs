//! Which run a rank belongs to, as its starter says it: never more than all ranks of one run share.

use lockstep_collective::RunIdentity;
use lockstep_host::{Environment, RUN_ID};

/// How often Slurm started a job again.
const RESTARTS: &str = "SLURM_RESTART_COUNT";
/// What every rank of a Slurm step shares with the others, and with no other step.
const STEP: [&str; 3] = ["SLURM_JOB_ID", "SLURM_STEP_ID", RESTARTS];
/// What the ranks of a run share when something else than their batch system counts them. Two runs of
/// one job may have the same values.
const JOBS: [&str; 4] = ["SLURM_JOB_ID", RESTARTS, "PBS_JOBID", "LSB_JOBID"];

/// Which run this process belongs to. The number of torchrun's restarts is not a part of it: each agent
/// counts its own. Nor is torchrun's run, `none` unless a user names it.
pub(super) fn of_run(environment: &Environment) -> RunIdentity {
    if let Some(name) = environment.get(RUN_ID) {
        return RunIdentity::named(RUN_ID, name);
    }
    let names: &[&str] = if is_step(environment) { &STEP } else { &JOBS };
    let value = |name| match environment.get(name) {
        // Slurm sets it at the first restart only.
        None if name == RESTARTS => environment.get("SLURM_JOB_ID").map(|_| "0"),
        value => value,
    };
    let values = names.iter().filter_map(|name| Some((*name, value(name)?)));
    values.collect()
}

/// Whether the ranks are the tasks of one Slurm step: `srun` counts them, or a script that hands on
/// what it counted.
fn is_step(environment: &Environment) -> bool {
    let is_same = |ours: &str, slurms: &str| match (environment.get(ours), environment.get(slurms))
    {
        (None, Some(_)) => true,
        (ours, slurms) => ours.is_some() && ours == slurms,
    };
    is_same("RANK", "SLURM_PROCID") && is_same("WORLD_SIZE", "SLURM_STEP_NUM_TASKS")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_what_all_its_ranks_share() {
        let slurm = [
            ("SLURM_JOB_ID", "7"),
            ("SLURM_STEP_ID", "3"),
            ("SLURM_PROCID", "1"),
            ("SLURM_STEP_NUM_TASKS", "2"),
        ];
        let check = |further: &[(&str, &str)], expected: &str| {
            let all = [&slurm, further].concat();
            let all = all.iter().map(|(name, value)| (name.to_string(), value.to_string()));
            assert_eq!(of_run(&all.collect()).to_string(), expected, "{further:?}");
        };
        check(&[], "SLURM_JOB_ID=7 SLURM_RESTART_COUNT=0 SLURM_STEP_ID=3");
        check(
            &[("SLURM_RESTART_COUNT", "1")],
            "SLURM_JOB_ID=7 SLURM_RESTART_COUNT=1 SLURM_STEP_ID=3",
        );
        // RANK=$SLURM_PROCID, as many scripts have it.
        check(
            &[("RANK", "1"), ("WORLD_SIZE", "2")],
            "SLURM_JOB_ID=7 SLURM_RESTART_COUNT=0 SLURM_STEP_ID=3",
        );
        // One step a rank, or a shell in a job: the steps are no runs.
        check(&[("RANK", "0"), ("WORLD_SIZE", "2")], "SLURM_JOB_ID=7 SLURM_RESTART_COUNT=0");
        check(&[("RANK", "1"), ("WORLD_SIZE", "4")], "SLURM_JOB_ID=7 SLURM_RESTART_COUNT=0");
        check(&[(RUN_ID, "mine")], "LOCKSTEP_RUN_ID=mine");
        check(
            &[("PBS_JOBID", "9.x"), ("RANK", "0")],
            "PBS_JOBID=9.x SLURM_JOB_ID=7 SLURM_RESTART_COUNT=0",
        );
    }
}
