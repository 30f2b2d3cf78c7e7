//! Another part of the server, a small one that answers and keeps: its address, its tables, its commands and pages, over real
//! sockets.

pub(crate) mod echo;

use super::client::Client;
use super::http::get;
use super::server::{Server, free_address};
use clap::Parser;
use echo::Echo;
use minidom::Element;
use reef_frontend::admin::{Request, Response};
use reef_frontend::cli::{self, Args};
use reef_frontend::part::{Maker, Part};
use serde_json::{Value, json};
use std::sync::Arc;

const TWO: [&str; 2] = ["romeo", "juliet"];

async fn world(sets: &[&str]) -> Server {
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    let part: Option<Arc<dyn Part>> = Some(Echo::new());
    Server::start_with(&sets, &TWO.map(str::to_owned), part).await
}

pub(crate) async fn client(server: &Server, user: &str) -> Client {
    let mut client = Client::connect(server.address()).await;
    client.authenticate(user).await;
    client.bind("here").await;
    client
}

pub(crate) async fn next(client: &mut Client) -> Element {
    client.stanza().await.expect("a stream that goes on")
}

/// What the part has kept.
async fn rows(server: &Server) -> Vec<String> {
    let words = json!({ "rows": "all" });
    match server.ask(Request::Part { words }).await {
        Response::Rows { rows, .. } => rows.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_is_found_pinged_and_answers() {
    let server = world(&[]).await;
    let mut romeo = client(&server, "romeo").await;
    romeo
        .send(
            "<iq type='get' id='1' to='capulet.lit'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>\
             <iq type='get' id='2' to='sms.capulet.lit'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>\
             <iq type='get' id='3' to='sms.capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>\
             <iq type='get' id='4' to='sms.capulet.lit'><query xmlns='jabber:iq:version'/></iq>\
             <message type='chat' to='sms.capulet.lit'><body>hello</body></message>\
             <message type='chat' to='49@sms.capulet.lit' id='6'><body>hello</body></message>",
        )
        .await;
    let items = String::from(&next(&mut romeo).await);
    assert!(
        items.contains("jid='sms.capulet.lit'") || items.contains("jid=\"sms.capulet.lit\""),
        "{items}"
    );
    let info = String::from(&next(&mut romeo).await);
    assert!(
        info.contains("gateway") && info.contains("urn:xmpp:ping") && info.contains("urn:x:echo"),
        "{info}"
    );
    let pong = next(&mut romeo).await;
    assert_eq!((pong.attr("id"), pong.attr("type")), (Some("3"), Some("result")));
    assert_eq!(
        (pong.attr("from"), pong.children().count()),
        (Some("sms.capulet.lit"), 0)
    );
    let rest = [next(&mut romeo).await, next(&mut romeo).await, next(&mut romeo).await];
    let named = |id: &str| rest.iter().find(|stanza| stanza.attr("id") == Some(id)).unwrap();
    assert_eq!(named("4").attr("type"), Some("error"));
    assert_eq!(named("6").attr("type"), Some("error"));
    let answer = rest.iter().find(|stanza| stanza.attr("type") == Some("chat")).unwrap();
    assert_eq!(answer.attr("from"), Some("sms.capulet.lit"));
    let body = answer.get_child("body", "jabber:client").unwrap().text();
    assert_eq!(body, "romeo@capulet.lit/here said: hello");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_subscribes_to_a_part_is_granted_it_and_shown_its_presence_whenever_he_comes() {
    let server = world(&[]).await;
    let mut romeo = client(&server, "romeo").await;
    romeo
        .send("<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq><presence/>")
        .await;
    // The roster, and his own presence.
    for _ in 0..2 {
        next(&mut romeo).await;
    }
    romeo.send("<presence type='subscribe' to='sms.capulet.lit'/>").await;
    let mut came = Vec::new();
    while !came.iter().any(|text: &String| text.contains("echoing")) {
        came.push(String::from(&next(&mut romeo).await));
    }
    let all = came.concat();
    assert!(
        all.contains("type=\"subscribed\"") || all.contains("type='subscribed'"),
        "{all}"
    );
    assert!(
        all.contains("subscription=\"to\"") || all.contains("subscription='to'"),
        "{all}"
    );
    let mut again = Client::connect(server.address()).await;
    again.authenticate("romeo").await;
    again.bind("there").await;
    again.send("<presence/>").await;
    let mut shown = String::new();
    while !shown.contains("echoing") {
        shown = String::from(&next(&mut again).await);
    }
    assert!(shown.contains("romeo@capulet.lit/there"), "{shown}");
    romeo.send("<presence type='unsubscribe' to='sms.capulet.lit'/>").await;
    loop {
        let pushed = String::from(&next(&mut romeo).await);
        if pushed.contains("jabber:iq:roster") {
            assert!(pushed.contains("none"), "{pushed}");
            break;
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_part_keeps_is_in_the_same_store_and_stays_there_without_it() {
    let server = world(&[]).await;
    let words = json!({ "put": "one" });
    assert_eq!(
        server.ask(Request::Part { words }).await,
        Response::Done(json!({ "kept": "one" }))
    );
    let data = server.stop().await;
    let without = Server::start_on(data, &[], &[], None).await;
    let words = json!({ "rows": "all" });
    let performer = without.running.performer();
    let refused = tokio::task::spawn_blocking(move || performer.perform(Request::Part { words }));
    assert!(matches!(refused.await.unwrap(), Response::Failed(why) if why.contains("no gateway")));
    let data = without.stop().await;
    let server = Server::start_on(data, &[], &[], Some(Echo::new())).await;
    assert_eq!(rows(&server).await, ["put one"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_hears_of_missed_messages_and_of_removed_accounts_in_their_commits() {
    let server = world(&[]).await;
    let mut romeo = client(&server, "romeo").await;
    romeo
        .send(
            "<message type='chat' to='juliet@capulet.lit'><body>are you there &amp; well?</body></message>\
             <message type='chat' to='juliet@capulet.lit'><active xmlns='http://jabber.org/protocol/chatstates'/></message>",
        )
        .await;
    let mut kept = rows(&server).await;
    while kept.is_empty() {
        kept = rows(&server).await;
    }
    let missed = "missed juliet@capulet.lit romeo@capulet.lit are you there & well?";
    assert_eq!(kept, [missed]);
    let jid = "juliet@capulet.lit".to_owned();
    server.ask(Request::UserRemove { jid }).await;
    assert_eq!(rows(&server).await, [missed, "removed juliet@capulet.lit"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_part_says_is_kept_for_who_is_away_and_is_no_missed_message() {
    let echo = Echo::new();
    let part: Arc<dyn Part> = echo.clone();
    let server = Server::start_with(&[], &TWO.map(str::to_owned), Some(part)).await;
    let say = |from: &str, to: &str| {
        let message = format!(
            "<message xmlns='jabber:client' type='chat' from='{from}' to='{to}'><body>you have texts</body></message>"
        );
        echo.host().send(message.parse().unwrap())
    };
    assert!(say("sms.capulet.lit", "juliet@capulet.lit"));
    // Not to others, and not to itself.
    for to in ["juliet@montague.lit", "capulet.lit", "sms.capulet.lit"] {
        assert!(!say("sms.capulet.lit", to), "{to}");
    }
    let mut juliet = client(&server, "juliet").await;
    juliet.send("<presence/>").await;
    let mut came = next(&mut juliet).await;
    while came.name() != "message" {
        came = next(&mut juliet).await;
    }
    assert_eq!(came.attr("from"), Some("sms.capulet.lit"));
    assert!(came.has_child("delay", "urn:xmpp:delay"));
    assert!(rows(&server).await.is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_is_added_to_a_roster_and_removed_as_any_contact() {
    let server = world(&[]).await;
    let mut romeo = client(&server, "romeo").await;
    let roster = "xmlns='jabber:iq:roster'";
    for (id, item) in [("1", "name='Phone'"), ("2", "subscription='remove'")] {
        romeo
            .send(&format!(
                "<iq type='set' id='{id}'><query {roster}><item jid='sms.capulet.lit' {item}/></query></iq>"
            ))
            .await;
        let mut came = next(&mut romeo).await;
        while came.attr("id") != Some(id) {
            came = next(&mut romeo).await;
        }
        assert_eq!(came.attr("type"), Some("result"), "{came:?}");
        romeo.send("<presence type='subscribe' to='sms.capulet.lit'/>").await;
    }
    // Removed while it was followed, and followed again.
    romeo
        .send(&format!("<iq type='get' id='3'><query {roster}/></iq>"))
        .await;
    let mut came = next(&mut romeo).await;
    while came.attr("id") != Some("3") {
        came = next(&mut romeo).await;
    }
    let all = String::from(&came);
    assert!(
        all.matches("sms.capulet.lit").count() == 1 && !all.contains("Phone"),
        "{all}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_has_pages_and_metrics() {
    let server = world(&[]).await;
    let http = *server.running.http.first().unwrap();
    let page = get(http, "/echo", "").await;
    assert!(page.starts_with("HTTP/1.1 200 ") && page.ends_with("echo"), "{page}");
    let metrics = get(http, "/metrics", "").await;
    assert!(
        metrics.contains("\nreef_echoes_total 0\n") && metrics.contains("\nreef_records_total"),
        "{metrics}"
    );
    assert!(
        metrics.ends_with("# EOF\n") && metrics.matches("# EOF").count() == 1,
        "{metrics}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_is_not_for_accounts_of_other_servers() {
    let (address, back) = (free_address(), free_address());
    let there = [
        "domain=montague.lit".to_owned(),
        format!("s2s.listen=[\"{address}\"]"),
        format!("s2s.resolve.capulet.lit={back}"),
    ];
    let there = Server::start_with(&there, &[], Some(Echo::new())).await;
    let here = [
        format!("s2s.listen=[\"{back}\"]"),
        format!("s2s.resolve.sms.montague.lit={address}"),
        format!("s2s.resolve.montague.lit={address}"),
    ];
    let here = Server::start(&here, &["romeo".to_owned()]).await;
    let mut romeo = client(&here, "romeo").await;
    romeo
        .send("<iq type='get' id='1' to='montague.lit'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>")
        .await;
    let items = String::from(&next(&mut romeo).await);
    assert!(
        items.contains("pubsub.montague.lit") && !items.contains("sms."),
        "{items}"
    );
    romeo
        .send(
            "<message type='chat' id='2' to='sms.montague.lit'><body>hello</body></message>\
             <iq type='get' id='3' to='sms.montague.lit'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
        )
        .await;
    for _ in 0..2 {
        let refused = next(&mut romeo).await;
        assert_eq!(refused.attr("type"), Some("error"), "{refused:?}");
        assert!(String::from(&refused).contains("<not-allowed"), "{refused:?}");
    }
    romeo
        .send("<presence/><presence type='subscribe' to='sms.montague.lit'/>")
        .await;
    loop {
        let came = next(&mut romeo).await;
        if came.attr("from") == Some("sms.montague.lit") {
            assert_eq!(came.attr("type"), Some("unsubscribed"));
            break;
        }
    }
    here.stop().await;
    there.stop().await;
}

/// Runs `reef` with these words on a data folder.
fn run(data: &std::path::Path, words: &[&str], maker: Maker) -> Result<(), (u8, String)> {
    let folder = format!("data_dir={}", data.display());
    let own = [
        "reef",
        "--set",
        "domain=capulet.lit",
        "--set",
        "s2s.listen=[]",
        "--set",
        &folder,
    ];
    let args = Args::try_parse_from(own.iter().chain(words)).unwrap();
    cli::run(args, maker).map_err(|exit| (exit.code, exit.line))
}

#[test]
fn what_is_wrong_for_a_part_is_said_by_every_command_before_it_does_anything() {
    let data = tempfile::tempdir().unwrap();
    let wrong: Maker = |config| {
        let unknown = config.sms.keys().find(|key| *key != "brand");
        unknown.map_or(Ok(None), |key| Err(format!("sms: there is no key {key}")))
    };
    for command in ["check-config", "serve", "verify"] {
        let refused = run(data.path(), &["--set", "sms.brandt=x", command], wrong);
        let line = "sms: there is no key brandt".to_owned();
        assert_eq!(refused, Err((2, line)), "{command}");
    }
    assert_eq!(
        run(data.path(), &["--set", "sms.brand=x", "check-config"], wrong),
        Ok(())
    );
    assert!(!data.path().join("store").exists());
}

#[test]
fn a_store_that_no_server_has_is_asked_for_a_part_too() {
    let data = tempfile::tempdir().unwrap();
    let none: Maker = |_| Ok(None);
    let echo: Maker = |_| Ok(Some(Echo::new()));
    let (code, line) = run(data.path(), &["sms", "queue"], echo).unwrap_err();
    assert!(code == 1 && line.contains("has no store"), "{line}");
    assert_eq!(run(data.path(), &["verify"], none).unwrap_err().0, 1);
    std::fs::create_dir(data.path().join("store")).unwrap();
    for words in [
        &["sms", "queue"][..],
        &["--json", "sms", "route", "pause", "a"],
        &["sms", "number", "show", "+4917"],
    ] {
        assert_eq!(run(data.path(), words, echo), Ok(()), "{words:?}");
    }
    let (code, line) = run(data.path(), &["sms", "queue"], none).unwrap_err();
    assert!(code == 1 && line.contains("no gateway"), "{line}");
}
