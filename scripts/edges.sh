#!/bin/sh
# What a large graph of followers takes, one part a process: `scripts/edges.sh PROGRAM`. Data goes to ./edges-data and is removed.
set -eu
edges=$1
for shards in 1 2 16; do "$edges" memory --shards $shards; done
for shards in 2 16; do "$edges" grown --shards $shards; done
"$edges" expand
"$edges" import
"$edges" start
"$edges" start
"$edges" start --shards 16
rm -r edges-data/packed
"$edges" start
rm -r edges-data
"$edges" big
rm -r edges-data
