//! Records of one commit are decided one after the other; posts, edges and the switch to live keep the order of the log.

mod world;

use reef_engine::config::NodeConfig;
use reef_engine::error::{Error, Reject};
use reef_engine::fanout::Fanout;
use reef_engine::limits::Limits;
use reef_engine::log::apply::NoTables;
use reef_engine::log::record::{Change, Record};
use reef_engine::log::{Applier, NoBus, Work};
use reef_engine::model::{RecordId, Seq, Timestamp};
use reef_engine::outbox::Recent;
use reef_engine::shard::{Drained, Manner};
use reef_engine::store::{RocksStore, rows};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use world::{MICROBLOG, TestClock, World, blog, publish};

const A: &str = "author@reef.test";
const B: &str = "second@reef.test";
const F: &str = "follower@reef.test";
const G: &str = "other@reef.test";

/// Commits the changes at once; their fates in order.
fn in_one_commit(changes: Vec<(&str, Change)>) -> Vec<Result<Seq, Error>> {
    let dir = TempDir::new().expect("a temporary folder");
    let limits = Arc::new(Limits::default());
    let store = RocksStore::open(dir.path(), &[], &limits).expect("the store opens");
    let (fanout, _batches) = Fanout::new(Vec::new());
    let mut applier = Applier {
        store: Arc::new(store),
        tables: Arc::new(NoTables),
        limits,
        clock: Arc::new(TestClock::default()),
        fanout,
        bus: Box::new(NoBus),
        recent: Arc::new(Recent::new(Seq(0))),
        metrics: Arc::default(),
        gauge: Arc::default(),
        peers: Arc::new(|| ()),
        committed: Arc::new(|| ()),
        last: Seq(0),
        swept: Timestamp(0),
        minute: 0,
        sync: true,
    };
    let fates: Arc<Mutex<Vec<_>>> = Arc::default();
    let work = changes.into_iter().enumerate().map(|(id, (by, change))| {
        let told = fates.clone();
        Work::Record {
            id: RecordId(id as u128),
            queued: Timestamp(1),
            record: Record {
                at: Timestamp(1),
                by: by.into(),
                change,
            },
            ticket: Box::new(move |fate| told.lock().expect("one thread").push(fate)),
        }
    });
    let commit = applier.commit(&mut work.collect()).expect("the disk is fine");
    let fates = std::mem::take(&mut *fates.lock().expect("one thread"));
    assert_eq!(commit.records, fates.iter().filter(|fate| fate.is_ok()).count());
    fates.into_iter().map(|fate| fate.map(|applied| applied.seq)).collect()
}

fn create() -> Change {
    let config = NodeConfig::microblog(MICROBLOG);
    Change::CreateNode { node: blog(A), config }
}

fn delete() -> Change {
    Change::DeleteNode {
        node: blog(A),
        redirect: None,
    }
}

fn plain_publish() -> Change {
    match publish(A, "one", "<entry/>") {
        Change::Publish {
            node, item, payload, ..
        } => Change::Publish {
            node,
            item,
            payload,
            open_only: None,
            notes: Vec::new(),
            options: Vec::new(),
            create: None,
        },
        other => other,
    }
}

#[test]
fn of_two_creates_in_one_commit_the_second_is_refused() {
    let fates = in_one_commit(vec![(A, create()), (A, create())]);
    assert_eq!(fates, [Ok(Seq(1)), Err(Reject::NodeExists.into())]);
}

#[test]
fn a_publish_behind_a_delete_in_one_commit_finds_no_node() {
    let fates = in_one_commit(vec![(A, create()), (A, delete()), (A, plain_publish()), (A, create())]);
    let gone = Err(Reject::NodeNotFound.into());
    assert_eq!(fates, [Ok(Seq(1)), Ok(Seq(2)), gone, Ok(Seq(3))]);
}

#[test]
fn a_refused_record_leaves_nothing_and_takes_no_seq() {
    let retract = Change::Retract {
        node: blog(A),
        item: "none".into(),
        notify: false,
    };
    let fates = in_one_commit(vec![(A, create()), (A, retract), (A, plain_publish())]);
    assert_eq!(fates, [Ok(Seq(1)), Err(Reject::ItemNotFound.into()), Ok(Seq(2))]);
}

/// A world in which every fan-out waits for [`reef_engine::shard::Shard::expand`].
fn slow_world(queue_posts: usize) -> World {
    World::with(Limits {
        expand_at_once: 0,
        queue_posts,
        ..Limits::default()
    })
}

/// The shards take what was committed, and expand nothing.
fn apply(world: &mut World) {
    for seat in &mut world.seats {
        for batch in seat.batches.try_iter() {
            seat.shard.apply(&batch);
        }
    }
}

#[test]
fn a_pending_post_from_before_the_follow_is_not_delivered() {
    let mut world = slow_world(100);
    world.publish(A, "before");
    world.publish(B, "before");
    world.follow(G, A);
    world.follow(F, B);
    world.settle(&mut []);
    let early = world.publish(A, "early");
    world.follow(F, A);
    apply(&mut world);
    let mut f = world.attach(F, "phone");
    world.seats[f.seat].shard.available(f.key, Some(Seq(early.0 - 1)));
    world.seats[f.seat].shard.drain(f.key, |_, _| true);
    world.settle(&mut [&mut f]);
    world.publish(A, "late");
    world.settle(&mut [&mut f]);
    assert_eq!(f.items(), ["late"]);
}

#[test]
fn an_overflow_above_a_pending_post_repeats_nothing() {
    let mut world = World::with(Limits {
        expand_at_once: 3,
        queue_posts: 2,
        ..Limits::default()
    });
    world.publish(A, "before");
    world.publish(B, "before");
    // A's fan-out is large, B's is small; F follows only B.
    for n in 0..40 {
        world.follow(&format!("crowd{n}@reef.test"), A);
    }
    world.follow(F, B);
    let mut f = world.attach(F, "phone");
    world.settle(&mut []);
    world.seats[f.seat].shard.available(f.key, Some(Seq(0)));
    world.settle(&mut [&mut f]);
    world.publish(A, "pending");
    world.publish(B, "one");
    apply(&mut world);
    world.drain(&mut f, usize::MAX);
    assert_eq!(f.items(), ["one"]);
    for item in ["two", "three", "four", "five"] {
        world.publish(B, item);
    }
    apply(&mut world);
    world.drain(&mut f, usize::MAX);
    world.settle(&mut [&mut f]);
    assert_eq!(f.items(), ["one", "two", "three", "four", "five"]);
}

#[test]
fn posts_that_are_expanded_together_come_once_and_in_order_to_who_came_left_and_followed_between() {
    let mut world = slow_world(1_000);
    world.publish(A, "before");
    world.publish(B, "before");
    for who in [F, G, "h@reef.test"] {
        world.follow(who, B);
    }
    world.follow(F, A);
    world.follow("h@reef.test", A);
    let mut clients = [F, G, "h@reef.test"].map(|who| world.attach(who, "phone"));
    let [f, g, h] = &mut clients;
    world.settle(&mut []);
    world.seats[f.seat].shard.available(f.key, Some(Seq(6)));
    world.seats[g.seat].shard.available(g.key, Some(Seq(6)));
    world.settle(&mut [f, g]);
    f.got.clear();
    // More than one run takes, nobody begun with; then somebody else's, a change of who follows, and one who comes.
    let (mut all, mut since, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..150 {
        world.publish(A, &format!("p{n}"));
        all.push(format!("p{n}"));
        match n {
            30 => {
                world.publish(B, "b0");
                all.push("b0".into());
                others.push("b0".to_owned());
            }
            60 => world.follow(G, A),
            61.. => since.push(format!("p{n}")),
            _ => {}
        }
        apply(&mut world);
        if n == 100 {
            world.seats[h.seat].shard.available(h.key, Some(Seq(6)));
        }
    }
    world.settle(&mut [f, g, h]);
    assert_eq!(f.items(), all);
    assert_eq!(h.items(), all);
    others.extend(since);
    assert_eq!(g.items(), others);
}

#[test]
fn a_page_of_an_earlier_run_is_not_for_the_next() {
    let mut world = World::new();
    world.publish(A, "before");
    world.follow(F, A);
    for n in 0..100 {
        world.publish(A, &format!("p{n}"));
    }
    let mut f = world.attach(F, "phone");
    world.settle(&mut []);
    let ask = |world: &mut World, key| {
        let shard = &mut world.seats[f.seat].shard;
        while shard.next_dirty().is_some() {}
        shard.drain(key, |_, _| true);
        shard.wanted().expect("it catches up").1
    };
    let shard = &mut world.seats[f.seat].shard;
    shard.available(f.key, Some(Seq(0)));
    let first = ask(&mut world, f.key);
    let page = world.engine.page(&first).expect("the store reads");
    world.seats[f.seat].shard.page(f.key, Some(page));
    let second = ask(&mut world, f.key);
    assert!(second.cursor > first.cursor);
    let late = world.engine.page(&second).expect("the store reads");
    // It goes and comes back, and asks anew, before the page is there.
    let shard = &mut world.seats[f.seat].shard;
    shard.unavailable(f.key);
    shard.available(f.key, Some(Seq(0)));
    let third = ask(&mut world, f.key);
    assert_eq!(third.cursor, second.cursor, "it keeps its place");
    let shard = &mut world.seats[f.seat].shard;
    shard.page(f.key, Some(late));
    assert_eq!(
        shard.drain(f.key, |_, _| false),
        Drained::Empty,
        "nothing is there to write"
    );
    let page = world.engine.page(&third).expect("the store reads");
    world.seats[f.seat].shard.page(f.key, Some(page));
    world.settle(&mut [&mut f]);
    assert_eq!(f.items(), (64..100).map(|n| format!("p{n}")).collect::<Vec<_>>());
}

#[test]
fn a_negative_priority_gives_the_cursor_back_and_keeps_the_place() {
    let mut world = World::new();
    world.publish(A, "before");
    world.follow(F, A);
    let mut f = world.attach(F, "phone");
    world.settle(&mut []);
    world.seats[f.seat].shard.available(f.key, Some(Seq(0)));
    let one = world.publish(A, "one");
    world.settle(&mut [&mut f]);
    world.seats[f.seat].shard.confirm(f.key, one);
    let two = world.publish(A, "two");
    world.settle(&mut [&mut f]);
    let parting = world.seats[f.seat].shard.available(f.key, None).expect("it followed");
    assert_eq!(parting.seq, Seq(two.0 - 1));
    world.publish(A, "three");
    world.settle(&mut [&mut f]);
    assert_eq!(f.items(), ["one", "two"]);
    world.seats[f.seat].shard.available(f.key, Some(Seq(0)));
    world.settle(&mut [&mut f]);
    assert_eq!(f.items(), ["one", "two", "three"], "the same stream gets nothing twice");
    world.seats[f.seat].shard.confirm(f.key, two);
    let parting = world.seats[f.seat].shard.detach(f.key).expect("it followed");
    assert_eq!(parting.seq, two);
}

#[test]
fn what_is_notified_by_presence_confirms_nothing_that_is_still_to_come() {
    let mut world = World::new();
    world.publish(A, "before");
    world.publish(F, "before");
    world.follow(F, A);
    for item in ["one", "two"] {
        world.publish(A, item);
    }
    let mut f = world.attach(F, "phone");
    world.settle(&mut []);
    let shard = &mut world.seats[f.seat].shard;
    shard.interest(f.key, BTreeSet::from([MICROBLOG.into()]));
    shard.available(f.key, Some(Seq(0)));
    let own = world.publish(F, "own");
    apply(&mut world);
    let mut first = Vec::new();
    let shard = &mut world.seats[f.seat].shard;
    shard.drain(f.key, |post, manner| {
        first.push((post.seq, manner));
        true
    });
    shard.confirm(f.key, own);
    assert_eq!(first, [], "the older posts go first");
    world.settle(&mut [&mut f]);
    let manners: Vec<Manner> = f.got.iter().map(|got| got.2).collect();
    assert_eq!(f.items(), ["one", "two", "own"]);
    assert_eq!(manners, [Manner::Delayed, Manner::Delayed, Manner::Notify]);
    let parting = world.seats[f.seat].shard.detach(f.key).expect("it followed");
    assert!(parting.seq < f.got[0].0, "nothing was acknowledged");
}

#[test]
fn an_unread_notification_of_a_followed_node_holds_the_cursor() {
    let mut world = World::new();
    world.publish(F, "before");
    world.follow(F, F);
    let mut f = world.attach(F, "phone");
    world.settle(&mut []);
    let shard = &mut world.seats[f.seat].shard;
    shard.interest(f.key, BTreeSet::from([MICROBLOG.into()]));
    shard.available(f.key, Some(Seq(0)));
    world.settle(&mut [&mut f]);
    let own = world.publish(F, "own");
    apply(&mut world);
    let parting = world.seats[f.seat].shard.detach(f.key).expect("it followed");
    assert!(parting.seq < own);
}

#[test]
fn the_outcome_of_a_follow_says_its_place_in_the_order() {
    let world = World::new();
    let before = world.publish(A, "before");
    world.follow(F, A);
    let after = world.publish(A, "after");
    let view = world.engine.view();
    let node = rows::node_id(view, &blog(A))
        .expect("the store reads")
        .expect("it is there");
    let row = rows::subscription(view, node, world.id(F)).expect("the store reads");
    let since = row.expect("he follows").since;
    assert!(before < since && since < after);
}

/// Else a driver that composes for several sessions before it sends would have two compositions of one among them.
#[test]
fn one_who_goes_live_while_he_is_drained_does_not_come_up_again_by_himself() {
    let mut world = World::with(Limits {
        expand_at_once: 0,
        ..Limits::default()
    });
    world.publish(A, "before");
    world.follow(F, A);
    let mut f = world.attach(F, "phone");
    world.settle(&mut []);
    let shard = &mut world.seats[f.seat].shard;
    let last = shard.watermark();
    shard.available(f.key, Some(last));
    for n in 0..9 {
        world.publish(A, &format!("p{n}"));
    }
    let seat = &mut world.seats[f.seat];
    seat.batches.try_iter().for_each(|batch| seat.shard.apply(&batch));
    assert_eq!(seat.shard.next_dirty(), Some(f.key));
    assert_eq!(world.drain(&mut f, 3), 3, "he went live, and there is more");
    let shard = &mut world.seats[f.seat].shard;
    assert_eq!(shard.next_dirty(), None, "his driver says when he comes up again");
    shard.more(f.key);
    assert_eq!(shard.next_dirty(), Some(f.key));
    world.settle(&mut [&mut f]);
    assert_eq!(f.items(), (0..9).map(|n| format!("p{n}")).collect::<Vec<_>>());
}

#[test]
fn what_somebody_follows_is_read_once_a_run_and_again_when_it_changes() {
    let mut world = World::new();
    world.publish(A, "before");
    world.publish(B, "before");
    world.follow(F, A);
    for n in 0..200 {
        world.publish(A, &format!("p{n}"));
    }
    let mut f = world.attach(F, "phone");
    world.settle(&mut []);
    world.seats[f.seat].shard.available(f.key, Some(Seq(0)));
    let next = |world: &mut World, f: &mut world::Client| {
        world.drain(f, usize::MAX);
        let (_, request) = world.seats[f.seat].shard.wanted().expect("it catches up");
        let page = world.engine.page(&request).expect("the store reads");
        world.seats[f.seat].shard.page(f.key, Some(page));
        request.following.map(|following| following.len())
    };
    assert_eq!(next(&mut world, &mut f), None);
    assert_eq!(next(&mut world, &mut f), Some(1));
    world.follow(F, B);
    world.publish(B, "b0");
    let seat = &mut world.seats[f.seat];
    for batch in seat.batches.try_iter() {
        seat.shard.apply(&batch);
    }
    while seat.shard.expand(1000) {}
    assert_eq!(next(&mut world, &mut f), None, "somebody more is followed");
    assert_eq!(next(&mut world, &mut f), Some(2));
    world.settle(&mut [&mut f]);
    let mut all: Vec<String> = (0..200).map(|n| format!("p{n}")).collect();
    all.push("b0".into());
    assert_eq!(f.items(), all);
}
