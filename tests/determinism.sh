#!/usr/bin/env bash
# Deterministic mode with a real model: see --help.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: tests/determinism.sh MODEL TRAIN [UPDATES]

Trains MODEL, a directory, on the examples of TRAIN for 60 updates (or so many) in deterministic mode: on 1, 2
and 4 ranks with 1 and 2 threads each, over TCP and over MPI. Then on 4 ranks, resumed on 2 and then on 1.
Prints a hash of the weights of each run, and fails unless all are equal. Runs over MPI are skipped where there is no
mpirun. The programs are those of target/release.
TEXT
}

if [[ ${1-} == -h || ${1-} == --help ]]; then
    usage
    exit 0
fi
if (($# < 2)); then
    usage >&2
    exit 2
fi
model=$(realpath "$1") train=$(realpath "$2") updates=${3-60}
programs=$(realpath "$(dirname "$0")/../target/release")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"

expected='' runs=0 others=0

# compare NAME DIRECTORY: prints the hash of its weights.
compare() {
    local hash
    hash=$(sha256sum <"$2/model.safetensors" | cut -c1-16)
    expected=${expected:-$hash}
    runs=$((runs + 1))
    if [[ $hash == "$expected" ]]; then
        echo "$hash  $1"
    else
        others=$((others + 1))
        echo "$hash  $1: other weights"
    fi
}

# train WAY RANKS THREADS DIRECTORY [FLAGS]
train() {
    local way=$1 ranks=$2 threads=$3 directory=$4
    shift 4
    local words=(train --deterministic --device cpu --model "$model" --train-file "$train"
        --global-batch-size 16 --max-steps "$updates" --output-dir "$directory" "$@")
    export RAYON_NUM_THREADS=$threads
    if [[ $way == MPI ]]; then
        OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1 \
            mpirun --oversubscribe --bind-to none -n "$ranks" "$programs/trainer" "${words[@]}" >log 2>&1 ||
            { cat log && return 1; }
    else
        "$programs/launcher" --start local --nproc-per-node "$ranks" -- "${words[@]}" >log 2>&1 ||
            { cat log && return 1; }
    fi
}

ways=(TCP)
if command -v mpirun >/dev/null; then
    ways+=(MPI)
else
    echo 'skipped: there is no mpirun'
fi
for way in "${ways[@]}"; do
    for ranks in 1 2 4; do
        for threads in 1 2; do
            train "$way" "$ranks" "$threads" out --save-strategy no
            compare "$way, $ranks ranks, $threads threads" out
            rm -rf out
        done
    done
done

third=$((updates / 3))
train TCP 4 1 four --save-strategy steps --save-steps "$third"
train TCP 2 1 two --save-strategy steps --save-steps "$third" --resume "four/checkpoint-$third"
train TCP 1 2 one --save-strategy no --resume "two/checkpoint-$((2 * third))"
compare "TCP, 4 ranks" four
compare "TCP, 4 ranks, then 2" two
compare "TCP, 4 ranks, then 2, then 1" one

echo "$((runs - others)) of $runs runs have the same weights after $updates updates"
((others == 0))
