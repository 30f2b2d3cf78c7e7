//! Logins of XEP-0388: with a session of XEP-0386 and what that enables, with an old one resumed, with neither, and refused; and
//! with a token of XEP-0484.

use super::client::Client;
use super::server::{PASSWORD, Server};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use minidom::Element;
use reef_frontend::admin::Request;
use sasl::client::Mechanism;
use sasl::client::mechanisms::Scram;
use sasl::common::{Credentials, scram};
use sha2::Sha256;

const SASL2: &str = "urn:xmpp:sasl:2";
const SM: &str = "urn:xmpp:sm:3";

async fn client(server: &Server) -> Client {
    let mut client = Client::connect(server.address()).await;
    client.open().await;
    client
}

async fn authenticate(client: &mut Client, password: &str, inline: &str) -> Element {
    let secret = STANDARD.encode(format!("\0juliet\0{password}"));
    let request = format!(
        "<authenticate xmlns='{SASL2}' mechanism='PLAIN'><initial-response>{secret}</initial-response>\
         <user-agent id='d4565fa7-4d72'><software>AwesomeXMPP</software></user-agent>{inline}</authenticate>"
    );
    client.send(&request).await;
    client.stanza().await.unwrap()
}

const BIND: &str = "<bind xmlns='urn:xmpp:bind:0'><tag>Awesome</tag><enable xmlns='urn:xmpp:carbons:2'/>\
    <enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>";

fn jid(success: &Element) -> String {
    assert_eq!(success.name(), "success", "{success:?}");
    success.get_child("authorization-identifier", SASL2).unwrap().text()
}

async fn features(client: &mut Client) -> Element {
    let features = client.stanza().await.unwrap();
    assert_eq!(features.name(), "features", "{features:?}");
    features
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_binds_a_session_that_is_managed_and_copied_and_resumes_it() {
    let server = Server::start(&[], &["juliet", "romeo"].map(str::to_owned)).await;
    let mut juliet = client(&server).await;
    let success = authenticate(&mut juliet, PASSWORD, BIND).await;
    let bound = success.get_child("bound", "urn:xmpp:bind:0").unwrap();
    let enabled = bound.get_child("enabled", SM).unwrap().clone();
    let address = jid(&success);
    assert!(address.starts_with("juliet@capulet.lit/Awesome/"), "{address}");
    assert!(!address.contains("d4565fa7"), "{address}");
    let after = features(&mut juliet).await;
    assert!(!after.has_child("bind", "urn:ietf:params:xml:ns:xmpp-bind"));
    // The stream goes on; acknowledgements begin with it.
    juliet
        .send("<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq><r xmlns='urn:xmpp:sm:3'/>")
        .await;
    assert_eq!(juliet.stanza().await.unwrap().attr("id"), Some("1"));
    let acked = juliet.stanza().await.unwrap();
    assert_eq!((acked.name(), acked.attr("h")), ("a", Some("1")));
    // What a second device says is copied.
    let mut desk = Client::connect(server.address()).await;
    desk.authenticate("juliet").await;
    desk.bind("desk").await;
    desk.send("<message type='chat' to='romeo@capulet.lit' id='m'><body>O</body></message>")
        .await;
    let copy = juliet.stanza().await.unwrap();
    assert!(copy.has_child("sent", "urn:xmpp:carbons:2"), "{copy:?}");
    // Lost without a word, and resumed: what was not acknowledged comes again behind <success/>.
    drop(juliet);
    let mut again = client(&server).await;
    let resume = format!("<resume xmlns='{SM}' h='1' previd='{}'/>", enabled.attr("id").unwrap());
    let success = authenticate(&mut again, PASSWORD, &format!("{resume}{BIND}")).await;
    assert_eq!(jid(&success), address);
    let resumed = success.get_child("resumed", SM).unwrap();
    assert_eq!(resumed.attr("h"), Some("1"));
    assert!(!success.has_child("bound", "urn:xmpp:bind:0"));
    features(&mut again).await;
    assert!(again.stanza().await.unwrap().has_child("sent", "urn:xmpp:carbons:2"));
    // The same client has the same resource: its older session ends.
    let mut third = client(&server).await;
    let stale = format!("<resume xmlns='{SM}' h='0' previd='nothing'/>");
    let success = authenticate(&mut third, PASSWORD, &format!("{stale}{BIND}")).await;
    assert!(success.has_child("failed", SM), "{success:?}");
    assert_eq!(jid(&success), address);
    while let Some(stanza) = again.stanza().await {
        assert!(stanza.name() != "error" || stanza.has_child("conflict", "urn:ietf:params:xml:ns:xmpp-streams"));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_without_bind_binds_as_others_do_and_one_that_fails_may_be_repeated() {
    let sets = ["limits.sessions_per_account=1".to_owned()];
    let server = Server::start(&sets, &["juliet".to_owned()]).await;
    let mut juliet = client(&server).await;
    let refused = authenticate(&mut juliet, "wrong", BIND).await;
    assert!(refused.is("failure", SASL2), "{refused:?}");
    assert!(refused.has_child("not-authorized", "urn:ietf:params:xml:ns:xmpp-sasl"));
    let success = authenticate(&mut juliet, PASSWORD, "").await;
    assert_eq!(jid(&success), "juliet@capulet.lit");
    let after = features(&mut juliet).await;
    assert!(after.has_child("bind", "urn:ietf:params:xml:ns:xmpp-bind"));
    juliet.bind("balcony").await;
    // No second session: then the login does not succeed either.
    let mut second = client(&server).await;
    let refused = authenticate(&mut second, PASSWORD, BIND).await;
    assert!(refused.is("failure", SASL2), "{refused:?}");
    assert!(refused.has_child("temporary-auth-failure", "urn:ietf:params:xml:ns:xmpp-sasl"));
    assert_eq!(second.stanza().await.unwrap().name(), "error");
    assert!(second.stanza().await.is_none());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_binds_within_the_login_is_told_what_the_archive_has_and_gets_what_it_has_not() {
    const MAM: &str = "urn:xmpp:mam:2";
    let server = Server::start(&[], &["juliet", "romeo"].map(str::to_owned)).await;
    let mut juliet = client(&server).await;
    let success = authenticate(&mut juliet, PASSWORD, BIND).await;
    let empty = success
        .get_child("bound", "urn:xmpp:bind:0")
        .unwrap()
        .get_child("metadata", MAM)
        .unwrap();
    assert_eq!(empty.children().count(), 0);
    features(&mut juliet).await;
    juliet.send("</stream:stream>").await;
    while juliet.stanza().await.is_some() {}
    // Two messages while she is away: one that her archive has, and one that it shall not have, though it is kept.
    let mut romeo = Client::connect(server.address()).await;
    romeo.authenticate("romeo").await;
    romeo.bind("orchard").await;
    let message = |id: &str, rest: &str| {
        format!("<message type='chat' to='juliet@capulet.lit' id='{id}'><body>O</body>{rest}</message>")
    };
    let unkept = "<no-permanent-store xmlns='urn:xmpp:hints'/>";
    romeo
        .send(&format!("{}{}", message("1", ""), message("2", unkept)))
        .await;
    romeo
        .send("<iq type='get' id='p'><metadata xmlns='urn:xmpp:mam:2'/></iq>")
        .await;
    let archived = romeo.stanza().await.unwrap();
    assert!(
        archived.get_child("metadata", MAM).unwrap().has_child("end", MAM),
        "{archived:?}"
    );
    let mut juliet = client(&server).await;
    let success = authenticate(&mut juliet, PASSWORD, BIND).await;
    let metadata = success
        .get_child("bound", "urn:xmpp:bind:0")
        .unwrap()
        .get_child("metadata", MAM)
        .unwrap()
        .clone();
    let end = metadata.get_child("end", MAM).unwrap();
    assert!(
        end.attr("timestamp").unwrap().ends_with('Z') && end.attr("id").is_some(),
        "{metadata:?}"
    );
    features(&mut juliet).await;
    juliet.send("<presence/>").await;
    let mut got = Vec::new();
    while got.len() < 2 {
        let stanza = juliet.stanza().await.unwrap();
        got.extend(stanza.attr("id").map(str::to_owned));
        if stanza.name() == "presence" {
            juliet
                .send("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
                .await;
        }
    }
    got.sort();
    assert_eq!(got, ["2", "p"]);
    gets_no_message(&server).await;
    server.stop().await;
}

/// What was kept was taken: a session that binds otherwise gets none of it.
async fn gets_no_message(server: &Server) {
    let mut desk = Client::connect(server.address()).await;
    desk.authenticate("juliet").await;
    desk.bind("desk").await;
    desk.send("<presence/><iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>")
        .await;
    loop {
        let stanza = desk.stanza().await.unwrap();
        assert_ne!(stanza.name(), "message");
        if stanza.name() == "iq" {
            break;
        }
    }
}

const FAST: &str = "urn:xmpp:fast:0";
const ASK: &str = "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>";

/// A login with a token, by this client or another.
async fn by_token(server: &Server, token: &str, agent: &str, fast: &str) -> (Client, Element) {
    let mut mac = Hmac::<Sha256>::new_from_slice(token.as_bytes()).unwrap();
    mac.update(b"Initiator");
    let proof = mac.finalize().into_bytes();
    let message = STANDARD.encode([b"juliet\0", &proof[..]].concat());
    let mut client = client(server).await;
    let request = format!(
        "<authenticate xmlns='{SASL2}' mechanism='HT-SHA-256-NONE'><initial-response>{message}</initial-response>\
         <user-agent id='{agent}'/>{fast}{BIND}</authenticate>"
    );
    client.send(&request).await;
    let answer = client.stanza().await.unwrap();
    (client, answer)
}

fn token(success: &Element) -> String {
    let token = success
        .get_child("token", FAST)
        .unwrap_or_else(|| panic!("no token: {success:?}"));
    assert!(token.attr("expiry").unwrap().ends_with('Z'), "{token:?}");
    token.attr("token").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_logs_in_with_the_token_that_it_was_given_until_the_password_changes() {
    const OWN: &str = "d4565fa7-4d72";
    let server = Server::start(&[], &["juliet".to_owned()]).await;
    let mut first = client(&server).await;
    let success = authenticate(&mut first, PASSWORD, &format!("{ASK}{BIND}")).await;
    let secret = token(&success);
    let plain = format!("<fast xmlns='{FAST}'/>");
    let (_, success) = by_token(&server, &secret, OWN, &plain).await;
    assert!(jid(&success).starts_with("juliet@capulet.lit/Awesome/"), "{success:?}");
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(b"Responder");
    let proof = STANDARD.encode(mac.finalize().into_bytes());
    assert_eq!(success.get_child("additional-data", SASL2).unwrap().text(), proof);
    assert!(!success.has_child("token", FAST), "it is new enough");
    // Nobody else's, nor anything else.
    for (secret, agent) in [(&*secret, "another"), ("something", OWN)] {
        let (_, refused) = by_token(&server, secret, agent, &plain).await;
        assert!(
            refused.has_child("not-authorized", "urn:ietf:params:xml:ns:xmpp-sasl"),
            "{refused:?}"
        );
    }
    // Given up; and asked for anew with it.
    let given_up = format!("<fast xmlns='{FAST}' invalidate='true'/>");
    let (_, success) = by_token(&server, &secret, OWN, &format!("{given_up}{ASK}")).await;
    let next = token(&success);
    let (_, refused) = by_token(&server, &secret, OWN, &plain).await;
    assert!(refused.is("failure", SASL2), "{refused:?}");
    let (mut last, success) = by_token(&server, &next, OWN, &plain).await;
    assert_eq!(success.name(), "success", "{success:?}");
    features(&mut last).await;
    let change = "<iq type='set' id='p'><query xmlns='jabber:iq:register'>\
        <username>juliet</username><password>new</password></query></iq>";
    last.send(change).await;
    assert_eq!(last.stanza().await.unwrap().attr("type"), Some("result"));
    let (_, refused) = by_token(&server, &next, OWN, &plain).await;
    assert!(refused.is("failure", SASL2), "{refused:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_changes_before_its_proof_comes_is_proven_no_more() {
    let server = Server::start(&[], &["juliet".to_owned()]).await;
    let mut held = client(&server).await;
    let credentials = Credentials::default().with_username("juliet").with_password(PASSWORD);
    let mut scram = Scram::<scram::Sha256>::from_credentials(credentials).unwrap();
    let first = STANDARD.encode(scram.initial());
    let request = format!(
        "<authenticate xmlns='{SASL2}' mechanism='SCRAM-SHA-256'><initial-response>{first}</initial-response>\
         <user-agent id='d4565fa7-4d72'/>{ASK}{BIND}</authenticate>"
    );
    held.send(&request).await;
    let challenge = held.stanza().await.unwrap();
    let proof = scram.response(&STANDARD.decode(challenge.text()).unwrap()).unwrap();
    let (jid, password) = ("juliet@capulet.lit".to_owned(), "new".to_owned());
    server.ask(Request::UserPasswd { jid, password }).await;
    let proof = STANDARD.encode(proof);
    held.send(&format!("<response xmlns='{SASL2}'>{proof}</response>"))
        .await;
    let refused = held.stanza().await.unwrap();
    assert!(
        refused.has_child("not-authorized", "urn:ietf:params:xml:ns:xmpp-sasl"),
        "{refused:?}"
    );
    server.stop().await;
}
