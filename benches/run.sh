#!/usr/bin/env bash
# Runs the comparison with PyTorch and writes a dated report into benches/results/; flags are passed on.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo bench --bench beside_pytorch -- --out "benches/results/$(date +%F)-speed.md" "$@"
