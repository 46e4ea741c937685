#!/usr/bin/env bash
# Sets the machine up and runs every check of the project: see --help.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: launch/test.sh [--clusters]

Sets this machine up (a C compiler and MPI through apt-get, rustfmt and clippy through rustup, each
only if it is missing) and runs `cargo xtask ci`: formatting, style, the crates' arrows, lints,
documentation and all tests. It stops at the first check that fails and names it.
No GPU, no Python and no data set is needed.

  --clusters   also installs what some tests skip without: Slurm and munge through apt-get, to submit
               the shipped batch file for real; kubernetes-validate from PyPI into venv/, for the
               files of launch/kubernetes
TEXT
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=launch/setup.sh
source "$root/launch/setup.sh"

case ${1-} in
'' | --clusters) ;;
-h | --help)
    usage
    exit 0
    ;;
*)
    usage >&2
    die 2 "takes --clusters or nothing, but got: $*"
    ;;
esac

need_rust "$root"
need_c_compiler
need_mpi
need_rust_components
if [[ ${1-} == --clusters ]]; then
    need_slurm
    need_kubernetes_schemas "$root"
fi

cd "$root"
exec cargo xtask ci
