#!/usr/bin/env bash
# What the tests of phones drive, and those tests: other people's SMSC and other people's clients of SMPP, and a whole reef with
# phones at our SMSC and clients of slixmpp. What those said and got is kept as `sms-conversation.txt` beside what is built.
#   sms.sh install   Debian's Kannel, the npm package smpp, smpplib of PyPI; does nothing where all is there
#   sms.sh test      runs the suites of frontend/tests/sms; words choose tests
# Everything listens on 127.0.0.1 on ports of its own; Kannel runs from a temporary folder, not as the system's service. What cannot
# be had is named as `skipped`.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
. "$here/scripts/packages.sh"
export REEF_CLIENTS=${REEF_CLIENTS:-$HOME/.cache/reef/clients}
smpp=0.5.1 smpplib=2.2.4
python=$REEF_CLIENTS/venv/bin/python

skipped() {
    echo "skipped: $1 ($2)"
}

install_npm() {
    local to=$REEF_CLIENTS/sms
    [ "$(cat "$to/npm.done" 2>/dev/null)" = "$smpp" ] && command -v node >/dev/null 2>&1 && return
    if ! { command -v node && command -v npm; } >/dev/null 2>&1 && ! packages nodejs npm; then
        skipped "the suite with npm's SMSC" "no node"
        return
    fi
    mkdir -p "$to"
    echo '{"private":true}' >"$to/package.json"
    if npm install --prefix "$to" --silent --no-audit --no-fund "smpp@$smpp" >/dev/null; then
        echo "$smpp" >"$to/npm.done"
    else
        skipped "the suite with npm's SMSC" "the npm registry does not give smpp $smpp"
    fi
}

install_smpplib() {
    [ -x "$python" ] || return 0
    "$python" -m pip show smpplib 2>/dev/null | grep -qx "Version: $smpplib" && return
    "$python" -m pip install -q --disable-pip-version-check "smpplib==$smpplib" ||
        skipped "the suite with smpplib" "PyPI does not give smpplib $smpplib"
}

case ${1:-} in
install)
    "$here/scripts/clients.sh" install python
    install_npm
    install_smpplib
    packages kannel || skipped "the suite with Kannel" "apt does not give it"
    ;;
test)
    shift
    export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$HOME/.cache/reef/target}
    export REEF=${REEF:-$CARGO_TARGET_DIR/release/reef}
    for program in "$CARGO_TARGET_DIR/release/reef-loadtest" "$REEF"; do
        if [ ! -x "$program" ]; then
            echo "there is no $program: run \`cargo build --release --workspace --bins\` first" >&2
            exit 1
        fi
    done
    if ! "$python" -c 'import slixmpp' 2>/dev/null; then
        skipped "all suites of phones" "no slixmpp: scripts/sms.sh install"
        exit 0
    fi
    exec "$python" "$here/frontend/tests/clients/run.py" "$here/frontend/tests/sms" "$@"
    ;;
*)
    echo "usage: sms.sh install | test [WORD]..." >&2
    exit 2
    ;;
esac
