# shellcheck shell=bash
# A small real fleet on loopback for the integration tests and benches: servers, coordinator,
# agents. Source it, call fleet_begin, and everything started ends with the script.
#   BUILD   folder with the binaries (default: build)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${BUILD:-$root/build}
[ -x "$BUILD/faultline-coordinator" ] || {
    echo "there is no $BUILD/faultline-coordinator; build first" >&2
    exit 1
}

# base..base+20: below those that the kernel gives to outgoing connections, and free now.
pick_ports() {
    for _ in {1..50}; do
        base=$((12000 + RANDOM % 20000))
        [ -n "$(ss -Htanu "sport >= :$base and sport <= :$((base + 20))")" ] || return 0
    done
    echo "no 21 free ports in a row between 12000 and 32020" >&2
    exit 1
}

fleet_begin() {
    dir=$(mktemp -d /tmp/faultline-test.XXXXXX)
    pids=()
    pick_ports
    router=tcp://127.0.0.1:$base
    api=http://127.0.0.1:$((base + 1))
    trap fleet_end EXIT
    trap 'exit 130' INT TERM
    "$BUILD/faultline" keygen "$dir/coordinator.key" >"$dir/coordinator.pub"
}

# Start in the background and remember; $started is its process id.
start() {
    local log=$1
    shift
    "$@" >>"$dir/$log.log" 2>&1 &
    started=$!
    pids+=("$started")
}

fleet_end() {
    local status=$? pid
    set +e # some have ended already
    for pid in "${pids[@]:-}"; do
        [ -n "$pid" ] && kill -CONT "$pid" 2>/dev/null && kill "$pid" 2>/dev/null
    done
    for pid in "${pids[@]:-}"; do
        [ -n "$pid" ] && wait "$pid" 2>/dev/null
    done
    rm -rf "$dir"
    exit "$status"
}

fail() {
    echo "FAILED: $*" >&2
    tail -n 15 "$dir"/*.log >&2
    exit 1
}

# wait_for SECONDS WHAT COMMAND…: until the command succeeds.
wait_for() {
    local seconds=$1 what=$2 deadline
    shift 2
    deadline=$((SECONDS + seconds))
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || fail "$what did not come about within $seconds s"
        sleep 0.1
    done
}

api() {
    curl -sf -m 5 "$api$1"
}

status_is() { # a jq condition on the status
    api /api/v1/status | jq -e "$1"
}

# write_coordinator TARGETS-YAML AGENT…: a zone for each agent, named after it without its digit.
write_coordinator() {
    local targets=$1 agent
    shift
    {
        echo "coordinator:"
        echo "  listen: $router"
        echo "  api: ${api#http://}"
        echo "  secret_key_file: $dir/coordinator.key"
        echo "  state: $dir/coordinator"
        echo "zones: [$(printf '%s\n' "$@" | sed 's/[0-9]*$//' | sort -u | paste -sd,)]"
        echo "places: [storage, external]"
        echo "agents:"
        local port=$((base + 10))
        for agent in "$@"; do
            [ -f "$dir/$agent.key" ] ||
                "$BUILD/faultline" keygen "$dir/$agent.key" >"$dir/$agent.pub"
            echo "  - {name: $agent, zone: ${agent%%[0-9]*}, public_key: \"$(public_key "$agent")\", mesh: \"127.0.0.1:$port\"}"
            port=$((port + 1))
        done
        echo "targets:"
        printf '%s\n' "$targets"
    } >"$dir/coordinator.yaml"
}

public_key() { # the last word that keygen printed
    awk 'END {print $NF}' "$dir/$1.pub" | tr -d '"'
}

# start_agent NAME INDEX [KEY-NAME [ZONE]]; $agent_setting is a further line of its configuration,
# $more_coordinators are further entries of its list
start_agent() {
    local agent=$1 index=$2 key=${3:-$1} zone=${4:-${1%%[0-9]*}}
    cat >"$dir/$agent.yaml" <<YAML
agent:
  name: $agent
  zone: $zone
  secret_key_file: $dir/$key.key
  state: $dir/state-$agent
  mesh_listen: 127.0.0.1:$((base + 10 + index))
  ${agent_setting:-}
coordinators:
  - address: $router
    public_key: "$(public_key coordinator)"
${more_coordinators:-}
YAML
    start "$agent" "$BUILD/faultline-agent" --config "$dir/$agent.yaml"
}

start_coordinator() {
    start coordinator "$BUILD/faultline-coordinator" --config "$dir/coordinator.yaml"
    coordinator_pid=$started
    wait_for 10 "an answer of the coordinator" api /healthz
}

all_connected() {
    status_is '[.agents[].connected] | all'
}

all_green() {
    status_is '[.matrix[].cells[].state] | all(. == "ok")'
}
