//! Pages of what a store may hold, without sockets: posts older than the check, posts of all shapes, many of them.

use super::{Ask, before, decode, feed, html, read};
use crate::admin::{Performer, Request, Response, Unserved};
use crate::config::Config;
use crate::server::engine_options;
use crate::uri;
use reef_engine::Engine;
use reef_engine::config::{NodeConfig, Setting};
use reef_engine::log::record::Change;
use reef_engine::model::NodeName;
use reef_stanza::ns;

const JULIET: &str = "juliet@capulet.lit";

struct World {
    performer: Performer,
    _data: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        let data = tempfile::tempdir().unwrap();
        let sets = [
            "domain=capulet.lit".to_owned(),
            format!("data_dir={}", data.path().display()),
            "store.durability=os".to_owned(),
            "c2s.scram_iterations=4096".to_owned(),
        ];
        let config = Config::load(None, &sets, std::iter::empty()).unwrap();
        let (engine, _) = Engine::open(engine_options(&config, None, Vec::new())).unwrap();
        let live = Box::new(Unserved);
        let world = World {
            performer: Performer {
                engine,
                config,
                part: None,
                live,
            },
            _data: data,
        };
        let (jid, password) = (JULIET.to_owned(), "secret".to_owned());
        world.ask(Request::UserAdd { jid, password });
        world
    }

    fn ask(&self, request: Request) {
        let response = self.performer.perform(request);
        assert!(!matches!(response, Response::Failed(_)), "{response:?}");
    }

    /// Whatever it is, as an older reef would have taken it.
    fn publish(&self, item: &str, payload: &str) {
        let change = Change::Publish {
            node: NodeName::new(JULIET, ns::MICROBLOG),
            item: item.into(),
            payload: payload.as_bytes().to_vec().into(),
            open_only: None,
            notes: Vec::new(),
            options: Vec::new(),
            create: Some(NodeConfig::microblog(ns::MICROBLOG)),
        };
        self.performer.engine.admission.submit_and_wait(JULIET, change).unwrap();
    }

    fn configure(&self, setting: Setting) {
        let (node, settings) = (NodeName::new(JULIET, ns::MICROBLOG), vec![setting]);
        let change = Change::Configure { node, settings };
        self.performer.engine.admission.submit_and_wait(JULIET, change).unwrap();
    }

    fn shown(&self, ask: &Ask) -> Option<String> {
        let engine = &self.performer.engine;
        let blog = read::blog(engine, "capulet.lit", "juliet").unwrap()?;
        match ask {
            Ask::Page(before) => {
                let posts = blog.posts(engine, before.as_deref()).unwrap()?;
                Some(html::page("https://capulet.lit", &blog, &posts))
            }
            Ask::Feed(before) => {
                let posts = blog.posts(engine, before.as_deref()).unwrap()?;
                Some(feed::feed("https://capulet.lit", &blog, &posts, before.as_deref()))
            }
            Ask::Post(item) => html::post("", &blog, &blog.post(engine, item).unwrap()?),
        }
    }
}

fn entry(children: &str) -> String {
    format!(
        "<entry xmlns='http://www.w3.org/2005/Atom'><id>i</id><updated>2008-05-08T18:30:02Z</updated>{children}</entry>"
    )
}

#[test]
fn what_is_no_entry_is_shown_as_nothing_and_stops_nothing() {
    let world = World::new();
    world.publish("good", &entry("<title>a good post</title>"));
    let deep = format!("{}{}", "<a xmlns='x'>".repeat(5_000), "</a>".repeat(5_000));
    for (item, payload) in [
        ("x", "<x xmlns='urn:x'>odd</x>"),
        ("y", "<entry"),
        ("z", ""),
        ("deep", &deep),
    ] {
        world.publish(item, payload);
        assert_eq!(world.shown(&Ask::Post(item.into())), None, "{item}");
    }
    world.publish(
        "bare",
        "<entry xmlns='http://www.w3.org/2005/Atom'><title>without id</title></entry>",
    );
    let page = world.shown(&Ask::Page(None)).unwrap();
    assert!(page.contains("a good post") && page.contains("without id"), "{page}");
    assert!(!page.contains("odd") && page.matches("<article").count() == 2, "{page}");
    // In a feed each entry is one.
    let feed = world.shown(&Ask::Feed(None)).unwrap();
    let feed: minidom::Element = feed.split_once("?>").unwrap().1.trim().parse().unwrap();
    let entries = feed.children().filter(|child| child.is("entry", ns::ATOM));
    assert_eq!(entries.count(), 1);
}

#[test]
fn all_pages_together_hold_every_post_once_and_the_metadata_is_none() {
    let world = World::new();
    world.publish(
        "0",
        "<feed xmlns='http://www.w3.org/2005/Atom'><title>Letters &amp; more</title></feed>",
    );
    for n in 1..=45 {
        world.publish(&format!("p/{n}"), &entry(&format!("<title>post {n}.</title>")));
    }
    let (mut before, mut sizes) = (None, Vec::new());
    let mut all = String::new();
    loop {
        let page = world.shown(&Ask::Page(before)).unwrap();
        assert!(page.contains("<title>Letters &amp; more</title>"), "{page}");
        sizes.push(page.matches("<article").count());
        before = page
            .split_once("?before=")
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(item, _)| decode(item).unwrap());
        all.push_str(&page);
        if before.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [20, 20, 5]);
    assert!(
        (1..=45).all(|n| all.matches(&format!(">post {n}.<")).count() == 1),
        "{all}"
    );
    assert_eq!(world.shown(&Ask::Page(Some("nothing".into()))), None);
    let feed = world.shown(&Ask::Feed(Some("p/6".into()))).unwrap();
    assert!(
        feed.matches("<entry").count() == 5 && !feed.contains("rel='next'"),
        "{feed}"
    );
}

#[test]
fn a_page_that_is_full_of_bytes_ends_and_the_next_goes_on() {
    let world = World::new();
    for n in 1..=5 {
        world.publish(
            &n.to_string(),
            &entry(&format!("<title>{}</title>", "x".repeat(200_000))),
        );
    }
    let page = world.shown(&Ask::Page(None)).unwrap();
    assert!(
        page.matches("<article").count() == 2 && page.contains("?before=4"),
        "{}",
        page.len()
    );
}

#[test]
fn a_post_is_shown_with_what_leads_on() {
    let world = World::new();
    world.publish(
        "rich",
        &entry(
            "<title>Title</title><content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><p>a <b onclick='no()'>b</b>\
             <script>no()</script></p></div></content><author><name>Romeo</name><uri>xmpp:romeo@montague.lit</uri></author>\
             <category term='a&amp;b'/><link rel='replies' href='xmpp:comments.capulet.lit?;node=n'/>\
             <link rel='enclosure' href='https://capulet.lit/p.jpg' title='Portrait'/><link rel='via' href='javascript:no()'/>",
        ),
    );
    let page = world.shown(&Ask::Post("rich".into())).unwrap();
    for part in [
        "<h2><a href=\"/u/juliet/rich\">Title</a></h2>",
        "<p>a <b>b</b></p>",
        "Romeo (repeated by juliet@capulet.lit)",
        "<time datetime=\"2008-05-08T18:30:02Z\">2008-05-08 18:30 UTC</time>",
        "#a&amp;b",
        "href=\"xmpp:comments.capulet.lit?;node=n\">Replies</a>",
        "href=\"https://capulet.lit/p.jpg\">Portrait</a>",
        "<title>Title – juliet@capulet.lit</title>",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    assert!(!page.contains("no()"), "{page}");
    world.publish(
        "text",
        &entry("<title type='html'>&lt;script>no()&lt;/script>&lt;b>bold&lt;/b></title>"),
    );
    let page = world.shown(&Ask::Post("text".into())).unwrap();
    assert!(
        page.contains("<p class=\"text\">bold</p>") && !page.contains("no()"),
        "{page}"
    );
}

#[test]
fn what_may_have_gone_without_a_trace_has_no_time_of_change() {
    let world = World::new();
    world.publish("a", &entry("<title>t</title>"));
    let changed = || {
        let blog = read::blog(&world.performer.engine, "capulet.lit", "juliet").unwrap();
        blog.unwrap().changed
    };
    assert!(changed().is_some());
    world.configure(Setting::ItemExpireSeconds(60));
    assert_eq!(changed(), None);
    world.configure(Setting::ItemExpireSeconds(0));
    world.configure(Setting::NotifyRetract(false));
    assert_eq!(changed(), None);
}

#[test]
fn posts_of_a_blog_that_keeps_none_any_more_are_on_no_page() {
    let world = World::new();
    world.publish("one", &entry("<title>hidden words</title>"));
    let pages = [Ask::Page(None), Ask::Feed(None), Ask::Post("one".into())];
    let shown = || pages.iter().filter_map(|ask| world.shown(ask)).collect::<String>();
    assert!(shown().matches("hidden words").count() > 2);
    world.configure(Setting::PersistItems(false));
    assert!(!shown().contains("hidden words"));
}

#[test]
fn who_is_suspended_or_has_another_name_is_not_shown() {
    let world = World::new();
    world.publish("a", &entry("<title>t</title>"));
    let found = |name: &str| {
        read::blog(&world.performer.engine, "capulet.lit", name)
            .unwrap()
            .is_some()
    };
    assert!(found("juliet") && found("JULIET"));
    for name in [
        "romeo",
        "",
        "juliet@capulet.lit",
        "juliet/x",
        "x@juliet",
        "juliet@capulet.lit/x",
    ] {
        assert!(!found(name), "{name}");
    }
    let jid = JULIET.to_owned();
    world.ask(Request::UserSuspend { jid, suspended: true });
    assert!(!found("juliet"));
}

#[test]
fn the_item_before_a_page_is_decoded() {
    assert_eq!(before(Some("a=b&before=a%2Fb%C3%A4+c")).as_deref(), Some("a/bä+c"));
    for none in [
        None,
        Some(""),
        Some("before="),
        Some("before=%zz"),
        Some("before=%f"),
        Some("before=%FF"),
    ] {
        assert_eq!(before(none), None, "{none:?}");
    }
    let name = "a/b%c ä";
    assert_eq!(decode(&uri::encode(name)).as_deref(), Some(name));
}
