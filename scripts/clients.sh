#!/usr/bin/env bash
# The clients that the tests drive.
#   clients.sh install   puts them into ~/.cache/reef/clients, and does nothing where all is there; `install python` only
#                        what suites in Python need
#   clients.sh test      runs the suites of frontend/tests/clients against a reef each; words choose tests
# What cannot be had is named as `skipped`, never passed over in silence.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
. "$here/scripts/packages.sh"
export REEF_CLIENTS=${REEF_CLIENTS:-$HOME/.cache/reef/clients}
# dnslib and cryptography are for the suites between servers: names and certificates; aiohttp is what slixmpp uploads with.
python_packages="slixmpp==1.17.0 aiodns==4.0.4 dnslib==0.9.26 cryptography==50.0.2 aiohttp==3.14.5"
feedparser=6.0.14 xmpp_client=0.14.0
# The last puppeteer-core for Node 18.
npm_packages="@xmpp/client@$xmpp_client puppeteer-core@22.15.0 converse.js@14.0.0 ws@8.18.3"
python=$REEF_CLIENTS/venv/bin/python

skipped() {
    echo "skipped: $1 ($2)"
}

install_python() {
    [ "$(cat "$REEF_CLIENTS/python.done" 2>/dev/null)" = "$python_packages" ] && "$python" -c 'import slixmpp' 2>/dev/null && return
    if ! python3 -c 'import ensurepip, venv' 2>/dev/null && ! packages python3-venv; then
        skipped "suites with slixmpp" "no python3 with venv"
        return
    fi
    python3 -m venv --clear "$REEF_CLIENTS/venv"
    # shellcheck disable=SC2086
    if "$python" -m pip install -q --disable-pip-version-check $python_packages; then
        echo "$python_packages" >"$REEF_CLIENTS/python.done"
    else
        skipped "suites with slixmpp" "PyPI does not give $python_packages"
    fi
}

# Real Atom entries: the tests that feedparser ships with its source.
install_feeds() {
    [ "$(cat "$REEF_CLIENTS/feeds.done" 2>/dev/null)" = "$feedparser" ] && return
    [ -x "$python" ] || return 0
    local to
    to=$(mktemp -d)
    if "$python" -m pip download -q --disable-pip-version-check --no-deps --no-binary :all: -d "$to" "feedparser==$feedparser"; then
        rm -rf "$REEF_CLIENTS/feeds"
        mkdir -p "$REEF_CLIENTS/feeds"
        tar -xzf "$to"/feedparser-*.tar.gz -C "$REEF_CLIENTS/feeds" --wildcards '*/tests/*.xml'
        echo "$feedparser" >"$REEF_CLIENTS/feeds.done"
    else
        skipped "the suite with a feed" "PyPI does not give the source of feedparser $feedparser"
    fi
    rm -rf "$to"
}

install_node() {
    [ "$(cat "$REEF_CLIENTS/npm.done" 2>/dev/null)" = "$npm_packages" ] && command -v node >/dev/null 2>&1 && return
    if ! { command -v node && command -v npm; } >/dev/null 2>&1 && ! packages nodejs npm; then
        skipped "@xmpp/client and Converse.js" "no node"
        return
    fi
    # npm does not find its way from one set of packages to another.
    rm -rf "$REEF_CLIENTS/npm"
    mkdir -p "$REEF_CLIENTS/npm"
    echo '{"private":true}' >"$REEF_CLIENTS/npm/package.json"
    # shellcheck disable=SC2086
    if npm install --prefix "$REEF_CLIENTS/npm" --silent --no-audit --no-fund --ignore-scripts $npm_packages >/dev/null; then
        echo "$npm_packages" >"$REEF_CLIENTS/npm.done"
    else
        skipped "@xmpp/client and Converse.js" "the npm registry does not give $npm_packages"
    fi
}

# Debian 12 has it; its backend needs a D-Bus.
install_libervia() {
    { command -v libervia-backend && command -v libervia-cli && command -v dbus-daemon; } >/dev/null 2>&1 ||
        packages libervia-backend libervia-cli dbus || skipped "Libervia" "apt does not give it"
}

install_terminal() {
    for program in profanity tmux go-sendxmpp; do
        command -v "$program" >/dev/null 2>&1 || packages "$program" || skipped "$program" "apt does not give it"
    done
}

# Drives Converse.js.
install_chromium() {
    command -v chromium >/dev/null 2>&1 || packages chromium || skipped "Converse.js" "apt does not give chromium"
}

case ${1:-} in
install)
    mkdir -p "$REEF_CLIENTS"
    install_python
    [ "${2:-}" != python ] || exit 0
    install_feeds
    install_node
    install_terminal
    install_chromium
    install_libervia
    ;;
test)
    shift
    target=${CARGO_TARGET_DIR:-$HOME/.cache/reef/target}
    export REEF=${REEF:-$target/release/reef}
    if [ ! -x "$REEF" ]; then
        echo "there is no $REEF: run \`make build\` first" >&2
        exit 1
    fi
    if ! "$python" -c 'import slixmpp' 2>/dev/null; then
        skipped "all suites with real clients" "no slixmpp: scripts/clients.sh install"
        exit 0
    fi
    exec "$python" "$here/frontend/tests/clients/run.py" "$here/frontend/tests/clients" "$@"
    ;;
*)
    echo "usage: clients.sh install [python] | test [WORD]..." >&2
    exit 2
    ;;
esac
