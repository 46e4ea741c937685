#!/usr/bin/env bash
# A PBS job (OpenPBS, PBS Professional) that trains on several machines, and submits itself again
# when its time is up.
#
# Change: the #PBS lines (select: machines, cores and ranks of each; walltime), LOCKSTEP_SECONDS,
# which is two minutes less than the walltime, and what is trained, here or on the command line:
#
#   qsub -v LOCKSTEP_ARGUMENTS="configs/sst2.toml --device cpu" launch/pbs.sh
#
# Submit it from the project's directory. LOCKSTEP_BIN is where the programs lie (target/release).
#
# Before its end the job sends SIGUSR1 to mpirun, which passes it on. The ranks finish the update, write
# a checkpoint and end with 75; the next job goes on from it.
#PBS -N lockstep
#PBS -l select=2:ncpus=4:mpiprocs=4
#PBS -l walltime=04:00:00
#PBS -j oe
#PBS -r y
set -uo pipefail

readonly CHECKPOINTED=75
seconds=${LOCKSTEP_SECONDS:-14280}
cd "$PBS_O_WORKDIR" || exit 1
read -ra arguments <<<"${LOCKSTEP_ARGUMENTS:-configs/sst2.toml}"
trainer=${LOCKSTEP_BIN:-target/release}/trainer

# The node file has a line for each rank. Without the keepalives Open MPI sees a cut link after
# eight minutes only.
timeout --preserve-status --signal=USR1 "$seconds" \
    mpirun --hostfile "$PBS_NODEFILE" -n "$(wc -l <"$PBS_NODEFILE")" --bind-to none \
    --mca oob_tcp_keepalive_time 4 --mca oob_tcp_keepalive_intvl 1 --mca oob_tcp_keepalive_probes 3 \
    "$trainer" train "${arguments[@]}" --resume auto
code=$?

if ((code == CHECKPOINTED && SECONDS >= seconds)); then
    echo "checkpointed before the end of the job; submitting the next one"
    exec qsub -v "LOCKSTEP_ARGUMENTS=${arguments[*]},LOCKSTEP_SECONDS=$seconds,LOCKSTEP_BIN=${trainer%/*}" launch/pbs.sh
fi
exit "$code"
