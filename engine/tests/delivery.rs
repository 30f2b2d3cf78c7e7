//! Who follows gets each post once, in order, live or after having been away; who left or came later gets nothing.

mod world;

use reef_engine::limits::Limits;
use reef_engine::model::Seq;
use reef_engine::shard::Manner;
use world::World;

const A: &str = "author@reef.test";
const F: &str = "follower@reef.test";

#[test]
fn a_live_follower_gets_each_post_once_in_order() {
    let mut world = World::new();
    world.publish(A, "before");
    world.follow(F, A);
    let mut f = world.attach(F, "phone");
    world.settle(&mut []);
    world.seats[f.seat].shard.available(f.key, Some(Seq(0)));
    world.settle(&mut [&mut f]);
    for n in 0..100 {
        world.publish(A, &format!("p{n}"));
    }
    world.settle(&mut [&mut f]);
    assert_eq!(f.items(), (0..100).map(|n| format!("p{n}")).collect::<Vec<_>>());
    assert!(f.got.iter().all(|(_, _, manner)| *manner == Manner::Follower));
    world.unfollow(F, A);
    world.publish(A, "after");
    world.settle(&mut [&mut f]);
    assert_eq!(f.got.len(), 100);
}

#[test]
fn who_was_away_gets_what_he_missed_oldest_first_and_then_what_is_live() {
    let world = World::new();
    world.publish(A, "before");
    world.follow(F, A);
    for n in 0..200 {
        world.publish(A, &format!("p{n}"));
    }
    world.retract(A, "p7");
    world.publish(A, "p3");
    let mut world = world.restart();
    let mut f = world.attach(F, "phone");
    world.seats[f.seat].shard.available(f.key, Some(Seq(0)));
    world.settle(&mut [&mut f]);
    world.publish(A, "live");
    world.settle(&mut [&mut f]);
    let mut wanted: Vec<_> = (0..200)
        .filter(|n| *n != 7 && *n != 3)
        .map(|n| format!("p{n}"))
        .collect();
    wanted.extend(["p3".to_owned(), "live".to_owned()]);
    assert_eq!(f.items(), wanted);
    assert_eq!(f.got.last().map(|g| g.2), Some(Manner::Follower));
    assert_eq!(f.got.first().map(|g| g.2), Some(Manner::Delayed));
}

#[test]
fn only_the_newest_posts_come_back_after_long_absence() {
    let mut world = World::with(Limits {
        catch_up_posts: 10,
        ..Limits::default()
    });
    world.publish(A, "before");
    world.follow(F, A);
    for n in 0..50 {
        world.publish(A, &format!("p{n}"));
    }
    let mut f = world.attach(F, "phone");
    world.seats[f.seat].shard.available(f.key, Some(Seq(0)));
    world.settle(&mut [&mut f]);
    assert_eq!(f.items(), (40..50).map(|n| format!("p{n}")).collect::<Vec<_>>());
}

#[test]
fn a_slow_reader_is_let_go_and_later_gets_everything_in_order() {
    let mut world = World::with(Limits {
        queue_posts: 8,
        catch_up_posts: 10,
        ..Limits::default()
    });
    world.publish(A, "before");
    world.follow(F, A);
    let mut f = world.attach(F, "phone");
    world.settle(&mut []);
    world.seats[f.seat].shard.available(f.key, Some(Seq(0)));
    world.settle(&mut [&mut f]);
    for n in 0..3000 {
        world.publish(A, &format!("p{n}"));
        if n % 7 == 0 {
            world.settle(&mut []);
        }
        if n % 50 == 0 {
            world.drain(&mut f, 3);
        }
    }
    world.settle(&mut [&mut f]);
    assert_eq!(f.items(), (0..3000).map(|n| format!("p{n}")).collect::<Vec<_>>());
}

#[test]
fn a_retraction_goes_to_who_has_the_item_and_stops_it_for_who_has_not() {
    let mut world = World::new();
    world.publish(A, "before");
    world.follow(F, A);
    let mut f = world.attach(F, "phone");
    world.settle(&mut []);
    world.seats[f.seat].shard.available(f.key, Some(Seq(0)));
    world.settle(&mut [&mut f]);
    world.publish(A, "one");
    world.settle(&mut [&mut f]);
    let cursor = world.seats[f.seat].shard.watermark();
    let shard = &mut world.seats[f.seat].shard;
    shard.confirm(f.key, cursor);
    let parting = shard.detach(f.key).expect("it was available");
    assert_eq!(parting.seq, cursor);
    world.publish(A, "two");
    world.retract(A, "one");
    world.retract(A, "two");
    world.settle(&mut []);
    let mut again = world.attach(F, "phone");
    world.seats[again.seat].shard.available(again.key, Some(parting.seq));
    world.settle(&mut [&mut again]);
    assert_eq!(again.items(), ["-one"]);
}
