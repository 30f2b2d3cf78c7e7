# Sourced by scripts that install Debian packages for tests and comparisons.
#   packages NAME...   installs those that are missing; true if all are here afterwards
# Servers among them are not started: not now, and where systemd runs, not at the next boot.

packages() {
    local missing=() name
    for name in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed || missing+=("$name")
    done
    [ ${#missing[@]} -eq 0 ] && return
    command -v apt-get >/dev/null 2>&1 || return 1
    local sudo=() policy=/usr/sbin/policy-rc.d made=no outcome=0
    [ "$(id -u)" -eq 0 ] || sudo=(sudo)
    echo "reef: installing: ${missing[*]}" >&2
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null
        "${sudo[@]}" chmod +x "$policy"
        made=yes
    fi
    apt_install "${missing[@]}" || { "${sudo[@]}" apt-get update -qq && apt_install "${missing[@]}"; } >/dev/null 2>&1 || outcome=$?
    [ "$made" = no ] || "${sudo[@]}" rm -f "$policy"
    if [ -d /run/systemd/system ]; then
        for name in ejabberd kannel prosody; do
            [[ " ${missing[*]} " != *" $name "* ]] || "${sudo[@]}" systemctl disable --now "$name" >/dev/null 2>&1 || true
        done
    fi
    return "$outcome"
}

apt_install() {
    DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1
}
