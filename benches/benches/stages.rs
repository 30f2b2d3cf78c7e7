//! Criterion benches of the engine's stages. `cargo bench -p reef-benches`.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use reef_benches::{among, deliver, engine, follow, followers, online, publish, shard};
use std::hint::black_box;

fn index(c: &mut Criterion) {
    let mut group = c.benchmark_group("index");
    let (set, one_in_a_hundred) = (followers(1_000_000), online(1_000_000, 100));
    group.bench_function("intersect 1M followers, 1 % online", |b| {
        b.iter(|| black_box(among(&set, &one_in_a_hundred)));
    });
    group.throughput(Throughput::Elements(1_000_000));
    group.bench_function("insert 1M followers", |b| b.iter(|| black_box(followers(1_000_000))));
}

fn fanout(c: &mut Criterion) {
    let mut group = c.benchmark_group("shard");
    group.sample_size(10).throughput(Throughput::Elements(100_000));
    let (mut shard, _) = shard(100_000);
    let mut seq = 1;
    group.bench_function("a post to 100,000 live sessions, written to nowhere", |b| {
        b.iter(|| {
            seq += 1;
            assert_eq!(deliver(&mut shard, seq), 100_000);
        });
    });
}

fn log(c: &mut Criterion) {
    let mut group = c.benchmark_group("log");
    group.sample_size(10).throughput(Throughput::Elements(10_000));
    group.bench_function("10,000 publishes, committed and synced", |b| {
        let fresh = || {
            let dir = tempfile::TempDir::new().expect("a temporary folder");
            let (engine, seats) = engine(dir.path()).expect("a new store opens");
            (dir, engine, seats)
        };
        b.iter_batched(
            fresh,
            |(dir, engine, seats)| {
                publish(&engine, &seats, "author@bench", 10_000).expect("posts are taken");
                (dir, engine, seats)
            },
            BatchSize::PerIteration,
        );
    });
}

fn start(c: &mut Criterion) {
    let mut group = c.benchmark_group("start");
    group.sample_size(10).throughput(Throughput::Elements(1_000_000));
    let dir = tempfile::TempDir::new().expect("a temporary folder");
    {
        let (engine, seats) = engine(dir.path()).expect("a new store opens");
        follow(&engine, &seats, 100, 10_000).expect("follows are taken");
    }
    group.bench_function("1M follow edges, from opening to ready", |b| {
        b.iter(|| black_box(engine(dir.path()).expect("the store opens")));
    });
}

criterion_group!(benches, index, fanout, log, start);
criterion_main!(benches);
