//! Logins with every mechanism, their failures, and what is handed over.

use std::io::{Read, Write};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Client, Server, header};
use crate::sasl::{Hash, test_client::client_final};
use crate::stream::Authenticated;

const SASL: &str = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";
const PLAINTEXT: [&str; 1] = ["c2s.require_tls=false"];

fn auth(mechanism: &str, message: &[u8]) -> String {
    format!("<auth {SASL} mechanism='{mechanism}'>{}</auth>", BASE64.encode(message))
}

fn failure(condition: &str) -> String {
    format!("<failure {SASL}><{condition}/></failure>")
}

/// What base64 text the server's element carries.
fn data(xml: &str) -> String {
    let base64 = xml.split_once('>').unwrap().1.split_once('<').unwrap().0;
    String::from_utf8(BASE64.decode(base64).unwrap()).unwrap()
}

/// A SCRAM login; gives the last answer and the server-final-message that a true server sends.
async fn scram<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut Client<S>,
    (mechanism, hash): (&str, Hash),
    gs2: &str,
    binding: &[u8],
    password: &str,
) -> (String, String) {
    let bare = "n=juliet,r=0123456789abcdef";
    let challenge = client
        .ask(&auth(mechanism, format!("{gs2}{bare}").as_bytes()), "</challenge>")
        .await;
    let channel = [gs2.as_bytes(), binding].concat();
    let (last, expected) = client_final(hash, password, bare, &data(&challenge), &channel);
    client
        .send(&format!("<response {SASL}>{}</response>", BASE64.encode(last)))
        .await;
    let answer = client.until(">").await;
    let whole = if answer.ends_with("/>") || answer.contains("</") {
        answer
    } else {
        answer + &client.until(">").await
    };
    (whole, expected)
}

/// Sends `text` to the client from the shard's side of a handed-over connection, and reads `expected` from it.
fn talk(mut connection: Authenticated, text: &str, expected: &str) {
    connection.socket.tcp().set_nonblocking(false).unwrap();
    let mut received = connection.unread.clone();
    match &mut connection.tls {
        None => {
            connection.socket.tcp().write_all(text.as_bytes()).unwrap();
            while received.len() < expected.len() {
                let mut buffer = [0; 256];
                let read = connection.socket.tcp().read(&mut buffer).unwrap();
                received.extend_from_slice(&buffer[..read]);
            }
        }
        Some(channel) => {
            let mut sealed = Vec::new();
            channel.send(text.as_bytes(), &mut sealed).unwrap();
            connection.socket.tcp().write_all(&sealed).unwrap();
            while received.len() < expected.len() {
                let mut buffer = [0; 7];
                let read = connection.socket.tcp().read(&mut buffer).unwrap();
                channel
                    .receive(&mut buffer[..read], &mut received, &mut sealed)
                    .unwrap();
            }
        }
    }
    assert_eq!(String::from_utf8(received).unwrap(), expected);
}

#[tokio::test]
async fn features_ask_for_tls_first_and_then_offer_every_mechanism() {
    let server = Server::start(&[]).await;
    let mut client = Client::connect(server.starttls).await;
    let first = client.ask(&header("capulet.example"), "</stream:features>").await;
    assert!(
        first.starts_with("<?xml version='1.0'?><stream:stream xmlns='jabber:client'"),
        "{first}"
    );
    let expected = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>\
        <limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>16384</max-bytes></limits></stream:features>";
    assert!(first.ends_with(expected), "{first}");
    let (_, second) = Client::secure(&server).await;
    let expected = "<stream:features><limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>16384</max-bytes></limits>\
        <authentication xmlns='urn:xmpp:sasl:2'><mechanism>SCRAM-SHA-256-PLUS</mechanism>\
        <mechanism>SCRAM-SHA-1-PLUS</mechanism><mechanism>SCRAM-SHA-256</mechanism><mechanism>SCRAM-SHA-1</mechanism>\
        <mechanism>PLAIN</mechanism><inline><sm xmlns='urn:xmpp:sm:3'/><bind xmlns='urn:xmpp:bind:0'><inline>\
        <feature var='urn:xmpp:carbons:2'/><feature var='urn:xmpp:csi:0'/><feature var='urn:xmpp:sm:3'/></inline></bind>\
        <fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-EXPR</mechanism><mechanism>HT-SHA-256-ENDP</mechanism>\
        <mechanism>HT-SHA-256-NONE</mechanism></fast></inline></authentication><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
        <mechanism>SCRAM-SHA-256-PLUS</mechanism><mechanism>SCRAM-SHA-1-PLUS</mechanism>\
        <mechanism>SCRAM-SHA-256</mechanism><mechanism>SCRAM-SHA-1</mechanism><mechanism>PLAIN</mechanism>\
        </mechanisms><sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/>\
        <channel-binding type='tls-server-end-point'/></sasl-channel-binding></stream:features>";
    assert!(second.ends_with(expected), "{second}");
    let id = |header: &str| {
        header
            .split_once(" id='")
            .unwrap()
            .1
            .split_once('\'')
            .unwrap()
            .0
            .to_owned()
    };
    assert_eq!(id(&first).len(), 32);
    assert_ne!(id(&first), id(&second));
}

#[tokio::test]
async fn a_plain_login_over_tls_is_handed_over_with_its_session() {
    let mut server = Server::start(&[]).await;
    let (mut client, _) = Client::secure(&server).await;
    let success = format!("<success {SASL}/>");
    assert_eq!(client.ask(&auth("PLAIN", b"\0juliet\0r0m30"), "/>").await, success);
    let mut connection = server.handed().await;
    assert_eq!(connection.user.as_str(), "juliet@capulet.example");
    assert_eq!(connection.lang.as_deref(), Some("de"));
    assert_eq!(connection.peer.ip(), server.starttls.ip());
    assert!(connection.socket.tcp().nodelay().unwrap());
    assert!(connection.unread.is_empty());
    assert_eq!(server.context.connections.unauthenticated(), 0);
    let shard = tokio::task::spawn_blocking(|| talk(connection, "from the shard", "to the shard"));
    client.send("to the shard").await;
    assert_eq!(client.until("from the shard").await, "from the shard");
    shard.await.unwrap();
}

#[tokio::test]
async fn what_follows_the_login_at_once_is_handed_over_unread() {
    let mut server = Server::start(&[]).await;
    let (mut client, _) = Client::secure(&server).await;
    let next = header("capulet.example");
    client
        .send(&format!("{}\n {next}", auth("PLAIN", b"\0juliet\0r0m30")))
        .await;
    let connection = server.handed().await;
    assert_eq!(String::from_utf8_lossy(&connection.unread), format!("\n {next}"));

    // More than one read's worth: the rest lies decrypted in the TLS session.
    let (mut client, _) = Client::secure(&server).await;
    let long = "x".repeat(9_000);
    client
        .send(&format!("{}{long}", auth("PLAIN", b"\0juliet\0r0m30")))
        .await;
    let connection = server.handed().await;
    let shard = tokio::task::spawn_blocking(move || talk(connection, "", &long));
    shard.await.unwrap();
}

#[tokio::test]
async fn scram_proves_both_sides_with_and_without_channel_binding() {
    let mut server = Server::start(&[]).await;
    let end_point = crate::tls::end_point(&server.certificate).unwrap();
    for (name, hash) in [("SCRAM-SHA-256", Hash::Sha256), ("SCRAM-SHA-1", Hash::Sha1)] {
        for binding in ["", "tls-exporter", "tls-server-end-point"] {
            let (mut client, _) = Client::secure(&server).await;
            let label = b"EXPORTER-Channel-Binding";
            let exported = client
                .socket
                .get_ref()
                .1
                .export_keying_material([0; 32], label, Some(&[]))
                .unwrap();
            let (mechanism, gs2, data): (_, _, &[u8]) = match binding {
                "" => (name.to_owned(), "n,,".to_owned(), &[]),
                "tls-exporter" => (format!("{name}-PLUS"), "p=tls-exporter,,".to_owned(), &exported),
                _ => (format!("{name}-PLUS"), format!("p={binding},,"), &end_point),
            };
            let (success, expected) = scram(&mut client, (&mechanism, hash), &gs2, data, "r0m30").await;
            assert_eq!(
                success,
                format!("<success {SASL}>{}</success>", BASE64.encode(expected)),
                "{mechanism}"
            );
            assert_eq!(server.handed().await.user.as_str(), "juliet@capulet.example");
        }
    }
}

#[tokio::test]
async fn tls_1_2_binds_to_the_certificate_only() {
    let mut server = Server::start(&[]).await;
    let client = Client::connect(server.direct).await;
    let mut client = client
        .handshake(&server.certificate, &[&rustls::version::TLS12], &[])
        .await
        .unwrap();
    let features = client.ask(&header("capulet.example"), "</stream:features>").await;
    let binding = "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-server-end-point'/></";
    assert!(features.contains(binding), "{features}");
    let end_point = crate::tls::end_point(&server.certificate).unwrap();
    let mechanism = ("SCRAM-SHA-256-PLUS", Hash::Sha256);
    let (success, _) = scram(&mut client, mechanism, "p=tls-server-end-point,,", &end_point, "r0m30").await;
    assert!(success.starts_with("<success"), "{success}");
    server.handed().await;
}

#[tokio::test]
async fn direct_tls_accepts_xmpp_client_or_no_alpn_and_nothing_else() {
    let server = Server::start(&[]).await;
    let versions = [&rustls::version::TLS13];
    for alpn in [&["xmpp-client"][..], &[]] {
        let client = Client::connect(server.direct).await;
        let mut client = client.handshake(&server.certificate, &versions, alpn).await.unwrap();
        let features = client.ask(&header("capulet.example"), "</stream:features>").await;
        assert!(
            features.contains("SCRAM-SHA-1") && !features.contains("starttls"),
            "{features}"
        );
    }
    let client = Client::connect(server.direct).await;
    assert!(client.handshake(&server.certificate, &versions, &["h2"]).await.is_err());
}

#[tokio::test]
async fn without_tls_a_login_is_possible_only_where_the_operator_says_so() {
    let mut server = Server::start(&PLAINTEXT).await;
    let mut client = Client::connect(server.starttls).await;
    let features = client.ask(&header("capulet.example"), "</stream:features>").await;
    let expected = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-256</mechanism>\
        <mechanism>SCRAM-SHA-1</mechanism><mechanism>PLAIN</mechanism></mechanisms></stream:features>";
    assert!(features.ends_with(expected), "{features}");
    client
        .ask(&auth("PLAIN", b"\0juliet\0r0m30"), &format!("<success {SASL}/>"))
        .await;
    let connection = server.handed().await;
    assert!(connection.tls.is_none());
    let shard = tokio::task::spawn_blocking(|| talk(connection, "one", "two"));
    client.send("two").await;
    client.until("one").await;
    shard.await.unwrap();

    let server = Server::start(&[]).await;
    let mut client = Client::connect(server.starttls).await;
    client.ask(&header("capulet.example"), "</stream:features>").await;
    let answer = client.ask(&auth("PLAIN", b"\0juliet\0r0m30"), "</failure>").await;
    assert_eq!(answer, failure("encryption-required"));
}

#[tokio::test]
async fn an_initial_response_may_be_left_out() {
    let mut server = Server::start(&PLAINTEXT).await;
    let mut client = Client::connect(server.starttls).await;
    client.ask(&header("capulet.example"), "</stream:features>").await;
    let challenge = client.ask(&format!("<auth {SASL} mechanism='PLAIN'/>"), "/>").await;
    assert_eq!(challenge, format!("<challenge {SASL}/>"));
    let response = BASE64.encode(b"\0juliet\0r0m30");
    client
        .ask(
            &format!("<response {SASL}>{response}</response>"),
            &format!("<success {SASL}/>"),
        )
        .await;
    server.handed().await;
}

#[tokio::test]
async fn every_failure_has_its_condition() {
    let server = Server::start(&["limits.sasl_attempts=50", PLAINTEXT[0]]).await;
    let mut client = Client::connect(server.starttls).await;
    client.ask(&header("capulet.example"), "</stream:features>").await;
    for (request, condition) in [
        (auth("PLAIN", b"\0juliet\0wrong"), "not-authorized"),
        (auth("PLAIN", b"\0nobody\0r0m30"), "not-authorized"),
        (auth("PLAIN", b"\0a b\0r0m30"), "not-authorized"),
        (auth("PLAIN", b"\0suspended\0r0m30"), "account-disabled"),
        (auth("PLAIN", b"\0busy\0r0m30"), "temporary-auth-failure"),
        (
            auth("PLAIN", b"romeo@capulet.example\0juliet\0r0m30"),
            "invalid-authzid",
        ),
        (auth("PLAIN", b"juliet"), "malformed-request"),
        (auth("DIGEST-MD5", b""), "invalid-mechanism"),
        (
            auth("SCRAM-SHA-1-PLUS", b"p=tls-exporter,,n=a,r=b"),
            "invalid-mechanism",
        ),
        (auth("SCRAM-SHA-1", b"n"), "malformed-request"),
        (format!("<auth {SASL}/>"), "invalid-mechanism"),
        (format!("<auth {SASL} mechanism='PLAIN'>=</auth>"), "malformed-request"),
        (
            format!("<auth {SASL} mechanism='PLAIN'>a b</auth>"),
            "incorrect-encoding",
        ),
    ] {
        assert_eq!(
            client.ask(&request, "</failure>").await,
            failure(condition),
            "{request}"
        );
    }
    for (response, condition) in [
        ("abort", "aborted"),
        ("response", "malformed-request"),
        ("auth", "malformed-request"),
    ] {
        client
            .ask(&auth("SCRAM-SHA-1", b"n,,n=juliet,r=b"), "</challenge>")
            .await;
        let answer = client.ask(&format!("<{response} {SASL}/>"), "</failure>").await;
        assert_eq!(answer, failure(condition), "{response}");
    }
    let (answer, _) = scram(&mut client, ("SCRAM-SHA-1", Hash::Sha1), "n,,", &[], "wrong").await;
    assert!(answer.starts_with("<failure"), "{answer}");
}

#[tokio::test]
async fn a_client_that_was_shown_no_binding_is_told_of_the_attack() {
    let server = Server::start(&[]).await;
    let (mut client, _) = Client::secure(&server).await;
    let answer = client.ask(&auth("SCRAM-SHA-1", b"y,,n=juliet,r=b"), "</failure>").await;
    assert_eq!(answer, failure("not-authorized"));
}

#[tokio::test]
async fn one_failure_too_many_ends_the_stream() {
    let server = Server::start(&[]).await;
    let (mut client, _) = Client::secure(&server).await;
    for _ in 0..2 {
        client.ask(&auth("PLAIN", b"\0juliet\0wrong"), "</failure>").await;
    }
    client.send(&auth("PLAIN", b"\0juliet\0wrong")).await;
    let rest = client.rest().await;
    assert!(rest.starts_with(&failure("not-authorized")), "{rest}");
    assert!(
        rest.contains("<policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"),
        "{rest}"
    );
    assert!(rest.ends_with("</stream:error></stream:stream>"), "{rest}");
}
