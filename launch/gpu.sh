#!/usr/bin/env bash
# Checks a build with CUDA on this machine's GPU, and times it: see --help.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: launch/gpu.sh [ARGUMENTS OF trainer train ...]

Checks on one GPU what several would do, and times it:
  - recorded programs run as the machine's tests expect: kernels, products, graphs (wants the program
    that launch/cuda.sh --tests builds)
  - NCCL keeps the contract of all collectives, with 1, 2 and 4 ranks (wants mpirun, and the program
    that launch/cuda.sh --tests builds)
  - the same 30 updates on the CPU, on the GPU in f32, TF32 and bf16, and by two ranks that share it
    over NCCL, compared update by update
  - a run that a signal stops goes on from its checkpoint
  - a rank that is killed in the middle of such a run is named by the other, which ends with 5
What was found goes to the standard output and to benches/results/<date>-gpu.md. Without arguments it
trains the built-in model; with a real one:

  launch/gpu.sh --model DIR --train-file FILE

launch/cuda.sh builds the programs, here or elsewhere; they are looked for in LOCKSTEP_BIN
(target/cuda/release). The CUDA libraries may be those that pip has installed for PyTorch.
TEXT
}

case ${1-} in
-h | --help)
    usage
    exit 0
    ;;
esac

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly programs=${LOCKSTEP_BIN:-$root/target/cuda/release}
readonly UPDATES=30 PEER_LOST=5 STOPPED=75
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT

say() { printf '== %s\n' "$*" >&2; }

# Puts the libraries of NVIDIA's wheels where the loader looks, and NCCL under the name it is opened by.
find_libraries() {
    local folder library
    for folder in $(python3 -c 'import glob, site; print(*glob.glob(site.getsitepackages()[0] + "/nvidia/*/lib"))'); do
        LD_LIBRARY_PATH=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
        for library in "$folder"/lib*.so.*; do
            ln -sf "$library" "$work/$(basename "${library%%.so.*}").so"
        done
    done
    export LD_LIBRARY_PATH=$work${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
}

# The machine of recorded programs.
check_machine() {
    say "the machine of recorded programs"
    if [[ -x $programs/kernels ]]; then
        "$programs/kernels" --nocapture machine
    else
        echo "skipped: launch/cuda.sh --tests is wanted"
    fi
}

# NCCL with several ranks on this GPU: see the test, which names each rank a host of its own.
check_contract() {
    say "the contract of NCCL"
    if [[ -x $programs/contract ]] && command -v mpirun >/dev/null; then
        "$programs/contract" --nocapture nccl
    else
        echo "skipped: mpirun and launch/cuda.sh --tests are wanted"
    fi
}

# Runs the updates in a directory of its own: its name, and what tells it apart.
run() {
    local name=$1
    shift
    say "$name"
    "$programs/trainer" train --output-dir "$work/$name" --max-steps $UPDATES "${arguments[@]}" \
        "$@" >"$work/$name.log" 2>&1 || { cat "$work/$name.log" >&2 && return 1; }
    runs+=("$name/metrics.jsonl")
}

# One of two ranks that share the GPU: its number, the run and its updates. NCCL refuses that, unless
# it takes them for two hosts.
rank() {
    local rank=$1 name=$2 updates=$3
    RANK=$rank LOCAL_RANK=$rank WORLD_SIZE=2 LOCAL_WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=29517 \
        NCCL_HOSTID=$rank exec "$programs/trainer" train --output-dir "$work/$name" \
        --max-steps "$updates" "${arguments[@]}" --device cuda --allow-gpu-sharing
}

run_two_ranks() {
    local name=two-ranks first
    say "$name"
    rank 0 "$name" $UPDATES >"$work/$name.0.log" 2>&1 &
    first=$!
    (rank 1 "$name" $UPDATES) >"$work/$name.1.log" 2>&1 && wait "$first" ||
        { cat "$work/$name".?.log >&2 && return 1; }
    runs+=("$name/metrics.jsonl")
}

# Stops a run by a signal, and lets it go on from its checkpoint.
run_in_two_parts() {
    local name=two-parts process code=0
    say "$name"
    "$programs/trainer" train --output-dir "$work/$name" --max-steps $UPDATES "${arguments[@]}" \
        --device cuda >"$work/$name.log" 2>&1 &
    process=$!
    until grep -qs '"step":5,' "$work/$name/metrics.jsonl"; do
        kill -0 "$process" || { cat "$work/$name.log" >&2 && return 1; }
        sleep 0.02
    done
    kill -USR1 "$process"
    wait "$process" || code=$?
    ((code == STOPPED)) || { echo "it ended with $code:" >&2 && cat "$work/$name.log" >&2 && return 1; }
    run "$name" --device cuda --resume auto
}

# Whether the first rank says that the second was lost, soon after it was killed.
lose_a_rank() {
    local name=lost-rank first second code=0
    say "$name"
    rank 0 "$name" 1000000 >"$work/$name.0.log" 2>&1 &
    first=$!
    rank 1 "$name" 1000000 >"$work/$name.1.log" 2>&1 &
    second=$!
    until grep -qs '"step":20,' "$work/$name/metrics.jsonl"; do
        kill -0 "$first" || { cat "$work/$name".?.log >&2 && return 1; }
        sleep 0.1
    done
    SECONDS=0
    kill -9 "$second"
    wait "$first" || code=$?
    if ((code != PEER_LOST || SECONDS > 10)) || ! grep 'error: rank 1 .*was lost' "$work/$name.0.log"; then
        echo "rank 0 ended with $code after $SECONDS s:" >&2
        cat "$work/$name.0.log" >&2
        return 1
    fi
}

find_libraries
"$programs/trainer" doctor --device cuda
check_machine
check_contract

arguments=("$@")
((${#arguments[@]} > 0)) || arguments=(--train-file builtin:reviews --model builtin:tiny)
arguments+=(--global-batch-size 16 --save-strategy no --eval-strategy no)
runs=()
run cpu --device cpu
run cuda-f32 --device cuda
run_in_two_parts
run_two_ranks
exact=("${runs[@]}")
runs=(cpu/metrics.jsonl)
run cuda-tf32 --device cuda --precision tf32
run cuda-bf16 --device cuda --precision bf16
lose_a_rank

report=$root/benches/results/$(date +%F)-gpu.md
[[ ! -e $report ]] || report=${report%.md}-$(date +%H%M).md
mkdir -p "${report%/*}"
cd "$work"
{
    printf '# On a GPU\n\n%s\n\n' "$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader)"
    printf '| run | largest difference of a loss, relative | median update, s |\n|---|---|---|\n'
    python3 "$root/tests/gpu/agree.py" 1e-3 "${exact[@]}"
    python3 "$root/tests/gpu/agree.py" 5e-2 "${runs[@]}" | tail -n +2
} | tee "$report"
