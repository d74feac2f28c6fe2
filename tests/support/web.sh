# shellcheck shell=bash disable=SC2154,SC2119,SC2120
# A fleet (fleet.sh) with a web server on the ports $http and $https, its certificate in
# $dir/web.crt, and a name server on port $dns that knows www.test.
# shellcheck source=tests/support/fleet.sh
. "$(dirname "${BASH_SOURCE[0]}")/fleet.sh"

serve_web() { # [MORE-TLS-SETTINGS]
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
        -keyout "$dir/web.key" -out "$dir/web.crt" -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
    cat >"$dir/nginx.conf" <<CONF
daemon off;
pid $dir/nginx.pid;
error_log $dir/nginx-error.log;
worker_processes 1;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path $dir; proxy_temp_path $dir; fastcgi_temp_path $dir;
    uwsgi_temp_path $dir; scgi_temp_path $dir;
    server { listen 127.0.0.1:$http; location / { return 200 "fine\n"; } }
    server {
        listen 127.0.0.1:$https ssl;
        ssl_certificate $dir/web.crt;
        ssl_certificate_key $dir/web.key;
        ${1:-}
        location / { return 200 "fine\n"; }
    }
}
CONF
    start nginx nginx -p "$dir" -c "$dir/nginx.conf"
}

serve_names() {
    # shellcheck disable=SC2016 # the name server's word, not the shell's
    printf '$ORIGIN test.\n@ 60 SOA ns 1 (1 60 60 60 60)\n@ 60 NS ns\nns 60 A 127.0.0.1\nwww 60 A 127.0.0.1\n' \
        >"$dir/test.zone"
    cat >"$dir/knot.conf" <<CONF
server:
    rundir: $dir/knot
    user: knot:knot
    listen: 127.0.0.1@$dns
database:
    storage: $dir/knot
zone:
  - domain: test
    file: $dir/test.zone
CONF
    chmod 711 "$dir"
    chmod 644 "$dir/test.zone"
    install -d -o knot -g knot "$dir/knot"
    start knot knotd -c "$dir/knot.conf"
}
