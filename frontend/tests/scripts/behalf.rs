//! What accounts do without a session, by way of a part: as others see it, over real sockets.

use super::client::{Client, header};
use super::part::echo::Echo;
use super::part::{client, next};
use super::server::{DOMAIN, PASSWORD, Server, free_address};
use jid::BareJid;
use minidom::Element;
use reef_engine::model::{NodeName, Timestamp};
use reef_frontend::admin::Request;
use reef_frontend::part::{Done, Host, Part, PostOptions, Refused};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::oneshot;

const BLOG: &str = "urn:xmpp:microblog:0";

fn jid(name: &str) -> BareJid {
    BareJid::new(&format!("{name}@{DOMAIN}")).unwrap()
}

async fn world(sets: &[&str]) -> (Server, Arc<Host>) {
    let echo = Echo::new();
    let part: Arc<dyn Part> = echo.clone();
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    let accounts = ["romeo", "juliet", "nurse"].map(str::to_owned);
    let server = Server::start_with(&sets, &accounts, Some(part)).await;
    let host = echo.host();
    (server, host)
}

/// Calls, and waits for what follows.
async fn asked<T: Send + 'static>(call: impl FnOnce(Done<T>)) -> Result<T, Refused> {
    let (tell, told) = oneshot::channel();
    call(Box::new(move |answer| drop(tell.send(answer))));
    told.await.expect("it is called")
}

async fn posted(host: &Host, by: &str, text: &str, options: PostOptions) -> Result<String, Refused> {
    asked(|done| host.post(&jid(by), text, options, done)).await
}

async fn follows(host: &Host, by: &str, whom: &str) -> Result<(), Refused> {
    asked(|done| host.follow(&jid(by), &jid(whom), done)).await
}

fn text(stanza: &Element) -> String {
    String::from(stanza)
}

/// What comes until something has these words.
async fn until(client: &mut Client, words: &str) -> String {
    loop {
        let came = text(&next(client).await);
        if came.contains(words) {
            return came;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_reaches_followers_once_however_often_it_is_asked_for_and_is_retracted() {
    let (server, host) = world(&["http.public_url=https://capulet.lit"]).await;
    assert!(posted(&host, "juliet", "first", PostOptions::default()).await.is_ok());
    assert_eq!(follows(&host, "romeo", "juliet").await, Ok(()));
    let mut romeo = client(&server, "romeo").await;
    romeo.send("<presence/>").await;
    let options = PostOptions {
        id: Some("mo-1".to_owned()),
        links: vec![("related".to_owned(), "https://a.lit/".to_owned())],
        ..PostOptions::default()
    };
    for _ in 0..2 {
        let again = options.clone();
        assert_eq!(
            posted(&host, "juliet", "O Romeo & Romeo", again).await.as_deref(),
            Ok("mo-1")
        );
    }
    let came = until(&mut romeo, "mo-1").await;
    for part in [
        "O Romeo &amp; Romeo",
        "https://capulet.lit/u/juliet/mo-1",
        "xmpp:juliet@capulet.lit",
        "https://a.lit/",
    ] {
        assert!(came.contains(part), "{part} in {came}");
    }
    assert_eq!(asked(|done| host.retract(&jid("juliet"), "mo-1", done)).await, Ok(()));
    // Nothing lies between.
    let gone = text(&next(&mut romeo).await);
    assert!(gone.contains("retract") && gone.contains("mo-1"), "{gone}");
    let none = asked(|done| host.retract(&jid("juliet"), "mo-1", done)).await;
    assert_eq!(none, Err(Refused::NotFound));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_repeats_and_likes_are_noted_to_the_author() {
    let (server, host) = world(&[]).await;
    let item = posted(&host, "juliet", "wherefore", PostOptions::default())
        .await
        .unwrap();
    let node = NodeName::new(jid("juliet").as_str(), BLOG);
    let reply = PostOptions {
        in_reply_to: Some((node.clone(), item.clone())),
        ..PostOptions::default()
    };
    posted(&host, "romeo", "therefore", reply).await.unwrap();
    let first = asked(|done| host.repeat(&jid("nurse"), (&node, &item), None, done))
        .await
        .unwrap();
    let again = asked(|done| host.repeat(&jid("nurse"), (&node, &item), None, done))
        .await
        .unwrap();
    assert_eq!(first, again);
    for _ in 0..2 {
        assert_eq!(asked(|done| host.like(&jid("nurse"), &node, &item, done)).await, Ok(()));
    }
    posted(&host, "romeo", "@juliet: sweet", PostOptions::default())
        .await
        .unwrap();
    let mut juliet = client(&server, "juliet").await;
    let notes = "urn:reef:notifications:0";
    juliet
        .send(&format!(
            "<iq type='get' id='n'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='{notes}'/></pubsub></iq>"
        ))
        .await;
    let noted = until(&mut juliet, "<items").await;
    for word in ["replied", "repeated", "liked", "mentioned"] {
        assert!(
            noted.contains(&format!("type=\"{word}\"")) || noted.contains(&format!("type='{word}'")),
            "{word}: {noted}"
        );
    }
    let nobody = asked(|done| host.like(&jid("nurse"), &node, "none", done)).await;
    assert_eq!(nobody, Err(Refused::NotFound));
    let latest = tokio::task::spawn_blocking(move || host.latest(&jid("nurse"), None))
        .await
        .unwrap();
    let (id, said) = latest.unwrap();
    assert_eq!((id, said.text.as_str()), (first, "wherefore"));
    assert_eq!(said.repeats.as_deref(), Some("juliet@capulet.lit"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_few_may_read_is_not_repeated_nor_shown() {
    let (server, host) = world(&[]).await;
    let item = posted(&host, "juliet", "secret", PostOptions::default()).await.unwrap();
    let (service, node) = (jid("juliet").to_string(), BLOG.to_owned());
    let settings = vec![("access_model".to_owned(), "presence".to_owned())];
    server
        .ask(Request::NodeConfigure {
            service: service.clone(),
            node,
            settings,
        })
        .await;
    let node = NodeName::new(service.as_str(), BLOG);
    let repeated = asked(|done| host.repeat(&jid("nurse"), (&node, &item), None, done)).await;
    assert_eq!(repeated, Err(Refused::Forbidden));
    let read = host.clone();
    let latest = tokio::task::spawn_blocking(move || read.latest(&jid("juliet"), Some(&jid("nurse"))));
    assert_eq!(latest.await.unwrap(), None);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_an_account_blocks_follows_it_no_more_and_gets_no_message_of_it() {
    let (server, host) = world(&[]).await;
    posted(&host, "juliet", "first", PostOptions::default()).await.unwrap();
    assert_eq!(follows(&host, "romeo", "juliet").await, Ok(()));
    assert_eq!(follows(&host, "romeo", "nobody").await, Err(Refused::NotFound));
    assert_eq!(
        asked(|done| host.block(&jid("juliet"), &jid("romeo"), done)).await,
        Ok(())
    );
    assert_eq!(follows(&host, "romeo", "juliet").await, Err(Refused::NotFound));
    let write = async |from, to| asked(|done| host.message(&jid(from), &jid(to), ("m1", "hello"), done)).await;
    assert_eq!(write("juliet", "romeo").await, Err(Refused::Forbidden));
    assert_eq!(write("romeo", "juliet").await, Err(Refused::NotFound));
    assert_eq!(write("romeo", "nobody").await, Err(Refused::NotFound));
    assert_eq!(
        asked(|done| host.unblock(&jid("juliet"), &jid("romeo"), done)).await,
        Ok(())
    );
    assert_eq!(follows(&host, "romeo", "juliet").await, Ok(()));
    assert_eq!(
        asked(|done| host.unfollow(&jid("romeo"), &jid("juliet"), done)).await,
        Ok(())
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_delivered_or_kept_and_archived_on_both_sides() {
    let (server, host) = world(&[]).await;
    let mut juliet = client(&server, "juliet").await;
    juliet.send("<presence/>").await;
    next(&mut juliet).await;
    let sent = asked(|done| host.message(&jid("romeo"), &jid("juliet"), ("m1", "but \u{0} soft"), done)).await;
    assert_eq!(sent, Ok(()));
    let came = next(&mut juliet).await;
    assert_eq!(
        (came.attr("from"), came.attr("type")),
        (Some("romeo@capulet.lit"), Some("chat"))
    );
    assert_eq!(
        came.get_child("body", "jabber:client").unwrap().text(),
        "but \u{fffd} soft"
    );
    assert!(came.has_child("stanza-id", "urn:xmpp:sid:0"), "{came:?}");
    let origin = came.get_child("origin-id", "urn:xmpp:sid:0").unwrap();
    assert_eq!((came.attr("id"), origin.attr("id")), (Some("m1"), Some("m1")));
    let sent = asked(|done| host.message(&jid("romeo"), &jid("nurse"), ("m1", "what light"), done)).await;
    assert_eq!(sent, Ok(()));
    let mut nurse = client(&server, "nurse").await;
    nurse.send("<presence/>").await;
    assert!(until(&mut nurse, "what light").await.contains("urn:xmpp:delay"));
    let mut romeo = client(&server, "romeo").await;
    romeo
        .send("<iq type='set' id='a'><query xmlns='urn:xmpp:mam:2'/></iq>")
        .await;
    for body in ["soft", "what light"] {
        let archived = text(&next(&mut romeo).await);
        assert!(archived.contains(body), "{archived}");
    }
    server.stop().await;
}

const TYBALT: &str = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHR5YmFsdAByMG0zMA==</auth>";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_is_made_cannot_be_logged_in_to_before_it_has_a_password() {
    let sets = ["c2s.registration=open", "limits.registrations_per_minute=2"];
    let (server, host) = world(&sets).await;
    let make = async |name: &str| asked(|done| host.create_account(name, 1, done)).await;
    assert_eq!(make("Tybalt").await, Ok(jid("tybalt")));
    // Asked again it is there, but to others.
    assert_eq!(make("Tybalt").await, Ok(jid("tybalt")));
    let others = asked(|done| host.create_account("tybalt", 2, done)).await;
    assert_eq!(others, Err(Refused::Taken));
    for taken in ["romeo", "STOP"] {
        assert_eq!(make(taken).await, Err(Refused::Taken));
    }
    assert_eq!(make("a@b").await, Err(Refused::Invalid("this is no name".to_owned())));
    assert!(make("paris").await.is_ok());
    assert_eq!(make("peter").await, Err(Refused::TooFast));
    let mut early = Client::connect(server.address()).await;
    early.send(&header()).await;
    next(&mut early).await;
    // The password that it will have.
    early.send(TYBALT).await;
    let refused = next(&mut early).await;
    assert!(text(&refused).contains("<not-authorized"), "{refused:?}");
    // It posts all the same.
    posted(&host, "tybalt", "peace? I hate the word", PostOptions::default())
        .await
        .unwrap();
    let pass = async |name, until| asked(|done| host.pass(&jid(name), PASSWORD, Timestamp(until), done)).await;
    assert_eq!(pass("tybalt", 1).await, Ok(()));
    early = Client::connect(server.address()).await;
    early.send(&header()).await;
    next(&mut early).await;
    early.send(TYBALT).await;
    let refused = next(&mut early).await;
    assert!(
        text(&refused).contains("<not-authorized"),
        "its time is over: {refused:?}"
    );
    assert_eq!(pass("tybalt", u64::MAX).await, Ok(()));
    assert_eq!(host.maker(&jid("tybalt")), Ok(Some(1)));
    let mut tybalt = client(&server, "tybalt").await;
    let own = format!(
        "<iq type='set' id='p'><query xmlns='jabber:iq:register'>\
         <username>tybalt</username><password>{PASSWORD}</password></query></iq>"
    );
    tybalt.send(&own).await;
    assert_eq!(next(&mut tybalt).await.attr("type"), Some("result"));
    assert_eq!(host.maker(&jid("tybalt")), Ok(None));
    assert_eq!(pass("tybalt", u64::MAX).await, Err(Refused::Taken));
    assert_eq!(pass("nobody", u64::MAX).await, Err(Refused::NotFound));
    let mut early = Client::connect(server.address()).await;
    early.send(&header()).await;
    next(&mut early).await;
    early
        .send(
            "<iq type='set' id='r'><query xmlns='jabber:iq:register'>\
             <username>Stop</username><password>x</password></query></iq>",
        )
        .await;
    assert!(text(&next(&mut early).await).contains("<not-allowed"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_there_or_suspended_or_too_fast_does_nothing() {
    let sets = ["limits.publish_per_second=1", "limits.publish_burst=2"];
    let (server, host) = world(&sets).await;
    let post = async |by| posted(&host, by, "x", PostOptions::default()).await.map(drop);
    assert_eq!(post("nobody").await, Err(Refused::NotFound));
    for expected in [Ok(()), Ok(()), Err(Refused::TooFast)] {
        assert_eq!(post("romeo").await, expected);
    }
    let jid = jid("juliet").to_string();
    server.ask(Request::UserSuspend { jid, suspended: true }).await;
    assert_eq!(post("juliet").await, Err(Refused::Forbidden));
    let closed = asked(|done| host.create_account("tybalt", 1, done)).await;
    assert_eq!(closed, Err(Refused::Forbidden));
    server.stop().await;
    // A host that has outlived its server says so.
    assert_eq!(
        posted(&host, "romeo", "x", PostOptions::default()).await,
        Err(Refused::Busy)
    );
    assert!(host.engine().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_mean_accounts_here_and_posts_have_their_address() {
    let (server, host) = world(&["http.public_url=https://capulet.lit"]).await;
    assert_eq!(
        asked(|done| host.set_name(&jid("romeo"), " Romeo M. ", done)).await,
        Ok(())
    );
    let found = tokio::task::spawn_blocking(move || {
        let resolve = |name: &str| host.resolve(name).map(|jid| jid.to_string());
        let romeo = Some("romeo@capulet.lit".to_owned());
        for name in ["romeo", "@Romeo", "romeo@capulet.lit", " @romeo "] {
            assert_eq!(resolve(name), romeo, "{name}");
        }
        for name in ["", "@", "nobody", "a/b", "x@montague.lit", "capulet.lit"] {
            assert_eq!(resolve(name), None, "{name}");
        }
        assert!(host.exists(&jid("romeo")) && !host.exists(&jid("nobody")));
        let link = |service: &str| host.web_link(service, "a b");
        (link("romeo@capulet.lit"), link("x@montague.lit"))
    });
    let expected = Some("https://capulet.lit/u/romeo/a%20b".to_owned());
    assert_eq!(found.await.unwrap(), (expected, None));
    let mut romeo = client(&server, "romeo").await;
    romeo
        .send(
            "<iq type='get' id='n'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
             <items node='http://jabber.org/protocol/nick'/></pubsub></iq>",
        )
        .await;
    assert!(until(&mut romeo, "<items").await.contains(">Romeo M.<"));
    server.stop().await;
}

async fn montague(here: SocketAddr, there: SocketAddr) -> Server {
    let sets = [
        "domain=montague.lit".to_owned(),
        format!("s2s.listen=[\"{there}\"]"),
        format!("s2s.resolve.capulet.lit={here}"),
    ];
    Server::start(&sets, &[]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_at_another_server_is_followed_liked_and_repeated_by_his_followers() {
    let [here_at, there_at] = [(); 2].map(|()| free_address());
    let there = montague(here_at, there_at).await;
    let mercutio = BareJid::new("mercutio@montague.lit").unwrap();
    let (jid_there, password) = (mercutio.to_string(), PASSWORD.to_owned());
    let add = Request::UserAdd {
        jid: jid_there.clone(),
        password,
    };
    there.ask(add).await;
    let post = |item: &str, title: &str| Request::Post {
        jid: jid_there.clone(),
        node: BLOG.to_owned(),
        item: Some(item.to_owned()),
        entry: format!(
            "<entry xmlns='http://www.w3.org/2005/Atom'><title>{title}</title><id>{item}</id>\
             <updated>2008-05-08T18:30:02Z</updated></entry>"
        ),
    };
    there.ask(post("m1", "a plague")).await;
    let (listen, way) = (
        format!("s2s.listen=[\"{here_at}\"]"),
        format!("s2s.resolve.montague.lit={there_at}"),
    );
    let (server, host) = world(&[&listen, &way]).await;
    assert_eq!(asked(|done| host.follow(&jid("romeo"), &mercutio, done)).await, Ok(()));
    let nobody = BareJid::new("nobody@montague.lit").unwrap();
    assert_eq!(
        asked(|done| host.follow(&jid("romeo"), &nobody, done)).await,
        Err(Refused::NotFound)
    );
    let mut romeo = client(&server, "romeo").await;
    romeo.send("<presence/>").await;
    there.ask(post("m2", "o' both your houses")).await;
    until(&mut romeo, "both your houses").await;
    let node = NodeName::new(mercutio.as_str(), BLOG);
    assert!(
        asked(|done| host.repeat(&jid("romeo"), (&node, "m2"), Some("mo-2".to_owned()), done))
            .await
            .is_ok()
    );
    let other = asked(|done| host.repeat(&jid("nurse"), (&node, "m2"), None, done)).await;
    assert_eq!(other, Err(Refused::Forbidden));
    assert_eq!(asked(|done| host.like(&jid("romeo"), &node, "m1", done)).await, Ok(()));
    assert_eq!(
        asked(|done| host.message(&jid("romeo"), &mercutio, ("m1", "good heart"), done)).await,
        Ok(())
    );
    let (read, known) = (host.clone(), mercutio.clone());
    let found = tokio::task::spawn_blocking(move || {
        let latest = |by: &str| read.latest(&known, Some(&jid(by))).map(|(id, _)| id);
        (read.resolve("mercutio@montague.lit"), latest("romeo"), latest("nurse"))
    });
    assert_eq!(
        found.await.unwrap(),
        (Some(mercutio.clone()), Some("m2".to_owned()), None)
    );
    assert_eq!(
        asked(|done| host.unfollow(&jid("romeo"), &mercutio, done)).await,
        Ok(())
    );
    server.stop().await;
    there.stop().await;
}
