//! What a seed decides before the first step: how many there are of everything, and how small the limits are.
//!
//! Limits are small so that overflow, pending expansions, short memories and several pages happen within a few hundred
//! steps. Next: `world.rs` lives the plan.

use crate::rng::Rng;
use reef_engine::limits::Limits;

/// A fault put into the driver, to see that the checker sees it. None of them is in the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// After a start the recent order is taken for complete and empty: the tail is not replayed.
    TailForgotten,
    /// After a start nobody follows: the index is not rebuilt.
    IndexForgotten,
    /// A post counts as confirmed when it is handed out, before its client has it.
    CursorBeforeWrite,
    /// A page claims one `Seq` more than it holds, so that the switch to live is off by one.
    LiveOffByOne,
}

/// The plan of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where it comes from.
    pub seed: u64,
    /// The generator, from which all else of the run comes.
    pub rng: Rng,
    /// Steps before everything is let settle.
    pub steps: usize,
    /// Shard threads.
    pub shards: usize,
    /// Users; the first of them publish.
    pub users: usize,
    /// Users who publish.
    pub authors: usize,
    /// The limits in force.
    pub limits: Limits,
    /// Whether checkpoints take several calls, and do not find a row for everyone who lags.
    pub short_passes: bool,
    /// Whether tombstones are forgotten within the run.
    pub short_log: bool,
}

impl Plan {
    /// The plan of a seed.
    pub fn of(seed: u64) -> Plan {
        let mut rng = Rng::new(seed);
        let short_log = rng.chance(250);
        let short_passes = rng.chance(500);
        let limits = Limits {
            queue_posts: rng.between(2, 40),
            catch_up_posts: if rng.chance(500) { 1_000_000 } else { rng.between(3, 90) },
            catch_ups_parallel: rng.between(1, 6),
            expand_at_once: if rng.chance(250) { 4096 } else { rng.between(0, 3) },
            shard_recent: rng.between(1, 60),
            checkpoint_look: if short_passes { rng.between(1, 9) } else { 65_536 },
            checkpoint_rows: if short_passes { rng.between(1, 5) } else { 2_048 },
            log_keep_seconds: if short_log { 8 } else { 1_000_000 },
            ..Limits::default()
        };
        let authors = rng.between(2, 6);
        Plan {
            seed,
            steps: rng.between(200, 1200),
            shards: rng.between(1, 4),
            users: authors + rng.between(6, 24),
            authors,
            limits,
            short_passes,
            short_log,
            rng,
        }
    }
}
