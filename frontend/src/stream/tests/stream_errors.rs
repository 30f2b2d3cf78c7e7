//! Every way in which a stream ends before its login.

use tokio::io::AsyncWriteExt;

use super::{Client, Server, header};

fn condition(name: &str) -> String {
    format!("<stream:error><{name} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>")
}

/// Sends bytes to a fresh connection: one header of ours must come, the error, and the end.
async fn check(server: &Server, sent: &str, expected: &str) {
    let mut client = Client::connect(server.starttls).await;
    client.send(sent).await;
    let answer = client.rest().await;
    let shown: String = sent.chars().take(200).collect();
    assert!(
        answer.starts_with("<?xml version='1.0'?><stream:stream "),
        "{shown}: {answer}"
    );
    assert_eq!(answer.matches("<stream:stream ").count(), 1, "{shown}: {answer}");
    assert_eq!(answer.matches(" id='").count(), 1, "{shown}: {answer}");
    assert!(answer.contains(&condition(expected)), "{shown}: {answer}");
    assert!(answer.ends_with("</stream:error></stream:stream>"), "{shown}: {answer}");
}

#[tokio::test]
async fn a_bad_header_is_answered_with_ours_and_the_error() {
    let server = Server::start(&[]).await;
    let good = header("capulet.example");
    check(&server, &header("montague.example"), "host-unknown").await;
    check(&server, &header("a b"), "improper-addressing").await;
    check(&server, &good.replace(" version='1.0' ", " "), "unsupported-version").await;
    check(
        &server,
        &good.replace(" version='1.0' ", " version='0.9' "),
        "unsupported-version",
    )
    .await;
    check(
        &server,
        &good.replace("jabber:client", "jabber:server"),
        "invalid-namespace",
    )
    .await;
    check(
        &server,
        &good.replace("http://etherx.jabber.org/streams", "urn:x"),
        "invalid-namespace",
    )
    .await;
    check(&server, &good.replace("stream:stream", "stream:flow"), "bad-format").await;
    check(&server, "GET / HTTP/1.1\r\n\r\n", "bad-format").await;
    check(&server, "<stream:stream <", "not-well-formed").await;
    check(&server, "<!DOCTYPE x><x/>", "restricted-xml").await;
    check(
        &server,
        &format!("<stream:stream a='{}", "x".repeat(20_000)),
        "policy-violation",
    )
    .await;
}

#[tokio::test]
async fn what_must_not_come_before_login_ends_the_stream() {
    let server = Server::start(&[]).await;
    let check_after_header = async |sent: &str, expected| {
        check(&server, &format!("{}{sent}", header("capulet.example")), expected).await;
    };
    check_after_header("<message/>", "not-authorized").await;
    check_after_header("<presence/>", "not-authorized").await;
    check_after_header(
        "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>",
        "not-authorized",
    )
    .await;
    check_after_header(
        "<iq type='get' id='1'><query xmlns='jabber:iq:register'/></iq>",
        "not-authorized",
    )
    .await;
    check_after_header("<hello/>", "unsupported-stanza-type").await;
    check_after_header("<hello xmlns='urn:x'/>", "unsupported-stanza-type").await;
    check_after_header("hello", "bad-format").await;
    check_after_header("<x></y>", "not-well-formed").await;
    check_after_header("<!-- x --><message/>", "restricted-xml").await;
    check_after_header(&format!("<message>{}", "x".repeat(20_000)), "policy-violation").await;
    check_after_header(&format!("<message>{}", "<a>".repeat(100)), "policy-violation").await;
}

#[tokio::test]
async fn white_space_behind_starttls_is_passed_over() {
    let server = Server::start(&[]).await;
    let mut client = Client::connect(server.starttls).await;
    client.send(&header("capulet.example")).await;
    client.until("</stream:features>").await;
    client
        .send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>\r\n")
        .await;
    client.until("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await;
    let versions = [&rustls::version::TLS13];
    let mut client = client.handshake(&server.certificate, &versions, &[]).await.unwrap();
    client.send(&header("capulet.example")).await;
    client.until("</stream:features>").await;
}

#[tokio::test]
async fn bytes_behind_starttls_are_refused() {
    let server = Server::start(&[]).await;
    let starttls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    let sent = format!(
        "{}{starttls}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
        header("capulet.example")
    );
    check(&server, &sent, "policy-violation").await;
}

#[tokio::test]
async fn starttls_is_refused_inside_tls() {
    let server = Server::start(&[]).await;
    let (mut client, _) = Client::secure(&server).await;
    client.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await;
    let rest = client.rest().await;
    assert!(rest.starts_with(&condition("policy-violation")), "{rest}");
}

#[tokio::test]
async fn an_encrypted_stream_is_a_new_one_with_its_own_header() {
    let server = Server::start(&[]).await;
    let (mut client, _) = Client::secure(&server).await;
    client.send("<message/>").await;
    assert_eq!(
        client.rest().await,
        format!("{}</stream:error></stream:stream>", condition("not-authorized"))
    );

    let client = Client::connect(server.direct).await;
    let mut client = client
        .handshake(&server.certificate, &[&rustls::version::TLS13], &[])
        .await
        .unwrap();
    client.send(&header("montague.example")).await;
    let rest = client.rest().await;
    assert!(
        rest.starts_with("<?xml") && rest.contains(&condition("host-unknown")),
        "{rest}"
    );
}

#[tokio::test]
async fn a_closed_stream_is_closed_in_turn() {
    let server = Server::start(&[]).await;
    let mut client = Client::connect(server.starttls).await;
    client.ask(&header("capulet.example"), "</stream:features>").await;
    client.send("</stream:stream>").await;
    assert_eq!(client.rest().await, "</stream:stream>");
}

#[tokio::test]
async fn a_header_may_come_byte_by_byte_and_with_keepalives_behind_it() {
    let server = Server::start(&[]).await;
    let mut client = Client::connect(server.starttls).await;
    for byte in header("capulet.example").as_bytes() {
        client.socket.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    client.until("</stream:features>").await;
    let proceed = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    client
        .ask(" \n \n<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", proceed)
        .await;
}

#[tokio::test]
async fn our_header_names_the_client_if_it_names_itself() {
    let server = Server::start(&[]).await;
    let mut client = Client::connect(server.starttls).await;
    let named = header("capulet.example").replace(" to=", " from='Juliet@Capulet.Example/x' to=");
    let answer = client.ask(&named, "</stream:features>").await;
    assert!(
        answer.contains(" from='capulet.example' to='juliet@capulet.example' id='"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_silent_client_is_timed_out() {
    let server = Server::start(&["c2s.handshake_timeout=50ms"]).await;
    check(&server, "", "connection-timeout").await;
    check(&server, "<stream:stream ", "connection-timeout").await;
    check(&server, &header("capulet.example"), "connection-timeout").await;
}

#[tokio::test]
async fn a_silent_tls_handshake_is_dropped() {
    let server = Server::start(&["c2s.handshake_timeout=50ms"]).await;
    let mut client = Client::connect(server.direct).await;
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn too_many_connections_are_told_so() {
    let server = Server::start(&["limits.connections_unauthenticated=1"]).await;
    let mut first = Client::connect(server.starttls).await;
    first.ask(&header("capulet.example"), "</stream:features>").await;
    check(&server, "", "resource-constraint").await;
    let mut direct = Client::connect(server.direct).await;
    assert_eq!(direct.rest().await, "");
    first.send("</stream:stream>").await;
    first.rest().await;
    drop(first);
    // Its permit is given back when its task ends, which nothing here can wait for: ask until it has.
    loop {
        let mut client = Client::connect(server.starttls).await;
        if client
            .ask(&header("capulet.example"), ">")
            .await
            .ends_with("</stream:features>")
        {
            break;
        }
    }
}

#[tokio::test]
async fn a_shutdown_is_said_to_all_who_negotiate() {
    let mut server = Server::start(&[]).await;
    let mut plain = Client::connect(server.starttls).await;
    plain.ask(&header("capulet.example"), "</stream:features>").await;
    let (mut secure, _) = Client::secure(&server).await;
    server.stop.send(true).unwrap();
    let expected = format!("{}</stream:error></stream:stream>", condition("system-shutdown"));
    assert_eq!(plain.rest().await, expected);
    assert_eq!(secure.rest().await, expected);
    drop((plain, secure));
    for listener in server.listeners.drain(..) {
        listener.await.unwrap();
    }
    assert_eq!(server.context.connections.unauthenticated(), 0);
}
