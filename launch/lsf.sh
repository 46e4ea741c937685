#!/usr/bin/env bash
# An LSF job that trains on several machines, and is queued again when its time is up.
#
# Change: the #BSUB lines (-n ranks, span: ranks of one machine, -W time), and what is trained:
#
#   bsub -env "all, LOCKSTEP_ARGUMENTS=configs/sst2.toml --device cpu" < launch/lsf.sh
#
# Submit it from the project's directory. LOCKSTEP_BIN is where the programs lie (target/release).
#
# Two minutes before its end LSF sends SIGUSR1. The ranks finish the update, write a checkpoint and end
# with 75, on which LSF queues the job again (-Q); it goes on from the checkpoint.
#BSUB -J lockstep
#BSUB -n 8
#BSUB -R span[ptile=4]
#BSUB -W 4:00
#BSUB -wa USR1
#BSUB -wt 2
#BSUB -Q 75
#BSUB -r
#BSUB -o lockstep-%J.out
set -uo pipefail

read -ra arguments <<<"${LOCKSTEP_ARGUMENTS:-configs/sst2.toml}"
trainer=${LOCKSTEP_BIN:-target/release}/trainer

# The host file has a line for each rank. Without the keepalives Open MPI sees a cut link after
# eight minutes only.
mpirun --hostfile "$LSB_DJOB_HOSTFILE" -n "$(wc -l <"$LSB_DJOB_HOSTFILE")" --bind-to none \
    --mca oob_tcp_keepalive_time 4 --mca oob_tcp_keepalive_intvl 1 --mca oob_tcp_keepalive_probes 3 \
    "$trainer" train "${arguments[@]}" --resume auto &
run=$!
trap 'kill -USR1 "$run"' USR1
# A trap interrupts `wait`, whose code is then that of the signal.
while :; do
    wait "$run"
    code=$?
    kill -0 "$run" 2>/dev/null || exit "$code"
done
