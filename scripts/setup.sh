#!/usr/bin/env bash
# Installs what Reef needs to be built, and says so; does nothing where all is there.
# Debian and Ubuntu only; on other systems it names what is needed.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
need_rust=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$here/Cargo.toml" | head -n 1)

have_rust() {
    command -v cargo >/dev/null 2>&1 && command -v rustc >/dev/null 2>&1 || return 1
    local found
    found=$(rustc --version 2>/dev/null | awk '{print $2}') || return 1
    [ "$(printf '%s\n%s\n' "$need_rust" "$found" | sort -V | head -n 1)" = "$need_rust" ]
}

missing=()
command -v g++ >/dev/null 2>&1 || missing+=(g++)
command -v make >/dev/null 2>&1 || missing+=(make)
# Not libclang-cpp, which is another library and may be there alone.
compgen -G "/usr/lib/llvm-*/lib/libclang.so*" >/dev/null || compgen -G "/usr/lib/llvm-*/lib/libclang-[0-9]*.so*" >/dev/null ||
    missing+=(libclang-dev)
[ -d /etc/ssl/certs ] && [ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
rust=()
if ! have_rust; then
    rust=(rustc cargo rustfmt clippy)
fi
[ ${#missing[@]} -eq 0 ] && [ ${#rust[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "reef needs: a C++ compiler, make, libclang, and Rust $need_rust or newer. Install them and run this again." >&2
    exit 1
fi
sudo=()
if [ "$(id -u)" -ne 0 ]; then
    sudo=(sudo)
fi
echo "reef: installing what is missing to build: ${missing[*]} ${rust[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
"${sudo[@]}" apt-get update -qq
if [ ${#missing[@]} -gt 0 ]; then
    "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
[ ${#rust[@]} -eq 0 ] && exit 0

# Debian keeps a newer Rust beside its own for web browsers (rustc-web, cargo-web, …); elsewhere rustup brings one.
newest() { # of a package, without epoch and Debian's own suffix
    apt-cache policy "$1" | sed -n 's/ *Candidate: //p' | sed 's/^[0-9]*://; s/[+~-].*//'
}
for packages in "rustc-web cargo-web rustfmt-web rust-web-clippy" "rustc cargo rustfmt rust-clippy"; do
    version=$(newest "${packages%% *}")
    [ -n "$version" ] && [ "$version" != "(none)" ] || continue
    if [ "$(printf '%s\n%s\n' "$need_rust" "$version" | sort -V | head -n 1)" = "$need_rust" ]; then
        # shellcheck disable=SC2086
        "${sudo[@]}" apt-get install -y -qq --no-install-recommends $packages >/dev/null
        have_rust && exit 0
    fi
done
if command -v curl >/dev/null 2>&1 || "${sudo[@]}" apt-get install -y -qq curl >/dev/null; then
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal -c rustfmt -c clippy && exit 0
fi
echo "reef needs Rust $need_rust or newer: install it from https://rustup.rs and run this again." >&2
exit 1
