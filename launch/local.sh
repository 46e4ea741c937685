#!/usr/bin/env bash
# Trains on this machine alone: see --help.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: launch/local.sh [LAUNCHER'S FLAGS --] ARGUMENTS OF trainer train ...

Starts one process for each GPU of this machine, or a single one on its CPU. It is interrupted with
Ctrl-C or SIGTERM: the update is finished, a checkpoint written, and the same command with
`--resume auto` goes on. LOCKSTEP_BIN is where the programs lie (target/release).

  launch/local.sh configs/sst2.toml
  launch/local.sh --dry-run -- configs/sst2.toml                   print what would be started
  launch/local.sh --nproc-per-node 4 -- configs/sst2.toml --device cpu       four ranks on the CPU
TEXT
}

case ${1-} in
-h | --help | '')
    usage
    exit 0
    ;;
esac
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
launcher=${LOCKSTEP_BIN:-$root/target/release}/launcher

flags=()
for argument in "$@"; do
    [[ $argument == -- ]] || continue
    while [[ $1 != -- ]]; do
        flags+=("$1")
        shift
    done
    shift
    break
done
exec "$launcher" "${flags[@]}" -- train "$@"
