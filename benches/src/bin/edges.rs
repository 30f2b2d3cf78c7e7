//! `edges PART`: what a large graph of followers takes in memory, on disk and in time. Prints one line a figure.
//!
//! A process measures one part, so that no other's memory is counted. `make edges` runs them; `RESULTS.md` has the figures.
#![allow(clippy::print_stdout, reason = "it is a program that prints figures")]
#![allow(clippy::disallowed_methods, reason = "it measures wall time")]

use reef_benches::graph::Graph;
use reef_benches::memory::{appended, cpu_seconds, followed, resident_bytes};
use reef_benches::{engine, engine_of, expand, flush, import, publish_one, shard_with};
use reef_engine::Engine;
use reef_engine::error::Error;
use reef_engine::shard::Shard;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Instant;

fn number(name: &str, default: u64) -> u64 {
    let mut args = std::env::args().skip_while(|arg| arg != name);
    args.nth(1).and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn dir() -> PathBuf {
    let mut args = std::env::args().skip_while(|arg| arg != "--dir");
    args.nth(1).map_or_else(|| PathBuf::from("edges-data"), PathBuf::from)
}

fn main() {
    let graph = Graph {
        nodes: number("--nodes", 1_000_000) as u32,
        users: number("--users", 1_000_000) as u32,
        edges: number("--edges", 100_000_000),
    };
    let shards = number("--shards", 2) as usize;
    match std::env::args().nth(1).as_deref() {
        Some("memory") => memory(&graph, shards),
        Some("grown") => grown(&graph, shards),
        Some("import") => import_graph(&graph),
        Some("big") => big(number("--followers", 31_000_000) as u32),
        Some("post") => {
            let (engine, seats) = engine(&dir()).expect("the store opens");
            let shards = import::drive(seats);
            posts(&engine, number("--followers", 31_000_000) as u32);
            end(engine, shards);
        }
        Some("expand") => expanded(number("--followers", 31_000_000) as u32 / shards as u32),
        Some("start") => start(shards),
        _ => println!(
            "usage: edges memory|grown|import|big|post|expand|start [--nodes N] [--users N] [--edges N] [--shards N] [--dir DIR]"
        ),
    }
}

fn memory(graph: &Graph, shards: usize) {
    let (before, started) = (resident_bytes(), Instant::now());
    let indexes = appended(graph, shards);
    let edges: u64 = indexes.iter().map(|index| index.edges()).sum();
    let bytes = resident_bytes() - before;
    println!(
        "memory, {shards} shards, as a start builds it: {edges} edges, {:.2} bytes an edge ({} MiB), {:.1} s",
        bytes as f64 / edges as f64,
        bytes >> 20,
        started.elapsed().as_secs_f64()
    );
}

fn grown(graph: &Graph, shards: usize) {
    let before = resident_bytes();
    let (indexes, seconds) = followed(graph, shards);
    let edges: u64 = indexes.iter().map(|index| index.edges()).sum();
    let bytes = resident_bytes() - before;
    println!(
        "memory, {shards} shards, grown by single follows in no order: {edges} edges, {:.2} bytes an edge, \
        {:.0} ns a follow",
        bytes as f64 / edges as f64,
        seconds * 1e9 / edges as f64
    );
}

fn disk_bytes(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => disk_bytes(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

fn import_graph(graph: &Graph) {
    let (engine, seats) = engine(&dir()).expect("the store opens");
    let shards = import::drive(seats);
    let (counts, started, cpu) = (Arc::new(import::Counts::default()), Instant::now(), cpu_seconds());
    let (mut said, mut before) = (0, 0);
    graph.each_node(|number, followers| {
        import::node(&engine, number, followers, &counts).expect("imports are taken");
        if started.elapsed().as_secs() >= said + 10 {
            said = started.elapsed().as_secs();
            let now = counts.imported.load(Ordering::Relaxed);
            println!(
                "  {said} s: node {number}, {now} follows, {} a second",
                (now - before) / 10
            );
            before = now;
        }
    });
    import::settle(&engine);
    let (imported, seconds) = (counts.imported.load(Ordering::Relaxed), started.elapsed().as_secs_f64());
    println!(
        "import: {imported} follows in {seconds:.1} s: {:.0} a second, {:.2} us of CPU each; {} others",
        imported as f64 / seconds,
        (cpu_seconds() - cpu) * 1e6 / imported as f64,
        counts.others.load(Ordering::Relaxed)
    );
    drop(engine);
    drop(
        shards
            .into_iter()
            .map(|shard| shard.join().expect("a shard does not panic"))
            .collect::<Vec<_>>(),
    );
    println!(
        "disk: {} MiB, {:.1} bytes an edge",
        disk_bytes(&dir()) >> 20,
        disk_bytes(&dir()) as f64 / imported as f64
    );
}

fn big(followers: u32) {
    let (engine, seats) = engine(&dir()).expect("the store opens");
    let shards = import::drive(seats);
    let (counts, started, cpu) = (Arc::new(import::Counts::default()), Instant::now(), cpu_seconds());
    let numbers: Vec<u32> = (0..followers).collect();
    import::node(&engine, u32::MAX, &numbers, &counts).expect("imports are taken");
    import::settle(&engine);
    let (imported, seconds) = (counts.imported.load(Ordering::Relaxed), started.elapsed().as_secs_f64());
    println!(
        "import to one node: {imported} follows in {seconds:.1} s: {:.0} a second, {:.2} us of CPU each",
        imported as f64 / seconds,
        (cpu_seconds() - cpu) * 1e6 / f64::from(followers)
    );
    posts(&engine, followers);
    end(engine, shards);
    println!(
        "disk: {} MiB, {:.1} bytes an edge",
        disk_bytes(&dir()) >> 20,
        disk_bytes(&dir()) as f64 / imported as f64
    );
}

fn posts(engine: &Engine, followers: u32) {
    for item in 0..5 {
        let (started, cpu) = (Instant::now(), cpu_seconds());
        for number in 0..200 {
            // An import that has just ended leaves the queue old until its last commit is counted.
            while publish_one(engine, &import::author(u32::MAX), &format!("{item}-{number}")) == Err(Error::Busy) {}
        }
        println!(
            "a post to {followers} who are away: acked in {:.2} ms, {:.3} ms of CPU (200 posts, one after the other)",
            started.elapsed().as_secs_f64() * 5.0,
            (cpu_seconds() - cpu) * 5.0
        );
    }
}

fn end(engine: Arc<Engine>, shards: Vec<JoinHandle<Shard>>) {
    drop(engine);
    for shard in shards {
        println!(
            "edges: {}",
            shard.join().expect("a shard does not panic").index().edges()
        );
    }
}

fn start(shards: usize) {
    let (before, started, cpu) = (resident_bytes(), Instant::now(), cpu_seconds());
    let (engine, seats) = engine_of(&dir(), shards).expect("the store opens");
    let edges: u64 = seats.iter().map(|seat| seat.shard.index().edges()).sum();
    println!(
        "start with {shards} shards: {edges} edges from {:?}, {:.2} s, {:.2} s of CPU, {:.2} bytes of memory an edge, with all of the engine",
        engine.source,
        started.elapsed().as_secs_f64(),
        cpu_seconds() - cpu,
        (resident_bytes() - before) as f64 / edges as f64
    );
}

/// One of the shards that a node's followers live on; the others do the same at the same time on cores of their own.
fn expanded(followers: u32) {
    let mut shard = shard_with(followers, 100);
    for seq in 2..7 {
        let (started, cpu) = (Instant::now(), cpu_seconds());
        expand(&mut shard, seq);
        let (took, cpu) = (started.elapsed(), cpu_seconds() - cpu);
        let written = flush(&mut shard);
        println!(
            "a post to {followers} followers on one shard, {written} of them online: expanded in {:.1} ms ({cpu:.2} s of CPU)",
            took.as_secs_f64() * 1e3
        );
    }
}
