//! What is read of nodes, over an engine with a store of its own.

use super::asked::{self, Asked};
use super::since::{self, Since};
use super::template::Place;
use super::{disco, last_item, manage, own, retrieve};
use crate::tables::FrontTables;
use crate::xep::{Answer, Later};
use jid::{BareJid, FullJid};
use minidom::Element;
use reef_engine::clock::SystemClock;
use reef_engine::config::{AccessModel, Affiliation, NodeConfig, SendLast, Setting, Shows, SubscribeOptions};
use reef_engine::limits::Limits;
use reef_engine::log::record::Change;
use reef_engine::model::{NodeName, Seq, Timestamp};
use reef_engine::query::{self, Which};
use reef_engine::store::rows;
use reef_engine::{Engine, Options};
use reef_stanza::disco::Types;
use reef_stanza::form::Form;
use reef_stanza::{Condition, StanzaError, ns, rsm};
use std::sync::Arc;

mod large;

const JULIET: &str = "juliet@capulet.lit";
const ROMEO: &str = "romeo@montague.lit";
const BLOG: &str = ns::MICROBLOG;

struct World {
    engine: Arc<Engine>,
    _dir: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let options = Options {
            dir: dir.path().join("store"),
            limits: Limits::default(),
            sync: false,
            tables: Arc::new(FrontTables::new("x", None)),
            clock: Arc::new(SystemClock),
            wakers: Vec::new(),
            applier_starts: || (),
        };
        let (engine, _) = Engine::open(options).unwrap();
        World { engine, _dir: dir }
    }

    /// Juliet's microblog with items 1 to `count`.
    fn with_posts(count: usize) -> World {
        let world = World::new();
        (1..=count).for_each(|n| world.publish(BLOG, &n.to_string(), NodeConfig::microblog(BLOG)));
        world
    }

    fn change(&self, by: &str, change: Change) {
        self.engine.admission.submit_and_wait(by, change).unwrap();
    }

    fn publish(&self, node: &str, item: &str, config: NodeConfig) {
        let payload = format!("<p xmlns='p'>{item}</p>").into_bytes().into();
        let (item, create) = (item.into(), Some(config));
        self.change(
            JULIET,
            Change::Publish {
                node: blog(node),
                item,
                payload,
                open_only: None,
                notes: Vec::new(),
                options: Vec::new(),
                create,
            },
        );
    }

    fn answer(&self, answer: Result<Answer, StanzaError>) -> Result<Element, StanzaError> {
        let Answer::Later(Later::Read(job)) = answer? else {
            panic!("what is read is read on a reader thread")
        };
        match job(&self.engine)? {
            Answer::Payload(payload) => Ok(payload),
            Answer::Bytes(bytes) => Ok(std::str::from_utf8(&bytes).unwrap().parse().unwrap()),
            _ => panic!("no payload"),
        }
    }

    /// The ids of a page, and what is said of it.
    fn page(&self, max: Option<u32>, request: Option<rsm::Request>) -> (Vec<String>, rsm::Reply) {
        let payload = self
            .answer(retrieve::items(asked(ROMEO), BLOG, max, Vec::new(), request, None))
            .unwrap();
        let said = payload.get_child("set", ns::RSM).map(rsm::Reply::parse).unwrap();
        (ids(&payload), said)
    }
}

fn blog(node: &str) -> NodeName {
    NodeName::new(JULIET, node)
}

fn asked(by: &str) -> Asked {
    Asked {
        service: JULIET.into(),
        by: by.into(),
        jid: BareJid::new(by).unwrap(),
        creates: by == JULIET,
        place: Place::Account,
        lang: None,
        domain: "capulet.lit".into(),
        web: None,
    }
}

fn ids(payload: &Element) -> Vec<String> {
    let items = payload.get_child("items", ns::PUBSUB).unwrap();
    items
        .children()
        .map(|item| item.attr("id").unwrap().to_owned())
        .collect()
}

fn request(max: u32) -> rsm::Request {
    rsm::Request {
        max: Some(max),
        ..rsm::Request::default()
    }
}

#[test]
fn max_items_gives_the_newest_first() {
    let world = World::with_posts(5);
    let (ids, said) = world.page(Some(2), None);
    assert_eq!(ids, ["5", "4"]);
    assert_eq!(
        (said.first.as_deref(), said.last.as_deref(), said.count),
        (Some("5"), Some("4"), Some(5))
    );
}

#[test]
fn forward_pages_bring_each_item_once_in_order_of_publication() {
    let world = World::with_posts(5);
    let (mut seen, mut next) = (Vec::new(), request(2));
    loop {
        let (ids, said) = world.page(None, Some(next));
        assert_eq!(said.count, Some(5));
        let Some(last) = said.last else { break };
        seen.extend(ids);
        next = rsm::Request {
            after: Some(last),
            ..request(2)
        };
    }
    assert_eq!(seen, ["1", "2", "3", "4", "5"]);
    assert_eq!(world.page(None, None).0, ["1", "2", "3", "4", "5"]);
}

#[test]
fn backward_pages_go_from_first_to_first() {
    let world = World::with_posts(5);
    let (ids, said) = world.page(
        None,
        Some(rsm::Request {
            before: Some(None),
            ..request(2)
        }),
    );
    assert_eq!((ids, said.first_index), (vec!["4".to_owned(), "5".to_owned()], Some(3)));
    let (ids, said) = world.page(
        None,
        Some(rsm::Request {
            before: Some(said.first),
            ..request(2)
        }),
    );
    assert_eq!(ids, ["2", "3"]);
    let forth = rsm::Request {
        after: said.last,
        ..request(2)
    };
    assert_eq!(world.page(None, Some(forth)).0, ["4", "5"]);
    let (ids, _) = world.page(
        None,
        Some(rsm::Request {
            before: Some(said.first),
            ..request(2)
        }),
    );
    assert_eq!(ids, ["1"]);
}

#[test]
fn movim_goes_back_from_last_to_last_and_forth_from_first() {
    let world = World::with_posts(6);
    let (_, said) = world.page(Some(2), None);
    let (ids, said) = world.page(
        None,
        Some(rsm::Request {
            before: Some(said.last),
            ..request(2)
        }),
    );
    assert_eq!(ids, ["3", "4"]);
    let newer = rsm::Request {
        after: said.first,
        ..request(2)
    };
    let (ids, said) = world.page(
        None,
        Some(rsm::Request {
            before: Some(said.last),
            ..request(2)
        }),
    );
    assert_eq!(ids, ["1", "2"]);
    assert_eq!(world.page(None, Some(newer)).0, ["5", "6"]);
    let (ids, _) = world.page(
        None,
        Some(rsm::Request {
            after: said.first,
            ..request(2)
        }),
    );
    assert_eq!(ids, ["3", "4"]);
}

#[test]
fn a_page_is_found_by_position_and_by_nothing_that_is_not_there() {
    let world = World::with_posts(5);
    let (ids, said) = world.page(
        None,
        Some(rsm::Request {
            index: Some(3),
            ..request(10)
        }),
    );
    assert_eq!((ids, said.first_index), (vec!["4".to_owned(), "5".to_owned()], Some(3)));
    let (ids, said) = world.page(
        None,
        Some(rsm::Request {
            index: Some(9),
            ..request(2)
        }),
    );
    assert_eq!((ids.len(), said.first, said.count), (0, None, Some(5)));
    assert_eq!(
        world.page(None, Some(request(0))),
        (
            vec![],
            rsm::Reply {
                count: Some(5),
                ..rsm::Reply::default()
            }
        )
    );
    let unknown = rsm::Request {
        after: Some("none".into()),
        ..request(2)
    };
    let refused = world.answer(retrieve::items(
        asked(ROMEO),
        BLOG,
        None,
        Vec::new(),
        Some(unknown),
        None,
    ));
    assert_eq!(refused.unwrap_err().condition, Condition::ItemNotFound);
}

#[test]
fn items_by_id_show_who_published_them() {
    let world = World::with_posts(3);
    let named = |ids: &[&str]| {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        world.answer(retrieve::items(asked(ROMEO), BLOG, None, ids, None, None))
    };
    let found = named(&["3", "none", "1"]).unwrap();
    assert_eq!(ids(&found), ["3", "1"]);
    let item = found.get_child("items", ns::PUBSUB).unwrap().children().next().unwrap();
    assert_eq!((item.attr("publisher"), item.text()), (Some(JULIET), String::new()));
    assert_eq!(item.children().next().unwrap().text(), "3");
    assert_eq!(named(&["none"]).unwrap_err().condition, Condition::ItemNotFound);
}

#[test]
fn each_access_model_refuses_in_its_own_words() {
    let world = World::new();
    for (access, condition, app) in [
        (
            AccessModel::Presence,
            Condition::NotAuthorized,
            Some("presence-subscription-required"),
        ),
        (
            AccessModel::Roster,
            Condition::NotAuthorized,
            Some("not-in-roster-group"),
        ),
        (AccessModel::Authorize, Condition::NotAuthorized, Some("not-subscribed")),
        (AccessModel::Whitelist, Condition::NotAllowed, Some("closed-node")),
    ] {
        let node = format!("{access:?}");
        world.publish(
            &node,
            "1",
            NodeConfig {
                access,
                ..NodeConfig::pep()
            },
        );
        let items = |by: &str| world.answer(retrieve::items(asked(by), &node, None, Vec::new(), None, None));
        let refused = items(ROMEO).unwrap_err();
        assert_eq!(
            (refused.condition, refused.app.as_ref().map(|app| app.name())),
            (condition, app)
        );
        assert!(items(JULIET).is_ok());
        let member = Change::Affiliate {
            node: blog(&node),
            jid: ROMEO.into(),
            affiliation: Affiliation::Member,
        };
        world.change(JULIET, member);
        assert!(items(ROMEO).is_ok(), "{node}");
    }
    let none = world
        .answer(retrieve::items(asked(ROMEO), "none", None, Vec::new(), None, None))
        .unwrap_err();
    assert_eq!(none.condition, Condition::ItemNotFound);
}

#[test]
fn an_owner_pages_through_his_followers() {
    let world = World::with_posts(1);
    for n in 0..3 {
        let by: Arc<str> = format!("follower{n}@montague.lit").into();
        world.change(&by, Change::follow(blog(BLOG), by.clone()));
    }
    let (mut seen, mut next) = (Vec::new(), request(2));
    loop {
        let payload = world
            .answer(manage::subscriptions(asked(JULIET), BLOG, Some(next)))
            .unwrap();
        let said = rsm::Reply::parse(payload.get_child("set", ns::RSM).unwrap());
        assert_eq!(said.count, Some(3));
        let Some(last) = said.last else { break };
        let listed = payload.get_child("subscriptions", ns::PUBSUB_OWNER).unwrap();
        seen.extend(listed.children().map(|one| one.attr("jid").unwrap().to_owned()));
        next = rsm::Request {
            after: Some(last),
            ..request(2)
        };
    }
    seen.sort();
    assert_eq!(
        seen,
        [
            "follower0@montague.lit",
            "follower1@montague.lit",
            "follower2@montague.lit"
        ]
    );
    let refused = world
        .answer(manage::subscriptions(asked(ROMEO), BLOG, None))
        .unwrap_err();
    assert_eq!(refused.condition, Condition::Forbidden);
}

#[test]
fn one_is_told_what_one_follows_and_is() {
    let world = World::with_posts(1);
    world.change(ROMEO, Change::follow(blog(BLOG), ROMEO.into()));
    let payload = world.answer(own::subscriptions(asked(ROMEO), None, None)).unwrap();
    let one = payload
        .get_child("subscriptions", ns::PUBSUB)
        .unwrap()
        .children()
        .next()
        .unwrap();
    assert_eq!(
        (one.attr("node"), one.attr("jid"), one.attr("subscription")),
        (Some(BLOG), Some(ROMEO), Some("subscribed"))
    );
    let payload = world.answer(own::affiliations(asked(JULIET), None, None)).unwrap();
    let one = payload
        .get_child("affiliations", ns::PUBSUB)
        .unwrap()
        .children()
        .next()
        .unwrap();
    assert_eq!((one.attr("node"), one.attr("affiliation")), (Some(BLOG), Some("owner")));
}

#[test]
fn who_comes_gets_the_last_items_that_he_wants_and_may_read() {
    let world = World::with_posts(1);
    let open = NodeConfig {
        access: AccessModel::Open,
        ..NodeConfig::pep()
    };
    world.publish("wanted", "1", open.clone());
    world.publish("wanted", "2", open.clone());
    world.publish("unwanted", "1", open.clone());
    world.publish(
        "closed",
        "1",
        NodeConfig {
            access: AccessModel::Whitelist,
            ..open.clone()
        },
    );
    world.publish(
        "silent",
        "1",
        NodeConfig {
            send_last: SendLast::Never,
            ..open
        },
    );
    let names = ["wanted", "closed", "silent", BLOG].map(Arc::from).into();
    let to = FullJid::new("romeo@montague.lit/orchard").unwrap();
    let owners = [
        BareJid::new(JULIET).unwrap(),
        BareJid::new("nobody@capulet.lit").unwrap(),
    ];
    let stanzas = last_item::last_items(&world.engine, &owners, &names, &to, 100, None, true);
    assert_eq!(stanzas.len(), 1);
    let text = std::str::from_utf8(&stanzas[0]).unwrap();
    let message = Element::from_reader_with_prefixes(text.as_bytes(), Some(ns::CLIENT.to_owned())).unwrap();
    assert_eq!(
        (message.attr("from"), message.attr("to")),
        (Some(JULIET), Some("romeo@montague.lit/orchard"))
    );
    let items = message
        .get_child("event", ns::PUBSUB_EVENT)
        .unwrap()
        .children()
        .next()
        .unwrap();
    assert_eq!(items.children().next().unwrap().attr("id"), Some("2"));
    assert!(
        message
            .get_child("delay", ns::DELAY)
            .unwrap()
            .attr("stamp")
            .unwrap()
            .ends_with('Z')
    );
    assert!(last_item::last_items(&world.engine, &owners, &names, &to, 0, None, true).is_empty());
}

#[test]
fn discovery_shows_a_node_its_items_and_its_meta_data() {
    let world = World::with_posts(3);
    world.publish(
        "closed",
        "1",
        NodeConfig {
            access: AccessModel::Whitelist,
            ..NodeConfig::pep()
        },
    );
    let settings = vec![Setting::Title("Letters".into())];
    world.change(
        JULIET,
        Change::Configure {
            node: blog(BLOG),
            settings,
        },
    );
    let nodes = disco::nodes(&world.engine, JULIET, ROMEO, &Types::All, None).unwrap().0;
    assert_eq!(
        nodes.iter().map(|node| node.attr("name")).collect::<Vec<_>>(),
        [Some("Letters")]
    );
    assert_eq!(
        disco::nodes(&world.engine, JULIET, JULIET, &Types::All, None)
            .unwrap()
            .0
            .len(),
        2
    );
    let items = disco::node_items(&world.engine, &blog(BLOG), ROMEO, None).unwrap().0;
    let names: Vec<_> = items
        .iter()
        .map(|item| (item.attr("name"), item.attr("node")))
        .collect();
    assert_eq!(names, [(Some("3"), None), (Some("2"), None), (Some("1"), None)]);
    let info = disco::node_info(&world.engine, &blog(BLOG), ROMEO).unwrap();
    let form = Form::find(&info).unwrap().unwrap();
    assert_eq!(
        (form.value("pubsub#title"), form.value("pubsub#num_subscribers")),
        (Some("Letters"), Some("0"))
    );
    assert!(disco::node_info(&world.engine, &blog("closed"), ROMEO).is_err());
    assert!(asked::find(&world.engine, &blog("none")).is_err());
}

#[test]
fn who_was_away_longer_than_his_cursor_says_gets_what_lies_before_it_once() {
    let world = World::with_posts(2);
    world.change(ROMEO, Change::follow(blog(BLOG), ROMEO.into()));
    ["3", "4", "5"]
        .iter()
        .for_each(|item| world.publish(BLOG, item, NodeConfig::microblog(BLOG)));
    let view = world.engine.view();
    let node = asked::find(&world.engine, &blog(BLOG)).unwrap();
    let found = query::items(
        view,
        node.id,
        &node.row,
        &Which::Older(None),
        2,
        world.engine.clock.now(),
    );
    let fourth = found.unwrap().unwrap().items[1].seq;
    let id = rows::subscriber_id(view, ROMEO).unwrap().unwrap();
    let to = FullJid::new("romeo@montague.lit/orchard").unwrap();
    let missed = |at, upto, most, show| {
        let stanzas = since::missed(&world.engine, id, &to, show, Since { at, upto, most }, 10);
        let text = stanzas.iter().map(|stanza| std::str::from_utf8(stanza).unwrap());
        text.map(|text| text.split("<item id='").nth(1).unwrap()[..1].to_owned())
            .collect::<Vec<_>>()
    };
    let long_ago = Timestamp(1);
    assert_eq!(missed(long_ago, fourth, 10, Shows::ONLINE), ["3", "4"]);
    assert_eq!(missed(long_ago, fourth, 1, Shows::ONLINE), ["4"]);
    assert!(missed(world.engine.clock.now(), fourth, 10, Shows::ONLINE).is_empty());
    assert!(missed(long_ago, Seq(0), 10, Shows::ONLINE).is_empty());
    // His options count as they do live.
    let options = SubscribeOptions {
        shows: Shows::CHAT,
        ..SubscribeOptions::default()
    };
    let (node, subscriber) = (blog(BLOG), ROMEO.into());
    world.change(
        ROMEO,
        Change::SetOptions {
            node,
            subscriber,
            options,
        },
    );
    assert!(missed(long_ago, fourth, 10, Shows::DND).is_empty());
    assert_eq!(missed(long_ago, fourth, 10, Shows::CHAT).len(), 2);
}
