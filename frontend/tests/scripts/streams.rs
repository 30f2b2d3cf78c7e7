//! Ends of streams (RFC 6120 §4.9), before and after login, and what only bytes can show.

use super::client::{Client, header};
use super::server::{DOMAIN, Server};
use reef_frontend::admin::Request;
use std::time::Duration;

fn sets(sets: &[&str]) -> Vec<String> {
    sets.iter().map(ToString::to_string).collect()
}

async fn juliet(with: &[&str]) -> Server {
    Server::start(&sets(with), &["juliet".to_owned()]).await
}

/// The end of a stream with this condition: one error, then stream and connection are closed.
fn ends_with(rest: &str, condition: &str) {
    let error = format!("<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>");
    assert!(rest.contains(&error), "{condition}: {rest}");
    assert_eq!(rest.matches("<stream:error>").count(), 1, "{condition}: {rest}");
    assert!(rest.ends_with("</stream:error></stream:stream>"), "{condition}: {rest}");
}

async fn before_login(server: &Server, sent: &str, condition: &str) {
    let mut client = Client::connect(server.address()).await;
    client.send(sent).await;
    let rest = client.rest().await;
    assert_eq!(rest.matches("<stream:stream ").count(), 1, "{condition}: {rest}");
    ends_with(&rest, condition);
}

/// In place of the header after SASL, which one authenticates.
async fn after_sasl(server: &Server, sent: &str, condition: &str) {
    let mut client = Client::connect(server.address()).await;
    client.authenticate("juliet").await;
    client.send(sent).await;
    ends_with(&client.rest().await, condition);
}

async fn after_login(server: &Server, sent: &str, condition: &str) {
    let mut client = Client::connect(server.address()).await;
    client.authenticate("juliet").await;
    client.bind("x").await;
    client.send(sent).await;
    let rest = client.rest().await;
    assert_eq!(rest.matches("<stream:stream ").count(), 0, "{condition}: {rest}");
    ends_with(&rest, condition);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_before_login_is_said_once_behind_a_header() {
    let server = juliet(&["c2s.handshake_timeout=300ms"]).await;
    let good = header();
    for (sent, condition) in [
        ("<stream:stream <".to_owned(), "not-well-formed"),
        (good.replace("jabber:client", "jabber:x"), "invalid-namespace"),
        (good.replace(DOMAIN, "montague.lit"), "host-unknown"),
        (good.replace(" version='1.0' xmlns", " xmlns"), "unsupported-version"),
        (format!("{good}<!-- x -->"), "restricted-xml"),
        (format!("{good}<message>{}", "x".repeat(20_000)), "policy-violation"),
        (format!("{good}<message/>"), "not-authorized"),
        (format!("{good}<other/>"), "unsupported-stanza-type"),
        (String::new(), "connection-timeout"),
        (good.clone(), "connection-timeout"),
    ] {
        before_login(&server, &sent, condition).await;
    }
    server.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_after_login_is_said_once() {
    let server = juliet(&["limits.stanza_bytes=20000"]).await;
    for (sent, condition) in [
        ("<message></iq>".to_owned(), "not-well-formed"),
        ("<!-- x -->".to_owned(), "restricted-xml"),
        ("<iq>&entity;</iq>".to_owned(), "restricted-xml"),
        (format!("<message>{}", "x".repeat(1_000_000)), "policy-violation"),
        (format!("<message>{}", "<a>".repeat(100)), "policy-violation"),
        ("<other/>".to_owned(), "unsupported-stanza-type"),
        ("<message xmlns='jabber:server'/>".to_owned(), "unsupported-stanza-type"),
        ("<message from='romeo@capulet.lit'/>".to_owned(), "invalid-from"),
        ("text".to_owned(), "bad-format"),
        ("<a xmlns='urn:xmpp:sm:3' h='1'/>".to_owned(), "unsupported-stanza-type"),
    ] {
        after_login(&server, &sent, condition).await;
    }
    after_sasl(&server, "<message to='juliet@capulet.lit'/>", "not-authorized").await;
    after_sasl(&server, "<other/>", "unsupported-stanza-type").await;
    server.running.stop().await;
}

/// The header was answered, and then answered again before the error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_header_after_sasl_is_answered_with_one_header_and_the_error() {
    let server = juliet(&[]).await;
    let good = header();
    for (sent, condition) in [
        (good.replace(DOMAIN, "montague.lit"), "host-unknown"),
        (good.replace(" version='1.0' xmlns", " xmlns"), "unsupported-version"),
        (good.replace("jabber:client", "jabber:x"), "invalid-namespace"),
        ("<stream:stream <".to_owned(), "not-well-formed"),
    ] {
        let mut client = Client::connect(server.address()).await;
        client.send(&header()).await;
        client.stanza().await;
        let secret = "AGp1bGlldAByMG0zMA==";
        client
            .send(&format!(
                "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>"
            ))
            .await;
        assert_eq!(client.stanza().await.unwrap().name(), "success");
        client.send(&sent).await;
        let rest = client.rest().await;
        assert_eq!(rest.matches("<stream:stream ").count(), 1, "{condition}: {rest}");
        ends_with(&rest, condition);
    }
    server.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_bind_in_time_is_told() {
    let server = juliet(&["c2s.handshake_timeout=500ms"]).await;
    after_sasl(&server, "", "connection-timeout").await;
    server.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resource_that_is_bound_again_ends_the_older_stream() {
    let server = juliet(&[]).await;
    let mut older = Client::connect(server.address()).await;
    older.authenticate("juliet").await;
    older.bind("balcony").await;
    older.send("<presence/>").await;
    older.stanza().await;
    let mut newer = Client::connect(server.address()).await;
    newer.authenticate("juliet").await;
    newer.bind("balcony").await;
    // Nothing comes behind the end, not even that it is unavailable.
    let rest = older.rest().await;
    assert!(rest.starts_with("<stream:error>"), "{rest}");
    ends_with(&rest, "conflict");
    server.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_stream_is_closed_in_turn_and_nothing_comes_behind_it() {
    let server = juliet(&[]).await;
    let mut client = Client::connect(server.address()).await;
    client.authenticate("juliet").await;
    client.bind("x").await;
    client.send("<presence/>").await;
    client.stanza().await;
    client.send("</stream:stream>").await;
    assert_eq!(client.rest().await, "</stream:stream>");
    server.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_is_said_to_everyone() {
    let server = juliet(&[]).await;
    let mut bound = Client::connect(server.address()).await;
    bound.authenticate("juliet").await;
    bound.bind("x").await;
    let mut unbound = Client::connect(server.address()).await;
    unbound.authenticate("juliet").await;
    let mut early = Client::connect(server.address()).await;
    early.send(&header()).await;
    early.stanza().await;
    let stopped = tokio::spawn(server.running.stop());
    for client in [&mut bound, &mut unbound, &mut early] {
        ends_with(&client.rest().await, "system-shutdown");
    }
    drop((bound, unbound, early));
    stopped.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_given_another_password_is_to_show_that_he_knows_it() {
    let server = juliet(&[]).await;
    let mut client = Client::connect(server.address()).await;
    client.authenticate("juliet").await;
    client.bind("x").await;
    let (jid, password) = (format!("juliet@{DOMAIN}"), "n3w".to_owned());
    server.ask(Request::UserPasswd { jid, password }).await;
    ends_with(&client.rest().await, "reset");
    server.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_removed_or_suspended_is_thrown_out() {
    let server = juliet(&[]).await;
    for request in [
        Request::UserSuspend {
            jid: format!("juliet@{DOMAIN}"),
            suspended: true,
        },
        Request::UserRemove {
            jid: format!("romeo@{DOMAIN}"),
        },
    ] {
        let user = if matches!(request, Request::UserRemove { .. }) {
            "romeo"
        } else {
            "juliet"
        };
        if user == "romeo" {
            server.add(user).await;
        }
        let mut client = Client::connect(server.address()).await;
        client.authenticate(user).await;
        client.bind("x").await;
        server.ask(request).await;
        ends_with(&client.rest().await, "not-authorized");
    }
    server.running.stop().await;
}

/// A client that leaves while its rows are being read was counted twice, which ended its shard's job in a panic.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_while_binding_leaves_nothing_behind() {
    let server = juliet(&[]).await;
    for _ in 0..20 {
        let mut client = Client::connect(server.address()).await;
        client.authenticate("juliet").await;
        client
            .send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq></stream:stream>")
            .await;
        drop(client);
    }
    let mut client = Client::connect(server.address()).await;
    client.authenticate("juliet").await;
    client.bind("x").await;
    client.send("</stream:stream>").await;
    tokio::time::timeout(Duration::from_secs(10), client.rest())
        .await
        .unwrap();
    server.running.stop().await;
}

/// More requests than may be under way, and nothing behind them that would wake the reader.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_wait_in_the_socket_are_answered_when_there_is_room() {
    let server = juliet(&[]).await;
    let mut client = Client::connect(server.address()).await;
    client.authenticate("juliet").await;
    client.bind("x").await;
    for round in 0..4 {
        let ask = |n: usize| {
            format!(
                "<iq type='get' id='{round}-{n}' to='juliet@{DOMAIN}'>\
                 <query xmlns='http://jabber.org/protocol/disco#items'/></iq>"
            )
        };
        // Just as many as may be under way, in one write, so that the socket is left unread; then one more.
        client.send(&(0..64).map(ask).collect::<String>()).await;
        client.send(&(64..200).map(ask).collect::<String>()).await;
        for _ in 0..200 {
            let answer = client.stanza().await.unwrap();
            assert_eq!(answer.attr("type"), Some("result"));
        }
    }
    server.running.stop().await;
}

/// A turn's worth is written at a time: what is behind it waits for no event and no tick.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_write_does_not_take_is_written_at_once_where_nothing_else_happens() {
    let server = juliet(&[]).await;
    server.add("romeo").await;
    let mut juliet = Client::connect(server.address()).await;
    juliet.authenticate("juliet").await;
    juliet.bind("x").await;
    let posts = 60;
    for n in 0..=posts {
        if n == 1 {
            let mut romeo = Client::connect(server.address()).await;
            romeo.authenticate("romeo").await;
            romeo.bind("phone").await;
            romeo
                .send(&format!(
                    "<iq type='set' id='f' to='juliet@{DOMAIN}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
                     <subscribe node='urn:xmpp:microblog:0' jid='romeo@{DOMAIN}'/></pubsub></iq><presence/>"
                ))
                .await;
            while romeo.stanza().await.unwrap().attr("id") != Some("f") {}
            romeo.send("</stream:stream>").await;
            romeo.rest().await;
        }
        let text = "x".repeat(15_000);
        juliet
            .send(&format!(
                "<iq type='set' id='p'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
                 <publish node='urn:xmpp:microblog:0'><item id='i{n}'><entry xmlns='http://www.w3.org/2005/Atom'>\
                 <title>{text}</title><id>tag:{n}</id><updated>2008-05-08T18:30:02Z</updated></entry></item></publish>\
                 </pubsub></iq>"
            ))
            .await;
        assert_eq!(juliet.stanza().await.unwrap().attr("type"), Some("result"));
    }
    let mut romeo = Client::connect(server.address()).await;
    romeo.authenticate("romeo").await;
    romeo.bind("phone").await;
    romeo.send("<presence/>").await;
    let all = async {
        let mut got = 0;
        while got < posts {
            got += usize::from(romeo.stanza().await.unwrap().name() == "message");
        }
    };
    // Fourteen writes; each that waited would take a second.
    tokio::time::timeout(Duration::from_secs(4), all).await.unwrap();
    server.running.stop().await;
}
