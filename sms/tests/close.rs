//! Posts of one author that come close together, at every point of the gateway's work: each phone hears of each of them once,
//! and waits for no later one.

#![allow(clippy::unwrap_used, reason = "what fails ends the test")]

mod common;

use common::{OPEN_WORLD, World, read};
use reef_engine::model::Seq;
use std::sync::atomic::Ordering;

/// So many of the gateway's steps are tried between two posts: from the first look at the log to the end of a small ring.
const GAPS: usize = 7;

/// Posts that texts tell of: their own, and those that they count.
fn told_of(texts: &[String]) -> usize {
    let more = |text: &String| -> usize {
        let counted = text.split_once(" (+").and_then(|(_, rest)| rest.split_once(" more"));
        counted.map_or(0, |(count, _)| count.parse().unwrap())
    };
    texts.iter().map(|text| 1 + more(text)).sum()
}

/// Posts with so many steps between two, until all is quiet; phones that have not heard of each just once, or lastly not of the
/// last.
fn round(world: &mut World, phones: u64, gaps: &[usize], before: usize) -> Vec<String> {
    let had: Vec<usize> = (0..phones).map(|number| world.got(number).len()).collect();
    let item = |nth: usize| format!("{gaps:?} {nth}");
    world.post("alice", &item(0), &item(0));
    for (nth, steps) in gaps.iter().enumerate() {
        (0..*steps).for_each(|_| world.step());
        world.post("alice", &item(nth + 1), &item(nth + 1));
    }
    world.pass(20_000);
    let last = format!("@alice: {}", item(gaps.len()));
    let wrong = |(number, had): (u64, usize)| {
        let got = world.got(number).split_off(had);
        let right = told_of(&got) == gaps.len() + 1 + before && got.last().is_some_and(|text| text.starts_with(&last));
        (!right).then(|| format!("{gaps:?} {number}: {got:?}"))
    };
    let wrong: Vec<String> = (0..phones).zip(had).filter_map(wrong).collect();
    world.pass(600_000);
    wrong
}

/// The same with each number of steps.
fn rounds(world: &mut World, phones: u64, posts: u32) -> Vec<String> {
    let mut wrong = Vec::new();
    for nth in 0..GAPS.pow(posts - 1) {
        let gaps: Vec<usize> = (0..posts - 1).map(|place| nth / GAPS.pow(place) % GAPS).collect();
        wrong.extend(round(world, phones, &gaps, 0));
    }
    wrong
}

#[test]
fn two_posts_reach_three_phones_however_close_they_come() {
    let (mut world, _) = World::with_phones(OPEN_WORLD, 3);
    assert_eq!(rounds(&mut world, 3, 2), Vec::<String>::new());
}

#[test]
fn three_posts_reach_three_phones_however_close_they_come() {
    let (mut world, _) = World::with_phones(OPEN_WORLD, 3);
    assert_eq!(rounds(&mut world, 3, 3), Vec::<String>::new());
}

#[test]
fn two_posts_reach_many_phones_however_close_they_come() {
    let (mut world, _) = World::with_phones(OPEN_WORLD, 600);
    assert_eq!(rounds(&mut world, 600, 2), Vec::<String>::new());
}

#[test]
fn three_posts_reach_many_phones_however_close_they_come() {
    let (mut world, _) = World::with_phones(OPEN_WORLD, 600);
    for gaps in [[0, 1], [1, 1], [1, 2], [2, 1], [3, 3]] {
        assert_eq!(round(&mut world, 600, &gaps, 0), Vec::<String>::new());
    }
}

#[test]
fn what_was_too_old_is_told_of_once_with_posts_that_come_close_together() {
    let settings = OPEN_WORLD.replace("quiet = 'off'", "quiet = 'off'\n post_expiry = '60s'");
    let (mut world, _) = World::with_phones(&settings, 3);
    for gap in 0..GAPS {
        let item = format!("old {gap}");
        world.told(reef_sms::route::Told::Down("gone".into()));
        world.post("alice", &item, &item);
        world.pass(120_000);
        world.told(reef_sms::route::Told::Up);
        world.pass(1_000);
        assert_eq!(round(&mut world, 3, &[gap], 1), Vec::<String>::new());
    }
}

#[test]
fn a_post_that_comes_while_a_refused_plan_rests_reaches_all_with_the_one_before() {
    let (mut world, _) = World::with_phones(OPEN_WORLD, 3);
    for gap in 0..GAPS {
        world.refuses.plans.store(1, Ordering::SeqCst);
        assert_eq!(round(&mut world, 3, &[gap], 0), Vec::<String>::new());
    }
}

#[test]
fn after_a_restart_both_of_two_posts_go_on() {
    let settings = OPEN_WORLD.replace("rate = 100", "rate = 10");
    for (gap, behind) in (0..GAPS).flat_map(|gap| (0..GAPS).map(move |behind| (gap, behind))) {
        let (mut world, ids) = World::with_phones(&settings, 12);
        world.post("alice", "1", "1");
        (0..gap).for_each(|_| world.step());
        world.post("alice", "2", "2");
        (0..behind).for_each(|_| world.step());
        let mut world = world.again();
        world.pass(20_000);
        let newest: Seq = world.engine.order(Seq(0), 10_000).unwrap().last().unwrap().0;
        let node = read(world.rows().gets(ids[0], 1))[0];
        let route = world.routes[0];
        for id in ids {
            let handled = read(world.rows().edge(route, node, id)).unwrap().handled;
            assert_eq!(handled, newest, "{gap} {behind} {id:?}");
        }
        assert!(read(world.rows().fanouts(None, 1)).is_empty());
    }
}

#[test]
fn a_post_that_is_edited_before_the_gateway_has_read_it_goes_out_as_it_is_then() {
    let (mut world, _) = World::with_phone();
    world.post("alice", "1", "helo");
    world.post("alice", "1", "hello");
    world.pass(1_000);
    assert_eq!(world.got(1), ["@alice: hello"]);
    world.post("alice", "2", "how are yo");
    world.post("alice", "3", "anybody?");
    world.post("alice", "2", "how are you");
    world.pass(1_000);
    assert_eq!(world.got(1)[1..], ["@alice: anybody? (+1 more, MORE alice)"]);
    world.post("alice", "4", "4");
    world.post("alice", "5", "5");
    world.post("alice", "5", "five");
    world.retract("alice", "4");
    world.pass(1_000);
    assert_eq!(world.got(1)[2..], ["@alice: five"]);
    // None of them is told of once more.
    world.post("alice", "6", "6");
    world.pass(1_000);
    assert_eq!(world.got(1)[3..], ["@alice: 6"]);
}
