#!/usr/bin/env bash
# Builds `trainer` and `launcher` with CUDA: see --help.
set -euo pipefail
shopt -s inherit_errexit

usage() {
    cat <<'TEXT'
usage: launch/cuda.sh [--tests] [ARGUMENTS OF cargo build ...]
       launch/cuda.sh --resources
       launch/cuda.sh --check

Builds the programs with the feature `cuda` into target/cuda/release. No GPU and no driver are needed
to build, nor to start: the programs open libcuda, libcublas, libcurand, libnvrtc and libnccl when a
run asks for a GPU, and train on the CPU where there is none.

The compiler is nvcc of CUDA_HOME, or of the PATH; where there is none, NVIDIA's wheels are taken from
PyPI (270 MB, into target/cuda/toolkit) with python3 and pip, which apt-get installs if need be. The first build takes
about ten minutes on two cores, nearly all of it for candle's kernels.

  --tests            also builds target/cuda/release/contract, machine and gpu-bench, which
                     `cargo xtask gpu` runs
  --resources        compiles our kernels only, for H100, and shows what each takes: registers, spills,
                     resident warps; fails where tests/gpu/resources.tsv wants it to take less
  --check            compiles no kernel and needs no nvcc: lints the code that only this build has

  CUDA_COMPUTE_CAP   the oldest GPU to serve: 80 (A100) unless given, 90 for H100 and H200;
                     newer ones translate the kernels when they first run
  CUDA_HOME          a CUDA toolkit
TEXT
}

case ${1-} in
-h | --help)
    usage
    exit 0
    ;;
esac

purpose=programs
case ${1-} in
--tests | --resources | --check)
    purpose=${1#--}
    shift
    ;;
esac

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=launch/setup.sh
source "$root/launch/setup.sh"

place=$root/target/cuda
[[ $purpose != check ]] || place=$root/target/cuda-check
readonly place workspace=$place/workspace
readonly toolkit=$place/toolkit
readonly kernels=$root/crates/gpu/src/cuda
readonly wheels=(nvidia-cuda-nvcc==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-crt==13.0.88
    nvidia-cuda-runtime==13.0.96 nvidia-cuda-cccl==13.0.85)

# Sets CUDA_HOME.
need_nvcc() {
    if [[ -z ${CUDA_HOME-} ]] && command -v nvcc >/dev/null; then
        CUDA_HOME=$(cd "$(dirname "$(readlink -f "$(command -v nvcc)")")/.." && pwd)
    fi
    if [[ -z ${CUDA_HOME-} ]]; then
        [[ -x $toolkit/bin/nvcc ]] || fetch_toolkit
        CUDA_HOME=$toolkit
    fi
    [[ -x $CUDA_HOME/bin/nvcc ]] || die "$MISSING" "$CUDA_HOME/bin/nvcc is not there; set CUDA_HOME to a
CUDA toolkit, or unset it, and this script fetches one"
    export CUDA_HOME PATH=$CUDA_HOME/bin:$PATH
    # Candle's kernels are half of the program; newer compilers pack them more tightly.
    ! nvcc --help | grep -q -- --compress-mode || export NVCC_APPEND_FLAGS=--compress-mode=size
}

# Unpacks NVIDIA's wheels to what a toolkit looks like. The static runtime alone is kept, so that
# the programs need no libcudart.
fetch_toolkit() {
    python3 -m pip --version >/dev/null 2>&1 || {
        say "installing python3-pip with apt-get: it fetches nvcc from PyPI"
        install_packages python3-pip
    }
    say "fetching nvcc 13.0 from PyPI (270 MB)"
    local work=$place/wheels
    rm -rf "$work" "$toolkit"
    python3 -m pip download --quiet --no-deps --only-binary=:all: --dest "$work" "${wheels[@]}"
    local wheel
    for wheel in "$work"/*.whl; do
        python3 -m zipfile -e "$wheel" "$work/unpacked"
    done
    mv "$work/unpacked/nvidia/cu13" "$toolkit"
    chmod +x "$toolkit"/bin/* "$toolkit"/nvvm/bin/*
    ln -s lib "$toolkit/lib64"
    rm -f "$toolkit"/lib/libcudart.so*
    ln -s libcudart_static.a "$toolkit/lib/libcudart.a"
    rm -rf "$work"
}

# Writes a file that includes all of our kernels: compiled as one, no name can mean two things.
gather_kernels() {
    local file
    for file in "$kernels"/*.cu; do
        printf '#include "%s"\n' "${file##*/}"
    done
}

# Runs nvcc over all of our kernels with the options $@.
compile_kernels() {
    gather_kernels >"$place/kernels.cu"
    nvcc -std=c++17 -O3 -I "$kernels" "$@" "$place/kernels.cu"
}

# Sets LOCKSTEP_FATBIN: our kernels for A100, H100 and B200, and as PTX for what lies between.
need_kernels() {
    local fatbin=$place/kernels.fatbin
    if [[ ! -s $fatbin || -n $(find "$kernels" "${BASH_SOURCE[0]}" -newer "$fatbin" -print -quit) ]]; then
        say "compiling our kernels"
        compile_kernels -fatbin --threads 0 -gencode arch=compute_80,code=sm_80 \
            -gencode arch=compute_90,code=sm_90 -gencode arch=compute_100,code=sm_100 \
            -gencode arch=compute_80,code=compute_80 -o "$fatbin.partial"
        mv "$fatbin.partial" "$fatbin"
    fi
    export LOCKSTEP_FATBIN=$fatbin
}

# Shows what ptxas says of each kernel, and compares it with the table.
show_resources() {
    local said=$place/ptxas.txt
    compile_kernels -cubin -arch=sm_90 -Xptxas -v -o "$place/kernels.cubin" 2>"$said" || {
        cat "$said" >&2
        return 1
    }
    python3 "$root/tests/gpu/resources.py" "$root/tests/gpu/resources.tsv" <"$said"
}

# A workspace of links to this one, with a lock file of its own, in which candle-core is a copy that
# opens the CUDA libraries when it needs them. As it is published it links them, and a program so
# linked does not start where they are missing.
make_workspace() {
    local name candle
    candle=$(candle_that_opens_its_libraries)
    rm -rf "$workspace"
    mkdir -p "$workspace"
    for name in benches configs crates src tests; do
        ln -s "$root/$name" "$workspace/$name"
    done
    cp "$root/Cargo.lock" "$root/clippy.toml" "$workspace"
    {
        cat "$root/Cargo.toml"
        printf '\n[patch.crates-io]\ncandle-core = { path = "%s" }\n' "$candle"
    } >"$workspace/Cargo.toml"
}

# Prints where the copy is, which is made once for each version.
candle_that_opens_its_libraries() {
    local version source copy
    version=$(sed -n '/^name = "candle-core"$/{n;s/^version = "\(.*\)"$/\1/p}' "$root/Cargo.lock")
    cargo fetch --quiet --locked --manifest-path "$root/Cargo.toml"
    source=$(find "${CARGO_HOME:-$HOME/.cargo}/registry/src" -maxdepth 2 -name "candle-core-$version" -print -quit)
    [[ -n $source ]] || die "$MISSING" "cargo has no source of candle-core $version; try: cargo fetch"
    copy=$place/candle-core-$version
    if [[ ! -d $copy ]]; then
        cp -r "$source" "$copy.partial"
        sed -i 's/"dynamic-linking"/"dynamic-loading"/' "$copy.partial/Cargo.toml"
        grep -q '"dynamic-loading"' "$copy.partial/Cargo.toml" ||
            die "$MISSING" "candle-core $version asks for the CUDA libraries in another way; see its Cargo.toml"
        mv "$copy.partial" "$copy"
    fi
    echo "$copy"
}

# Runs cargo with the command $1 over that workspace.
with_cuda() {
    local command=$1
    shift
    cargo "$command" --release --target-dir "$place" --manifest-path "$workspace/Cargo.toml" "$@"
}

build_programs() {
    need_nvcc
    export LIBRARY_PATH=$CUDA_HOME/lib${LIBRARY_PATH:+:$LIBRARY_PATH}
    need_kernels
    say "building with $(nvcc --version | sed -n 's/.*release \([0-9.]*\),.*/nvcc \1/p')" \
        "for compute capability $CUDA_COMPUTE_CAP"
    with_cuda build --features cuda "$@"
    strip "$place"/release/{trainer,launcher}
    say "built $place/release/trainer"
}

# Builds the $1 (test or bench) named $2 as release/$3, with the options $@. Its name has a hash in it,
# which cargo tells.
build_target() {
    local kind=$1 name=$2 as=$3 program
    shift 3
    program=$(with_cuda build "--$kind" "$name" "$@" --message-format json-render-diagnostics |
        sed -n "s/.*\"executable\":\"\([^\"]*\/$name-[0-9a-f]*\)\".*/\1/p")
    cp "$program" "$place/release/$as"
    say "built $place/release/$as"
}

build_tests() {
    build_target test contract contract --package lockstep-collective --features nccl,mpi
    build_target test machine machine --package lockstep-gpu --features cuda
    build_target bench gpu gpu-bench --features cuda
}

# Checking links nothing, so any file will do for a kernel.
check() {
    export PATH=$root/tests/gpu:$PATH CUDA_HOME=$root/tests/gpu LOCKSTEP_FATBIN=$place/kernels.fatbin
    : >"$LOCKSTEP_FATBIN"
    with_cuda clippy --features cuda --bins --bench gpu -- -D warnings
}

need_c_compiler
if [[ $purpose == resources ]]; then
    mkdir -p "$place"
    need_nvcc
    show_resources
    exit
fi
need_rust "$root"
need_mpi
[[ $purpose != check ]] || need_rust_components
mkdir -p "$place"
make_workspace

export CUDA_COMPUTE_CAP=${CUDA_COMPUTE_CAP:-80}
case $purpose in
programs) build_programs "$@" ;;
tests)
    build_programs "$@"
    build_tests
    ;;
check) check ;;
esac
