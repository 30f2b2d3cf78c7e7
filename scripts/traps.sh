#!/usr/bin/env bash
# The second part of `make traps`: the same questions over the wire. Starts a server on a temporary folder, brings the owners'
# followers, runs the load tool's scenario `social` beside it, and prints what it found. Five minutes on two cores.
#
# scripts/traps.sh REEF REEF-LOADTEST [flags of `reef-loadtest social`, as --only returns]
#
# REEF_TRAPS_SCALE (1)   every size is divided by this; 100 takes seconds
# REEF_TRAPS_PORT (6722) where the server listens
# REEF_TRAPS_KEEP        a folder that keeps the report and the server's log
set -euo pipefail
reef=$1 tool=$2
shift 2
scale=${REEF_TRAPS_SCALE:-1}
address=127.0.0.1:${REEF_TRAPS_PORT:-6722}

of() { # SIZE LEAST: the size at this scale
    local size=$(($1 / scale))
    echo $((size > $2 ? size : $2))
}

dir=$(mktemp -d "${TMPDIR:-/tmp}/reef-traps.XXXXXX")
server=
finish() {
    local outcome=$?
    [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" 2>/dev/null; } || true
    if [ -n "${REEF_TRAPS_KEEP:-}" ]; then
        mkdir -p "$REEF_TRAPS_KEEP"
        cp "$dir"/*.json "$dir"/*.html "$dir"/*.log "$REEF_TRAPS_KEEP"/ 2>/dev/null || true
    fi
    rm -rf "$dir"
    exit "$outcome"
}
trap finish EXIT

# 100,000 accounts of one address, and as many keys derived: neither is what is measured.
exec 3< <(exec "$reef" serve --set "data_dir=$dir/data" --set "c2s.listen=[\"$address\"]" --set 'c2s.listen_tls=[]' \
    --set 'http.listen=[]' --set c2s.require_tls=false --set c2s.registration=open --set c2s.scram_iterations=4096 \
    --set limits.registrations_per_minute=0 --set limits.publish_per_second=0 2>"$dir/reef.log")
server=$!
read -r said <&3 || { cat "$dir/reef.log" >&2; exit 1; }
[ "$said" = ready ]

followers=()
for size in 10 1000 1000000; do
    number=$((${#followers[@]}))
    owner=trapauthor$([ "$number" -eq 0 ] || echo "$number")@localhost
    followers+=("$(of "$size" $((10 + number)))")
    echo "traps: ${followers[$number]} followers of $owner" >&2
    echo -n load | "$reef" user add "$owner" --password-stdin --set "data_dir=$dir/data" >/dev/null
    "$reef" post "$owner" 'begin' --set "data_dir=$dir/data" >/dev/null
    seq -f 'fan%.0f@elsewhere.example' "${followers[$number]}" |
        "$reef" node import-followers "$owner" - --set "data_dir=$dir/data" >/dev/null 2>&1
done

"$tool" social --server "$address" --pid "$server" --name Reef --prefix trap --register \
    --followers "$(IFS=,; echo "${followers[*]}")" --visits "$(of 200 5)" \
    --likes "$(of 100000 60)" --like-group "$(of 5000 10)" --clients "$(of 10000 20)" --posts 10 \
    --follows "$(of 50 3),$(of 5000 30)" --missed "$(of 10 2),$(of 100 5),$(of 1000 10)" --returns "$(of 50 2)" \
    --json "$dir/traps.json" --html "$dir/traps.html" "$@"
