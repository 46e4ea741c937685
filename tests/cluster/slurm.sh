#!/usr/bin/env bash
# A Slurm of one node on loopback, to submit the shipped batch file to: see --help.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: tests/cluster/slurm.sh TRAINER [requeue|steps]

Starts munge and Slurm in a directory of its own, submits launch/slurm.sbatch with two ranks under
srun, under mpirun and over TCP, and stops them again. Each job is sent its warning signal while it trains,
is requeued, and has to end well from its checkpoint. Then the launcher starts two ranks in jobs of one
task with four cores.

With `steps`: two ranks under srun with each of its ways to start MPI programs, one of which then fails;
and a job of twelve steps at once, each a run of two ranks, first at ports of their own and then all at
one. Every run has to end as it would alone. Prints `skipped: ...` where the machine has no
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

# Runs a job of the given lines to its end; prints what it said.
job() {
    local name=$1 job
    { echo "#!/usr/bin/env bash"; cat; } >"$place/$name.sh"
    job=$(cd "$place" && sbatch --parsable --nodes=1 --ntasks=8 --output="$place/$name.out" \
        --export=ALL,TRAINER="$trainer",ROWS="$root/tests/reference/golden/rows.tsv",MODEL="$root/tests/reference/tiny" \
        "$place/$name.sh")
    await 400 is_in "$job" "COMPLETED|FAILED|CANCELLED" || fail "$name: never ended"
}

# Two ranks under `srun --mpi=$1`, to a good end, and to a bad one because of rank 1.
check_way() {
    local way=$1
    job "way-$way" <<TEXT
mkdir elsewhere 2>/dev/null; cp "\$ROWS" rows.tsv
run() {
    srun --mpi=$way --ntasks=2 --kill-on-bad-exit=1 sh -c "\$1 exec \$TRAINER train --model \$MODEL \
        --train-file rows.tsv --device cpu --max-steps 3 --output-dir $place/way-$way-\$2"
    echo "\$2: \$?"
}
run "" good
run '[ \$SLURM_PROCID = 1 ] && cd elsewhere;' bad
TEXT
    grep -q "rank 0 of 2" "$place/way-$way.out" || fail "srun --mpi=$way: no two ranks"
    grep -qx "good: 0" "$place/way-$way.out" || fail "srun --mpi=$way: no good end"
    grep -qx "bad: 3" "$place/way-$way.out" || fail "srun --mpi=$way: no end with 3"
    echo "ok: srun --mpi=$way: 0 at a good end, 3 where rank 1 has no data"
}

# A sweep: twelve steps of one job at once, which are told by $2 where to meet.
check_sweep() {
    local name=$1 set=$2 run
    job "$name" <<TEXT
for run in {1..12}; do
    srun --mpi=none --exact --ntasks=2 sh -c "$set exec \$TRAINER train --model \$MODEL --train-file \$ROWS \
        --device cpu --max-steps \$((run + 2)) --output-dir $place/$name-\$run" &
    steps[run]=\$!
done
for run in {1..12}; do wait "\${steps[run]}"; echo "run \$run: \$?"; done
TEXT
    for run in {1..12}; do
        grep -qx "run $run: 0" "$place/$name.out" || fail "$name: run $run"
        (($(grep -c '"update"' "$place/$name-$run/metrics.jsonl") == run + 2)) || fail "$name: updates of $run"
    done
    echo "ok: $name: twelve runs in steps of one job"
}

start_munge
write_slurm_conf
slurmctld
slurmd -N "$(hostname -s)"
await 20 sh -c 'sinfo --noheader --format=%T | grep -q idle' || skip "this machine does not let slurmd run"
(cd "$root" && sbatch --test-only launch/slurm.sbatch) || fail "sbatch --test-only"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
case ${2:-requeue} in
requeue)
    check srun
    check mpirun
    check tcp
    for start in auto srun local; do
        check_one_task "$start"
    done
    ;;
steps)
    for way in none pmix pmi2; do
        check_way $way
    done
    check_sweep sweep ""
    # shellcheck disable=SC2016 # each task looks
    check_sweep one-port 'export RANK=\\\$SLURM_PROCID WORLD_SIZE=2 MASTER_ADDR=localhost MASTER_PORT=29517;'
    ;;
esac
