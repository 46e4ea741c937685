#!/usr/bin/env bash
# A Slurm of one node on loopback, to submit the shipped batch file to: see --help.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: tests/cluster/slurm.sh TRAINER

Starts munge and Slurm in a directory of its own, submits launch/slurm.sbatch with two ranks under
srun, under mpirun and over TCP, and stops them again. Each job is sent its warning signal while it trains,
is requeued, and has to end well from its checkpoint. Then the launcher starts two ranks in jobs of one
task with four cores. Prints `skipped: ...` where the machine has no
Slurm (Debian: slurmctld slurmd slurm-client munge), or the user is not root.
TEXT
}

case ${1-} in
-h | --help)
    usage
    exit 0
    ;;
'')
    usage >&2
    exit 2
    ;;
esac
trainer=$(realpath "$1")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

skip() {
    echo "skipped: $*"
    exit 0
}

((EUID == 0)) || skip "a Slurm of one's own wants root"
for program in slurmctld slurmd sbatch scontrol munged; do
    command -v "$program" >/dev/null || [[ -x /usr/sbin/$program ]] || skip "there is no $program"
done
export PATH=$PATH:/usr/sbin

place=$(mktemp -d /tmp/lockstep-slurm.XXXXXX)
export SLURM_CONF=$place/slurm.conf
chmod 755 "$place"

stop() {
    local name
    for name in slurmd slurmctld munged; do
        [[ -s $place/$name.pid ]] && kill "$(cat "$place/$name.pid")" 2>/dev/null
    done
    sleep 1
    rm -rf "$place"
}
trap stop EXIT

start_munge() {
    mkdir -m 755 "$place/munge"
    dd if=/dev/urandom of="$place/munge/key" bs=128 count=1 status=none
    : >"$place/munged.pid"
    chmod 400 "$place/munge/key"
    chown -R munge:munge "$place/munge" "$place/munged.pid"
    setpriv --reuid=munge --regid=munge --clear-groups munged --key-file="$place/munge/key" \
        --socket="$place/munge/socket" --pid-file="$place/munge/pid" \
        --log-file="$place/munge/log" --seed-file="$place/munge/seed"
    cp "$place/munge/pid" "$place/munged.pid"
}

write_slurm_conf() {
    local host
    host=$(hostname -s)
    cat >"$SLURM_CONF" <<TEXT
ClusterName=lockstep
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$((17000 + $$ % 1000))
SlurmdPort=$((18000 + $$ % 1000))
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$place/munge/socket
StateSaveLocation=$place/state
SlurmdSpoolDir=$place/spool
SlurmctldPidFile=$place/slurmctld.pid
SlurmdPidFile=$place/slurmd.pid
SlurmctldLogFile=$place/slurmctld.log
SlurmdLogFile=$place/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerType=sched/builtin
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
MpiDefault=none
JobRequeue=1
KillWait=5
SwitchType=switch/none
NodeName=$host NodeAddr=127.0.0.1 CPUs=8 RealMemory=4000
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
TEXT
    mkdir "$place/state" "$place/spool"
}

state() { scontrol show job "$1" | sed -n 's/.*JobState=\([A-Z]*\).*/\1/p'; }

# Waits until `$2...` succeeds, at most $1 seconds.
await() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.2
    done
}

has_updates() { [[ -f $1/metrics.jsonl ]] && (($(grep -c '"update"' "$1/metrics.jsonl") >= 20)); }
has_no_step() { ! pgrep -f "slurmstepd: \[$1\." >/dev/null; }
is_in() { [[ $(state "$1") =~ ^($2)$ ]]; }

fail() {
    echo "failed: $*" >&2
    cat "$place"/*.out "$place"/slurm*.log >&2 || true
    exit 1
}

# A job that is warned, requeued and goes on.
check() {
    local start=$1 out=$place/$1 job
    job=$(cd "$root" && LOCKSTEP_START=$start LOCKSTEP_TRAINER=$trainer sbatch --parsable \
        --output="$place/$start.out" launch/slurm.sbatch --max-steps 3000 --output-dir "$out" \
        --global-batch-size 32)
    await 60 has_updates "$out" || fail "$start: no updates"
    scancel --batch --signal=USR1 "$job"
    await 30 is_in "$job" PENDING || fail "$start: not requeued, but $(state "$job")"
    # Slurm itself waits two minutes. Until all of the first start has ended, slurmd takes the steps of
    # the second, which have the same numbers, for those that it is ending.
    await 30 has_no_step "$job" || fail "$start: its steps do not end"
    sleep 2 # slurmd refuses a job that it was told to end in the same second
    scontrol update jobid="$job" StartTime=now
    await 120 is_in "$job" "COMPLETED|FAILED|CANCELLED" || fail "$start: never ended"
    is_in "$job" COMPLETED || fail "$start: ended as $(state "$job")"
    (($(grep -c '"update"' "$out/metrics.jsonl") == 3000)) || fail "$start: updates are missing"
    grep -q "rank 0 of 2" "$place/$start.out" || fail "$start: it was no job of two ranks"
    echo "ok: $start: warned, checkpointed, requeued, ended well"
}

# A job of one task with four cores, in which the launcher beside the trainer starts two ranks.
check_one_task() {
    local start=$1 out=$place/one-$1 job launcher
    launcher="$(dirname "$trainer")/launcher --start $start --nproc-per-node 2"
    job=$(cd "$place" && sbatch --parsable --ntasks=1 --cpus-per-task=4 --output="$out.out" --wrap \
        "$launcher --dry-run -- train && $launcher -- train --device cpu --max-steps 20 --output-dir $out")
    await 120 is_in "$job" "COMPLETED|FAILED|CANCELLED" || fail "one task, $start: never ended"
    is_in "$job" COMPLETED || fail "one task, $start: ended as $(state "$job")"
    grep -q "rank 0 of 2" "$out.out" || fail "one task, $start: it was no job of two ranks"
    [[ $start != srun ]] || grep -q "cpus-per-task=2 " "$out.out" || fail "the task's cores are not shared"
    echo "ok: one task of four cores, two ranks by $start"
}

start_munge
write_slurm_conf
slurmctld
slurmd -N "$(hostname -s)"
await 20 sh -c 'sinfo --noheader --format=%T | grep -q idle' || skip "this machine does not let slurmd run"
(cd "$root" && sbatch --test-only launch/slurm.sbatch) || fail "sbatch --test-only"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
check srun
check mpirun
check tcp
for start in auto srun local; do
    check_one_task "$start"
done
