#!/usr/bin/env bash
# Three hosts on one machine, one of which is lost: see --help.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: tests/cluster/elastic.sh PROGRAMS [kill|cut]

PROGRAMS is the folder with `launcher` and `trainer`. Connects three network namespaces, h0, h1 and
h2, by a bridge, and starts a launcher in each: --nnodes 2:3 and one rank a host. At update 20 the
launcher and the rank of h2 are killed, or its cable is cut. The run has to exit with 0 on two hosts,
with the same bits as a run of three ranks that lost none. Prints
`skipped: ...` where namespaces cannot be made.
TEXT
}

case ${1-} in
-h | --help)
    usage
    exit 0
    ;;
'')
    usage >&2
    exit 2
    ;;
esac
programs=$(realpath "$1")
how=${2:-kill}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export PATH=$PATH:/usr/sbin:/sbin
readonly PORT=29500 HOSTS=(h0 h1 h2) UPDATES=60

skip() {
    echo "skipped: $*"
    exit 0
}

((EUID == 0)) || skip "network namespaces want root"
command -v ip >/dev/null || skip "there is no ip (Debian: iproute2)"

# Namespaces are the machine's, so their names carry our number.
space() { echo "lockstep-$$-$1"; }

place=$(mktemp -d /tmp/lockstep-elastic.XXXXXX)

stop() {
    local host
    for host in "${HOSTS[@]}" bridge; do
        ip netns pids "$(space "$host")" 2>/dev/null | xargs -r kill -9 2>/dev/null || true
        ip netns delete "$(space "$host")" 2>/dev/null || true
        rm -rf "/etc/netns/$(space "$host")"
    done
    rm -rf "$place"
}
trap stop EXIT

lay_cables() {
    local host bridge
    bridge=$(space bridge)
    ip netns add "$bridge" 2>/dev/null || skip "network namespaces cannot be made here"
    ip -n "$bridge" link add br0 type bridge 2>/dev/null || skip "there is no bridge here"
    ip -n "$bridge" link set br0 up
    for host in "${HOSTS[@]}"; do
        ip netns add "$(space "$host")"
        ip -n "$(space "$host")" link add eth0 type veth peer name "$host" netns "$bridge" 2>/dev/null ||
            skip "there is no veth here"
        ip -n "$bridge" link set "$host" master br0 up
        ip -n "$(space "$host")" addr add "10.212.0.1${host#h}/24" dev eth0
        ip -n "$(space "$host")" link set lo up
        ip -n "$(space "$host")" link set eth0 up
        mkdir -p "/etc/netns/$(space "$host")"
        printf '127.0.0.1 localhost\n10.212.0.10 h0\n10.212.0.11 h1\n10.212.0.12 h2\n' \
            >"/etc/netns/$(space "$host")/hosts"
    done
}

# Runs a command on a host.
on() {
    local host=$1
    shift
    exec ip netns exec "$(space "$host")" unshare --uts /bin/sh -c \
        "hostname $host; exec \"\$@\"" sh "$@"
}

training() {
    echo train --model "$root/tests/reference/tiny" --train-file "$root/tests/reference/golden/rows.tsv" \
        --device cpu --max-steps $UPDATES --deterministic --global-batch-size 16 --save-strategy steps --save-steps 5 \
        --save-total-limit 100 --output-dir "$place/$1"
}

updates() {
    { grep -c '"kind":"update"' "$place/out/metrics.jsonl" 2>/dev/null || true; } | tail -n 1
}

fail() {
    cat "$place"/said-*
    echo "$*"
    exit 1
}

lay_cables
LOCKSTEP_TOKEN=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
export LOCKSTEP_TOKEN
launchers=()
for host in "${HOSTS[@]}"; do
    (on "$host" "$programs/launcher" --nnodes 2:3 --nproc-per-node 1 --node-rank "${host#h}" \
        --master-addr h0 --master-port $PORT --max-restarts 2 --join-window 2 -- $(training out)) \
        >"$place/said-$host" 2>&1 &
    launchers+=($!)
done
until [[ $(updates) -ge 20 ]]; do
    kill -0 "${launchers[0]}" 2>/dev/null || fail "the launcher of h0 ended early"
    sleep 0.02
done
began=$EPOCHREALTIME
case $how in
kill) ip netns pids "$(space h2)" | xargs -r kill -9 ;;
cut) ip -n "$(space h2)" link set eth0 down ;;
esac
for number in 0 1; do
    code=0
    wait "${launchers[number]}" || code=$?
    ((code == 0)) || fail "the launcher of h$number exited with $code"
done
took=$(awk "BEGIN { print $EPOCHREALTIME - $began }")
grep -q 'node 2 (host h2) was lost' "$place/said-h0" || fail "the lost host was not named"
grep -q "$LOCKSTEP_TOKEN" "$place"/said-* && fail "the token was shown"
resumed=$(grep -o 'resumes after update [0-9]*' "$place/said-h0" | grep -o '[0-9]*$')
"$programs/launcher" --start local --nproc-per-node 3 -- $(training undisturbed) \
    >"$place/said-undisturbed" 2>&1 || fail "the undisturbed run failed"
cmp "$place/out/model.safetensors" "$place/undisturbed/model.safetensors" || fail "the weights differ"
grep 'launcher:' "$place/said-h0"
echo "$how: h2 was lost at update 20; resumed after update $resumed, done on two hosts after $took s;" \
    "the weights equal those of an undisturbed run"
