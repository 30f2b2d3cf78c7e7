#!/usr/bin/env bash
# The integration tests of Smack, a library of XMPP clients, against a Reef that this starts; what they find is in
# frontend/tests/INTEROP.md, and every failure that is not named there fails this.
#   interop.sh [TEST]...   all, or those of these classes
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
. "$here/scripts/packages.sh"
cache=${REEF_CLIENTS:-$HOME/.cache/reef/clients}/smack
reef=${REEF:-${CARGO_TARGET_DIR:-$HOME/.cache/reef/target}/release/reef}
known=$here/frontend/tests/INTEROP.md
# Smack knows no other port: an address of this machine that nobody else takes.
address=127.65.71.1

if ! { command -v java && command -v mvn; } >/dev/null 2>&1 && ! packages default-jre-headless maven; then
    echo "skipped: Smack's tests (no java or maven)"
    exit 0
fi
mkdir -p "$cache"
if ! cmp -s "$here/frontend/tests/interop.xml" "$cache/pom.xml" || [ ! -s "$cache/classpath" ]; then
    cp "$here/frontend/tests/interop.xml" "$cache/pom.xml"
    if ! mvn -q -B -f "$cache/pom.xml" dependency:build-classpath -Dmdep.outputFile="$cache/classpath" >"$cache/maven.log" 2>&1; then
        rm -f "$cache/classpath" "$cache/pom.xml"
        echo "skipped: Smack's tests (Maven does not give them: $cache/maven.log)"
        exit 0
    fi
fi

work=$(mktemp -d)
server=
stop() {
    [ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true
    rm -rf "$work"
}
trap stop EXIT
sets=(
    --set "data_dir=$work/data" --set "c2s.listen=[\"$address:5222\"]" --set "c2s.listen_tls=[]"
    --set "http.listen=[\"$address:5280\"]" --set "http.public_url=http://$address:5280" --set "s2s.listen=[]" --set 'c2s.admins=["admin@localhost"]'
    --set c2s.scram_iterations=4096 --set limits.publish_per_second=0
)
"$reef" serve "${sets[@]}" >"$work/out" 2>"$work/log" &
server=$!
until grep -q ready "$work/out"; do
    kill -0 "$server" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
    read -rt 0.1 <> <(:) || true
done
echo -n secret | "$reef" user add admin@localhost --password-stdin "${sets[@]}"
keytool -importcert -noprompt -alias reef -file "$work/data/tls/cert.pem" -keystore "$work/trust.p12" -storetype PKCS12 \
    -storepass reefreef >/dev/null 2>&1

# Its accounts are made by XEP-0133. Its other connections are argued in INTEROP.md.
options=(
    service=localhost host=$address securityMode=required adminAccountUsername=admin adminAccountPassword=secret
    replyTimeout=10000 debugger=none enabledConnections=tcp
)
[ $# -eq 0 ] || options+=("enabledTests=$(IFS=,; echo "$*")")
outcome=0
java -Djavax.net.ssl.trustStore="$work/trust.p12" -Djavax.net.ssl.trustStorePassword=reefreef \
    "${options[@]/#/-Dsinttest.}" -cp "$(cat "$cache/classpath")" \
    org.igniterealtime.smack.inttest.SmackIntegrationTestFramework >"$cache/log" 2>&1 || outcome=$?

summary=$(grep -oE 'finished: [0-9]+/[0-9]+ \[[0-9]+ failed\]' "$cache/log" || true)
if [ -z "$summary" ]; then
    tail -30 "$cache/log" >&2
    echo "Smack's tests did not come to an end (exit code $outcome): $cache/log" >&2
    exit 1
fi
echo "Smack: $summary; all that it says: $cache/log"
unknown=0
while read -r name; do
    if grep -qF "\`$name\`" "$known"; then
        echo "known:  $name"
    else
        echo "FAILED  $name"
        unknown=1
    fi
done < <(grep -oE 'SEVERE: [A-Za-z0-9]+\.[A-Za-z0-9]+ \([A-Za-z, -]+\) failed' "$cache/log" | cut -d' ' -f2 | sort -u)
exit "$unknown"
