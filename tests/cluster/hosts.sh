#!/usr/bin/env bash
# Two hosts on one machine, network namespaces with a cable between them: see --help.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: tests/cluster/hosts.sh TRAINER [mpirun|tcp]...

Lays a cable between two network namespaces, h1 and h2, and trains on two ranks of each: started
by mpirun over TCP, and by hand with torchrun's variables. Each way once to the good end, and once
with the cable cut in the middle, upon which the lost host has to be named within 15 s, and nobody
may be left. Prints `skipped: ...` where namespaces cannot be made.
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
trainer=$(realpath "$1")
shift
ways=("${@:-mpirun}")
[[ $# -gt 0 ]] || ways=(mpirun tcp)
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export PATH=$PATH:/usr/sbin:/sbin
readonly PORT=29611 WITHIN=15

skip() {
    echo "skipped: $*"
    exit 0
}

((EUID == 0)) || skip "network namespaces want root"
command -v ip >/dev/null || skip "there is no ip (Debian: iproute2)"

# Namespaces are the machine's, so their names carry our number; the hosts in them are h1 and h2.
space() { echo "lockstep-$$-$1"; }

place=$(mktemp -d /tmp/lockstep-hosts.XXXXXX)

stop() {
    local host
    for host in h1 h2; do
        ip netns pids "$(space $host)" 2>/dev/null | xargs -r kill -9 2>/dev/null || true
        ip netns delete "$(space $host)" 2>/dev/null || true
        rm -rf "/etc/netns/$(space $host)"
    done
    rm -rf "$place"
}
trap stop EXIT

lay_cable() {
    local host
    ip netns add "$(space h1)" 2>/dev/null || skip "network namespaces cannot be made here"
    ip netns add "$(space h2)"
    ip -n "$(space h1)" link add eth0 type veth peer name eth0 netns "$(space h2)" 2>/dev/null ||
        skip "there is no veth here"
    for host in h1 h2; do
        ip -n "$(space $host)" addr add "10.211.0.${host#h}/24" dev eth0
        ip -n "$(space $host)" link set lo up
        ip -n "$(space $host)" link set eth0 up
        mkdir -p "/etc/netns/$(space $host)"
        printf '127.0.0.1 localhost\n10.211.0.1 h1\n10.211.0.2 h2\n' >"/etc/netns/$(space $host)/hosts"
    done
}

# What mpirun starts its daemons on other hosts with, and we our ranks: the host, then a command.
write_agent() {
    cat >"$place/on" <<TEXT
#!/bin/sh
host=\$1
shift
exec ip netns exec "lockstep-$$-\$host" unshare --uts /bin/sh -c "hostname \$host; exec /bin/sh -c '\$*'"
TEXT
    chmod 755 "$place/on"
}

# The training: the same for all ways, with checkpoints enough to go on from.
training() {
    echo "$trainer train --device cpu --model $root/tests/reference/tiny" \
        "--train-file $root/tests/reference/golden/rows.tsv --output-dir $place/$1" \
        "--num-train-epochs $2 --save-total-limit 2"
}

start_mpirun() {
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    local mca=(plm rsh plm_rsh_agent "$place/on" oob_tcp_if_include eth0 btl 'tcp,self'
        btl_tcp_if_include eth0 mpi_yield_when_idle 1 rmaps_base_oversubscribe 1
        oob_tcp_keepalive_time 4 oob_tcp_keepalive_intvl 1 oob_tcp_keepalive_probes 3)
    "$place/on" h1 exec mpirun --bind-to none $(printf -- '--mca %s %s ' "${mca[@]}") \
        -n 4 -H h1:2,h2:2 "$@"
}

start_tcp() {
    local rank ranks=() code=0
    for rank in 0 1 2 3; do
        RANK=$rank WORLD_SIZE=4 MASTER_ADDR=h1 MASTER_PORT=$PORT \
            "$place/on" "h$((rank / 2 + 1))" exec "$@" &
        ranks+=($!)
    done
    for rank in "${ranks[@]}"; do
        wait "$rank" || code=$?
    done
    return $code
}

updates() {
    { grep -c '"kind":"update"' "$place/$1/metrics.jsonl" 2>/dev/null || true; } | tail -n 1
}

ends_well() {
    "start_$1" $(training "$1-well" 2) >"$place/said" 2>&1 || {
        cat "$place/said"
        echo "$1: the run failed"
        exit 1
    }
    grep -q 'on 2 hosts, .*rank 0 of 4' "$place/said" || {
        cat "$place/said"
        echo "$1: not four ranks on two hosts"
        exit 1
    }
    echo "$1: two hosts, the run ended well after $(updates "$1-well") updates"
}

cut_is_named() {
    local code=0 began
    "start_$1" $(training "$1-cut" 100000) >"$place/said" 2>&1 &
    local run=$!
    until [[ $(updates "$1-cut") -ge 10 ]]; do
        kill -0 "$run" 2>/dev/null || { cat "$place/said"; exit 1; }
        sleep 0.1
    done
    ip -n "$(space h2)" link set eth0 down
    began=$SECONDS
    until grep -Eq 'Remote daemon.* h2|host h2[)] was lost' "$place/said" || ((SECONDS - began > WITHIN)); do
        sleep 0.1
    done
    local named=$((SECONDS - began))
    wait "$run" || code=$?
    local over=$((SECONDS - began))
    cat "$place/said"
    ((named <= WITHIN && code != 0)) || {
        echo "$1: the lost host was not named within $WITHIN s (code $code)"
        exit 1
    }
    sleep 1
    [[ -z $(ip netns pids "$(space h1)")$(ip netns pids "$(space h2)") ]] || {
        echo "$1: processes are left"
        exit 1
    }
    ip -n "$(space h2)" link set eth0 up
    echo "$1: the cable was cut; h2 named after $named s, all over after $over s, code $code"
}

lay_cable
write_agent
for way in "${ways[@]}"; do
    ends_well "$way"
    cut_is_named "$way"
done
