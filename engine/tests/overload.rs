//! Too much to do: what is given up, in which order, and that all of it comes back.

mod world;

use crossbeam::channel::{Receiver, Sender, bounded};
use reef_engine::Engine;
use reef_engine::error::{Error, StoreError};
use reef_engine::fanout::Batch;
use reef_engine::index::Index;
use reef_engine::limits::{CATCH_UPS_DELAYED, EXPANSIONS_MAX, Limits, SHARD_BATCHES_MAX};
use reef_engine::log::Pressure;
use reef_engine::log::apply::{Effect, NoTables};
use reef_engine::log::record::Change;
use reef_engine::metrics::Metrics;
use reef_engine::model::{Audience, Event, NodeId, Origin, Post, Seq, Shown, SubscriberId, Timestamp, VShard};
use reef_engine::shard::{Drained, Key, Manner, Shard};
use reef_engine::store::keys::Family;
use reef_engine::store::{Each, Range, RocksStore, Store, View, Write};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use tempfile::TempDir;
use world::{MICROBLOG, TestClock, World, blog, options, publish};

const A: &str = "author@reef.test";
const F: &str = "follower@reef.test";

/// A RocksDB that says when it is to write records, and waits until it may.
struct Slow {
    rocks: RocksStore,
    begun: Sender<()>,
    may: Receiver<()>,
}

impl View for Slow {
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.rocks.get(family, key)
    }

    fn scan(&self, family: Family, range: &Range, each: Each<'_>) -> Result<(), StoreError> {
        self.rocks.scan(family, range, each)
    }
}

impl Store for Slow {
    fn write(&self, writes: Vec<Write>, sync: bool) -> Result<(), StoreError> {
        if writes.iter().any(|w| w.family == Family::LOG) {
            // Closed channels let everything through.
            let _ = self.begun.send(());
            let _ = self.may.recv();
        }
        self.rocks.write(writes, sync)
    }

    fn checkpoint(&self, dir: &Path) -> Result<(), StoreError> {
        self.rocks.checkpoint(dir)
    }
}

#[test]
fn publishes_are_refused_while_the_commit_queue_is_too_old_and_nothing_else_is() {
    let dir = TempDir::new().expect("a temporary folder");
    let ((begun, begins), (go, may)) = (bounded(1), bounded(1));
    let rocks = RocksStore::open(dir.path(), &[], &Limits::default()).expect("the store opens");
    let clock = Arc::<TestClock>::default();
    let options = options(dir.path(), Limits::default(), Arc::new(NoTables), clock.clone());
    let (engine, _seats) = Engine::over(Arc::new(Slow { rocks, begun, may }), options).expect("it starts");
    let (told, fates) = bounded(2);
    let submit = |by: &str, change| {
        let told = told.clone();
        let ticket = Box::new(move |fate| drop(told.send(fate)));
        engine.admission.submit(by, change, ticket)
    };
    assert_eq!(submit(A, publish(A, "one", "<entry/>")), Ok(()));
    begins.recv().expect("it is written");
    let most = Limits::default().commit_queue_age_ms;
    let steps = [0, most / 4 + 1, most / 4, most / 2].map(|ms| {
        clock.pass(ms);
        engine.pressure()
    });
    let ladder = [
        Pressure::None,
        Pressure::DelayCatchUp,
        Pressure::MergeMore,
        Pressure::Refuse,
    ];
    assert_eq!(steps, ladder);
    assert_eq!(submit(A, publish(A, "two", "<entry/>")), Err(Error::Busy));
    assert_eq!(engine.metrics.refused.get(), 1);
    let node = blog(A);
    let subscriber = F.into();
    assert_eq!(submit(F, Change::follow(node, subscriber)), Ok(()));
    drop((go, begins));
    for _ in 0..2 {
        fates.recv().expect("the ticket is called").expect("nothing fails");
    }
    assert_eq!(engine.pressure(), Pressure::None);
    let again = engine.admission.submit_and_wait(A, publish(A, "two", "<entry/>"));
    again.expect("it is taken again");
}

#[test]
fn shards_that_fall_behind_delay_catching_up_and_then_have_writes_merged_until_they_are_there() {
    let mut world = World::new();
    let mut published = 0;
    for (behind, pressure) in [
        (SHARD_BATCHES_MAX / 4, Pressure::None),
        (SHARD_BATCHES_MAX / 4 + 1, Pressure::DelayCatchUp),
        (SHARD_BATCHES_MAX / 2, Pressure::DelayCatchUp),
        (SHARD_BATCHES_MAX / 2 + 1, Pressure::MergeMore),
    ] {
        while published < behind {
            world.publish(A, &format!("p{published}"));
            published += 1;
        }
        assert_eq!(world.engine.pressure(), pressure, "{behind} behind");
    }
    world.settle(&mut []);
    // Nothing that a shard must hear of is committed any more.
    world.pass(0);
    assert_eq!(world.engine.pressure(), Pressure::None);
}

fn shard(limits: Limits, followers: u32, last: Seq) -> (Shard, Arc<Metrics>) {
    let mut index = Index::default();
    let ids: Vec<u32> = (1..=followers).collect();
    index.append(NodeId(1), &ids);
    let metrics = Arc::<Metrics>::default();
    let shard = Shard::new(0, 1, Arc::new(limits), metrics.clone(), 1, index, last);
    (shard, metrics)
}

fn wanted(shard: &mut Shard) -> Vec<Key> {
    std::iter::from_fn(|| shard.wanted()).map(|(key, _)| key).collect()
}

#[test]
fn while_catching_up_is_delayed_few_pages_are_read_at_once_and_later_the_rest() {
    let limits = Limits {
        catch_ups_parallel: 4,
        ..Limits::default()
    };
    let (mut shard, _) = shard(limits, 6, Seq(100));
    for id in 1..=6 {
        let key = shard.attach(SubscriberId(id), Some("phone"));
        shard.available(key, Some(Seq(1)));
        assert_eq!(shard.drain(key, |_, _| true), Drained::Empty);
    }
    shard.press(Pressure::DelayCatchUp);
    let first = wanted(&mut shard);
    assert_eq!(first.len(), CATCH_UPS_DELAYED);
    shard.press(Pressure::MergeMore);
    assert_eq!(wanted(&mut shard), []);
    // Its page could not be read: somebody else's turn comes first.
    shard.page(first[0], None);
    let next = wanted(&mut shard);
    assert!(next.len() == 1 && !first.contains(&next[0]), "{next:?} after {first:?}");
    shard.press(Pressure::None);
    assert_eq!(wanted(&mut shard).len(), 4 - CATCH_UPS_DELAYED);
}

fn bring(shard: &mut Shard, seq: u64, audience: Audience) -> Arc<Post> {
    let post = Arc::new(Post {
        seq: Seq(seq),
        origin: Origin::default(),
        node: NodeId(1),
        name: blog(A),
        item: "item".into(),
        at: Timestamp(seq),
        event: Event::Publish {
            payload: Vec::new().into(),
            publisher: A.into(),
        },
        audience,
        shown: Shown {
            payload: true,
            publisher: true,
            body: false,
            kind: reef_engine::config::NotificationType::Headline,
        },
        remote: false,
        only: None,
        live: OnceLock::new(),
        delayed: OnceLock::new(),
    });
    shard.apply(&Batch {
        upto: Seq(seq),
        effects: vec![(Seq(seq), Effect::Post(post.clone()))],
        notices: Vec::new(),
    });
    post
}

/// A session's queue has no end here, so that the bound is the shard's.
fn endless() -> Limits {
    Limits {
        queue_posts: usize::MAX,
        shard_recent: 1,
        ..Limits::default()
    }
}

#[test]
fn who_missed_nothing_that_he_follows_is_live_without_a_page_and_who_may_have_asks_for_one() {
    let (mut shard, _) = shard(Limits::default(), 1, Seq(1));
    let come = |shard: &mut Shard, id, cursor| {
        let key = shard.attach(SubscriberId(id), Some("phone"));
        shard.available(key, Some(Seq(cursor)));
        assert_eq!(shard.drain(key, |_, _| panic!("nothing is due")), Drained::Empty);
        shard.wanted().map(|(_, request)| request.cursor)
    };
    bring(&mut shard, 2, Audience::None);
    assert_eq!(
        come(&mut shard, 1, 1),
        Some(Seq(1)),
        "a post of one whom he follows came"
    );
    assert_eq!(come(&mut shard, 2, 1), None, "he follows nobody");
    assert_eq!(come(&mut shard, 1, 2), None, "he has it");
    assert_eq!(come(&mut shard, 2, 0), Some(Seq(0)), "too long ago to tell");
    let follow = Effect::Follow {
        node: NodeId(1),
        subscriber: SubscriberId(2),
        vshard: VShard::of(A),
    };
    shard.apply(&Batch {
        upto: Seq(3),
        effects: vec![(Seq(3), follow)],
        notices: Vec::new(),
    });
    assert_eq!(come(&mut shard, 2, 1), Some(Seq(1)), "only the log knows since when");
    assert_eq!(come(&mut shard, 2, 2), None);
    let key = shard.attach(SubscriberId(2), Some("tablet"));
    shard.available(key, Some(Seq(2)));
    assert_eq!(shard.drain(key, |_, _| panic!("nothing is due")), Drained::Empty);
    bring(&mut shard, 4, Audience::None);
    let mut got = Vec::new();
    shard.drain(key, |post, manner| {
        got.push((post.seq, manner));
        true
    });
    assert_eq!(got, [(Seq(4), Manner::Follower)], "and what comes then is live");
}

#[test]
fn who_comes_while_a_post_to_others_is_being_expanded_is_live_without_a_page_too() {
    let limits = Limits {
        expand_at_once: 0,
        ..Limits::default()
    };
    let (mut shard, _) = shard(limits, 1, Seq(1));
    bring(&mut shard, 2, Audience::None);
    let key = shard.attach(SubscriberId(2), Some("phone"));
    shard.available(key, Some(Seq(1)));
    assert_eq!(shard.drain(key, |_, _| panic!("nothing is due")), Drained::Empty);
    assert_eq!(wanted(&mut shard), [], "it waits for the watermark");
    while shard.expand(usize::MAX) {}
    assert_eq!(wanted(&mut shard), []);
    assert_eq!(shard.next_dirty(), Some(key));
    assert_eq!(shard.drain(key, |_, _| panic!("nothing is due")), Drained::Empty);
    shard.available(key, None).expect("it was live, and has a cursor");
}

#[test]
fn one_who_does_not_read_is_let_go_when_a_shard_holds_too_many_posts_and_others_miss_nothing() {
    let (mut shard, metrics) = shard(endless(), 2, Seq(1));
    let [slow, quick] = [1, 2].map(|id| {
        let key = shard.attach(SubscriberId(id), Some("phone"));
        shard.available(key, Some(Seq(1)));
        assert_eq!(shard.drain(key, |_, _| true), Drained::Empty);
        key
    });
    let mut got = Vec::new();
    let mut next = |shard: &mut Shard, seq| {
        let post = bring(shard, seq, Audience::None);
        shard.drain(quick, |post, _| {
            got.push(post.seq.0);
            true
        });
        Arc::downgrade(&post)
    };
    let most = EXPANSIONS_MAX as u64;
    let first = next(&mut shard, 2);
    (3..most + 2).for_each(|seq| drop(next(&mut shard, seq)));
    assert!(
        first.upgrade().is_some() && metrics.slow.get() == 0,
        "there is room for all"
    );
    next(&mut shard, most + 2);
    assert!(first.upgrade().is_none() && metrics.slow.get() == 1, "the log has them");
    assert_eq!(got, (2..=most + 2).collect::<Vec<_>>());
    assert_eq!(shard.drain(slow, |_, _| panic!("its queue was let go")), Drained::Empty);
    let request = shard.wanted().map(|(key, request)| (key, request.cursor));
    assert_eq!(request, Some((slow, Seq(1))), "it catches up from what it had");
}

#[test]
fn what_is_due_by_presence_alone_loses_its_oldest_half_when_a_shard_holds_too_many_posts() {
    let (mut shard, metrics) = shard(endless(), 0, Seq(1));
    let deaf = shard.attach(SubscriberId(1), None);
    shard.interest(deaf, BTreeSet::from([MICROBLOG.into()]));
    shard.available(deaf, None);
    let most = EXPANSIONS_MAX as u64;
    for seq in 2..=most + 2 {
        bring(&mut shard, seq, Audience::Only(vec![SubscriberId(1)].into()));
    }
    let mut got = Vec::new();
    let drained = shard.drain(deaf, |post, manner| {
        assert_eq!(manner, Manner::Notify);
        got.push(post.seq.0);
        true
    });
    assert_eq!((drained, metrics.slow.get()), (Drained::Empty, 0));
    assert_eq!(got, (2 + most / 2..=most + 2).collect::<Vec<_>>());
}
