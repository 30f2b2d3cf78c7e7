//! The simulation: the real applier, shards, pages and cursors of `reef-engine` over a disk that fails, driven step by
//! step by a seed, and a checker that knows only what was acknowledged and what each device received.
//!
//! One thread, one generator of numbers, no clock but its own: a seed is a run. Knows no RocksDB and no protocol. The
//! modules stand in the order in which a run uses them; `tests/` runs a thousand seeds and three mutants.
#![forbid(unsafe_code)]

pub mod rng;

pub mod plan;

pub mod disk;

pub mod model;

pub mod receiver;

pub mod run;

pub mod world;

mod actors;
mod clients;
mod device;
mod turns;
mod users;

pub use plan::{Mutant, Plan};

/// What went wrong: a promise that was not kept, in words.
pub type Violation = String;

/// Runs one seed to its end; answers with the hash of all that happened, which is the same for each run of a seed.
///
/// # Errors
/// The first promise that was broken, with the step at which it showed.
pub fn simulate(seed: u64, mutant: Option<Mutant>) -> Result<u64, Violation> {
    let mut world = world::World::new(Plan::of(seed), mutant);
    world.live()?;
    Ok(world.trace.0)
}
