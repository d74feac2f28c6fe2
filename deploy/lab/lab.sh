# shellcheck shell=bash
# A small region of its own on one machine: three zones, a storage place, an outside, a router
# between them, and a management network, each a network namespace, with real servers in them.
# Source it; lab_up lays it out, lab_down takes it away, lab_break and lab_mend play faults.
#
#   fll-a fll-b fll-c   a zone: its agent's host, which also serves web-X on port 80
#       net0    10.90.N.2   to the router, for the other zones and the outside
#       stor0   10.91.N.2   to the router, for storage alone, 100 Mbit/s as instances have it
#       mgmt0   10.94.0.N   to the coordinator
#   fll-router          forwards; each zone's storage link has a queue of its own
#   fll-storage         10.92.0.2: vol-1, vol-2 and vol-3 on ports 10809, 10810 and 10811
#   fll-outside         10.93.0.2: a web server with TLS; answers pings
#   fll-mgmt            10.94.0.100: the coordinator
#   DNS                 10.90.2.2 port 53, in zone b
# vol-3 is mounted in zone a at $lab/fs-a.

lab=${FAULTLINE_LAB:-/run/faultline-region}
lab_zones=(a b c)
lab_storage=10.92.0.2
lab_outside=10.93.0.2
lab_coordinator=10.94.0.100

lab_zone_number() {
    case "$1" in a) echo 1 ;; b) echo 2 ;; c) echo 3 ;; esac
}

# Run in a namespace's network, and in nothing else of it: mounts are seen by all.
lab_in() {
    local where=$1
    shift
    nsenter --net="/run/netns/fll-$where" "$@"
}

# lab_start NAME WHERE COMMAND…: in the background, remembered with its start time, so that only
# this very process is ever ended. A shell of its own waits for it: nbdkit ends with its parent.
lab_start() {
    local name=$1 where=$2
    shift 2
    (
        setsid nsenter --net="/run/netns/fll-$where" "$@" >>"$lab/$name.log" 2>&1 </dev/null 3>&- &
        echo "$name $! $(awk '{print $22}' "/proc/$!/stat")" >>"$lab/processes"
        exec >/dev/null 2>&1 </dev/null 3>&- 9>&-
        trap '' HUP INT TERM
        wait
    ) 9>&- &
    lab_wait 5 "the start of $name" grep -q "^$name " "$lab/processes"
}

lab_pid() { # of the process started under that name
    awk -v name="$1" '$1 == name {pid = $2} END {print pid}' "$lab/processes"
}

lab_is_ours() { # PID START
    [ "$(awk '{print $22}' "/proc/$1/stat" 2>/dev/null)" = "$2" ]
}

lab_stop() { # NAME: end it and wait until it is gone
    local name pid start i
    while read -r name pid start; do
        [ "$name" = "$1" ] && lab_is_ours "$pid" "$start" || continue
        kill -CONT "$pid" 2>/dev/null || true
        kill "${2:--TERM}" "$pid" 2>/dev/null || true
        for ((i = 0; i < 50; i++)); do
            lab_is_ours "$pid" "$start" || break
            sleep 0.1
        done
        lab_is_ours "$pid" "$start" && kill -KILL "$pid" 2>/dev/null
    done <"$lab/processes"
    return 0
}

lab_wait() { # SECONDS WHAT COMMAND…
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        if [ $SECONDS -ge $deadline ]; then
            echo "the lab: $what did not come about; its logs are in $lab" >&2
            return 1
        fi
        sleep 0.02
    done
}

# lab_link NAMESPACE DEVICE ADDRESS ROUTER-DEVICE ROUTER-ADDRESS [RATE]
lab_link() {
    ip -n "fll-$1" link add "$2" type veth peer name "$4" netns fll-router
    ip -n "fll-$1" addr add "$3/24" dev "$2"
    ip -n fll-router addr add "$5/24" dev "$4"
    ip -n "fll-$1" link set "$2" up
    ip -n fll-router link set "$4" up
    if [ -n "${6:-}" ]; then
        lab_shape "$1" "$2" "$6"
        lab_shape router "$4" "$6"
    fi
}

# lab_shape NAMESPACE DEVICE RATE: a queue that counts packets, as network cards and switches do,
# so that small packets are lost with the large ones.
lab_shape() {
    tc -n "fll-$1" qdisc add dev "$2" root handle 1: tbf rate "$3" burst 64kb limit 4mb
    tc -n "fll-$1" qdisc add dev "$2" parent 1: pfifo limit 200
}

lab_networks() {
    local zone n where
    for where in router mgmt storage outside "${lab_zones[@]}"; do
        ip netns add "fll-$where"
        ip -n "fll-$where" link set lo up
        lab_in "$where" sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
    done
    lab_in router sysctl -qw net.ipv4.ip_forward=1
    ip -n fll-mgmt link add bridge0 type bridge
    ip -n fll-mgmt addr add "$lab_coordinator/24" dev bridge0
    ip -n fll-mgmt link set bridge0 up
    lab_link storage net0 "$lab_storage" storage 10.92.0.1
    lab_link outside net0 "$lab_outside" outside 10.93.0.1
    # nobody answers for the addresses that the SYN flood makes up
    ip -n fll-router route add blackhole 10.95.0.0/16
    ip -n fll-storage route add default via 10.92.0.1
    ip -n fll-outside route add default via 10.93.0.1
    for zone in "${lab_zones[@]}"; do
        n=$(lab_zone_number "$zone")
        lab_link "$zone" net0 "10.90.$n.2" "$zone-net" "10.90.$n.1"
        lab_link "$zone" stor0 "10.91.$n.2" "$zone-stor" "10.91.$n.1" 100mbit
        ip -n "fll-$zone" route add default via "10.90.$n.1"
        ip -n "fll-$zone" route add 10.92.0.0/24 via "10.91.$n.1"
        ip -n "fll-$zone" link add mgmt0 type veth peer name "zone-$zone" netns fll-mgmt
        ip -n "fll-$zone" addr add "10.94.0.$n/24" dev mgmt0
        ip -n "fll-$zone" link set mgmt0 up
        ip -n fll-mgmt link set dev "zone-$zone" master bridge0 up
    done
    # zone b's web server is open to floods of half-open connections, as many still are
    lab_in b sysctl -qw net.ipv4.tcp_syncookies=0 net.ipv4.tcp_max_syn_backlog=32 \
        net.core.somaxconn=32 net.ipv4.tcp_no_metrics_save=1
}

lab_web() { # ZONE ADDRESS
    mkdir -p "$lab/web-$1"
    cat >"$lab/web-$1/nginx.conf" <<CONF
daemon off;
pid $lab/web-$1/pid;
error_log $lab/web-$1/error.log;
worker_processes 1;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path $lab/web-$1; proxy_temp_path $lab/web-$1;
    fastcgi_temp_path $lab/web-$1; uwsgi_temp_path $lab/web-$1; scgi_temp_path $lab/web-$1;
    server { listen $2:80 backlog=32; location / { return 200 "web-$1\n"; } }
}
CONF
    lab_start "web-$1" "$1" nginx -p "$lab/web-$1" -c "$lab/web-$1/nginx.conf"
}

lab_web_outside() {
    local web="$lab/web-outside"
    mkdir -p "$web"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
        -keyout "$web/key.pem" -out "$web/certificate.pem" -subj /CN=outside.test \
        -addext "subjectAltName=DNS:outside.test,IP:$lab_outside" 2>>"$lab/openssl.log"
    cat >"$web/nginx.conf" <<CONF
daemon off;
pid $web/pid;
error_log $web/error.log;
worker_processes 1;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path $web; proxy_temp_path $web;
    fastcgi_temp_path $web; uwsgi_temp_path $web; scgi_temp_path $web;
    server {
        listen $lab_outside:443 ssl;
        ssl_certificate $web/certificate.pem;
        ssl_certificate_key $web/key.pem;
        location / { return 200 "outside\n"; }
    }
}
CONF
    lab_start web-outside outside nginx -p "$web" -c "$web/nginx.conf"
}

lab_dns() {
    install -d -o knot -g knot "$lab/dns"
    printf '%s\n' '$ORIGIN lab.test.' '@ 60 SOA ns hostmaster 1 60 60 60 60' '@ 60 NS ns' \
        'ns 60 A 10.90.2.2' 'vol-1 60 A 10.92.0.2' 'outside 60 A 10.93.0.2' >"$lab/dns/lab.zone"
    cat >"$lab/dns/knot.conf" <<CONF
server:
    rundir: $lab/dns
    user: knot:knot
    listen: 10.90.2.2@53
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: $lab/dns
zone:
  - domain: lab.test
    file: $lab/dns/lab.zone
CONF
    chown knot:knot "$lab/dns/lab.zone" "$lab/dns/knot.conf"
    lab_start dns b knotd -c "$lab/dns/knot.conf"
}

lab_volumes() {
    local i
    for i in 1 2 3; do
        lab_start "vol-$i" storage nbdkit -f -i "$lab_storage" -p $((10808 + i)) memory 64M
    done
}

# A real file system in zone a over vol-3, as an instance has its volume mounted.
lab_filesystem() {
    mkdir -p "$lab/nbdfuse" "$lab/fs-a"
    lab_start nbdfuse a nbdfuse "$lab/nbdfuse" --tcp "$lab_storage" 10811
    lab_wait 10 "the volume of zone a" test -e "$lab/nbdfuse/nbd" || return 1
    losetup -f --show "$lab/nbdfuse/nbd" >"$lab/loop"
    mkfs.ext4 -q -F "$(cat "$lab/loop")" >>"$lab/mkfs.log" 2>&1
    mount "$(cat "$lab/loop")" "$lab/fs-a"
}

lab_port_open() { # WHERE ADDRESS PORT
    lab_in "$1" bash -c "exec 3<>/dev/tcp/$2/$3"
}

lab_up() {
    local zone i
    mkdir -p "$lab" && chmod 711 "$lab" && : >"$lab/processes" || return 1
    lab_networks
    lab_volumes
    for zone in "${lab_zones[@]}"; do
        lab_web "$zone" "10.90.$(lab_zone_number "$zone").2"
    done
    lab_web_outside
    lab_dns
    for i in 1 2 3; do
        lab_wait 10 "vol-$i" lab_port_open a "$lab_storage" $((10808 + i)) || return 1
    done
    for zone in "${lab_zones[@]}"; do
        lab_wait 10 "web-$zone" lab_port_open b "10.90.$(lab_zone_number "$zone").2" 80 || return 1
    done
    lab_wait 10 "the outside" lab_port_open a "$lab_outside" 443 || return 1
    lab_wait 10 "the DNS server" lab_port_open a 10.90.2.2 53 || return 1
    lab_filesystem
}

# Mount points in the region, the innermost first. Read from the kernel's table: a mount whose server
# was killed answers no other question.
lab_mounts() {
    awk -v lab="$lab" '$5 == lab || index($5, lab "/") == 1 {print $5}' /proc/self/mountinfo | tac
}

lab_unmount() {
    local i where device backing
    for ((i = 0; i < 50; i++)); do
        [ -n "$(lab_mounts)" ] || break
        for where in $(lab_mounts); do
            umount "$where" 2>/dev/null || { [ $i -gt 20 ] && umount -l "$where"; }
        done
        while read -r device backing; do
            [[ $backing == "$lab"/* ]] && losetup -d "$device"
        done < <(losetup --list --noheadings --output NAME,BACK-FILE)
        sleep 0.1
    done
}

lab_end_processes() {
    local name pid start where
    [ -f "$lab/processes" ] || return 0
    while read -r name pid start; do # a stalled volume must go on for its mount to end
        lab_is_ours "$pid" "$start" && kill -CONT "$pid" 2>/dev/null
    done <"$lab/processes"
    for name in $(awk '$1 ~ /^agent-|^coordinator$|^flood/ {print $1}' "$lab/processes"); do
        lab_stop "$name"
    done
    lab_unmount
    for name in $(awk '{print $1}' "$lab/processes"); do
        lab_stop "$name"
    done
}

# Takes away whatever there is, also what is left when everything was killed at once.
lab_down() {
    local where
    lab_mend_all
    lab_end_processes
    lab_unmount
    # a region that lies under a dead mount shows its processes only now
    lab_end_processes
    for where in "${lab_zones[@]}" router mgmt storage outside; do
        [ -e "/run/netns/fll-$where" ] || continue
        # what a server started that was killed itself
        ip netns pids "fll-$where" | xargs --no-run-if-empty kill -KILL 2>/dev/null || true
        ip netns del "fll-$where"
    done
    rm -rf "$lab"
    [ ! -e "$lab" ] || { echo "the lab: $lab can not be taken away; see what holds it" >&2; return 1; }
}

# --- faults -------------------------------------------------------------------------------------

lab_flood_tool() {
    echo "${BUILD:?}/faultline-lab-flood"
}

# Somebody on the storage network sends datagrams to zone a's host: they fill its storage link.
lab_break_flood() { lab_start flood storage "$(lab_flood_tool)" udp 10.91.1.2 7 300 60; }
lab_mend_flood() { lab_stop flood; }

# The volume's process is stopped: its kernel goes on acknowledging, nobody answers.
lab_break_stall() { kill -STOP "$(lab_pid vol-1)"; }
lab_mend_stall() { kill -CONT "$(lab_pid vol-1)"; }

lab_break_syn() { lab_start flood-syn outside "$(lab_flood_tool)" syn 10.90.2.2 80 5000 60; }
lab_mend_syn() { lab_stop flood-syn; }

lab_break_outside() {
    lab_in router nft -f - <<'RULES'
table ip lab {
    chain cut {
        type filter hook forward priority 0;
        oifname "outside" drop
        iifname "outside" drop
    }
}
RULES
}
lab_mend_outside() { lab_in router nft delete table ip lab; }

lab_mend_all() {
    [ -e /run/netns/fll-router ] && lab_in router nft delete table ip lab 2>/dev/null
    return 0
}
