//! Criterion benches of the stages, of the engine and of a session's way out. `cargo bench -p reef-benches`.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]
#![allow(clippy::disallowed_methods, reason = "it measures wall time")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use reef_benches::admission::Held;
use reef_benches::catch_up::Away;
use reef_benches::commit::Bench;
use reef_benches::graph::Graph;
use reef_benches::publishers::publish_at_once;
use reef_benches::session::{Sealing, Sessions, Splicing};
use reef_benches::{admit, among, deliver, engine, followers, import, online, publish, shard, unfollowed};
use reef_engine::limits::Limits;
use reef_engine::load::packed_dir;
use reef_engine::log::record::Change;
use reef_engine::store::RocksStore;
use reef_sim::disk::Disk;
use std::hint::black_box;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

fn index(c: &mut Criterion) {
    let mut group = c.benchmark_group("index");
    let (set, one_in_a_hundred) = (followers(1_000_000), online(1_000_000, 100));
    group.bench_function("intersect 1M followers, 1 % online", |b| {
        b.iter(|| black_box(among(&set, &one_in_a_hundred)));
    });
    group.throughput(Throughput::Elements(1_000_000));
    group.bench_function("insert 1M followers", |b| b.iter(|| black_box(followers(1_000_000))));
    group.bench_function("remove 1M followers", |b| {
        b.iter_batched(
            || followers(1_000_000),
            |index| black_box(unfollowed(index, 1_000_000)),
            BatchSize::PerIteration,
        );
    });
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
    let fresh = || {
        let dir = tempfile::TempDir::new().expect("a temporary folder");
        let (engine, seats) = engine(dir.path()).expect("a new store opens");
        (dir, engine, seats)
    };
    group.bench_function("10,000 publishes, committed and synced", |b| {
        b.iter_batched(
            fresh,
            |(dir, engine, seats)| {
                publish(&engine, &seats, "author@bench", 10_000).expect("posts are taken");
                (dir, engine, seats)
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("10,000 publishes by 1,000 publishers, each waiting for its last", |b| {
        b.iter_batched(
            fresh,
            |(dir, engine, seats)| {
                publish_at_once(&engine, &seats, 1_000, 10).expect("posts are taken");
                (dir, engine, seats)
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("10,000 publishes admitted, not waited for", |b| {
        b.iter_batched(
            fresh,
            |(dir, engine, seats)| {
                admit(&engine, "author@bench", 10_000).expect("posts are taken");
                (dir, engine, seats)
            },
            BatchSize::PerIteration,
        );
    });
}

/// Makes changes of a kind.
type Kind = fn(&mut Bench, u64) -> Vec<(Arc<str>, Change)>;

fn commit(c: &mut Criterion) {
    let mut group = c.benchmark_group("commit");
    group.sample_size(20);
    let dir = tempfile::TempDir::new().expect("a temporary folder");
    let store = RocksStore::open(dir.path(), &[], &Limits::default()).expect("a new store opens");
    let mut memory = Bench::new(Arc::new(Disk::default()));
    let mut rocks = Bench::new(Arc::new(store));
    let kinds: [(&str, Kind, u64); 3] = [
        ("1,000 posts", Bench::posts, 1_000),
        ("1,000 follows", Bench::follows, 1_000),
        ("an import of 10,000", Bench::imports, 10_000),
    ];
    for (name, changes, count) in kinds {
        group.throughput(Throughput::Elements(count));
        for (on, bench) in [("applied in memory", &mut memory), ("on RocksDB, synced", &mut rocks)] {
            group.bench_function(format!("{name}, {on}"), |b| {
                b.iter_custom(|rounds| {
                    let mut took = Duration::ZERO;
                    for _ in 0..rounds {
                        let changes = changes(bench, count);
                        let started = Instant::now();
                        bench.commit(changes);
                        took += started.elapsed();
                    }
                    took
                });
            });
        }
    }
}

fn start(c: &mut Criterion) {
    let mut group = c.benchmark_group("start");
    group.sample_size(10).throughput(Throughput::Elements(1_000_000));
    let dir = tempfile::TempDir::new().expect("a temporary folder");
    {
        let (engine, seats) = engine(dir.path()).expect("a new store opens");
        let shards = import::drive(seats);
        let graph = Graph {
            nodes: 10_000,
            users: 100_000,
            edges: 1_000_000,
        };
        import::graph(&engine, &graph, &Arc::default()).expect("imports are taken");
        drop(engine);
        drop(shards.into_iter().map(JoinHandle::join).collect::<Vec<_>>());
    }
    let packed = packed_dir(dir.path());
    group.bench_function("1M follow edges from rows, from opening to ready", |b| {
        b.iter_batched(
            || std::fs::remove_dir_all(&packed).unwrap_or_default(),
            |()| black_box(engine(dir.path()).expect("the store opens")),
            BatchSize::PerIteration,
        );
    });
    drop(engine(dir.path()));
    group.bench_function("1M follow edges from the packed copy, from opening to ready", |b| {
        b.iter(|| black_box(engine(dir.path()).expect("the store opens")));
    });
}

fn admission(c: &mut Criterion) {
    let mut group = c.benchmark_group("admission");
    group.sample_size(10).throughput(Throughput::Elements(10_000));
    group.bench_function("10,000 publishes, the applier held", |b| {
        b.iter_batched(
            || {
                let dir = tempfile::TempDir::new().expect("a temporary folder");
                (Held::new(dir.path()).expect("there are threads"), dir)
            },
            |(held, dir)| {
                held.admit(10_000).expect("there is room");
                (held, dir)
            },
            BatchSize::PerIteration,
        );
    });
}

fn session(c: &mut Criterion) {
    let mut group = c.benchmark_group("session");
    group.throughput(Throughput::Elements(1_000));
    let mut splicing = Splicing::default();
    group.bench_function("1,000 deliveries spliced", |b| {
        b.iter(|| black_box(splicing.splice(1_000)));
    });
    let dir = tempfile::TempDir::new().expect("a temporary folder");
    let mut sealing = Sealing::new(dir.path()).expect("a certificate can be made");
    group.bench_function("1,000 TLS records of 700 bytes sealed", |b| {
        b.iter(|| black_box(sealing.seal(1_000)));
    });
    group.throughput(Throughput::Elements(10_000));
    for (how, managed) in [("plain", false), ("with stream management", true)] {
        let mut sessions = Sessions::new(10_000, managed);
        group.bench_function(format!("a post written to 10,000 sinks, {how}"), |b| {
            b.iter_custom(|rounds| {
                let mut took = Duration::ZERO;
                for _ in 0..rounds {
                    sessions.post();
                    let started = Instant::now();
                    assert_eq!(sessions.write(), 10_000);
                    took += started.elapsed();
                }
                took
            });
        });
    }
}

fn catch_up(c: &mut Criterion) {
    let mut group = c.benchmark_group("catch-up");
    group.sample_size(20).throughput(Throughput::Elements(10_000));
    let away = Away::new(500, 20);
    group.bench_function("10,000 posts of 500 nodes, from the recent order", |b| {
        b.iter_batched(
            || away.recent(),
            |recent| (away.read(&recent), recent),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("10,000 posts of 500 nodes, merged from their logs", |b| {
        b.iter_batched(
            || away.forgotten(),
            |recent| (away.read(&recent), recent),
            BatchSize::PerIteration,
        );
    });
}

criterion_group!(benches, index, fanout, admission, log, commit, session, catch_up, start);
criterion_main!(benches);
