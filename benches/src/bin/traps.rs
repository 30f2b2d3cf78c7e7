//! `traps`: what social clients ask that ruins servers which count, copy or loop. Prints one line a figure; `make traps`.
#![allow(clippy::print_stdout, reason = "it is a program that prints figures")]
#![allow(clippy::disallowed_methods, reason = "it measures time")]

use reef_benches::memory::cpu_seconds;
use reef_benches::social::Social;
use std::time::Instant;

/// CPU microseconds of each of `times` runs, all threads' together.
fn each(times: u64, mut run: impl FnMut()) -> f64 {
    let before = cpu_seconds();
    (0..times).for_each(|_| run());
    (cpu_seconds() - before) * 1e6 / times as f64
}

fn fresh() -> (tempfile::TempDir, Social) {
    let dir = tempfile::TempDir::new().expect("a temporary folder");
    let social = Social::new(dir.path()).expect("a new store opens");
    (dir, social)
}

fn main() {
    owner();
    likes();
    newest();
    for (follows, missed) in [(50, 100), (5_000, 100), (5_000, 10), (5_000, 1_000)] {
        away(follows, missed);
    }
}

fn owner() {
    let (_dir, mut social) = fresh();
    social.followers(1_000_000);
    social.small();
    let mut costs = Vec::new();
    for small in [true, false] {
        let followers = social.owner_logs_in(small);
        let cost = each(4_000, || assert_eq!(social.owner_logs_in(small), followers));
        println!("owner of {followers} followers lists, counts, asks the node: {cost:.0} us of CPU");
        costs.push(cost);
    }
    println!("  the large one costs {:.2} x the small one", costs[1] / costs[0]);
}

fn likes() {
    let (_dir, mut social) = fresh();
    social.post();
    let mut costs = Vec::new();
    let mut done = 0;
    for from in [0, 45_000, 90_000] {
        social.likes(done..from);
        done = from + 10_000;
        let cost = each(1, || social.likes(from..done)) / 10_000.0;
        println!("a like after {from} likes, counted and its summary published: {cost:.1} us of CPU");
        costs.push(cost);
    }
    println!("  the last ten thousand cost {:.2} x the first", costs[2] / costs[0]);
}

fn newest() {
    let (_dir, mut social) = fresh();
    social.post();
    social.light();
    let (started, before) = (Instant::now(), cpu_seconds());
    let bytes = social.newest(100_000);
    println!(
        "100,000 clients fetch the newest item: {:.1} us of CPU each, {:.2} s on one thread, {} MB of answers",
        (cpu_seconds() - before) * 10.0,
        started.elapsed().as_secs_f64(),
        bytes / 1_000_000
    );
}

fn away(follows: usize, missed: usize) {
    let (_dir, mut social) = fresh();
    let cursor = social.follows("reader@bench", follows, 5, missed);
    for known in [true, false] {
        let recent = social.recent(known);
        let started = Instant::now();
        let posts = social.first_page("reader@bench", cursor, &recent);
        let first = started.elapsed().as_secs_f64() * 1e3;
        let cost = each(20, || {
            assert_eq!(social.first_page("reader@bench", cursor, &recent), posts)
        });
        let order = if known { "recent" } else { "before what is recent" };
        println!(
            "away, follows {follows}, missed {missed}, {order}: first page of {posts} after {first:.1} ms, {:.2} ms of CPU",
            cost / 1e3
        );
    }
}
