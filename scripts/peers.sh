#!/usr/bin/env bash
# The servers that the tests between servers drive, and those tests.
#   peers.sh install   Debian's Prosody and ejabberd; does nothing where all is there
#   peers.sh test      runs the suites of frontend/tests/peers; words choose tests
# Names resolve by a DNS server that the tests start themselves; nothing needs port 53 or root, and nothing is written
# outside temporary folders. What cannot be had is named as `skipped`.
#
# REEF_HERE (reef)          `prosody` or `ejabberd` takes Reef's place: tries the suites without Reef
# REEF_FOLLOWERS (20)       followers at the peer that goes away, up to 10000
# REEF_POSTS (200)          posts meanwhile
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
. "$here/scripts/packages.sh"
export REEF_CLIENTS=${REEF_CLIENTS:-$HOME/.cache/reef/clients}
python=$REEF_CLIENTS/venv/bin/python

skipped() {
    echo "skipped: $1 ($2)"
}

case ${1:-} in
install)
    "$here/scripts/clients.sh" install python
    # Prosody asks the tests' DNS server through libunbound: its own resolver knows port 53 only.
    packages prosody lua-event lua-unbound || skipped "suites with Prosody" "apt does not give it"
    packages ejabberd || skipped "suites with ejabberd" "apt does not give it"
    ;;
test)
    shift
    target=${CARGO_TARGET_DIR:-$HOME/.cache/reef/target}
    export REEF=${REEF:-$target/release/reef}
    if [ ! -x "$REEF" ]; then
        echo "there is no $REEF: run \`make build\` first" >&2
        exit 1
    fi
    if ! "$python" -c 'import slixmpp, dnslib, cryptography' 2>/dev/null; then
        skipped "all suites between servers" "no slixmpp, dnslib or cryptography: scripts/peers.sh install"
        exit 0
    fi
    exec "$python" "$here/frontend/tests/clients/run.py" "$here/frontend/tests/peers" "$@"
    ;;
*)
    echo "usage: peers.sh install | test [WORD]..." >&2
    exit 2
    ;;
esac
