//! Keys of dialback, good and bad: those that the peer of a test sends, and those that it is asked about.

use super::raw::{STARTTLS, header};
use super::{Ca, Came, Place, Raw, Site};

/// `shore.example` is served elsewhere; raw peers pretend to be it. Neither has a valid certificate.
async fn pretended(sets: &[&str]) -> (Ca, Site, Site) {
    let ca = Ca::new();
    let (reef, shore) = Site::two([Some(&ca), None], [sets, &[]]).await;
    (ca, reef, shore)
}

/// A stream from a pretender, and its id.
async fn pretend(reef: &Site, ca: &Ca) -> (Raw, String) {
    let (raw, answer) = Raw::dial(reef.starttls, ca, "shore.example", &[]).await;
    let (_, id) = answer.split_once(" id='").unwrap();
    let (id, _) = id.split_once('\'').unwrap();
    (raw, id.to_owned())
}

fn result(from: &str, key: &str) -> String {
    format!("<db:result from='{from}' to='reef.example'>{key}</db:result>")
}

/// The key by which `from` would prove itself.
fn key(shore: &Site, from: &str, id: &str) -> String {
    shore.s2s.secret.key("reef.example", from, id)
}

const VALID: &str = "<db:result from='reef.example' to='shore.example' type='valid'/>";
const INVALID: &str = "<db:result from='reef.example' to='shore.example' type='invalid'/>";

#[tokio::test]
async fn a_wrong_key_is_invalid_and_ends_the_stream() {
    let (ca, reef, _shore) = pretended(&[]).await;
    let (mut raw, _) = pretend(&reef, &ca).await;
    raw.ask(&result("shore.example", "0123"), INVALID).await;
    raw.ask("</stream:stream>", "</stream:stream>").await;
    assert_eq!(reef.s2s.counters().streams_in(), 0);
    assert_eq!(reef.s2s.counters().refused(), 1);
}

#[tokio::test]
async fn a_key_is_for_one_stream() {
    let (ca, mut reef, shore) = pretended(&[]).await;
    let (mut first, first_id) = pretend(&reef, &ca).await;
    let (mut second, second_id) = pretend(&reef, &ca).await;
    assert_ne!(first_id, second_id);
    let key = key(&shore, "shore.example", &first_id);
    second.ask(&result("shore.example", &key), INVALID).await;
    // In capitals: names are compared as addresses are.
    first.ask(&result("Shore.Example", &key), VALID).await;
    first.chat("shore.example", "reef.example", "hello").await;
    assert_eq!(reef.body().await, "hello");
}

#[tokio::test]
async fn further_domains_prove_themselves_on_the_same_stream() {
    let (ca, shore) = (Ca::new(), Place::new("shore.example").await.serve(None, &[]));
    let places = ["shore.example", "pubsub.shore.example"];
    let places = places.map(|domain| format!("s2s.resolve.{domain}={}", shore.starttls));
    let mut reef = Site::alone(&ca, &places).await;
    let (mut raw, id) = pretend(&reef, &ca).await;
    raw.ask(&result("shore.example", &key(&shore, "shore.example", &id)), VALID)
        .await;
    let pubsub = "pubsub.shore.example";
    raw.ask(
        &result(pubsub, "0123"),
        "<forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></db:result>",
    )
    .await;
    raw.ask(
        &result(pubsub, &key(&shore, pubsub, &id)),
        "<db:result from='reef.example' to='pubsub.shore.example' type='valid'/>",
    )
    .await;
    raw.chat(pubsub, "reef.example", "items").await;
    raw.chat("shore.example", "reef.example", "words").await;
    assert_eq!(
        (reef.body().await, reef.body().await),
        ("items".to_owned(), "words".to_owned())
    );
    // To another of ours no key has been shown.
    raw.chat("shore.example", "pubsub.reef.example", "no").await;
    let answer = raw.until("</stream:stream>").await;
    assert!(answer.contains("<invalid-from"));
}

#[tokio::test]
async fn a_certificate_makes_the_question_unnecessary() {
    let ca = Ca::new();
    // Nobody could be asked.
    let reef = Site::alone(&ca, &["s2s.resolve.peer.example=127.0.0.1:1".to_owned()]).await;
    let names = ["peer.example", "rooms.peer.example"];
    let (mut raw, _) = Raw::dial(reef.starttls, &ca, "peer.example", &names).await;
    raw.external("peer.example").await;
    let key = "<db:result from='rooms.peer.example' to='pubsub.reef.example'>any</db:result>";
    raw.ask(
        key,
        "<db:result from='pubsub.reef.example' to='rooms.peer.example' type='valid'/>",
    )
    .await;
}

#[tokio::test]
async fn who_cannot_be_asked_about_is_told_why() {
    let ca = Ca::new();
    let sets = [
        "s2s.resolve.down.example=127.0.0.1:1",
        "s2s.policy.bad.example=deny",
        "s2s.policy.strict.example=certificate",
    ];
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    let reef = Site::alone(&ca, &sets).await;
    let (mut raw, _) = Raw::dial(reef.starttls, &ca, "peer.example", &["peer.example"]).await;
    raw.external("peer.example").await;
    for (from, to, condition) in [
        ("down.example", "reef.example", "remote-server-timeout"),
        ("bad.example", "reef.example", "policy-violation"),
        ("strict.example", "reef.example", "not-authorized"),
        ("peer.example", "elsewhere.example", "item-not-found"),
        ("pubsub.reef.example", "reef.example", "not-acceptable"),
    ] {
        let key = format!("<db:result from='{from}' to='{to}'>k</db:result>");
        let answer = raw.ask(&key, "</db:result>").await;
        let begin = format!("<db:result from='{to}' to='{from}' type='error'>");
        assert!(answer.starts_with(&begin) && answer.contains(condition), "{answer}");
    }
}

#[tokio::test]
async fn we_know_our_own_keys_and_no_others() {
    let ca = Ca::new();
    let reef = Site::alone(&ca, &[]).await;
    let (mut raw, _) = Raw::dial(reef.starttls, &ca, "peer.example", &[]).await;
    let key = reef.s2s.secret.key("peer.example", "reef.example", "17");
    for (to, id, key, answer) in [
        ("reef.example", "17", key.as_str(), "type='valid'/>"),
        ("reef.example", "18", key.as_str(), "type='invalid'/>"),
        ("reef.example", "17", "", "type='invalid'/>"),
        (
            "other.example",
            "17",
            key.as_str(),
            "type='error'><error type='cancel'><item-not-found",
        ),
    ] {
        let verify = format!("<db:verify from='peer.example' to='{to}' id='{id}'>{key}</db:verify>");
        let begin = format!("<db:verify from='{to}' to='peer.example' id='{id}' ");
        let said = raw.ask(&verify, answer).await;
        assert!(said.ends_with(&(begin + answer)), "{said}");
    }
}

#[tokio::test]
async fn answers_to_what_was_not_asked_prove_nothing() {
    let (ca, mut reef, _shore) = pretended(&[]).await;
    let (mut raw, _) = pretend(&reef, &ca).await;
    raw.send("<db:verify from='shore.example' to='reef.example' id='1' type='valid'/>")
        .await;
    raw.send("<db:result from='shore.example' to='reef.example' type='valid'/>")
        .await;
    raw.send("<db:result from='shore.example' to='elsewhere.example' type='valid'/>")
        .await;
    raw.chat("shore.example", "reef.example", "forged").await;
    let answer = raw.until("</stream:stream>").await;
    assert!(
        answer.contains("<not-authorized") && !answer.contains("<db:"),
        "{answer}"
    );
    assert!(reef.is_empty());
}

#[tokio::test]
async fn where_tls_is_required_no_key_passes_without() {
    let ca = Ca::new();
    let key = result("shore.example", "k");
    let reef = Site::alone(&ca, &[]).await;
    let mut raw = Raw::connect(reef.starttls).await;
    let features = raw
        .ask(&header("shore.example", "reef.example", ""), "</stream:features>")
        .await;
    assert!(
        features.contains("<required/>") && !features.contains("<dialback"),
        "{features}"
    );
    assert!(raw.ask(&key, "</stream:stream>").await.contains("<policy-violation"));

    let sets = [
        "s2s.require_tls=false",
        "s2s.policy.strict.example=tls",
        "s2s.resolve.shore.example=127.0.0.1:1",
    ];
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    let reef = Site::alone(&ca, &sets).await;
    let mut raw = Raw::connect(reef.starttls).await;
    let features = raw
        .ask(&header("shore.example", "reef.example", ""), "</stream:features>")
        .await;
    assert!(
        features.contains(STARTTLS) && features.contains("<dialback"),
        "{features}"
    );
    assert!(raw.ask(&key, "</db:result>").await.contains("remote-server-timeout"));
    let strict = result("strict.example", "k");
    assert!(raw.ask(&strict, "</db:result>").await.contains("policy-violation"));
}

#[tokio::test]
async fn a_peer_that_may_send_on_our_stream_proves_further_domains_of_its_own() {
    let ca = Ca::new();
    let peer = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let resolve = format!("s2s.resolve.peer.example={}", peer.local_addr().unwrap());
    let names = ["peer.example", "rooms.peer.example"];
    let mut reef = Site::alone(&ca, &[resolve]).await;
    let features = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>\
         <bidi xmlns='urn:xmpp:features:bidi'/>";
    let answering = async {
        let mut raw = Raw::answer(&peer, &ca, &names, features).await;
        raw.until("</auth>").await;
        raw.send("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>").await;
        raw.until("version='1.0'>").await;
        raw.send(&(header("peer.example", "reef.example", "3") + "<stream:features/>"))
            .await;
        raw
    };
    let (link, mut raw) = tokio::join!(reef.s2s.open("reef.example", "peer.example"), answering);
    let link = link.unwrap();
    assert!(!link.has_sm());
    let key = result("rooms.peer.example", "any");
    raw.ask(
        &key,
        "<db:result from='reef.example' to='rooms.peer.example' type='valid'/>",
    )
    .await;
    for from in ["rooms.peer.example", "peer.example"] {
        raw.chat(from, "reef.example", from).await;
        match reef.came().await {
            Came::Stanza(sender, ..) => assert_eq!(sender.domain().as_str(), from),
            came @ Came::Refusal(..) => panic!("{came:?}"),
        }
    }
}
