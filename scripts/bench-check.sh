#!/usr/bin/env bash
# Counts the instructions of each stage (benches/src/count.rs) under callgrind and compares them with benches/baseline.txt.
# `scripts/bench-check.sh PROGRAM`; with UPDATE=1 it writes the baseline anew. `make bench-check` builds the program first.
set -euo pipefail
count=$1
cd "$(dirname "$0")/.."
baseline=benches/baseline.txt

skip() {
    echo "skipped: bench-check ($1)"
    exit 0
}

if ! command -v valgrind >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1; then
    sudo=()
    [ "$(id -u)" -eq 0 ] || sudo=(sudo -n)
    echo "bench-check: installing valgrind" >&2
    { "${sudo[@]}" apt-get update -qq && "${sudo[@]}" apt-get install -y -qq --no-install-recommends valgrind; } >/dev/null 2>&1 || true
fi
command -v valgrind >/dev/null 2>&1 || skip "no valgrind"

# What counts depend on besides the code: what compiles it, libc's copying, and the processor that valgrind shows to both.
surroundings() {
    echo "compiler $(rustc --version)"
    echo "libc $(getconf GNU_LIBC_VERSION 2>/dev/null || echo unknown)"
    echo "valgrind $(valgrind --version)"
    echo "processor $(uname -m)$(grep -qw avx2 /proc/cpuinfo && echo ' with avx2')"
}

collected() { # instructions that callgrind counts, with these arguments
    local said
    said=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>&1) || { echo "$said" >&2; return 1; }
    awk '/Collected :/ { print $NF; found = 1 } END { exit !found }' <<<"$said"
}

measured() { # instructions of one unit of a stage
    local stage=$1 units=$2 threads=$3 one more
    if [ "$threads" = 1 ]; then
        # Its own threads are counted too: what comes before it is taken away by a second run with more rounds.
        one=$(collected "$count" "$stage" 1)
        more=$(collected "$count" "$stage" 11)
        awk -v all=$((more - one)) -v units="$units" 'BEGIN { printf "%.1f\n", all / 10 / units }'
    else
        one=$(collected --toggle-collect='count::counted*' "$count" "$stage" 1)
        awk -v all="$one" -v units="$units" 'BEGIN { printf "%.1f\n", all / units }'
    fi
}

update() {
    {
        sed -n '/^#/p' "$baseline"
        surroundings
        sed -n '/^margin /p' "$baseline"
        "$count" | while read -r stage units threads; do
            echo "$stage $(measured "$stage" "$units" "$threads")"
        done
    } >"$baseline.new"
    mv "$baseline.new" "$baseline"
    cat "$baseline"
}

if [ "${UPDATE:-}" = 1 ]; then
    update
    exit
fi

while read -r line; do
    grep -qxF "$line" "$baseline" && continue
    skip "the baseline is of another ${line%% *}: $(sed -n "s/^${line%% *} //p" "$baseline"), and this is ${line#* }"
done < <(surroundings)

margin=$(sed -n 's/^margin //p' "$baseline")
failed=0
printf '%-24s %12s %12s %8s\n' stage baseline now ratio
while read -r stage units threads; do
    was=$(sed -n "s/^$stage //p" "$baseline")
    now=$(measured "$stage" "$units" "$threads")
    if [ -z "$was" ]; then
        printf '%-24s %12s %12s %8s  not in the baseline\n' "$stage" - "$now" -
        failed=1
        continue
    fi
    verdict=$(awk -v was="$was" -v now="$now" -v margin="$margin" 'BEGIN {
        ratio = now / was
        printf "%8.3f", ratio
        if (ratio > 1 + margin / 100) printf "  more than before"
        else if (ratio < 1 - margin / 100) printf "  less than before"
    }')
    printf '%-24s %12s %12s %s\n' "$stage" "$was" "$now" "$verdict"
    case $verdict in *before) failed=1 ;; esac
done < <("$count")
while read -r stage _; do
    [ -z "$("$count" | awk -v stage="$stage" '$1 == stage')" ] || continue
    echo "$stage is in the baseline and no stage"
    failed=1
done < <(grep -vE '^(#|compiler |libc |valgrind |processor |margin )' "$baseline")

if [ $failed -ne 0 ]; then
    echo "bench-check: beyond the margin of $margin %. Where that is meant, update the baseline: make bench-check UPDATE=1" >&2
    exit 1
fi
echo "bench-check: all within $margin %"
