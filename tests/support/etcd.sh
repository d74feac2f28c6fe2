# shellcheck shell=bash
# Three members of a real etcd on loopback, and coordinators that share their lease. Sourced after
# tests/support/fleet.sh; the ports base+12 to base+17 are the members'.

if ! command -v etcd >/dev/null || ! command -v etcdctl >/dev/null; then
    echo "this test needs the Debian packages etcd-server and etcd-client" >&2
    exit 1
fi

etcd_url() { # INDEX
    echo "http://127.0.0.1:$((base + 12 + $1))"
}

etcd_urls() {
    echo "$(etcd_url 0),$(etcd_url 1),$(etcd_url 2)"
}

etcd_peer() { # INDEX
    echo "http://127.0.0.1:$((base + 15 + $1))"
}

declare -a etcd_pid

start_etcd() { # INDEX…
    local i
    for i in "$@"; do
        start "etcd$i" etcd --name "e$i" --data-dir "$dir/etcd$i" --log-level error \
            --listen-client-urls "$(etcd_url "$i")" --advertise-client-urls "$(etcd_url "$i")" \
            --listen-peer-urls "$(etcd_peer "$i")" \
            --initial-advertise-peer-urls "$(etcd_peer "$i")" --initial-cluster-state new \
            --initial-cluster "e0=$(etcd_peer 0),e1=$(etcd_peer 1),e2=$(etcd_peer 2)" \
            --unsafe-no-fsync
        etcd_pid[i]=$started
    done
}

etcd_ready() {
    ETCDCTL_API=3 etcdctl --endpoints "$(etcd_url "${1:-0}")" --command-timeout 2s get / >/dev/null
}

keys() { # PREFIX [OPTION…]: the values below it, a line each
    ETCDCTL_API=3 etcdctl --endpoints "$(etcd_urls)" get --prefix "/faultline/$1" --print-value-only "${@:2}"
}

# Has what comes to be written of decisions in watch.log, each line with its time.
watch_decisions() {
    local written

    written=$(mktemp -u "$dir/written.XXXXXX")
    mkfifo "$written"
    start watch bash -c 'while read -r line; do case $line in {*) echo "$(date +%s%3N) $line" ;; esac; done <"$1"' \
        watch "$written"
    ETCDCTL_API=3 etcdctl --endpoints "$(etcd_urls)" watch --prefix /faultline/decisions/ \
        >"$written" 2>>"$dir/etcdctl.log" &
    pids+=("$!")
}

# lease_section INDEX; etcd_of[INDEX], where it is set, is the one address that it has of etcd.
declare -a etcd_of
lease_section() {
    echo "lease:"
    echo "  name: c$1"
    echo "  etcd: [${etcd_of[$1]:-$(etcd_url 0), $(etcd_url 1), $(etcd_url 2)}]"
    echo "  ttl: ${lease_ttl:-3s}"
}

declare -a member_pid member_api

# Coordinators c0, c1 and c2 out of coordinator.yaml, each with a key, a state and ports of its own:
# base+2K for the agents and the API at the next one; K is 0, 3 and 4.
write_members() {
    local i port
    more_coordinators=""
    head -c 32 /dev/urandom >"$dir/mesh.key"
    for i in 0 1 2; do
        port=$((base + (i == 0 ? 0 : 4 + 2 * i)))
        member_api[i]=http://127.0.0.1:$((port + 1))
        [ "$i" = 0 ] || "$BUILD/faultline" keygen "$dir/c$i.key" >"$dir/c$i.pub"
        mkdir -m 700 "$dir/state-c$i"
        cp "$dir/mesh.key" "$dir/state-c$i/mesh.key"
        [ "$i" = 0 ] && cp "$dir/coordinator.key" "$dir/c0.key"
        {
            sed -e "s,$router,tcp://127.0.0.1:$port," -e "s,${api#http://},127.0.0.1:$((port + 1))," \
                -e "s,$dir/coordinator.key,$dir/c$i.key," -e "s,$dir/coordinator$,$dir/state-c$i," \
                "$dir/coordinator.yaml"
            lease_section "$i"
        } >"$dir/c$i.yaml"
        [ "$i" = 0 ] || more_coordinators+="  - {address: \"tcp://127.0.0.1:$port\", public_key: \"$(public_key "c$i")\"}
"
    done
}

start_member() { # INDEX…
    local i
    for i in "$@"; do
        start "c$i" "$BUILD/faultline-coordinator" --config "$dir/c$i.yaml"
        member_pid[i]=$started
    done
}

at() { # INDEX COMMAND…: with that coordinator
    local api=${member_api[$1]}
    shift
    "$@"
}

# The index of the one that acts; fails when there is none, or more than one.
leader() {
    local i found=""
    for i in 0 1 2; do
        if at "$i" status_is '.lease.acts' >/dev/null 2>&1; then
            [ -z "$found" ] || return 1
            found=$i
        fi
    done
    [ -n "$found" ] && echo "$found"
}

now_ms() {
    date +%s%3N
}
