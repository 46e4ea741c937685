#!/usr/bin/env bash
# Builds a Python wheel that contains `trainer` and `launcher`: see --help.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: launch/wheel.sh [ARGUMENTS OF maturin build ...]

Builds the wheel `lockstep-trainer` into target/wheels. It contains the two programs and no Python
code, so that `pip install FILE.whl` is all that a machine without Rust needs:

  launch/wheel.sh
  pip install target/wheels/lockstep_trainer-*.whl
  trainer train --train-file train.tsv --model MODEL --output-dir run

The programs train on CPUs, in one process or in several that meet over TCP (`launcher`, torchrun).
They are built without MPI and without CUDA; build these with cargo and launch/cuda.sh.

maturin is that of the PATH; where there is none, it is taken from PyPI into target/wheels/maturin,
which needs python3 with its module venv.
TEXT
}

case ${1-} in
-h | --help)
    usage
    exit 0
    ;;
esac

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
wheels=${CARGO_TARGET_DIR:-$root/target}/wheels
maturin=$(command -v maturin || true)
if [[ -z $maturin ]]; then
    maturin=$wheels/maturin/bin/maturin
    if [[ ! -x $maturin ]]; then
        python3 -m venv "$wheels/maturin"
        "$wheels/maturin/bin/pip" install --quiet 'maturin>=1.8,<2'
    fi
fi

cd "$root/launch/wheel"
# A target folder of its own, so that `target/release` keeps the programs with MPI.
exec "$maturin" build --release --locked --target-dir "$wheels/build" --out "$wheels" "$@"
