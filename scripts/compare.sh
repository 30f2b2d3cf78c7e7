#!/usr/bin/env bash
# `make compare`: Reef, ejabberd and Prosody under the same loads in one run; the table goes into benches/RESULTS.md.
# ejabberd and Prosody come from Debian and are tuned as their own people advise: no shapers, no limits, kernel polling,
# nothing but warnings in the logs, pubsub in memory. Nothing of them is started as a service, nothing outside a temporary
# folder is written but benches/RESULTS.md and the packages themselves.
#
# REEF_COMPARE_FOLLOWERS (1000)  followers of the fan-outs
# REEF_COMPARE_RUNS (compare)    which runs: a file of loadtest/scenarios; `compare_logins` is what logging in over TLS costs
# REEF_COMPARE_REEF              another binary than the one just built
# REEF_COMPARE_TOOL              another load tool than the one just built
# REEF_COMPARE_INTO              another file than benches/RESULTS.md, which only the runs of `compare` are put into
# REEF_COMPARE_KEEP              a folder that keeps reports, logs and configurations
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
. "$here/scripts/packages.sh"
target=${CARGO_TARGET_DIR:-$HOME/.cache/reef/target}
# What another binary was made of is not known.
commit=${REEF_COMPARE_REEF:+another binary}
commit=${commit:-$(git -C "$here" describe --always --dirty 2>/dev/null || echo "?")}
export REEF_COMPARE_REEF=${REEF_COMPARE_REEF:-$target/release/reef}
tool=${REEF_COMPARE_TOOL:-$target/release/reef-loadtest}
followers=${REEF_COMPARE_FOLLOWERS:-1000}
runs=${REEF_COMPARE_RUNS:-compare}
into=${REEF_COMPARE_INTO:-}
[ "$runs" != compare ] || into=${into:-$here/benches/RESULTS.md}

# One certificate for all: ECDSA P-256, as Reef makes its own.
certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -keyout "$dir/localhost.key" -out "$dir/localhost.crt" 2>/dev/null
    cat "$dir/localhost.crt" "$dir/localhost.key" > "$dir/localhost.pem"
}

ejabberd_files() {
    cat > "$dir/ejabberd.yml" <<YML
hosts: [localhost]
loglevel: warning
log_rotate_count: 0
default_db: mnesia
auth_method: internal
auth_password_format: scram
auth_scram_hash: sha256
certfiles: ["$dir/localhost.pem"]
registration_timeout: infinity
max_fsm_queue: 1000000
listen:
  - {port: 6322, ip: "127.0.0.1", module: ejabberd_c2s, starttls: true, max_stanza_size: 262144, shaper: none, access: all, backlog: 1024}
access_rules:
  register: {allow: all}
api_permissions: {}
modules:
  mod_disco: {}
  mod_ping: {send_pings: false}
  mod_roster: {}
  mod_register: {access: register, ip_access: all}
  mod_pubsub:
    host: "pubsub.localhost"
    access_createnode: all
    ignore_pep_from_offline: true
    last_item_cache: true
    max_items_node: 1000
    plugins: [flat]
YML
    local libs
    libs=$(dirname "$(dirname "$(dirname "$(dpkg -L ejabberd | grep -m1 '/ebin/ejabberd_app.beam$')")")")
    cat > "$dir/ejabberd.sh" <<SH
#!/bin/sh
ulimit -n "\$(ulimit -H -n)" 2>/dev/null || true
export ERL_LIBS=$libs EJABBERD_CONFIG_PATH=$dir/ejabberd.yml EJABBERD_LOG_PATH=$dir/ejabberd.log ERL_CRASH_DUMP=$dir/erl.dump HOME=$dir
exec erl -noinput +K true +P 1000000 +Q 131072 -mnesia dir '"$dir/mnesia"' -s ejabberd 2>$dir/ejabberd.err
SH
}

prosody_files() {
    local admins="" prefix
    # Only administrators may create nodes on Prosody's pubsub component.
    for prefix in cmpfan cmpfol cmppub cmpcat; do
        admins="$admins \"${prefix}author@localhost\","
        for n in $(seq 1 99); do admins="$admins \"${prefix}author$n@localhost\","; done
    done
    cat > "$dir/prosody.cfg.lua" <<LUA
run_as_root = $([ "$(id -u)" -eq 0 ] && echo true || echo false)
daemonize = false
pidfile = "$dir/prosody.pid"
data_path = "$dir/prosody"
log = { warn = "$dir/prosody.log" }
network_backend = "epoll"
network_settings = { tcp_backlog = 1024 }
gc = { mode = "generational" }
admins = { $admins }
interfaces = { "127.0.0.1" }
c2s_ports = { 6422 }
s2s_ports = {}
modules_enabled = { "roster", "saslauth", "tls", "disco", "ping", "register" }
modules_disabled = { "s2s", "offline", "limits" }
certificates = "$dir"
authentication = "internal_hashed"
password_hash = "SHA-256"
default_iteration_count = 4096
allow_registration = true
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
VirtualHost "localhost"
Component "pubsub.localhost" "pubsub"
    storage = "memory"
    pubsub_max_items = 1000
    default_admin_affiliation = "owner"
LUA
    mkdir -p "$dir/prosody"
    cat > "$dir/prosody.sh" <<SH
#!/bin/sh
ulimit -n "\$(ulimit -H -n)" 2>/dev/null || true
exec prosody -F --config $dir/prosody.cfg.lua 2>$dir/prosody.err
SH
}

reef_files() {
    cat > "$dir/reef.sh" <<SH
#!/bin/sh
exec "$REEF_COMPARE_REEF" serve --set data_dir=$dir/reef --set c2s.listen='["127.0.0.1:6522"]' --set c2s.listen_tls='[]' \\
    --set c2s.require_tls=false --set c2s.registration=open --set c2s.scram_iterations=4096 \\
    --set tls.cert=$dir/localhost.crt --set tls.key=$dir/localhost.key \\
    --set limits.registrations_per_minute=0 --set limits.publish_per_second=0 2>$dir/reef.log
SH
}

{ command -v ejabberdctl && command -v prosody; } >/dev/null || packages ejabberd prosody lua-event || { echo "compare: install ejabberd and prosody, and run this again" >&2; exit 1; }
[ -x "$REEF_COMPARE_REEF" ] && [ -x "$tool" ] || { echo "compare: build reef and reef-loadtest first" >&2; exit 1; }
dir=$(mktemp -d "${TMPDIR:-/tmp}/reef-compare.XXXXXX")
export REEF_COMPARE_DIR=$dir
trap 'rm -rf "$dir"' EXIT
certificate
ejabberd_files
prosody_files
reef_files
chmod +x "$dir"/*.sh
version() { dpkg-query -W -f '${Version}' "$1" 2>/dev/null || echo "?"; }
sed -e "s|@EJABBERD@|ejabberd $(version ejabberd) of Debian|" -e "s|@PROSODY@|Prosody $(version prosody) of Debian|" \
    -e "s|@REEF@|$("$REEF_COMPARE_REEF" --version), $commit|" \
    "$here/loadtest/scenarios/$runs.toml" > "$dir/compare.toml"
outcome=0
[ "$runs" != compare ] || set -- --set "followers=$followers" "$@"
"$tool" compare "$dir/compare.toml" "$@" --json "$dir/compare.json" ${into:+--into "$into"} || outcome=$?
if [ -n "${REEF_COMPARE_KEEP:-}" ]; then
    mkdir -p "$REEF_COMPARE_KEEP"
    cp -r "$dir"/*.json "$dir"/*.log "$dir"/*.yml "$dir"/*.lua "$REEF_COMPARE_KEEP"/ 2>/dev/null || true
fi
exit "$outcome"
