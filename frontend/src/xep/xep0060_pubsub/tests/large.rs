//! Pages of items that are too large for one reply.

use super::*;
use reef_stanza::order::{By, Order};

const ITEM_BYTES: usize = 200 << 10;

/// Juliet's microblog with seven items of 200 KiB, of which the third was published again.
fn world() -> World {
    let world = World::new();
    let payload = format!("<p xmlns='p'>{}</p>", "x".repeat(ITEM_BYTES));
    for item in ["1", "2", "3", "4", "5", "6", "7", "3"] {
        world.change(
            JULIET,
            Change::Publish {
                node: blog(BLOG),
                item: item.into(),
                payload: payload.clone().into_bytes().into(),
                open_only: None,
                notes: Vec::new(),
                options: Vec::new(),
                create: Some(NodeConfig::microblog(BLOG)),
            },
        );
    }
    world
}

/// Pages until there are no more, each with what comes before its next one.
fn pages(world: &World, wanted: &[&str], order: Option<By>, back: bool) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    let mut next = rsm::Request {
        before: back.then_some(None),
        ..rsm::Request::default()
    };
    loop {
        let order = order.map(|by| Order { by, desc: false });
        let named = wanted.iter().map(|id| (*id).to_owned()).collect();
        let answer = retrieve::items(asked(ROMEO), BLOG, None, named, Some(next), order);
        let payload = world.answer(answer).unwrap();
        let (found, said) = (ids(&payload), payload.get_child("set", ns::RSM).map(rsm::Reply::parse));
        // By id nothing is said of what is whole.
        let Some(said) = said.filter(|_| !found.is_empty()) else {
            all.extend(Some(found).filter(|found| !found.is_empty()));
            return all;
        };
        assert_eq!(
            said.count,
            Some(if wanted.is_empty() { 7 } else { wanted.len() as u32 })
        );
        all.push(found);
        next = match back {
            true => rsm::Request {
                before: Some(said.first),
                ..rsm::Request::default()
            },
            false => rsm::Request {
                after: said.last,
                ..rsm::Request::default()
            },
        };
    }
}

#[test]
fn a_page_of_large_items_ends_early_and_paging_on_brings_all() {
    let world = world();
    let found = pages(&world, &[], None, false);
    assert_eq!(found, [vec!["1", "2"], vec!["4", "5"], vec!["6", "7"], vec!["3"]]);
    let found = pages(&world, &[], None, true);
    assert_eq!(found, [vec!["7", "3"], vec!["5", "6"], vec!["2", "4"], vec!["1"]]);
    let found = pages(&world, &[], Some(By::Creation), false);
    assert_eq!(found, [vec!["1", "2"], vec!["3", "4"], vec!["5", "6"], vec!["7"]]);
    // By position as well: what is passed over does not count.
    let (found, said) = world.page(
        None,
        Some(rsm::Request {
            index: Some(5),
            ..request(100)
        }),
    );
    assert_eq!(
        (found, said.first_index),
        (vec!["7".to_owned(), "3".to_owned()], Some(5))
    );
}

#[test]
fn large_items_by_id_come_in_pages_and_what_is_whole_is_not_described() {
    let world = world();
    let wanted = ["6", "none", "2", "4", "4", "5"];
    let answer = |ids: &[&str], request| {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        world.answer(retrieve::items(asked(ROMEO), BLOG, None, ids, request, None))
    };
    let first = answer(&wanted, None).unwrap();
    let said = first.get_child("set", ns::RSM).map(rsm::Reply::parse).unwrap();
    assert_eq!(ids(&first), ["6", "2"]);
    assert_eq!(
        (said.first.as_deref(), said.last.as_deref(), said.count),
        (Some("6"), Some("2"), Some(5))
    );
    let next = |after: &str| {
        Some(rsm::Request {
            after: Some(after.to_owned()),
            ..rsm::Request::default()
        })
    };
    assert_eq!(ids(&answer(&wanted, next("2")).unwrap()), ["4", "5"]);
    assert_eq!(ids(&answer(&wanted, next("5")).unwrap()), Vec::<String>::new());
    assert_eq!(
        answer(&wanted, next("7")).unwrap_err().condition,
        Condition::ItemNotFound
    );
    let whole = answer(&["6", "none", "2", "none"], None).unwrap();
    assert_eq!((ids(&whole).len(), whole.get_child("set", ns::RSM)), (2, None));
    assert_eq!(answer(&["none"], None).unwrap_err().condition, Condition::ItemNotFound);
    let back = pages(&world, &["1", "2", "4"], None, true);
    assert_eq!(back, [vec!["2", "4"], vec!["1"]]);
    let many: Vec<String> = (0..1001).map(|n| n.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(answer(&many, None).unwrap_err().condition, Condition::NotAcceptable);
}
