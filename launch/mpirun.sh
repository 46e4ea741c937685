#!/usr/bin/env bash
# Trains on several machines that ssh reaches, without a batch system: see --help.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: launch/mpirun.sh HOSTFILE ARGUMENTS OF trainer train ...

Starts the ranks with Open MPI's mpirun, as many on each machine as the host file says:

  node1 slots=4
  node2 slots=4

The project's directory, the data and the output directory have the same paths on all machines.
SIGUSR1, SIGTERM or Ctrl-C: the update is finished, a checkpoint written, and the code is 75; the same
command with `--resume auto` goes on. A machine that is cut off ends the run within seconds.
LOCKSTEP_BIN is where the programs lie (target/release).
TEXT
}

case ${1-} in
-h | --help)
    usage
    exit 0
    ;;
esac
(($# >= 2)) || {
    usage >&2
    exit 2
}
hosts=$1
shift
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
trainer=${LOCKSTEP_BIN:-$root/target/release}/trainer
[[ -r $hosts ]] || {
    echo "the host file $hosts cannot be read" >&2
    exit 2
}

# Without the keepalives Open MPI sees a cut link after eight minutes only.
mpirun --hostfile "$hosts" --bind-to none \
    --mca oob_tcp_keepalive_time 4 --mca oob_tcp_keepalive_intvl 1 --mca oob_tcp_keepalive_probes 3 \
    "$trainer" train "$@" &
run=$!
# mpirun passes SIGUSR1 on; SIGTERM would end the ranks before they could write anything.
trap 'kill -USR1 "$run"' USR1 TERM INT
while :; do
    code=0
    wait "$run" || code=$?
    kill -0 "$run" 2>/dev/null || exit "$code"
done
