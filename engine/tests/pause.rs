//! A paused node keeps what is published for later: nothing is lost, nothing comes twice, and the order holds.

mod world;

use reef_engine::config::{AccessModel, Setting};
use reef_engine::error::Reject;
use reef_engine::limits::Limits;
use reef_engine::log::apply::{Apply, ApplyError, Tables};
use reef_engine::log::record::{Change, Note, Noted};
use reef_engine::model::{NodeName, Seq};
use reef_engine::store::keys::{self, Family};
use reef_engine::store::rows::{self, Hold};
use std::sync::{Arc, Mutex};
use world::{Client, World, blog, publish};

const A: &str = "author@reef.test";
const B: &str = "other@reef.test";
const F: &str = "follower@reef.test";
const G: &str = "away@reef.test";

fn pause(world: &World, paused: bool) {
    let node = blog(A);
    world
        .ask(A, Change::PauseNode { node, paused })
        .expect("he owns the node");
}

/// Until the node is as any other again.
fn released(world: &mut World, clients: &mut [&mut Client]) {
    let view = world.engine.view();
    let node = rows::node_id(view, &blog(A)).ok().flatten().expect("the node is there");
    let hold = |world: &World| rows::get::<Hold>(world.engine.view(), Family::SWEEP, &keys::sweep_held(node));
    while hold(world).expect("a hold reads back").is_some() {
        // The background looks now and then.
        world.pass(250);
        world.settle(clients);
    }
    world.settle(clients);
}

#[test]
fn what_was_published_meanwhile_comes_once_and_in_order_also_to_who_was_here_and_left() {
    let mut world = World::new();
    world.publish(A, "before");
    world.publish(B, "b-before");
    for follower in [F, G] {
        world.follow(follower, A);
        world.follow(follower, B);
    }
    let mut f = world.attach(F, "phone");
    world.seats[f.seat].shard.available(f.key, Some(Seq(0)));
    world.settle(&mut [&mut f]);
    pause(&world, true);
    for n in 0..600 {
        world.publish(A, &format!("p{n}"));
    }
    world.publish(B, "b0");
    world.settle(&mut [&mut f]);
    assert_eq!(f.items(), ["b0"]);
    // One is taken back before anybody saw it, and one is replaced.
    world.retract(A, "p7");
    world.publish(A, "p3");
    // He has all up to here, though nothing of the paused node.
    let seen = world.seats[f.seat].shard.watermark();
    let mut world = world.restart();
    let mut f = world.attach(F, "phone");
    world.seats[f.seat].shard.available(f.key, Some(seen));
    world.settle(&mut [&mut f]);
    assert_eq!(f.items(), Vec::<String>::new());
    pause(&world, false);
    released(&mut world, &mut [&mut f]);
    world.publish(A, "after");
    world.settle(&mut [&mut f]);
    let mut wanted: Vec<String> = (0..600).filter(|n| *n != 7).map(|n| format!("p{n}")).collect();
    wanted.extend(["p3".to_owned(), "after".to_owned()]);
    assert_eq!(f.items(), wanted);
    // Who was away all the time gets the latest version of each, like anything that he missed.
    let mut g = world.attach(G, "phone");
    world.seats[g.seat].shard.available(g.key, Some(Seq(0)));
    world.settle(&mut [&mut f, &mut g]);
    let mut wanted: Vec<String> = (0..600)
        .filter(|n| ![3, 7].contains(n))
        .map(|n| format!("p{n}"))
        .collect();
    wanted.insert(0, "b0".to_owned());
    wanted.extend(["p3".to_owned(), "after".to_owned()]);
    assert_eq!(g.items(), wanted);
}

#[test]
fn a_purge_takes_what_is_held_and_a_deletion_too() {
    let mut world = World::new();
    world.publish(A, "before");
    pause(&world, true);
    world.publish(A, "held");
    world.ask(A, Change::Purge { node: blog(A) }).expect("he owns it");
    pause(&world, false);
    released(&mut world, &mut []);
    let node = rows::node_id(world.engine.view(), &blog(A)).unwrap().unwrap();
    assert_eq!(rows::node_state(world.engine.view(), node).unwrap().items, 0);
    pause(&world, true);
    world.publish(A, "held");
    let redirect = None;
    world
        .ask(
            A,
            Change::DeleteNode {
                node: blog(A),
                redirect,
            },
        )
        .expect("he owns it");
    assert!(rows::node_id(world.engine.view(), &blog(A)).unwrap().is_none());
}

#[test]
fn only_its_owner_pauses_a_node() {
    let world = World::new();
    world.publish(A, "before");
    let node = blog(A);
    assert!(world.ask(B, Change::PauseNode { node, paused: true }).is_err());
}

#[test]
fn a_held_post_does_not_reach_who_is_about_to_lose_access() {
    let mut world = World::new();
    world.publish(A, "before");
    // More than are looked at in the commit that narrows the node.
    for part in 0..2 {
        let subscribers = (0..550).map(|n| format!("f{part}-{n}@reef.test").into()).collect();
        let node = blog(A);
        world
            .ask("", Change::ImportFollowers { node, subscribers })
            .expect("an open node may be followed");
    }
    world.follow(F, A);
    let mut f = world.attach(F, "phone");
    world.settle(&mut []);
    world.seats[f.seat].shard.available(f.key, Some(Seq(0)));
    world.settle(&mut [&mut f]);
    pause(&world, true);
    world.publish(A, "held");
    let settings = vec![Setting::Access(AccessModel::Whitelist)];
    let node = blog(A);
    world.ask(A, Change::Configure { node, settings }).expect("he owns it");
    // Before the background has looked for those who may no longer read.
    pause(&world, false);
    let release = Change::Release { node: blog(A) };
    assert_eq!(world.ask("", release), Err(Reject::NotYet.into()));
    released(&mut world, &mut [&mut f]);
    assert_eq!(f.items(), Vec::<String>::new());
    let node = rows::node_id(world.engine.view(), &blog(A)).unwrap().unwrap();
    let state = rows::node_state(world.engine.view(), node).unwrap();
    assert_eq!((state.items, state.followers), (2, 0));
}

/// No tables, but what is noted is written down.
#[derive(Default)]
struct Noting(Mutex<Vec<String>>);

impl Tables for Noting {
    fn note(&self, apply: &mut Apply<'_, '_>, note: &Note, new: Option<(&NodeName, &str)>) -> Result<(), ApplyError> {
        let to = note.to.as_deref().unwrap_or_default();
        let item = new.map_or("", |(_, item)| item);
        let said = format!("{} to {to} in {item}", apply.by);
        self.0.lock().expect("nobody panicked").push(said);
        Ok(())
    }
}

#[test]
fn who_is_named_in_a_held_post_is_told_once_it_is_published() {
    let tables = Arc::new(Noting::default());
    let mut world = World::with_tables(Limits::default(), tables.clone());
    world.publish(A, "before");
    pause(&world, true);
    let mut named = publish(A, "held", "<entry/>");
    if let Change::Publish { notes, .. } = &mut named {
        notes.push(Note {
            kind: Noted::Mentioned,
            to: Some(F.into()),
            about: None,
        });
    }
    world.ask(A, named).expect("he owns the node");
    let told = || tables.0.lock().expect("nobody panicked").clone();
    assert_eq!(told(), [""; 0]);
    pause(&world, false);
    released(&mut world, &mut []);
    assert_eq!(told(), [format!("{A} to {F} in held")]);
}
