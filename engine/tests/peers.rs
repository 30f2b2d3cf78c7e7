//! Followers at other servers: a post costs a pointer for each server, who follows is found when it is sent, and what was
//! confirmed is not sent again.

mod world;

use reef_engine::config::SubscriptionState;
use reef_engine::error::Reject;
use reef_engine::limits::Limits;
use reef_engine::log::apply::Tables;
use reef_engine::log::record::{Change, Mirrored};
use reef_engine::model::{NodeName, PeerId, Seq, Timestamp};
use reef_engine::outbox::peers::{self, PeerPage, PeerRequest};
use reef_engine::store::keys::{self, Family};
use reef_engine::store::rows::{self, PeerCursor};
use reef_engine::store::{Range, View};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;
use world::{MICROBLOG, World, blog, publish};

const JULIET: &str = "juliet@reef.test";
const AWAY: &str = "away.test";

/// Who is not of `reef.test` lives at the server of his domain.
struct Elsewhere;

impl Tables for Elsewhere {
    fn peer(&self, _: &str, jid: &str) -> Option<String> {
        let (_, domain) = jid.split_once('@')?;
        (domain != "reef.test").then(|| domain.to_owned())
    }

    fn elsewhere<'j>(&self, jid: &'j str) -> Option<&'j str> {
        let (_, domain) = jid.split_once('@')?;
        (domain != "reef.test").then_some(domain)
    }
}

struct Peers {
    world: World,
    woken: crossbeam::channel::Receiver<Vec<PeerId>>,
}

impl Peers {
    fn new() -> Peers {
        Peers::with(Limits::default())
    }

    fn with(limits: Limits) -> Peers {
        let world = World::with_tables(limits, Arc::new(Elsewhere));
        world.publish(JULIET, "first");
        Peers::of(world)
    }

    fn of(world: World) -> Peers {
        let (wakes, woken) = crossbeam::channel::bounded(1024);
        world
            .engine
            .on_peers(Arc::new(move |peers| drop(wakes.send(peers.to_vec()))));
        Peers { world, woken }
    }

    fn restart(self) -> Peers {
        Peers::of(self.world.restart())
    }

    fn peer(&self, name: &str) -> PeerId {
        let peer = rows::peer_id(self.world.engine.view(), name).expect("the store reads");
        peer.expect("somebody follows from there")
    }

    /// Waits until nothing is unsorted.
    fn sorted(&self) {
        let unsorted = |view: &dyn View| {
            let mut any = false;
            let range = Range::prefix(&PeerId::UNSORTED.0.to_be_bytes());
            view.scan(Family::PEER_OUTBOX, &range, &mut |_, _| {
                any = true;
                ControlFlow::Break(())
            })
            .expect("the store reads");
            any
        };
        while unsorted(self.world.engine.view()) {
            self.woken
                .recv_timeout(Duration::from_secs(30))
                .expect("the sorter wakes who has something to send");
        }
    }

    fn request(&self, name: &str) -> PeerRequest {
        PeerRequest {
            peer: self.peer(name),
            after: peers::begin(self.world.engine.view(), self.peer(name)).expect("the store reads"),
            backlog: None,
            sent: Seq(0),
            most: 100,
            bytes: 1 << 20,
            whole: false,
            oldest: Timestamp(0),
        }
    }

    fn page(&self, request: &PeerRequest) -> PeerPage {
        self.world.engine.peer_page(request).expect("the store reads")
    }

    fn due(&self, name: &str) -> Vec<String> {
        said(&self.page(&self.request(name)))
    }

    /// Everything of the page was delivered.
    fn confirm(&self, name: &str, page: &PeerPage) {
        let whole: Vec<Seq> = page.due.iter().filter(|due| due.last).map(|due| due.post.seq).collect();
        let writes = peers::delivered(self.peer(name), &[whole, page.empty.clone()].concat(), page.upto);
        self.world.engine.admission.cursors(writes);
        // Behind them in the queue.
        self.world.pass(0);
    }
}

/// Each entry with who gets it, as `item: name name`.
fn said(page: &PeerPage) -> Vec<String> {
    let names = |due: &peers::PeerDue| -> Vec<String> {
        let bare = |jid: &Arc<str>| jid.split_once('@').map_or(String::new(), |(name, _)| name.to_owned());
        due.to.iter().map(|(_, jid)| bare(jid)).collect()
    };
    let due = page.due.iter();
    due.map(|due| format!("{}: {}", world::said(&due.post), names(due).join(" ")))
        .collect()
}

#[test]
fn a_post_is_one_pointer_for_each_server_and_goes_to_those_who_follow_when_it_is_sent() {
    let peers = Peers::new();
    peers.world.publish(JULIET, "before");
    for who in ["a@away.test", "b@away.test", "c@third.test", "romeo@reef.test"] {
        peers.world.follow(who, JULIET);
    }
    for item in ["1", "2"] {
        peers.world.publish(JULIET, item);
    }
    peers.world.follow("late@away.test", JULIET);
    peers.world.unfollow("b@away.test", JULIET);
    peers.sorted();
    assert_eq!(peers.due(AWAY), ["1: a", "2: a"]);
    assert_eq!(peers.due("third.test"), ["1: c", "2: c"]);
    let states = peers::states(peers.world.engine.view()).expect("the store reads");
    let states: Vec<(&str, u64)> = states.iter().map(|state| (&*state.name, state.entries)).collect();
    assert_eq!(states, [(AWAY, 2), ("third.test", 2)]);
}

#[test]
fn what_was_confirmed_is_not_sent_again_and_the_rest_survives_a_restart() {
    let peers = Peers::new();
    for name in ["a", "b", "c"] {
        peers.world.follow(&format!("{name}@away.test"), JULIET);
    }
    for item in ["1", "2"] {
        peers.world.publish(JULIET, item);
    }
    peers.sorted();
    let request = PeerRequest {
        most: 2,
        ..peers.request(AWAY)
    };
    let page = peers.page(&request);
    assert!(page.more);
    let first = said(&page);
    assert_eq!(first.len(), 1);
    peers.confirm(AWAY, &page);
    let peers = peers.restart();
    let rest = peers.due(AWAY);
    assert_eq!(rest.len(), 2, "{rest:?}");
    assert!(rest[0].starts_with("1: ") && rest[1].starts_with("2: "), "{rest:?}");
    let named = |said: &str| said[3..].split(' ').count();
    assert_eq!((named(&first[0]), named(&rest[0]), named(&rest[1])), (2, 1, 3));
    let page = peers.page(&peers.request(AWAY));
    peers.confirm(AWAY, &page);
    assert_eq!(peers.due(AWAY), [""; 0]);
    assert_eq!(peers.page(&peers.request(AWAY)).upto, PeerCursor::default());
}

#[test]
fn who_was_away_gets_an_edited_item_once_and_nothing_of_what_came_and_went() {
    let peers = Peers::new();
    peers.world.follow("a@away.test", JULIET);
    let known = peers.world.publish(JULIET, "known");
    peers.sorted();
    let page = peers.page(&peers.request(AWAY));
    peers.confirm(AWAY, &page);
    for item in ["gone", "edited", "edited"] {
        peers.world.publish(JULIET, item);
    }
    peers.world.retract(JULIET, "gone");
    let last = peers.world.retract(JULIET, "known");
    peers.sorted();
    let page = peers.page(&peers.request(AWAY));
    assert_eq!(said(&page), ["edited: a", "-known: a"]);
    let backlog = page.backlog.expect("something waited");
    assert_eq!((backlog.began, backlog.ended), (known.next(), last));
    assert_eq!(page.empty.len(), 3, "{:?}", page.empty);
    // One that was sent on this connection and is retracted now is retracted there.
    peers.confirm(AWAY, &page);
    peers.world.retract(JULIET, "edited");
    peers.sorted();
    let request = PeerRequest {
        backlog: page.backlog,
        ..peers.request(AWAY)
    };
    assert_eq!(said(&peers.page(&request)), ["-edited: a"]);
}

#[test]
fn a_deleted_node_is_told_to_those_who_followed_it_and_then_they_are_forgotten() {
    let peers = Peers::new();
    for name in ["a", "b"] {
        peers.world.follow(&format!("{name}@away.test"), JULIET);
    }
    peers.world.publish(JULIET, "1");
    let delete = Change::DeleteNode {
        node: blog(JULIET),
        redirect: None,
    };
    peers.world.ask(JULIET, delete).expect("it is hers");
    peers.sorted();
    let due = peers.due(AWAY);
    assert_eq!(due.len(), 1, "{due:?}");
    assert!(due[0].starts_with("Delete") && due[0].ends_with(": a b"), "{due:?}");
    for _ in 0..4 {
        peers.world.pass(1000);
    }
    for (family, prefix) in [(Family::REMOTE, &b""[..]), (Family::PEER, b"f"), (Family::PEER, b"t")] {
        let mut left = 0;
        let view = peers.world.engine.view();
        view.scan(family, &Range::prefix(prefix), &mut |_, _| {
            left += 1;
            ControlFlow::Continue(())
        })
        .expect("the store reads");
        assert_eq!(left, 0, "{family:?} {prefix:?}");
    }
    assert_eq!(peers.due(AWAY).len(), 1, "it is still to be sent");
}

#[test]
fn an_open_node_is_told_to_a_server_as_a_whole_and_a_closed_one_to_each() {
    let peers = Peers::new();
    peers.world.follow("a@away.test", JULIET);
    peers.world.publish(JULIET, "open");
    peers.sorted();
    let request = PeerRequest {
        whole: true,
        ..peers.request(AWAY)
    };
    let page = peers.page(&request);
    assert!(page.due.len() == 1 && page.due[0].whole && page.due[0].to.is_empty());
    peers.confirm(AWAY, &page);
    let closed = Change::Configure {
        node: blog(JULIET),
        settings: vec![reef_engine::config::Setting::Access(
            reef_engine::config::AccessModel::Authorize,
        )],
    };
    peers.world.ask(JULIET, closed).expect("it is hers");
    peers.world.publish(JULIET, "closed");
    peers.sorted();
    let page = peers.page(&PeerRequest {
        whole: true,
        ..peers.request(AWAY)
    });
    assert_eq!(said(&page), ["closed: a"]);
    assert!(!page.due[0].whole);
}

#[test]
fn a_page_holds_no_more_bytes_than_there_is_room_for() {
    let peers = Peers::new();
    for name in ["a", "b", "c"] {
        peers.world.follow(&format!("{name}@away.test"), JULIET);
    }
    peers.world.publish(JULIET, "1");
    peers.world.publish(JULIET, "2");
    peers.sorted();
    let mut pages = Vec::new();
    loop {
        let page = peers.page(&PeerRequest {
            bytes: 1,
            ..peers.request(AWAY)
        });
        peers.confirm(AWAY, &page);
        pages.push(said(&page));
        if !page.more {
            break;
        }
    }
    // One whose followers were all on the page before is named once more, for nobody.
    pages.iter_mut().for_each(|page| page.retain(|said| said.len() > 3));
    let told: Vec<String> = pages.iter().flatten().cloned().collect();
    assert!(pages.iter().all(|page| page.len() <= 1), "{pages:?}");
    assert_eq!(told, ["1: a", "1: b", "1: c", "2: a", "2: b", "2: c"]);
}

#[test]
fn what_is_too_old_is_named_and_not_sent() {
    let peers = Peers::new();
    peers.world.follow("a@away.test", JULIET);
    peers.world.publish(JULIET, "old");
    peers.world.clock_only(10_000);
    peers.world.publish(JULIET, "new");
    peers.sorted();
    let oldest = Timestamp(1_700_000_005_000);
    let page = peers.page(&PeerRequest {
        oldest,
        ..peers.request(AWAY)
    });
    assert_eq!(said(&page), ["new: a"]);
    assert_eq!(page.expired.get(&NodeName::new(JULIET, MICROBLOG)), Some(&1));
}

#[test]
fn those_who_are_imported_from_elsewhere_are_counted_there() {
    let peers = Peers::new();
    peers.world.publish(JULIET, "first");
    let names = ["a@away.test", "b@away.test", "c@third.test", "d@reef.test"];
    let import = Change::ImportFollowers {
        node: blog(JULIET),
        subscribers: names.map(Arc::from).to_vec(),
    };
    peers.world.ask("", import).expect("an operator may");
    let view = peers.world.engine.view();
    let node = rows::node_id(view, &blog(JULIET))
        .expect("the store reads")
        .expect("it is there");
    let count = |name| {
        rows::peer_followers(view, node, peers.peer(name))
            .expect("the store reads")
            .followers
    };
    assert_eq!((count(AWAY), count("third.test")), (2, 1));
    assert_eq!(rows::node_state(view, node).expect("the store reads").peers.0, 2);
    peers.world.ask(JULIET, publish(JULIET, "x", "<entry/>")).expect("hers");
    peers.sorted();
    assert_eq!(peers.due(AWAY), ["x: a b"]);
    assert!(keys::read_peer_name(b"x").is_none());
}

#[test]
fn one_domain_takes_no_more_room_than_its_own_and_leaves_others_theirs() {
    let peers = Peers::with(Limits {
        subscriptions_per_peer: 2,
        nodes_per_peer: 1,
        items_per_peer: 2,
        ..Limits::default()
    });
    let world = &peers.world;
    world.follow("a@away.test", JULIET);
    world.follow("b@away.test", JULIET);
    let follow = |who: &str| world.ask(who, Change::follow(blog(JULIET), who.into()));
    assert_eq!(
        follow("c@away.test").err(),
        Some(Reject::TooMany("subscriptions").into())
    );
    world.follow("c@third.test", JULIET);
    world.unfollow("a@away.test", JULIET);
    follow("c@away.test").expect("there is room again");
    let mirror = |author: &str, said: Mirrored| {
        let node = NodeName::new(author, MICROBLOG);
        world.ask("", Change::Mirror { node, said })
    };
    let follows = || Mirrored::Follow {
        subscriber: "romeo@reef.test".into(),
        state: Some(SubscriptionState::Subscribed),
        asked: true,
    };
    mirror("x@away.test", follows()).expect("the first");
    let refused = mirror("y@away.test", follows());
    assert_eq!(refused.err(), Some(Reject::TooMany("nodes").into()));
    mirror("y@third.test", follows()).expect("another domain's first");
    let item = |item: &str| {
        let said = Mirrored::Publish {
            item: item.into(),
            payload: b"<entry/>".to_vec().into(),
            publisher: "x@away.test".into(),
            to: Vec::new(),
            notes: Vec::new(),
        };
        let node = NodeName::new("x@away.test", MICROBLOG);
        world.ask("away.test", Change::Mirror { node, said })
    };
    item("1").expect("there is room");
    item("2").expect("there is room");
    item("2").expect("it is the same");
    assert_eq!(item("3").err(), Some(Reject::NoRoom("items of its server").into()));
    let gone = Mirrored::Retract { item: "1".into() };
    mirror("x@away.test", gone).expect("it is there");
    item("3").expect("there is room again");
}

#[test]
fn a_server_that_is_gone_for_good_goes_with_its_subscriptions() {
    let peers = Peers::new();
    let world = &peers.world;
    for who in ["a@away.test", "b@away.test", "c@third.test", "romeo@reef.test"] {
        world.follow(who, JULIET);
    }
    world.publish(JULIET, "1");
    peers.sorted();
    let retire = |by: &str| world.ask(by, Change::RetirePeer { peer: AWAY.into() });
    assert_eq!(retire(JULIET).err(), Some(Reject::Forbidden.into()));
    retire("").expect("the server may");
    for _ in 0..4 {
        world.pass(1000);
    }
    let view = world.engine.view();
    let node = rows::node_id(view, &blog(JULIET))
        .expect("the store reads")
        .expect("it is there");
    let state = rows::node_state(view, node).expect("the store reads");
    assert_eq!((state.followers, state.peers.0), (2, 1));
    assert_eq!((peers.due(AWAY).len(), peers.due("third.test").len()), (0, 1));
    world.follow("a@away.test", JULIET);
    world.publish(JULIET, "2");
    peers.sorted();
    assert_eq!(peers.due(AWAY), ["2: a"], "who comes back follows as anybody does");
}

#[test]
fn who_follows_behind_many_newer_followers_is_not_forgotten() {
    let peers = Peers::new();
    // Ids grow by virtual shard: the last name is asked for on the last page.
    let names: Vec<String> = (0..40).map(|n| format!("u{n}@away.test")).collect();
    names.iter().for_each(|name| peers.world.follow(name, JULIET));
    let ids: Vec<_> = names.iter().map(|name| peers.world.id(name)).collect();
    let last = names
        .iter()
        .zip(&ids)
        .max_by_key(|(_, id)| **id)
        .map(|(name, _)| name.clone());
    let last = last.expect("there are some");
    for name in names.iter().filter(|name| **name != last) {
        peers.world.unfollow(name, JULIET);
    }
    peers.world.publish(JULIET, "1");
    for name in names.iter().filter(|name| **name != last) {
        peers.world.follow(name, JULIET);
    }
    peers.sorted();
    let (mut got, mut after) = (Vec::new(), peers.request(AWAY).after);
    loop {
        let page = peers.page(&PeerRequest {
            after,
            most: 3,
            ..peers.request(AWAY)
        });
        assert!(page.empty.is_empty(), "{:?}", page.empty);
        let whole = page.due.iter().any(|due| due.last);
        got.extend(
            page.due
                .into_iter()
                .flat_map(|due| due.to)
                .map(|(_, jid)| jid.to_string()),
        );
        after = page.upto;
        if whole || !page.more {
            break;
        }
    }
    assert_eq!(got, [last]);
}
