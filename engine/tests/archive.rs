//! Promise: one query of an archive of posts looks at so much and no more, and whoever goes on from where it ended gets all.

mod world;

use reef_engine::log::record::Change;
use reef_engine::model::PostId;
use reef_engine::outbox::{Archive, Of, Wanted};
use reef_engine::store::rows;
use world::{World, blog};

const A: &str = "author@reef.test";
const B: &str = "rare@reef.test";
const F: &str = "follower@reef.test";
const LOOKS: usize = 8;

/// Two blogs that F follows: A's with forty posts, ten of them retracted since, and B's with three between.
fn world() -> World {
    let world = World::new();
    for author in [A, B] {
        world.publish(author, "first");
        world.follow(F, author);
    }
    for n in 0..40 {
        world.publish(A, &format!("a{n}"));
        if n % 15 == 9 {
            world.publish(B, &format!("b{n}"));
        }
    }
    for n in 10..20 {
        world.retract(A, &format!("a{n}"));
    }
    world
}

fn ask(world: &World, of: Of, wanted: &Wanted) -> Archive {
    let found = world.engine.archive(of, wanted).expect("the store reads");
    found.expect("the ids are there")
}

/// All that is found by going on, each time as a client would; and how often one had to.
fn all(world: &World, of: Of, with: &str, backwards: bool) -> (Vec<String>, usize) {
    let (mut found, mut asked, mut from): (Vec<String>, usize, Vec<PostId>) = (Vec::new(), 0, Vec::new());
    loop {
        let wanted = Wanted {
            with: Some(with.to_owned()),
            backwards,
            after: if backwards { Vec::new() } else { from.clone() },
            before: if backwards { from } else { Vec::new() },
            most: 50,
            most_bytes: usize::MAX,
            most_read: LOOKS,
            ..Wanted::default()
        };
        let page = ask(world, of, &wanted);
        asked += 1;
        let mut posts = page.posts;
        if backwards {
            posts.reverse();
        }
        found.extend(posts.iter().map(|post| post.item.to_string()));
        if page.complete {
            return (found, asked);
        }
        assert!(page.spent);
        from = vec![
            posts
                .last()
                .map(|post| post.id())
                .or(page.reached)
                .expect("posts were looked at"),
        ];
    }
}

#[test]
fn what_is_rare_is_found_by_going_on_either_way() {
    let world = world();
    let timeline = Of::Followed(world.id(F));
    let rare = ["first", "b9", "b24", "b39"];
    let (found, asked) = all(&world, timeline, B, false);
    assert_eq!(found, rare);
    assert!(asked >= 44 / LOOKS, "{asked}");
    let (found, asked) = all(&world, timeline, B, true);
    assert_eq!(found, ["b39", "b24", "b9", "first"]);
    assert!(asked >= 44 / LOOKS, "{asked}");
}

#[test]
fn nothing_is_found_in_as_many_queries_as_it_takes() {
    let world = world();
    let node = rows::node_id(world.engine.view(), &blog(A)).expect("the store reads");
    let node = Of::Node(node.expect("it is there"));
    for backwards in [false, true] {
        let (found, asked) = all(&world, node, "nobody@reef.test", backwards);
        assert!(found.is_empty());
        assert!((41 / LOOKS..=41).contains(&asked), "{asked}");
    }
    let (found, _) = all(&world, node, A, false);
    assert_eq!(found.len(), 31);
}

#[test]
fn what_a_node_kept_before_it_keeps_nothing_is_not_in_its_archive() {
    let world = world();
    let node = rows::node_id(world.engine.view(), &blog(A)).expect("the store reads");
    let wanted = Wanted {
        most: 50,
        most_bytes: usize::MAX,
        most_read: 1000,
        ..Wanted::default()
    };
    let of = Of::Node(node.expect("it is there"));
    assert_eq!(ask(&world, of, &wanted).posts.len(), 31);
    let change = Change::Configure {
        node: blog(A),
        settings: vec![reef_engine::config::Setting::PersistItems(false)],
    };
    world.ask(A, change).expect("he owns it");
    assert_eq!(ask(&world, of, &wanted).posts.len(), 0);
    let mine = ask(&world, Of::Followed(world.id(F)), &wanted);
    assert!(mine.posts.iter().all(|post| *post.name.service == *B));
}
