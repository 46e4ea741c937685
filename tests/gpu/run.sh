#!/usr/bin/env bash
# Checks a build with CUDA on this machine's GPU, and times it: see --help.
set -euo pipefail
shopt -s inherit_errexit

usage() {
    cat <<'TEXT'
usage: cargo xtask gpu [--parts PART,...] [--budget SECONDS] [--data DIR] [--out DIR]
       cargo xtask gpu --pack | --carry

On a machine without cargo: tests/gpu/run.sh with the same arguments.

Checks on one GPU what several would do, and times it, in parts of which each has a time limit:

  right      40 updates of DistilBERT-base in f32, TF32 and bf16 beside the same on the CPU
  kernels    each operation of small models beside the emulator's; NCCL's contract; the machine's tests
  beside     updates beside PyTorch's in turn: batch 16 of SST-2, and 512 texts of 128 tokens
  resume     a run that a signal stops goes on from its checkpoint
  ranks      two ranks share the GPU over NCCL
  lost       a rank that is killed is named by the other, which ends with 5
  sanitizer  compute-sanitizer over a small model
  roofs      copies, launches, products of an update
  timeline   each operation of an update in microseconds
  whole      three epochs of SST-2's phrases with evaluation and saving
  memory     all rows of updates: f32, TF32, bf16, with and without graphs, and their memory
  long       200 updates in bf16 beside the CPU's

All but `long` are run, in this order, the most valuable first; what does not fit into the budget (540 s)
is skipped and said. What was found goes to the standard output and, after each part, to a report: to
benches/results/<date>-gpu.md, or to DIR/gpu.md with tables and logs beside it.

launch/cuda.sh --tests builds the programs, here or elsewhere; they are looked for in LOCKSTEP_BIN
(target/cuda/release). --pack puts them and the data into target/cuda/gpu.tar.xz, for a GPU machine that
is given a checkout and this file, whose name --carry prints. The data are SST-2's files in DIR
(data/sst2), or the reviews that are built in. The CUDA libraries may be those that pip has installed
for PyTorch.
TEXT
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly root ARCHIVE=target/cuda/gpu.tar.xz
readonly ALL=right,kernels,beside,resume,ranks,lost,sanitizer,roofs,timeline,whole,memory
readonly PACKED=(trainer gpu-bench machine contract) DATA=(train-phrases.tsv train-phrases.lengths train.tsv dev.tsv)
readonly MIB=1048576 LARGEST=56

say() { printf '== %s\n' "$*" >&2; }

# Writes the archive.
pack() {
    local programs=${LOCKSTEP_BIN:-$root/target/cuda/release} staged name
    staged=$(mktemp -d)
    mkdir -p "$staged/programs" "$staged/data"
    for name in "${PACKED[@]}"; do
        strip --strip-all -o "$staged/programs/$name" "$programs/$name" ||
            { say "$programs/$name is not there; try: launch/cuda.sh --tests" && return 4; }
    done
    for name in "${DATA[@]}"; do
        [[ ! -e $data/$name ]] || cp "$data/$name" "$staged/data"
    done
    chmod -R u+w "$staged"
    mkdir -p "$(dirname "$root/$ARCHIVE")"
    # The programs share most of what they are: a dictionary that holds all of them finds it.
    tar --create --directory "$staged" programs data | xz --lzma2=preset=6,dict=256MiB >"$root/$ARCHIVE"
    rm -rf "$staged"
    local size=$(($(stat --format %s "$root/$ARCHIVE") / MIB))
    say "packed $ARCHIVE: $size MiB"
    ((size <= LARGEST)) || say "this is more than the $LARGEST MiB that travel beside the checkout"
}

parts=$ALL budget=540 data=$root/data/sst2 out=${OUT-} action=run
while (($# > 0)); do
    case $1 in
    -h | --help) usage && exit 0 ;;
    --carry) echo "$ARCHIVE" && exit 0 ;;
    --pack) action=pack ;;
    --part) action=part part=$2 && shift ;;
    --parts) parts=$2 && shift ;;
    --budget) budget=$2 && shift ;;
    --data) data=$2 && shift ;;
    --out) out=$2 && shift ;;
    *) usage >&2 && exit 2 ;;
    esac
    shift
done
if [[ $action == pack ]]; then
    pack
    exit
fi

# shellcheck source=tests/gpu/parts.sh
source "$root/tests/gpu/parts.sh"
if [[ $action == part ]]; then
    trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
    "part_$part"
    exit
fi
for part in ${parts//,/ }; do
    limit_of "$part" >/dev/null
done

# Where programs, data, runs and libraries are; the parts take it from the environment.
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
programs=${LOCKSTEP_BIN:-$root/target/cuda/release}
if [[ ! -x $programs/trainer && -s $root/$ARCHIVE ]]; then
    tar --extract --xz --file "$root/$ARCHIVE" --directory "$work"
    programs=$work/programs
    [[ -e $data/train-phrases.tsv ]] || data=$work/data
fi
[[ -x $programs/trainer ]] || { say "$programs/trainer is not there; try: launch/cuda.sh --tests" && exit 4; }
find_libraries
# Ends with 4 where there is no GPU, no library, or no CUDA in the build.
"$programs/trainer" doctor --device cuda

if [[ -n $out ]]; then
    mkdir -p "$out"
    report=$out/gpu.md tables=$out
else
    report=$root/benches/results/$(date +%F)-gpu.md tables=$root/target/gpu
    [[ ! -e $report ]] || report=${report%.md}-$(date +%H%M).md
    mkdir -p "${report%/*}" "$tables"
fi
export work programs data tables report
: >"$tables/gpu.log"
describe_machine | tee "$report"

# Runs one part under its limit, and notes how it went.
run_part() {
    local name=$1 limit began=$SECONDS code=0
    limit=$(limit_of "$name")
    if ((budget - SECONDS < 15)); then
        outcomes+=("$name|0|skipped: no time is left")
        return
    fi
    ((limit <= budget - SECONDS)) || limit=$((budget - SECONDS))
    say "$name (at most $limit s)"
    printf '\n## %s\n\n' "$name" >>"$report"
    timeout --kill-after=5 "$limit" "$root/tests/gpu/run.sh" --part "$name" --data "$data" \
        2> >(tee -a "$tables/gpu.log" >&2) | tee -a "$report" || code=$?
    case $code in
    0) outcomes+=("$name|$((SECONDS - began))|done") ;;
    124 | 137) outcomes+=("$name|$((SECONDS - began))|FAILED: more than $limit s") ;;
    *) outcomes+=("$name|$((SECONDS - began))|FAILED: $code") ;;
    esac
    ((code == 0)) || failed=1
}

failed=0 outcomes=()
for part in ${parts//,/ }; do
    run_part "$part"
done
{
    printf '\n## parts\n\n| part | s | outcome |\n|---|---|---|\n'
    for outcome in "${outcomes[@]}"; do
        echo "| ${outcome//|/ | } |"
    done
} | tee -a "$report"
exit "$failed"
