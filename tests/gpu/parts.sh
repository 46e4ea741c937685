# The parts of run.sh, which sources this file. What a part prints goes into the report.
# shellcheck shell=bash
#
# From the environment: work (a folder for runs), programs, data, tables (a folder for what is kept).
# A part is given what an earlier one has made, and makes it where that one was not run.

: "${root:?}" "${work=}" "${programs=}" "${data=}" "${tables=}"
readonly PEER_LOST=5 STOPPED=75

# Seconds that a part may take.
limit_of() {
    case $1 in
    right) echo 110 ;;
    kernels) echo 90 ;;
    beside) echo 270 ;;
    resume) echo 40 ;;
    ranks) echo 40 ;;
    lost) echo 40 ;;
    sanitizer) echo 60 ;;
    roofs) echo 60 ;;
    timeline) echo 40 ;;
    whole) echo 75 ;;
    memory) echo 75 ;;
    long) echo 90 ;;
    *)
        say "there is no part $1; see --help"
        exit 2
        ;;
    esac
}

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

describe_machine() {
    printf '# On a GPU\n\n%s; %s processors; %s\n' \
        "$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader)" "$(nproc)" "$(date +%FT%R)"
}

# Whether a program is there; what is skipped is said.
has() {
    [[ -x $programs/$1 ]] || { echo "skipped: $1 is missing, which launch/cuda.sh --tests builds" && return 1; }
}

# Sets `training`: the arguments of runs with the real model or, after `small`, with a small one; after
# `whole` they evaluate and save.
choose_training() {
    local size=${1-base} texts=builtin:reviews options=() model
    model=$work/model-${size/whole/base}
    [[ $size != small ]] || options+=(--small)
    if [[ -e $data/train-phrases.tsv ]]; then
        texts=$data/train-phrases.tsv
        options+=(--train "$texts")
    fi
    [[ -d $model ]] || "$programs/gpu-bench" model --out "$model" "${options[@]}"
    training=(--train-file "$texts" --model "$model" --global-batch-size 16)
    [[ $size == whole ]] || training+=(--save-strategy no --eval-strategy no)
}

# Runs some updates in a folder of their own, unless that was done: its name, the number, the rest.
train() {
    local name=$1 updates=$2
    shift 2
    [[ ! -e $work/$name/done ]] || return 0
    say "$name"
    "$programs/trainer" train --output-dir "$work/$name" --max-steps "$updates" "${training[@]}" \
        "$@" >"$work/$name.log" 2>&1 || { tail -50 "$work/$name.log" >&2 && return 1; }
    touch "$work/$name/done"
}

# Compares the updates of runs with those of the first: a tolerance, the number of updates, the runs.
agree() {
    local tolerance=$1 updates=$2
    shift 2
    (cd "$work" && python3 "$root/tests/gpu/agree.py" --updates "$updates" "$tolerance" "${@/%//metrics.jsonl}")
}

part_right() {
    local code=0
    has gpu-bench || return 1
    choose_training
    train cpu 40 --device cpu
    for precision in f32 tf32 bf16; do
        train "$precision" 40 --device cuda --precision "$precision"
    done
    train f32-streams 40 --device cuda --cuda-graphs off
    printf '| run | largest relative difference of a loss | median update, s |\n|---|---|---|\n'
    for updates in 20 40; do
        agree 1e-5 "$updates" cpu f32 f32-streams || code=1
        agree 1e-3 "$updates" cpu tf32 || code=1
        agree 2e-2 "$updates" cpu bf16 || code=1
    done
    return "$code"
}

part_long() {
    choose_training
    train cpu-long 200 --device cpu
    train bf16-long 200 --device cuda --precision bf16
    agree 2e-2 200 cpu-long bf16-long
}

part_kernels() {
    local code=0
    if has machine; then
        "$programs/machine" --nocapture >&2 || code=1
        echo "The machine's tests: $( ((code)) && echo FAILED || echo passed)."
    fi
    ! has gpu-bench || "$programs/gpu-bench" kernels || code=1
    if command -v mpirun >/dev/null && has contract; then
        "$programs/contract" --nocapture nccl >&2 || code=1
    fi
    return "$code"
}

# In turn, ours, theirs, ours: first the small batches, then the large ones.
part_beside() {
    local found=$tables/beside.txt lengths=()
    has gpu-bench || return 1
    [[ ! -e $data/train-phrases.lengths ]] || lengths=(--lengths "$data/train-phrases.lengths")
    : >"$found"
    ours() { "$programs/gpu-bench" update "${lengths[@]}" --only "$1" --rounds "$2" >>"$found"; }
    theirs() {
        python3 "$root/benches/pytorch/gpu_peer.py" "${lengths[@]}" --rows "$1" --limit "$2" >>"$found" || true
    }
    trap 'python3 "$root/tests/gpu/beside.py" "$tables/beside.txt"' EXIT
    ours "16 of SST-2, bf16, graphs" 12
    ours "16 of SST-2, f32, graphs" 8
    theirs recipe,longest,graphs 75
    ours "16 of SST-2, bf16, graphs" 12
    ours "512 x 128, bf16, graphs" 6
    theirs full-eager,full-compiled 60
    ours "512 x 128, bf16, graphs" 6
    theirs fused,compiled 60
}

# Stops a run by a signal, and lets it go on from its checkpoint.
part_resume() {
    local name=stopped updates=1200 process code=0
    choose_training
    train straight $updates --device cuda
    "$programs/trainer" train --output-dir "$work/$name" --max-steps $updates "${training[@]}" \
        --device cuda >"$work/$name.log" 2>&1 &
    process=$!
    until grep -qsE '"step":[1-9][0-9]{2},' "$work/$name/metrics.jsonl"; do
        kill -0 "$process" || { tail -50 "$work/$name.log" >&2 && return 1; }
        sleep 0.02
    done
    kill -USR1 "$process"
    wait "$process" || code=$?
    ((code == STOPPED)) || { echo "it ended with $code" && tail -50 "$work/$name.log" >&2 && return 1; }
    train $name $updates --device cuda --resume auto
    echo "All $updates updates of a run, and of one that a signal stopped in between:"
    agree 1e-6 $updates straight $name
}

# One of two ranks that share the GPU: its number, the run and its updates. NCCL refuses that, unless
# it takes them for two hosts.
rank() {
    local rank=$1 name=$2 updates=$3
    RANK=$rank LOCAL_RANK=$rank WORLD_SIZE=2 LOCAL_WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=29517 \
        NCCL_HOSTID=$rank exec "$programs/trainer" train --output-dir "$work/$name" \
        --max-steps "$updates" "${training[@]}" --device cuda --allow-gpu-sharing
}

part_ranks() {
    local name=two-ranks first
    choose_training
    train f32 40 --device cuda
    rank 0 $name 40 >"$work/$name.0.log" 2>&1 &
    first=$!
    if ! (rank 1 $name 40) >"$work/$name.1.log" 2>&1 || ! wait "$first"; then
        tail -50 "$work/$name".?.log >&2
        return 1
    fi
    echo "One rank and two:"
    agree 1e-5 40 f32 $name
}

# Whether the first rank says that the second was lost, soon after it was killed.
part_lost() {
    local name=lost-rank first second code=0
    choose_training
    rank 0 $name 1000000 >"$work/$name.0.log" 2>&1 &
    first=$!
    rank 1 $name 1000000 >"$work/$name.1.log" 2>&1 &
    second=$!
    until grep -qs '"step":20,' "$work/$name/metrics.jsonl"; do
        kill -0 "$first" || { tail -50 "$work/$name".?.log >&2 && return 1; }
        sleep 0.1
    done
    SECONDS=0
    kill -9 "$second"
    wait "$first" || code=$?
    echo "Rank 0 ended with $code, $SECONDS s after rank 1 was killed:" \
        "$(grep 'error: rank 1 .*was lost' "$work/$name.0.log" || true)"
    if ((code != PEER_LOST || SECONDS > 10)) || ! grep -q 'error: rank 1 .*was lost' "$work/$name.0.log"; then
        tail -50 "$work/$name.0.log" >&2
        return 1
    fi
}

part_sanitizer() {
    local tool code=0 log
    command -v compute-sanitizer >/dev/null || { echo "skipped: compute-sanitizer is missing" && return 0; }
    choose_training small
    for tool in memcheck racecheck; do
        log=$tables/$tool.log
        compute-sanitizer --tool $tool --error-exitcode 9 "$programs/trainer" train --output-dir "$work/$tool" \
            --max-steps 3 "${training[@]}" --device cuda --precision bf16 --cuda-graphs off >"$log" 2>&1 || code=1
        echo "- $tool: $(grep -E 'SUMMARY|Error:' "$log" | tail -2 | tr '\n' ' ')"
    done
    return "$code"
}

part_roofs() { "$programs/gpu-bench" roofs --out "$tables/roofs.tsv"; }

part_timeline() {
    local lengths=()
    [[ ! -e $data/train-phrases.lengths ]] || lengths=(--lengths "$data/train-phrases.lengths")
    "$programs/gpu-bench" timeline --out "$tables/timeline.tsv" "${lengths[@]}"
}

# The whole command, with everything that a user's has.
part_whole() {
    local validation=(--eval-strategy no) began texts="the built-in"
    choose_training whole
    [[ ! -e ${training[1]} ]] || texts=$(wc -l <"${training[1]}")
    [[ ! -e $data/dev.tsv ]] || validation=(--validation-file "$data/dev.tsv" --eval-strategy epoch)
    began=$(date +%s%N)
    "$programs/trainer" train "${training[@]}" "${validation[@]}" --output-dir "$work/whole" --num-train-epochs 3 \
        --device cuda --precision bf16 --save-strategy epoch >"$work/whole.log" 2>&1 ||
        { tail -50 "$work/whole.log" >&2 && return 1; }
    echo "Three epochs of $texts texts, evaluated and saved each, bf16, batch 16:" \
        "$((($(date +%s%N) - began) / 1000000)) ms for the whole command. Its last lines:"
    echo && tail -8 "$work/whole.log" | sed 's/^/    /'
}

part_memory() {
    local lengths=()
    [[ ! -e $data/train-phrases.lengths ]] || lengths=(--lengths "$data/train-phrases.lengths")
    "$programs/gpu-bench" update --rounds 4 "${lengths[@]}"
}
