# shellcheck shell=bash disable=SC2154
# An object store of one process a service, all of it in a folder: Swift with its S3 interface.
# Source it after fleet.sh. swift_begin FOLDER PORT uses PORT..PORT+4; the S3 endpoint is at PORT.
# An object server that was away is asked again at once.
# Key "probe:prober" with the secret "the-secret-of-the-store"; buckets are made with swift_bucket.

swift_packages="swift-proxy swift-account swift-container swift-object memcached"

swift_config() { # NAME PORT PIPELINE: common head on standard output
    cat <<CONF
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $2
workers = 0
user = $(id -un)
swift_dir = $swift
devices = $swift/devices
mount_check = false
log_address = $swift/no-log
log_statsd_host =
fallocate_reserve = 0
[pipeline:main]
pipeline = $3
CONF
}

swift_begin() {
    local port=$2 name offset=1
    swift=$1 swift_port=$2
    local package
    for package in $swift_packages; do
        dpkg-query -W "$package" >/dev/null 2>&1 || fail "the package $package is missing"
    done
    mkdir -p "$swift/devices/d1"
    cat >"$swift/swift.conf" <<CONF
[swift-hash]
swift_hash_path_suffix = faultline
swift_hash_path_prefix = faultline
[storage-policy:0]
name = one
default = yes
CONF
    for name in account container object; do
        swift_config "$name" $((port + offset)) "$name-server" >"$swift/$name.conf"
        printf '[app:%s-server]\nuse = egg:swift#%s\n' "$name" "$name" >>"$swift/$name.conf"
        swift-ring-builder "$swift/$name.builder" create 4 1 0 >/dev/null
        swift-ring-builder "$swift/$name.builder" add \
            "r1z1-127.0.0.1:$((port + offset))/d1" 1 >/dev/null
        swift-ring-builder "$swift/$name.builder" rebalance >/dev/null
        offset=$((offset + 1))
    done
    swift_config proxy "$port" \
        "catch_errors cache s3api tempauth container-quotas proxy-server" >"$swift/proxy.conf"
    cat >>"$swift/proxy.conf" <<CONF
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
error_suppression_interval = 0
error_suppression_limit = 1000000
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:$((port + 4))
[filter:s3api]
use = egg:swift#s3api
storage_domain = localhost
location = us-east-1
[filter:container-quotas]
use = egg:swift#container_quotas
[filter:tempauth]
use = egg:swift#tempauth
user_probe_prober = the-secret-of-the-store .admin
user_probe_guest = the-secret-of-a-guest
CONF
    start memcached memcached -u "$(id -un)" -l 127.0.0.1 -p $((port + 4))
    for name in account container object proxy; do
        start "swift-$name" /usr/bin/python3 "/usr/bin/swift-$name-server" "$swift/$name.conf"
        declare -g "swift_${name}_pid=$started"
    done
    for offset in 0 1 2 3; do
        wait_for 30 "an answer of the object store" curl -s -m 2 -o "$swift/answer" \
            "http://127.0.0.1:$((port + offset))/"
    done
}

swift_token() { # what Swift's own interface asks for
    curl -s -m 5 -D - -o /dev/null -H "X-Auth-User: probe:prober" \
        -H "X-Auth-Key: the-secret-of-the-store" "http://127.0.0.1:$swift_port/auth/v1.0" |
        awk 'tolower($1) == "x-auth-token:" {printf "%s", $2}' | tr -d '\r'
}

swift_bucket() { # NAME [HEADER…]: made, or changed
    local name=$1 headers=() header
    shift
    for header in "$@"; do headers+=(-H "$header"); done
    curl -sf -m 10 -X PUT -H "X-Auth-Token: $(swift_token)" "${headers[@]}" -o /dev/null \
        "http://127.0.0.1:$swift_port/v1/AUTH_probe/$name"
}
