#!/usr/bin/env bash
# Sets the machine up, builds Lockstep and trains: see --help.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: launch/quickstart.sh [ARGUMENTS OF trainer ...]

Sets this machine up (a C compiler and MPI through apt-get, if there are none), builds the release
programs into target/release and starts `trainer` with the arguments given here. Without
arguments it trains the built-in quick start: a small DistilBERT from scratch, on sentences
that the program generates itself. Besides crates and these, nothing is downloaded.

  launch/quickstart.sh                            the quick start
  launch/quickstart.sh configs/sst2.toml          another configuration
  launch/quickstart.sh train --help               what `trainer` takes
TEXT
}

case ${1-} in
-h | --help)
    usage
    exit 0
    ;;
esac

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=launch/setup.sh
source "$root/launch/setup.sh"

need_rust "$root"
need_c_compiler
need_mpi

# The caller's directory stays the current one, so that paths among the arguments mean what they say.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
trainer=$CARGO_TARGET_DIR/release/trainer
[[ -x $trainer ]] || say "building; the first time takes some minutes"
quiet=()
[[ -t 2 ]] || quiet=(--quiet)
cargo build --release --locked "${quiet[@]}" --manifest-path "$root/Cargo.toml"

exec "$trainer" "$@"
