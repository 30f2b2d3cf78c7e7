//! Who may follow and publish, by the node's models; what ends a subscription; preconditions of a publish.

mod world;

use bytes::Bytes;
use reef_engine::config::{
    AccessModel, Affiliation, NodeConfig, PublishModel, Setting, SubscribeOptions, SubscriptionState,
};
use reef_engine::error::{Error, Reject, StoreError};
use reef_engine::limits::Limits;
use reef_engine::log::apply::{Apply, ApplyError, Tables};
use reef_engine::log::record::{Attachment, Change, Outcome};
use reef_engine::model::{NodeName, Seq, Timestamp};
use reef_engine::query::{self, Which};
use reef_engine::store::{View, rows};
use std::sync::Arc;
use world::{MICROBLOG, World, blog, publish};

const A: &str = "author@reef.test";
const F: &str = "follower@reef.test";
const G: &str = "guest@reef.test";

const BLOCKED: &str = "blocked@reef.test";

/// A roster of one operation: `+` or `-` before the contact who gets the owner's presence.
struct Roster;

impl Tables for Roster {
    fn names(&self) -> Vec<&'static str> {
        vec!["roster"]
    }

    fn apply(&self, apply: &mut Apply<'_, '_>, op: &[u8]) -> Result<Bytes, ApplyError> {
        let owner = apply.by.to_owned();
        let op = String::from_utf8_lossy(op).into_owned();
        let (sign, contact) = op.split_at(1);
        apply.presence_edge(&owner, contact, sign == "+")?;
        Ok(Bytes::new())
    }

    fn in_roster_groups(&self, _: &dyn View, _: &str, contact: &str, groups: &[Arc<str>]) -> Result<bool, StoreError> {
        Ok(contact == F && groups.iter().any(|group| &**group == "friends"))
    }

    fn blocks(&self, _: &dyn View, _: &str, jid: &str) -> Result<bool, StoreError> {
        Ok(jid == BLOCKED)
    }

    fn fits(&self, _: &str, _: &str, _: &Bytes) -> bool {
        true
    }

    fn marks(&self, payload: &Bytes) -> Vec<Arc<str>> {
        let text = String::from_utf8_lossy(payload).into_owned();
        text.split_whitespace().map(Arc::from).collect()
    }

    fn summary(&self, marks: &[(Arc<str>, u64)]) -> Bytes {
        let counts = marks.iter().map(|(mark, count)| format!("{mark}={count}"));
        counts.collect::<Vec<_>>().join(" ").into()
    }

    fn roster_members(&self, _: &dyn View, _: &str, _: &[Arc<str>]) -> Result<Vec<Arc<str>>, StoreError> {
        Ok(vec![F.into()])
    }
}

fn world(settings: &[Setting]) -> World {
    let world = World::with_tables(Default::default(), Arc::new(Roster));
    let config = NodeConfig::microblog(MICROBLOG).with(settings);
    let change = Change::CreateNode { node: blog(A), config };
    world.ask(A, change).expect("there is no such node yet");
    world
}

fn follow(world: &World, who: &str) -> Result<SubscriptionState, Error> {
    let change = Change::follow(blog(A), who.into());
    world.ask(who, change).map(|applied| match applied.outcome {
        Outcome::Subscription(state) => state,
        other => panic!("{other:?} is no subscription"),
    })
}

fn followers(world: &World) -> u64 {
    let node = rows::node_id(world.engine.view(), &blog(A)).expect("the store reads");
    let state = rows::node_state(world.engine.view(), node.expect("it is there"));
    state.expect("the store reads").followers
}

fn affiliate(world: &World, jid: &str, affiliation: Affiliation) {
    let change = Change::Affiliate {
        node: blog(A),
        jid: jid.into(),
        affiliation,
    };
    world.ask(A, change).expect("he owns it");
}

fn share_presence(world: &World, sign: &str, contact: &str) {
    let change = Change::Table {
        owner: A.into(),
        op: format!("{sign}{contact}").into_bytes().into(),
    };
    world.ask(A, change).expect("his roster");
}

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, Error>, reject: Reject) {
    assert_eq!(answer.expect_err("it is refused"), Error::Rejected(reject));
}

#[test]
fn anyone_follows_an_open_node_but_an_outcast() {
    let world = world(&[]);
    assert_eq!(follow(&world, F), Ok(SubscriptionState::Subscribed));
    assert_eq!(follow(&world, F), Ok(SubscriptionState::Subscribed));
    assert_eq!(followers(&world), 1);
    affiliate(&world, F, Affiliation::Outcast);
    assert_eq!(followers(&world), 0);
    refused(follow(&world, F), Reject::Forbidden);
}

#[test]
fn members_follow_a_whitelisted_node_until_they_are_none() {
    let world = world(&[Setting::Access(AccessModel::Whitelist)]);
    refused(follow(&world, F), Reject::ClosedNode);
    affiliate(&world, F, Affiliation::Member);
    assert_eq!(follow(&world, F), Ok(SubscriptionState::Subscribed));
    affiliate(&world, F, Affiliation::None);
    assert_eq!(followers(&world), 0);
}

#[test]
fn who_gets_the_presence_follows_a_presence_node_until_he_does_not() {
    let mut world = world(&[Setting::Access(AccessModel::Presence)]);
    refused(follow(&world, F), Reject::PresenceRequired);
    share_presence(&world, "+", F);
    assert_eq!(follow(&world, F), Ok(SubscriptionState::Subscribed));
    refused(follow(&world, G), Reject::PresenceRequired);
    share_presence(&world, "-", F);
    assert_eq!(followers(&world), 0);
    world.settle(&mut []);
    let edges: u64 = world.seats.iter().map(|seat| seat.shard.index().edges()).sum();
    assert_eq!(edges, 0);
}

#[test]
fn roster_groups_open_a_roster_node() {
    let world = world(&[
        Setting::Access(AccessModel::Roster),
        Setting::RosterGroups(vec!["friends".into()]),
    ]);
    assert_eq!(follow(&world, F), Ok(SubscriptionState::Subscribed));
    refused(follow(&world, G), Reject::NotInRosterGroup);
}

#[test]
fn an_approved_follower_counts_only_from_the_approval() {
    let world = world(&[Setting::Access(AccessModel::Authorize)]);
    assert_eq!(follow(&world, F), Ok(SubscriptionState::Pending));
    assert_eq!(followers(&world), 0);
    let approve = Change::SetSubscription {
        node: blog(A),
        subscriber: F.into(),
        state: Some(SubscriptionState::Subscribed),
    };
    world.ask(A, approve.clone()).expect("he owns it");
    world.ask(A, approve).expect("once more changes nothing");
    assert_eq!(followers(&world), 1);
    assert_eq!(follow(&world, F), Ok(SubscriptionState::Subscribed));
}

#[test]
fn who_may_publish_is_the_publish_model() {
    let world = world(&[]);
    let by = |world: &World, who: &str| {
        let change = publish(A, &format!("of {who}"), "<entry/>");
        world.ask(who, change)
    };
    refused(by(&world, F), Reject::Forbidden);
    let settings = vec![Setting::Publish(PublishModel::Subscribers)];
    let change = Change::Configure {
        node: blog(A),
        settings,
    };
    world.ask(A, change).expect("he owns it");
    refused(by(&world, F), Reject::Forbidden);
    follow(&world, F).expect("it is open");
    by(&world, F).expect("he is subscribed");
    affiliate(&world, G, Affiliation::PublishOnly);
    by(&world, G).expect("he may publish");
    refused(follow(&world, G), Reject::Forbidden);
}

#[test]
fn others_than_the_owner_retract_only_what_is_theirs() {
    let world = world(&[Setting::Publish(PublishModel::Open)]);
    world.ask(F, publish(A, "of f", "<entry/>")).expect("anyone may");
    let retract = || Change::Retract {
        node: blog(A),
        item: "of f".into(),
        notify: false,
    };
    refused(world.ask(G, retract()), Reject::Forbidden);
    world.ask(F, retract()).expect("it is his");
    refused(world.ask(A, retract()), Reject::ItemNotFound);
}

#[test]
fn publish_options_make_a_node_and_are_preconditions_of_one_that_is_there() {
    let world = World::new();
    let with = |item: &str, options: Vec<Setting>| match publish(A, item, "<entry/>") {
        Change::Publish {
            node,
            item,
            payload,
            create,
            ..
        } => Change::Publish {
            node,
            item,
            payload,
            open_only: None,
            notes: Vec::new(),
            options,
            create,
        },
        other => other,
    };
    let whitelist = Setting::Access(AccessModel::Whitelist);
    world
        .ask(A, with("one", vec![whitelist.clone()]))
        .expect("it makes the node");
    refused(follow(&world, F), Reject::ClosedNode);
    world.ask(A, with("two", vec![whitelist])).expect("the node is so");
    let open = Setting::Access(AccessModel::Open);
    refused(world.ask(A, with("three", vec![open])), Reject::PreconditionNotMet);
    let node = rows::node_id(world.engine.view(), &blog(A)).expect("the store reads");
    let state = rows::node_state(world.engine.view(), node.expect("it is there")).expect("the store reads");
    assert_eq!(state.items, 2);
}

#[test]
fn a_refused_publish_makes_no_node() {
    let world = World::new();
    let Change::Publish {
        node, item, payload, ..
    } = publish(A, "one", "<entry/>")
    else {
        return;
    };
    let config = NodeConfig {
        max_payload_bytes: 3,
        ..NodeConfig::microblog(MICROBLOG)
    };
    let change = Change::Publish {
        node: node.clone(),
        item,
        payload,
        open_only: None,
        notes: Vec::new(),
        options: Vec::new(),
        create: Some(config),
    };
    refused(world.ask(A, change), Reject::PayloadTooBig);
    assert_eq!(
        rows::node_id(world.engine.view(), &node).expect("the store reads"),
        None
    );
}

#[test]
fn whom_the_owner_blocks_he_has_no_node_for() {
    let world = world(&[]);
    assert_eq!(follow(&world, BLOCKED), Err(Error::Rejected(Reject::Blocked)));
    assert_eq!(follow(&world, F), Ok(SubscriptionState::Subscribed));
}

#[test]
fn what_is_for_open_nodes_is_left_out_where_not_everybody_may_read() {
    let world = World::new();
    let post = |item: &str| match publish(A, item, "<entry>text<link/></entry>") {
        Change::Publish {
            node,
            item,
            payload,
            options,
            create,
            ..
        } => Change::Publish {
            node,
            item,
            payload,
            open_only: Some((11, 7)),
            notes: Vec::new(),
            options,
            create,
        },
        other => other,
    };
    world.ask(A, post("open")).expect("it is his");
    let settings = vec![Setting::Access(AccessModel::Presence)];
    let node = blog(A);
    world.ask(A, Change::Configure { node, settings }).expect("it is his");
    world.ask(A, post("friends")).expect("it is his");
    let id = rows::node_id(world.engine.view(), &blog(A)).expect("the store reads");
    let id = id.expect("it is there");
    let row = rows::node_row(world.engine.view(), id).expect("the store reads");
    let all = Which::Newer(None);
    let found = query::items(
        world.engine.view(),
        id,
        &row.expect("it is there"),
        &all,
        9,
        Timestamp(0),
    );
    let found = found.expect("the store reads").expect("no item is asked for");
    let payloads: Vec<&[u8]> = found.items.iter().map(|item| &item.payload[..]).collect();
    assert_eq!(payloads, [&b"<entry>text</entry>"[..], b"<entry>text<link/></entry>"]);
}

#[test]
fn who_gets_the_presence_follows_nodes_on_services_until_he_does_not() {
    let world = world(&[]);
    let club = || NodeName::new("pubsub.reef.test", "club");
    let create = |settings: &[Setting]| Change::CreateNode {
        node: club(),
        config: NodeConfig::pep().with(settings),
    };
    world
        .ask(A, create(&[Setting::Access(AccessModel::Open)]))
        .expect("there is no such node yet");
    let members = || {
        let node = rows::node_id(world.engine.view(), &club()).expect("the store reads");
        let state = rows::node_state(world.engine.view(), node.expect("it was made"));
        state.expect("the store reads").followers
    };
    let change = || Change::follow(club(), F.into());
    world.ask(F, change()).expect("it is open");
    share_presence(&world, "+", F);
    share_presence(&world, "-", F);
    assert_eq!(members(), 1, "an open node has nothing to do with presence");
    let settings = vec![Setting::Access(AccessModel::Presence)];
    let configure = Change::Configure { node: club(), settings };
    share_presence(&world, "+", F);
    world.ask(A, configure).expect("he owns it");
    assert_eq!(members(), 1);
    let world = world.restart();
    share_presence(&world, "-", F);
    let node = rows::node_id(world.engine.view(), &club()).expect("the store reads");
    let state = rows::node_state(world.engine.view(), node.expect("it was made"));
    assert_eq!(state.expect("the store reads").followers, 0);
    refused(world.ask(F, change()), Reject::PresenceRequired);
}

#[test]
fn who_waits_for_approval_follows_once_the_node_is_open_to_him() {
    let mut world = world(&[Setting::Access(AccessModel::Authorize)]);
    assert_eq!(follow(&world, F), Ok(SubscriptionState::Pending));
    assert_eq!(follow(&world, G), Ok(SubscriptionState::Pending));
    let configure = |settings: &[Setting]| Change::Configure {
        node: blog(A),
        settings: settings.to_vec(),
    };
    let friends = [
        Setting::Access(AccessModel::Roster),
        Setting::RosterGroups(vec!["friends".into()]),
    ];
    world.ask(A, configure(&friends)).expect("he owns it");
    assert_eq!(
        followers(&world),
        1,
        "who is in the group; the other one waits for nothing any more"
    );
    world
        .ask(A, configure(&[Setting::Access(AccessModel::Open)]))
        .expect("he owns it");
    assert_eq!(followers(&world), 1);
    let mut follower = world.attach(F, "phone");
    let seat = follower.seat;
    world.seats[seat].shard.available(follower.key, Some(Seq(0)));
    world.settle(&mut [&mut follower]);
    world.publish(A, "p");
    world.settle(&mut [&mut follower]);
    assert_eq!(follower.items(), ["p"]);
}

#[test]
fn many_who_wait_follow_in_the_background_once_the_node_is_open() {
    let mut world = world(&[Setting::Access(AccessModel::Authorize)]);
    for number in 0..1500 {
        let who = format!("f{number}@reef.test");
        assert_eq!(follow(&world, &who), Ok(SubscriptionState::Pending));
        // The applier waits for shards that take nothing.
        if number % 100 == 0 {
            world.settle(&mut []);
        }
    }
    let settings = vec![Setting::Access(AccessModel::Open)];
    let node = blog(A);
    world.ask(A, Change::Configure { node, settings }).expect("he owns it");
    for _ in 0..3 {
        world.pass(1_000);
    }
    assert_eq!(followers(&world), 1500);
}

#[test]
fn a_node_has_so_many_affiliations() {
    let limits = Limits {
        affiliations_per_node: 2,
        ..Limits::default()
    };
    let world = World::with(limits);
    world.publish(A, "p");
    affiliate(&world, F, Affiliation::Outcast);
    affiliate(&world, F, Affiliation::Member);
    affiliate(&world, G, Affiliation::Outcast);
    let change = |jid: &str, affiliation| Change::Affiliate {
        node: blog(A),
        jid: jid.into(),
        affiliation,
    };
    refused(
        world.ask(A, change(BLOCKED, Affiliation::Member)),
        Reject::TooMany("affiliations"),
    );
    world.ask(A, change(BLOCKED, Affiliation::None)).expect("that is none");
    affiliate(&world, G, Affiliation::None);
    affiliate(&world, BLOCKED, Affiliation::Member);
}

#[test]
fn who_takes_the_name_of_an_owner_that_is_gone_owns_nothing() {
    let world = world(&[]);
    affiliate(&world, G, Affiliation::Owner);
    let owners = || {
        let view = world.engine.view();
        let node = rows::node_id(view, &blog(A))
            .expect("the store reads")
            .expect("it is there");
        let row = rows::node_row(view, node)
            .expect("the store reads")
            .expect("it is there");
        rows::owners(view, node, &row).expect("the store reads")
    };
    assert_eq!(owners(), [A.into(), Arc::<str>::from(G)]);
    world
        .ask(G, Change::RemoveUser { user: G.into() })
        .expect("he may remove himself");
    world.pass(1_000);
    assert_eq!(follow(&world, G), Ok(SubscriptionState::Subscribed));
    assert_eq!(owners(), [Arc::<str>::from(A)]);
    affiliate(&world, G, Affiliation::Owner);
    assert_eq!(owners(), [A.into(), Arc::<str>::from(G)]);
}

#[test]
fn what_was_attached_to_an_item_that_is_gone_is_not_attached_to_the_next_of_its_name() {
    let world = world(&[]);
    let to = || Attachment {
        node: NodeName::new(A, "urn:xmpp:pubsub-attachments:1/item"),
        target: blog(A),
        item: "item".into(),
        summary: blog(A).summary(),
    };
    let like = || Change::Attach {
        to: to(),
        payload: Bytes::from_static(b"x"),
    };
    let likes = || {
        let view = world.engine.view();
        let node = rows::node_id(view, &to().node)
            .expect("the store reads")
            .expect("it was made");
        rows::node_state(view, node).expect("the store reads").items
    };
    let config = NodeConfig::microblog(MICROBLOG);
    let deleted = [
        Change::DeleteNode {
            node: blog(A),
            redirect: None,
        },
        Change::CreateNode { node: blog(A), config },
    ];
    // Without a step of the background in between.
    for gone in [&[Change::Purge { node: blog(A) }][..], &deleted] {
        world.publish(A, "item");
        for reader in [F, G] {
            world.ask(reader, like()).expect("who may read may like");
        }
        assert_eq!(likes(), 2);
        for change in gone {
            world.ask(A, change.clone()).expect("it is his");
        }
        world.publish(A, "item");
        world.ask(G, like()).expect("who may read may like");
        assert_eq!(likes(), 1);
        for _ in 0..3 {
            world.pass(1_000);
        }
        assert_eq!(likes(), 1);
    }
}

#[test]
fn who_waits_for_approval_has_used_a_subscription_of_his_quota() {
    let limits = Limits {
        subscriptions_per_account: 1,
        ..Limits::default()
    };
    let world = World::with(limits);
    let config = NodeConfig::microblog(MICROBLOG).with(&[Setting::Access(AccessModel::Authorize)]);
    for author in [A, G] {
        let node = blog(author);
        let config = config.clone();
        world
            .ask(author, Change::CreateNode { node, config })
            .expect("there is none");
    }
    let ask = |author: &str| world.ask(F, Change::follow(blog(author), F.into()));
    let state = |author: &str, state| Change::SetSubscription {
        node: blog(author),
        subscriber: F.into(),
        state,
    };
    ask(A).expect("he may ask");
    refused(ask(G), Reject::TooMany("subscriptions"));
    world
        .ask(A, state(A, Some(SubscriptionState::Subscribed)))
        .expect("he owns it");
    refused(ask(G), Reject::TooMany("subscriptions"));
    world.ask(A, state(A, None)).expect("he owns it");
    ask(G).expect("there is room again");
}

#[test]
fn who_waited_with_options_has_them_when_he_follows_whoever_makes_him() {
    let many = 1_100;
    let mut world = world(&[Setting::Access(AccessModel::Authorize)]);
    for number in 0..many {
        let who = format!("f{number}@reef.test");
        assert_eq!(follow(&world, &who), Ok(SubscriptionState::Pending));
        if number % 100 == 0 {
            world.settle(&mut []);
        }
    }
    let show = SubscribeOptions {
        include_body: true,
        ..SubscribeOptions::default()
    };
    let mut change = Change::follow(blog(A), F.into());
    if let Change::Follow { options, .. } = &mut change {
        *options = Some(show);
    }
    world.ask(F, change).expect("he may ask");
    let settings = vec![Setting::Access(AccessModel::Open)];
    let node = blog(A);
    world.ask(A, Change::Configure { node, settings }).expect("he owns it");
    // He asks again before the background has come to him.
    assert_eq!(follow(&world, F), Ok(SubscriptionState::Subscribed));
    let view = world.engine.view();
    let node = rows::node_id(view, &blog(A))
        .expect("the store reads")
        .expect("it is there");
    assert_eq!(rows::options(view, node, world.id(F)).expect("the store reads"), show);
    for _ in 0..3 {
        world.pass(1_000);
    }
    assert_eq!(followers(&world), many + 1);
}
