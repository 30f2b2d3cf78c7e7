//! Posts that did not go out as they came: what a phone is told of them later, and that it is told of none that it does not want.

#![allow(clippy::unwrap_used, reason = "what fails ends the test")]

mod common;

use common::{OPEN_WORLD, World, read};
use reef_sms::route::Told;
use reef_sms::tables::Change;

const HOUR: u64 = 3_600_000;

#[test]
fn who_wants_no_answers_to_others_finds_none_in_a_digest() {
    let mut world = World::new(&OPEN_WORLD.replace("quiet = 'off'", "quiet = '21:00-08:00'"));
    let (alice, bob) = (world.publisher("alice"), world.publisher("bob"));
    let ids = [
        world.subscriber(1, &[alice, bob]),
        world.subscriber(2, &[alice, bob]),
        world.subscriber(3, &[bob]),
    ];
    for (id, replies) in ids.iter().zip([false, true, false]) {
        world.change(*id, "phone", vec![Change::Replies(replies)]);
    }
    // Until ten in the evening.
    world.pass(10 * HOUR);
    world.post("alice", "1", "good night");
    world.post("alice", "2", "all of you");
    world.post("bob", "1", "@alice sleep well");
    world.pass(12 * HOUR);
    assert_eq!(
        world.got(1),
        ["2 posts: @alice 2. Reply MORE. Latest @alice: all of you"]
    );
    assert_eq!(
        world.got(2),
        ["3 posts: @alice 2, @bob 1. Reply MORE. Latest @bob: @alice sleep well"]
    );
    assert_eq!(world.got(3), Vec::<String>::new());
    assert_eq!(read(world.rows().held(ids[0])).posts.len(), 2);
}

#[test]
fn a_post_that_was_too_old_before_a_phone_got_it_is_told_of_with_the_next() {
    let mut world = World::new(&OPEN_WORLD.replace("quiet = 'off'", "quiet = 'off'\n post_expiry = '60s'"));
    let alice = world.publisher("alice");
    let id = world.subscriber(1, &[alice]);
    world.post("alice", "1", "1");
    world.pass(1_000);
    world.core.told(0, Told::Down("gone".into()), world.now());
    for item in ["2", "3"] {
        world.post("alice", item, item);
        world.pass(120_000);
    }
    world.post("alice", "4", "@bob 4");
    world.pass(120_000);
    world.core.told(0, Told::Up, world.now());
    world.pass(120_000);
    assert_eq!(world.got(1), ["@alice: 1"]);
    world.post("alice", "5", "5");
    world.pass(1_000);
    assert_eq!(world.got(1)[1..], ["@alice: 5 (+2 more, MORE alice)"]);
    assert_eq!(read(world.rows().held(id)).posts.len(), 2);
    // Once.
    world.post("alice", "6", "6");
    world.pass(1_000);
    assert_eq!(world.got(1)[2..], ["@alice: 6"]);
}

#[test]
fn a_post_that_a_phone_got_and_that_was_edited_since_is_no_other_post() {
    let mut world = World::new(OPEN_WORLD);
    let alice = world.publisher("alice");
    world.subscriber(1, &[alice]);
    world.post("alice", "1", "helo");
    world.pass(1_000);
    world.post("alice", "1", "hello");
    world.post("alice", "2", "how are you?");
    world.pass(1_000);
    assert_eq!(world.got(1), ["@alice: helo", "@alice: how are you?"]);
}
