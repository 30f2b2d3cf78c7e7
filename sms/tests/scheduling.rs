//! What goes out, to whom and when: through a real store, with a clock of the test's own.

#![allow(clippy::unwrap_used, reason = "what fails ends the test")]

mod common;

use common::{OPEN_WORLD, World, read};
use reef_sms::schedule::Status;
use reef_sms::tables::Change;
use reef_sms::tables::rows::{Progress, State};

#[test]
fn a_post_reaches_every_phone_that_follows_once() {
    let (mut world, _) = World::with_phones(OPEN_WORLD, 50);
    world.post("alice", "1", "hello");
    world.pass(2_000);
    for number in 0..50 {
        assert_eq!(world.got(number), ["@alice: hello"], "{number}");
    }
    world.pass(60_000);
    assert_eq!(world.line.lock().unwrap().sent.len(), 50);
    assert!(read(world.rows().fanouts(None, 100)).is_empty());
}

#[test]
fn the_pace_of_a_route_is_held() {
    let (mut world, _) = World::with_phones(OPEN_WORLD, 1_000);
    let began = world.now().0;
    world.post("alice", "1", "hello");
    world.pass(20_000);
    let line = world.line.lock().unwrap();
    assert_eq!(line.sent.len(), 1_000);
    let mut bins = [0; 20];
    line.sent
        .iter()
        .for_each(|(at, ..)| bins[((at - began) / 1_000) as usize] += 1);
    assert!(bins.iter().all(|bin| *bin <= 110), "{bins:?}");
    assert!(bins[..9].iter().all(|bin| *bin >= 98), "{bins:?}");
}

#[test]
fn who_was_busy_gets_the_newest_and_is_told_how_many_more() {
    let (mut world, id) = World::with_phone();
    for item in ["1", "2", "3"] {
        world.post("alice", item, item);
    }
    world.pass(1_000);
    assert_eq!(world.got(1), ["@alice: 3 (+2 more, MORE alice)"]);
    assert_eq!(read(world.rows().held(id)).posts.len(), 2);
    world.post("alice", "4", "4");
    world.pass(1_000);
    assert_eq!(world.got(1).last().unwrap(), "@alice: 4");
}

#[test]
fn a_post_that_was_retracted_or_edited_is_not_sent_as_it_was() {
    let (mut world, _) = World::with_phones(&OPEN_WORLD.replace("rate = 100", "rate = 1"), 10);
    world.post("alice", "1", "mistake");
    world.pass(3_000);
    let before = world.line.lock().unwrap().sent.len();
    assert!((2..6).contains(&before), "{before}");
    world.post("alice", "1", "right");
    world.pass(4_000);
    let sent: Vec<String> = world
        .line
        .lock()
        .unwrap()
        .sent
        .iter()
        .map(|(.., text)| text.clone())
        .collect();
    assert!(sent[..before].iter().all(|text| text == "@alice: mistake"));
    assert!(sent[before..].iter().all(|text| text == "@alice: right") && sent.len() > before);
    world.retract("alice", "1");
    let count = sent.len();
    world.pass(60_000);
    assert_eq!(world.line.lock().unwrap().sent.len(), count);
}

#[test]
fn nothing_leaves_after_stop_and_what_was_under_way_is_void() {
    let (mut world, ids) = World::with_phones(&OPEN_WORLD.replace("rate = 100", "rate = 1"), 5);
    world.post("alice", "1", "hello");
    for number in 0..5 {
        world.stops(number);
    }
    world.core.wake();
    world.pass(60_000);
    for number in 0..5 {
        assert_eq!(world.got(number), ["stopped"], "{number}");
    }
    // Said again on the same day, it is not confirmed again.
    world.hear(0, "stop please", Some("stopped"));
    world.core.wake();
    world.pass(60_000);
    assert_eq!(world.got(0).len(), 1);
    // Nobody but the phone lifts it.
    let refused = world
        .parts
        .commits
        .wait(&reef_sms::tables::Op::Do(reef_sms::tables::Do {
            number: ids[0],
            epoch: None,
            heard: None,
            changes: vec![Change::State(State::Active)],
            say: Vec::new(),
            by: "operator".into(),
        }));
    assert!(refused.is_err());
}

#[test]
fn the_night_is_quiet_and_the_morning_brings_a_digest() {
    let mut world = World::new(&OPEN_WORLD.replace("quiet = 'off'", "quiet = '21:00-08:00'"));
    let (alice, bob) = (world.publisher("alice"), world.publisher("bob"));
    world.subscriber(1, &[alice, bob]);
    world.subscriber(2, &[bob]);
    // Until ten in the evening.
    world.pass(10 * 3_600_000);
    for item in ["1", "2", "3"] {
        world.post("alice", item, item);
    }
    world.post("bob", "1", "good night");
    world.pass(3 * 3_600_000);
    assert!(world.line.lock().unwrap().sent.is_empty());
    world.pass(8 * 3_600_000);
    let digest = world.got(1);
    assert_eq!(digest.len(), 1, "{digest:?}");
    assert!(
        digest[0].starts_with("4 posts: @alice 3, @bob 1. Reply MORE. Latest @bob: good night"),
        "{digest:?}"
    );
    assert_eq!(world.got(2), ["@bob: good night"]);
}

#[test]
fn a_days_cap_is_kept_to() {
    let mut world = World::new(&OPEN_WORLD.replace("daily_segments = 200", "daily_segments = 3"));
    let alice = world.publisher("alice");
    world.subscriber(1, &[alice]);
    for item in 0..6 {
        world.post("alice", &item.to_string(), "hello");
        world.pass(5_000);
    }
    assert_eq!(world.got(1).len(), 3);
    world.pass(13 * 3_600_000);
    assert_eq!(world.got(1).len(), 4);
    assert!(world.got(1)[3].starts_with("3 posts: @alice 3."), "{:?}", world.got(1));
}

#[test]
fn a_route_that_is_too_fast_pauses_as_a_whole_and_nothing_is_lost() {
    let (mut world, _) = World::with_phones(OPEN_WORLD, 20);
    world.answers([Some(Status::Throttled), Some(Status::Throttled)]);
    world.post("alice", "1", "hello");
    world.pass(900);
    let sent = world.line.lock().unwrap().sent.len();
    assert!(sent < 20, "{sent}");
    world.pass(10_000);
    for number in 0..20 {
        assert_eq!(world.got(number).len(), 1, "{number}");
    }
    assert_eq!(world.core.shown()[0].throttles, 2);
}

#[test]
fn what_is_refused_for_a_moment_is_tried_again_and_for_good_is_not() {
    let mut world = World::new(OPEN_WORLD);
    let alice = world.publisher("alice");
    let ids = [world.subscriber(1, &[alice]), world.subscriber(2, &[alice])];
    world.answers([Some(Status::Later), Some(Status::Never(0x0b, true))]);
    world.post("alice", "1", "hello");
    world.pass(4_000);
    assert!(world.got(1).is_empty() && world.got(2).is_empty());
    world.pass(4_000);
    assert_eq!(world.got(1), ["@alice: hello"]);
    assert_eq!(read(world.rows().number(ids[1])).unwrap().state, State::Bad);
}

#[test]
fn what_nobody_knows_of_is_not_sent_again_and_can_be_asked_for() {
    let (mut world, id) = World::with_phone();
    world.answers([None]);
    world.post("alice", "1", "hello");
    world.pass(1_000);
    assert_eq!(read(world.rows().open(None, 10)).len(), 1);
    // kill -9: the intent is there, and no answer.
    let mut world = world.again();
    world.pass(60_000);
    assert!(world.got(1).is_empty());
    assert!(read(world.rows().open(None, 10)).is_empty());
    assert_eq!(read(world.rows().held(id)).posts.len(), 1);
    let last = read(world.rows().number(id)).unwrap();
    assert_eq!(last.state, State::Active);
}

#[test]
fn a_lap_goes_on_after_a_crash_where_it_was() {
    let (mut world, _) = World::with_phones(&OPEN_WORLD.replace("rate = 100", "rate = 10"), 100);
    world.post("alice", "1", "hello");
    world.pass(4_000);
    let before = world.line.lock().unwrap().sent.clone();
    assert!((30..50).contains(&before.len()), "{}", before.len());
    let mut world = world.again();
    world.pass(60_000);
    let after = world.line.lock().unwrap().sent.clone();
    let all: std::collections::BTreeSet<_> = before.iter().chain(&after).map(|(_, to, _)| to.clone()).collect();
    assert_eq!(before.len() + after.len(), 100);
    assert_eq!(all.len(), 100);
}

#[test]
fn small_publishers_are_out_within_their_share_and_nobody_gets_two_before_all_got_one() {
    let mut world = World::new(OPEN_WORLD);
    let huge = world.publisher("huge");
    for number in 0..3_000 {
        world.subscriber(number, &[huge]);
    }
    let small: Vec<_> = (0..20).map(|n| world.publisher(&format!("small{n}"))).collect();
    for (n, node) in small.iter().enumerate() {
        for number in 0..5 {
            world.subscriber(10_000 + n as u64 * 10 + number, &[*node]);
        }
    }
    world.post("huge", "1", "first");
    world.pass(5_000);
    let began = world.now().0;
    (0..20).for_each(|n| world.post(&format!("small{n}"), "1", "small"));
    world.post("huge", "2", "second");
    world.pass(60_000);
    let line = world.line.lock().unwrap();
    let last_small = line
        .sent
        .iter()
        .filter(|(.., text)| text.ends_with("small"))
        .map(|(at, ..)| *at)
        .max()
        .unwrap();
    // 100 texts among 21 publishers at 100 a second: 105 turns.
    assert!(last_small - began <= 1_500, "{}", last_small - began);
    let mut counts = std::collections::HashMap::new();
    let mut firsts = 0;
    for (_, to, text) in line.sent.iter().filter(|(.., text)| text.starts_with("@huge")) {
        let count = counts.entry(to.clone()).or_insert(0);
        *count += 1;
        firsts += usize::from(*count == 1);
        assert!(*count == 1 || firsts == 3_000, "{to} has {text} before all have one");
    }
    assert_eq!(firsts, 3_000);
}

#[test]
fn a_late_answer_settles_what_was_in_doubt() {
    let (mut world, _) = World::with_phone();
    world.answers([Some(Status::InDoubt)]);
    world.post("alice", "1", "hello");
    world.pass(1_000);
    world.late(1, Status::Taken(Some("0A".into())));
    world.pass(1_000);
    assert!(read(world.rows().open(None, 10)).is_empty());
    let closed = read(world.rows().closed(10));
    assert_eq!(closed[0].1.progress, Progress::Acked);
}

#[test]
fn a_plan_that_is_refused_as_a_whole_is_made_anew_and_nobody_is_left_out() {
    let (mut world, _) = World::with_phones(OPEN_WORLD, 50);
    world.post("alice", "1", "hello");
    world.pass(100);
    world.refuses.plans.store(2, std::sync::atomic::Ordering::SeqCst);
    world.pass(20_000);
    for number in 0..50 {
        assert_eq!(world.got(number), ["@alice: hello"], "{number}");
    }
}

#[test]
fn a_message_for_an_account_that_is_away_wakes_a_route_that_has_nothing_to_do() {
    let mut world = World::new(OPEN_WORLD);
    let id = world.subscriber(1, &[]);
    world.change(id, "phone", vec![Change::Account(Some("ann@here".into()))]);
    for text in ["DM @bob: hello", "DM @bob: still there?"] {
        world.pass(60_000);
        world.missed("ann@here", text);
        world.pass(1_000);
        assert_eq!(world.got(1).last().map(String::as_str), Some(text));
    }
    assert_eq!(world.got(1).len(), 2);
}
