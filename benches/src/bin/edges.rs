//! `edges PART`: what a large graph of followers takes in memory, on disk and in time. Prints one line a figure.
//!
//! A process measures one part, so that no other's memory is counted. `make edges` runs them; `RESULTS.md` has the figures.
#![allow(clippy::print_stdout, reason = "it is a program that prints figures")]
#![allow(clippy::disallowed_methods, reason = "it measures wall time")]

use mimalloc::MiMalloc;
use reef_benches::graph::Graph;
use reef_benches::memory::{appended, followed, resident_bytes};
use std::time::Instant;

/// The server's own allocator, so that bytes are the server's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn number(name: &str, default: u64) -> u64 {
    let mut args = std::env::args().skip_while(|arg| arg != name);
    args.nth(1).and_then(|value| value.parse().ok()).unwrap_or(default)
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
        _ => println!("usage: edges memory|grown [--nodes N] [--users N] [--edges N] [--shards N]"),
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
    let (indexes, list_bytes, seconds) = followed(graph, shards);
    let edges: u64 = indexes.iter().map(|index| index.edges()).sum();
    let bytes = resident_bytes() - before - list_bytes;
    println!(
        "memory, {shards} shards, grown by single follows in no order: {edges} edges, {:.2} bytes an edge, \
        {:.0} ns a follow",
        bytes as f64 / edges as f64,
        seconds * 1e9 / edges as f64
    );
}
