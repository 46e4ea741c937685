#!/usr/bin/env bash
# Checks a build with CUDA on this machine's GPU, and times it: see --help.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: launch/gpu.sh [ARGUMENTS OF trainer train ...]

Trains the same 30 updates on the CPU, on one GPU in f32, TF32 and bf16, and by two ranks that share
it over NCCL, and compares them update by update. What was found goes to the standard output and to
benches/results/<date>-gpu.md. Without arguments it trains the built-in model; with a real one:

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
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

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

# Runs the updates in a directory of its own: name, program, and what tells it apart.
run() {
    local name=$1 program=$2
    shift 2
    echo "== $name" >&2
    (cd "$work" && "$programs/$program" "$@" --output-dir "$name" "${arguments[@]}") >"$work/$name.log" 2>&1 ||
        { cat "$work/$name.log" >&2 && return 1; }
    runs+=("$name/metrics.jsonl")
}

find_libraries
"$programs/trainer" doctor --device cuda

arguments=("$@")
((${#arguments[@]} > 0)) || arguments=(--train-file builtin:reviews --model builtin:tiny)
arguments+=(--max-steps 30 --global-batch-size 16 --save-strategy no --eval-strategy no)
runs=()
run cpu trainer train --device cpu
run cuda-f32 trainer train --device cuda
# NCCL 2.30 lets two ranks use one GPU, if it is told to.
export NCCL_MULTI_RANK_GPU_ENABLE=1 NCCL_NVLS_ENABLE=0 NCCL_MAX_CTAS=4
run two-ranks launcher --start local --nproc-per-node 2 -- train --device cuda --allow-gpu-sharing
exact=("${runs[@]}")
runs=(cpu/metrics.jsonl)
run cuda-tf32 trainer train --device cuda --precision tf32
run cuda-bf16 trainer train --device cuda --precision bf16

report=$root/benches/results/$(date +%F)-gpu.md
cd "$work"
{
    printf '# On a GPU\n\n%s\n\n' "$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader)"
    printf '| run | largest difference of a loss, relative | median update, s |\n|---|---|---|\n'
    python3 "$root/tests/gpu/agree.py" 1e-3 "${exact[@]}"
    python3 "$root/tests/gpu/agree.py" 5e-2 "${runs[@]}" | tail -n +2
} | tee "$report"
