//! Promise: a page of items is bounded in bytes while it is read, and the pages bring all of them.

mod world;

use reef_engine::error::StoreError;
use reef_engine::log::record::Change;
use reef_engine::model::Timestamp;
use reef_engine::query::{self, Items, Most, Which};
use reef_engine::store::keys::Family;
use reef_engine::store::{Each, Range, View, rows};
use std::sync::atomic::{AtomicUsize, Ordering};
use world::{World, blog};

const A: &str = "author@reef.test";
const ITEM_BYTES: usize = 100_000;

/// A store that counts the bytes of posts that are read from it.
struct Counting<'v> {
    inner: &'v dyn View,
    bytes: AtomicUsize,
}

impl View for Counting<'_> {
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let row = self.inner.get(family, key)?;
        let bytes = row.as_ref().map_or(0, Vec::len);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(row)
    }

    fn scan(&self, family: Family, range: &Range, each: Each<'_>) -> Result<(), StoreError> {
        self.inner.scan(family, range, &mut |key, value| {
            self.bytes.fetch_add(value.len(), Ordering::Relaxed);
            each(key, value)
        })
    }
}

fn world_with(items: usize) -> World {
    let world = World::new();
    for n in 0..items {
        let change = Change::Publish {
            node: blog(A),
            item: format!("{n:02}").into(),
            payload: format!("<p xmlns='p'>{}</p>", "x".repeat(ITEM_BYTES))
                .into_bytes()
                .into(),
            open_only: None,
            notes: Vec::new(),
            options: Vec::new(),
            create: Some(reef_engine::config::NodeConfig::microblog(world::MICROBLOG)),
        };
        world.ask(A, change).expect("he owns it");
    }
    world
}

/// A page, and the bytes that were read for it.
fn page(world: &World, which: &Which<'_>, most: Most) -> (Items, usize) {
    let view = Counting {
        inner: world.engine.view(),
        bytes: AtomicUsize::new(0),
    };
    let node = rows::node_id(&view, &blog(A)).expect("it reads").expect("it is there");
    let row = rows::node_row(&view, node).expect("it reads").expect("it is there");
    let found = query::items(&view, node, &row, which, most, Timestamp(1)).expect("it reads");
    (found.expect("nothing unknown is asked for"), view.bytes.into_inner())
}

fn ids(page: &Items) -> Vec<&str> {
    page.items.iter().map(|item| &*item.id).collect()
}

#[test]
fn a_page_of_large_items_ends_early_and_reads_no_further() {
    let world = world_with(30);
    // Published again, so that the order of first versions is one of its own.
    world.publish(A, "07");
    let most = Most {
        skip: 0,
        items: 1000,
        bytes: 250_000,
    };
    let all: Vec<String> = (0..30).rev().map(|n| format!("{n:02}")).collect();
    for (which, wanted, reads) in [
        (Which::Older(None), vec!["07", "29", "28"], 3),
        (Which::Newer(None), vec!["01", "00"], 3),
        (Which::Ids(&all), vec!["29", "28"], 3),
        // The places of a step are looked at before the payloads of the page are read.
        (
            Which::Created {
                from: None,
                newer: false,
            },
            vec!["29", "28"],
            30 + 3,
        ),
    ] {
        let (found, read) = page(&world, &which, most);
        assert_eq!(ids(&found), wanted, "{which:?}");
        assert!(read < reads * ITEM_BYTES + ITEM_BYTES, "{which:?} reads {read}");
    }
}

#[test]
fn a_page_has_one_item_however_large_and_may_begin_further_on() {
    let world = world_with(4);
    let one = Most {
        skip: 0,
        items: 10,
        bytes: 1,
    };
    assert_eq!(ids(&page(&world, &Which::Newer(None), one).0), ["00"]);
    let later = Most { skip: 2, ..one };
    assert_eq!(ids(&page(&world, &Which::Newer(None), later).0), ["02"]);
    let beyond = Most { skip: 9, ..one };
    assert_eq!(ids(&page(&world, &Which::Newer(None), beyond).0), Vec::<&str>::new());
}
