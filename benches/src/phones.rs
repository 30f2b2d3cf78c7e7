//! Phones: an author whom very many follow by text message, many small ones beside him, one route, and a clock that only this
//! owns. Who gets his posts when, what it takes in memory, and how a lap goes on after the process has ended.
//!
//! Over the gateway's own sending side and a real store; the route takes everything at once. `wire` has the real clock, a real
//! session, and an SMSC.

mod people;
mod town;
pub mod wire;

use crate::memory::{cpu_seconds, resident_bytes};
use anyhow::{Result, ensure};
use std::path::Path;
use town::{Plan, Town};

/// What was measured.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Phones that follow the large author.
    pub phones: u64,
    /// Small authors, with ten phones each.
    pub authors: u64,
    /// Segments a second of the route.
    pub rate: u32,
    /// Bytes resident before the first post, and at most while it went round.
    pub resident: (u64, u64),
    /// Bytes of the store.
    pub store: u64,
    /// Milliseconds from opening the gateway to its first step, in the middle of the lap.
    pub resume_ms: u64,
    /// Simulated seconds until the small authors' posts were out.
    pub small_seconds: f64,
    /// The same for the large author's, from the first to the last.
    pub lap_seconds: f64,
    /// How long the author was told that it takes.
    pub told: Option<String>,
    /// Most texts in one simulated second.
    pub most_a_second: u32,
    /// Texts.
    pub texts: u64,
    /// Phones that got two before all had one.
    pub unfair: u64,
    /// CPU seconds for a million texts, the applier's included.
    pub cpu_a_million: f64,
}

/// Leaves a store in which a post is on its way to so many phones.
///
/// # Errors
/// The engine's.
pub fn prepare(dir: &Path, phones: u64) -> Result<()> {
    let plan = one_author(phones);
    let mut town = Town::open(dir, &plan)?;
    town.settle_in(&plan)?;
    town.post("large", "1")?;
    town.pass(60_000)?;
    town.close();
    Ok(())
}

/// Opens such a store in a process of its own and lets ten simulated minutes pass: milliseconds of the gateway's start, and bytes
/// resident at most.
///
/// # Errors
/// The engine's.
pub fn measure(dir: &Path, phones: u64) -> Result<(u64, u64)> {
    let mut town = Town::open(dir, &one_author(phones))?;
    let mut most = resident_bytes();
    for _ in 0..60 {
        town.pass(10_000)?;
        most = most.max(resident_bytes());
    }
    Ok((town.opened_ms(), most))
}

fn one_author(phones: u64) -> Plan {
    Plan {
        phones,
        authors: 0,
        rate: 100,
    }
}

/// Runs it.
///
/// # Errors
/// The engine's, or a phone that got nothing.
pub fn run(dir: &Path, phones: u64, authors: u64, rate: u32) -> Result<Report> {
    let plan = Plan { phones, authors, rate };
    let mut town = Town::open(dir, &plan)?;
    town.settle_in(&plan)?;
    let before = resident_bytes();
    let cpu = cpu_seconds();
    town.post("large", "1")?;
    // A tenth of the lap; then the process ends and another one begins.
    town.pass(phones * 100 / u64::from(rate))?;
    let (town_again, resume_ms) = town.again(dir, &plan)?;
    town = town_again;
    let began = town.now();
    for author in 0..authors {
        town.post(&format!("small{author}"), "1")?;
    }
    let mut most = resident_bytes();
    town.post("large", "2")?;
    let end = phones * 2_200 / u64::from(rate) + 60_000;
    while town.now() < began + end && !town.is_done(&plan) {
        town.pass(60_000)?;
        most = most.max(resident_bytes());
    }
    ensure!(town.is_done(&plan), "some phones got nothing");
    let texts = town.texts();
    Ok(Report {
        phones,
        authors,
        rate,
        resident: (before, most),
        store: town.store_bytes(dir)?,
        resume_ms,
        small_seconds: (town.last_small() - began) as f64 / 1e3,
        lap_seconds: town.lap_ms() as f64 / 1e3,
        told: town.told(),
        most_a_second: town.most_a_second(),
        texts,
        unfair: town.unfair(),
        cpu_a_million: (cpu_seconds() - cpu) / texts as f64 * 1e6,
    })
}
