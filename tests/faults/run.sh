#!/bin/sh
# Every moment that the tests of `tests/whole/faults` try a sample of: each call that changes a file with
# each error, a kill at each of them, after each of 200 updates and at 100 random moments on one rank and
# on two, 46 pairs of runs, and 5,000 updates with 50 checkpoints. It takes about an hour on two cores.
#
#   tests/faults/run.sh            all of them
#   tests/faults/run.sh killed     those whose name contains a word
#
# The files lie in a file system in memory where one can be mounted, since kills need no disk.
set -eu
cd "$(dirname "$0")/../.."
cargo test --release --test whole --no-run
export LOCKSTEP_FAULTS=all
run="cargo test --release --test whole faults::${1-} -- --nocapture --test-threads 2"
folder=$(mktemp -d)
trap 'rmdir "$folder"' EXIT
if unshare --user --map-root-user --mount mount -t tmpfs tmpfs "$folder" 2>/dev/null; then
    unshare --user --map-root-user --mount sh -c \
        "mount -t tmpfs -o size=2g tmpfs '$folder' && TMPDIR='$folder' exec $run"
else
    $run
fi
