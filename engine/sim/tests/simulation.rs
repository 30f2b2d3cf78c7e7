//! A thousand seeds hold every promise, two runs of a seed agree, and each mutant of the driver is caught.
//!
//! `REEF_SIM_SEED=<seed> cargo test --release -p reef-sim --test simulation one_seed` runs one seed again.

use reef_sim::{Mutant, simulate};

/// How many seeds; `REEF_SIM_SEEDS` asks for more.
fn seeds() -> u64 {
    let asked = std::env::var("REEF_SIM_SEEDS").ok();
    asked.and_then(|seeds| seeds.parse().ok()).unwrap_or(1000)
}

fn check(seeds: impl Iterator<Item = u64>) {
    for seed in seeds {
        if let Err(broken) = simulate(seed, None) {
            panic!(
                "{broken}\n  again: REEF_SIM_SEED={seed} cargo test --release -p reef-sim --test simulation one_seed"
            );
        }
    }
}

#[test]
fn thousand_seeds() {
    std::thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || check((0..seeds()).filter(move |seed| seed % 2 == half)));
        }
    });
}

#[test]
fn one_seed() {
    let seed = std::env::var("REEF_SIM_SEED").ok().and_then(|seed| seed.parse().ok());
    check([seed.unwrap_or(1_000_000)].into_iter());
}

#[test]
fn two_runs_of_a_seed_agree() {
    for seed in 2_000_000..2_000_010 {
        assert_eq!(simulate(seed, None), simulate(seed, None), "seed {seed}");
    }
}

fn is_caught(mutant: Mutant) {
    let caught = (0..100).filter(|seed| simulate(*seed, Some(mutant)).is_err()).count();
    assert!(caught > 0, "{mutant:?} was not seen in 100 seeds");
}

#[test]
fn a_tail_that_is_not_replayed_is_caught() {
    is_caught(Mutant::TailForgotten);
}

#[test]
fn an_index_that_is_not_rebuilt_is_caught() {
    is_caught(Mutant::IndexForgotten);
}

#[test]
fn a_cursor_that_moves_before_the_write_is_caught() {
    is_caught(Mutant::CursorBeforeWrite);
}

#[test]
fn a_switch_to_live_that_is_off_by_one_is_caught() {
    is_caught(Mutant::LiveOffByOne);
}
