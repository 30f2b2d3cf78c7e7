//! What limits are for: each at its edge, where something was once lost, sent twice, or done over and over.

#![allow(clippy::unwrap_used, reason = "what fails ends the test")]

mod common;

use common::{OPEN_WORLD, World, read};
use reef_engine::error::{Error, Reject};
use reef_engine::model::Timestamp;
use reef_sms::schedule::Status;
use reef_sms::tables::rows::{Asked, Class, Progress, State};
use reef_sms::tables::{Change, NewCode, Op};

#[test]
fn stop_that_is_said_twice_at_once_is_confirmed_once() {
    let (mut world, id) = World::with_phone();
    let first = world.hear(1, "STOP", Some("stopped"));
    let second = world.hear(1, "STOP!", Some("stopped"));
    for outcome in [first, second] {
        world.parts.voids.set(id, outcome.epoch, world.now());
    }
    world.core.wake();
    world.pass(5_000);
    assert_eq!(world.got(1), ["stopped"]);
}

#[test]
fn help_is_answered_again_on_the_next_day_by_a_number_that_gets_nothing_else() {
    let mut world = World::new(OPEN_WORLD);
    let id = world.hear(1, "help", None).number.unwrap();
    world.change(id, "phone", vec![Change::Helped, Change::Helped, Change::Helped]);
    assert_eq!(read(world.rows().usage(id)).helps, 3);
    world.pass(24 * 3_600_000);
    world.hear(1, "help again", None);
    assert_eq!(read(world.rows().usage(id)).helps, 0);
}

#[test]
fn an_answer_above_the_days_limit_is_dropped_once_and_costs_no_commit_after_another() {
    let mut world = World::new(&OPEN_WORLD.replace("burst = 100", "burst = 100\ndaily_answers = 2"));
    let id = world.hear(1, "hello", None).number.unwrap();
    for text in ["one", "two", "three", "four"] {
        world.say(id, Class::Answer, text);
    }
    world.core.wake();
    let before = world.hear(2, "mark", None).heard.unwrap();
    world.pass(60_000);
    let after = world.hear(2, "mark", None).heard.unwrap();
    assert_eq!(world.got(1), ["one", "two"]);
    assert!(after - before < 40, "{} commits in a minute", after - before);
}

#[test]
fn what_is_above_a_days_digests_comes_on_the_next_day() {
    let settings = OPEN_WORLD.replace("burst = 100", "burst = 1\ndigests_per_day = 1");
    let mut world = World::new(&settings);
    let alice = world.publisher("alice");
    world.subscriber(1, &[alice]);
    world.post("alice", "first", "hello");
    world.pass(1_000);
    for round in 0..3 {
        for item in 0..3 {
            world.post("alice", &format!("{round} {item}"), "hello");
        }
        world.pass(11 * 60_000);
    }
    let today = world.got(1);
    assert_eq!(today.len(), 2, "{today:?}");
    assert!(today[1].starts_with("3 posts: @alice 3."), "{today:?}");
    world.pass(24 * 3_600_000);
    let got = world.got(1);
    assert_eq!(got.len(), 3, "{got:?}");
    assert!(got[2].starts_with("6 posts: @alice 6."), "{got:?}");
}

#[test]
fn a_route_that_refuses_for_its_own_reasons_makes_no_number_dormant() {
    let (mut world, id) = World::with_phone();
    for item in ["1", "2", "3", "4"] {
        // The sender's address is not allowed: that is the operator's to mend.
        world.answers([Some(Status::Never(0x0a, false))]);
        world.post("alice", item, "hello");
        world.pass(2_000);
    }
    assert_eq!(read(world.rows().number(id)).unwrap().state, State::Active);
    world.post("alice", "5", "mended");
    world.pass(2_000);
    assert_eq!(world.got(1), ["@alice: mended"]);
}

#[test]
fn what_is_told_late_that_it_was_too_fast_goes_when_the_pause_ends() {
    let (mut world, _) = World::with_phone();
    world.answers([None]);
    world.post("alice", "1", "hello");
    world.pass(10_000);
    let now = world.now();
    world.late(1, Status::Throttled);
    let next = world.settle().unwrap();
    assert!(next.0 <= now.0 + 1_000, "it sleeps for {} ms", next.0 - now.0);
    world.pass(2_000);
    assert_eq!(world.got(1), ["@alice: hello"]);
}

#[test]
fn an_answer_in_doubt_is_sent_once_more_whatever_is_said_late() {
    let mut world = World::new(OPEN_WORLD);
    let id = world.hear(1, "hello", None).number.unwrap();
    world.answers([Some(Status::InDoubt), None]);
    world.say(id, Class::Answer, "hello yourself");
    world.core.wake();
    world.pass(2_000);
    for late in [Status::Throttled, Status::InDoubt, Status::Later, Status::Unwritten] {
        world.late(1, late);
    }
    world.pass(700_000);
    // Twice, of which the script kept both.
    assert_eq!(world.segments(), 2);
}

/// An account asks for a code for a number, until then; or takes back what it asked for.
fn code(world: &World, account: &str, number: u64, until: Option<Timestamp>) -> Op {
    let phone = World::phone(number);
    Op::Code {
        account: account.into(),
        made: until.map(|until| NewCode {
            code: [1; 16],
            hash: world.parts.keys.hash(&phone),
            sealed: world.parts.keys.seal(phone.e164().as_bytes()).unwrap(),
            route: world.routes[0],
            from_phone: true,
            until,
            most: 3,
            most_of_account: 5,
            say: None,
        }),
    }
}

/// In ten minutes.
fn soon(world: &World) -> Option<Timestamp> {
    Some(Timestamp(world.now().0 + 600_000))
}

#[test]
fn an_account_asks_for_five_codes_a_day_for_whatever_numbers() {
    let world = World::new(OPEN_WORLD);
    for number in 1..=5 {
        world.commit(&code(&world, "ann@here", number, soon(&world)));
    }
    let sixth = world.parts.commits.wait(&code(&world, "ann@here", 6, soon(&world)));
    assert!(matches!(sixth, Err(Error::Rejected(Reject::TooFast(_)))), "{sixth:?}");
    world.clock.pass(86_400_000);
    world.commit(&code(&world, "ann@here", 6, soon(&world)));
}

#[test]
fn codes_of_a_day_are_counted_whatever_becomes_of_them_and_whoever_asks() {
    let world = World::new(OPEN_WORLD);
    let code = |account: &str, made: bool| code(&world, account, 1, soon(&world).filter(|_| made));
    world.commit(&code("ann@here", true));
    world.commit(&code("ann@here", false));
    world.commit(&code("ben@here", true));
    world.commit(&code("eve@here", true));
    let fourth = world.parts.commits.wait(&code("joe@here", true));
    assert!(matches!(fourth, Err(Error::Rejected(Reject::TooFast(_)))), "{fourth:?}");
    // What was taken back is good no longer.
    assert_eq!(read(world.rows().code("ann@here")).unwrap().until, Timestamp(0));
}

#[test]
fn start_lets_go_of_what_was_held_before() {
    let (mut world, id) = World::with_phone();
    for item in ["1", "2", "3"] {
        world.post("alice", item, item);
    }
    world.pass(1_000);
    assert_eq!(read(world.rows().held(id)).posts.len(), 2);
    world.hear(1, "STOP", Some("stopped"));
    world.post("alice", "4", "while stopped");
    world.pass(1_000);
    world.change(id, "phone", vec![Change::State(State::Active)]);
    assert!(read(world.rows().held(id)).posts.is_empty());
    world.post("alice", "5", "from now");
    world.pass(2_000);
    assert_eq!(world.got(1).last().unwrap(), "@alice: from now");
    assert!(!world.got(1).iter().any(|text| text.contains("while stopped")));
    let closed = read(world.rows().closed(100));
    assert!(closed.iter().all(|(_, row)| row.progress == Progress::Acked));
}

#[test]
fn a_number_is_not_forgotten_while_it_is_spoken_with() {
    const HOUR: u64 = 3_600_000;
    let mut world = World::new(OPEN_WORLD);
    let asked = world.hear(1, "hello", None).number.unwrap();
    let coded = world.hear(2, "hello", None).number.unwrap();
    let talks = world.hear(3, "hello", None).number.unwrap();
    let silent = world.hear(4, "hello", None).number.unwrap();
    world.pass(23 * HOUR);
    let until = Timestamp(world.now().0 + 2 * HOUR);
    world.change(
        asked,
        "phone",
        vec![Change::Ask(Asked::Follow("alice@here".into()), until)],
    );
    world.hear(3, "hello again", None);
    world.commit(&code(&world, "bob@here", 2, Some(until)));
    world.pass(2 * HOUR - 60_000);
    let is_known = |world: &World, id| read(world.rows().number(id)).is_some();
    assert!(!is_known(&world, silent));
    assert!(is_known(&world, asked) && is_known(&world, coded) && is_known(&world, talks));
    // A day behind the last of it they are.
    world.pass(49 * HOUR);
    assert!(!is_known(&world, asked) && !is_known(&world, coded) && !is_known(&world, talks));
}

#[test]
fn what_is_under_way_is_read_in_pages_of_any_size_and_whole() {
    let (mut world, _) = World::with_phones(OPEN_WORLD, 7);
    world.answers(std::iter::repeat_n(None, 7));
    world.post("alice", "1", "hello");
    world.pass(1_000);
    let all = read(world.rows().open(None, 100));
    assert_eq!(all.len(), 7);
    for most in 1..8 {
        let (mut pages, mut after) = (Vec::new(), None);
        loop {
            let page = read(world.rows().open(after, most));
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            pages.extend(page);
        }
        assert_eq!(pages, all);
    }
}

#[test]
fn answers_that_come_too_fast_for_the_route_keep_their_order() {
    let mut world = World::new(OPEN_WORLD);
    let id = world.hear(1, "hello", None).number.unwrap();
    let texts = ["one", "two", "three", "four", "five"];
    texts.iter().for_each(|text| world.say(id, Class::Answer, text));
    // The first twice, while the others become ready, then all of them.
    world.answers(std::iter::repeat_n(Some(Status::Throttled), 2 + texts.len()));
    world.core.wake();
    world.pass(60_000);
    assert_eq!(world.got(1), texts);
}

#[test]
fn who_gets_one_segment_a_day_gets_long_posts_cut_to_it_on_any_day() {
    let (mut world, id) = World::with_phone();
    world.change(id, "phone", vec![Change::Limit(Some(1))]);
    for day in 0..2 {
        world.post("alice", &day.to_string(), &format!("{day} {}", "long ".repeat(60)));
        world.pass(25 * 3_600_000);
    }
    let got = world.got(1);
    assert_eq!(got.len(), 2, "{got:?}");
    assert!(got.iter().all(|text| text.len() <= 160), "{got:?}");
}

#[test]
fn a_post_that_its_route_refuses_until_it_is_too_old_can_be_asked_for() {
    let (mut world, id) = World::with_phone();
    world.answers(std::iter::repeat_n(Some(Status::Later), 5));
    world.post("alice", "1", "hello");
    world.pass(3_600_000);
    assert_eq!(world.got(1), Vec::<String>::new());
    assert_eq!(read(world.rows().held(id)).posts.len(), 1);
    assert_eq!(world.core.shown()[0].expired, 1);
}

#[test]
fn what_grew_old_while_a_route_was_paused_is_not_planned_and_is_counted() {
    let (mut world, _) = World::with_phone();
    let route = world.routes[0];
    world.core.pause(route, true);
    world.post("alice", "1", "old");
    world.pass(7 * 3_600_000);
    world.core.pause(route, false);
    world.pass(1_000);
    assert_eq!(world.core.shown()[0].expired, 1);
    assert!(read(world.rows().closed(10)).is_empty(), "nothing was paid for");
    world.post("alice", "2", "new");
    world.pass(1_000);
    // It is told of, and can be asked for.
    assert_eq!(world.got(1), ["@alice: new (+1 more, MORE alice)"]);
}
