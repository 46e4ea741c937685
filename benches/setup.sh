#!/usr/bin/env bash
# Makes the Python environment that benches/pytorch/peer.py runs in: benches/pytorch/venv, or the
# directory given. Everything goes there; nothing else of the system is touched.
set -euo pipefail

readonly HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly MISSING=4
readonly PINNED=('torch==2.15.*' 'transformers==5.23.*' 'safetensors' 'numpy')
readonly NEWEST=(torch transformers safetensors numpy)

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

if [[ ${1:-} == --help || ${1:-} == -h ]]; then
    echo "usage: benches/setup.sh [DIRECTORY]   makes a Python environment with PyTorch and transformers"
    echo "pip's own settings (PIP_INDEX_URL and so on) say where the packages come from."
    exit 0
fi

readonly VENV=${1:-$HERE/pytorch/venv}

command -v python3 >/dev/null || { say "python3 was not found; install Python 3.10 or newer"; exit "$MISSING"; }
python3 -m venv "$VENV" || {
    say "python3 cannot make an environment; on Debian or Ubuntu: apt-get install -y python3-venv"
    exit "$MISSING"
}

say "installing ${PINNED[*]} into $VENV (PyTorch is large; the CPU build is enough)"
if ! "$VENV/bin/pip" install --quiet "${PINNED[@]}"; then
    say "these versions cannot be had here (see above); trying the newest: figures will be those of another PyTorch"
    "$VENV/bin/pip" install --quiet "${NEWEST[@]}" || {
        say "pip failed (see above); where a proxy or a mirror is needed, tell pip with PIP_INDEX_URL or pip.conf"
        exit "$MISSING"
    }
fi
"$VENV/bin/python" -c 'import torch, transformers; print("torch", torch.__version__, "transformers", transformers.__version__)'
