//! How servers prove who they are: by certificates, by dialback, and how they fail to.

use tokio::net::TcpListener;

use super::raw::{EXTERNAL, PROCEED, STARTTLS, header};
use super::{Ca, Place, Raw, Site, chat, event};
use crate::peer::stream::{End, LinkEvent, Unreachable};

#[tokio::test]
async fn two_servers_with_certificates_prove_themselves_by_them() {
    let ca = Ca::new();
    let strict: &[&str] = &["s2s.dialback=false"];
    let (reef, mut shore) = Site::two([Some(&ca), Some(&ca)], [strict, strict]).await;
    let mut link = reef.open(&shore).await.unwrap();
    assert!(link.has_sm());
    assert_eq!(link.stanza_limit(), Some(262_144));
    let sent = chat("reef.example", "shore.example", "hello");
    link.send(sent, 1).await.unwrap();
    link.ask().await.unwrap();
    let (stanza, receipt) = shore.stanza().await;
    assert!(stanza.is("message", "jabber:client"));
    drop(receipt);
    assert_eq!(event(&mut link).await, LinkEvent::Acked(1));
    assert_eq!(
        (reef.s2s.counters().streams_out(), shore.s2s.counters().streams_in()),
        (1, 1)
    );
    link.close().await;
}

#[tokio::test]
async fn two_servers_without_valid_certificates_dial_back() {
    let (reef, mut shore) = Site::two([None, None], [&[], &[]]).await;
    let mut link = reef.open(&shore).await.unwrap();
    link.send(chat("reef.example", "shore.example", "hello"), 1)
        .await
        .unwrap();
    assert_eq!(shore.body().await, "hello");
    link.close().await;
}

#[tokio::test]
async fn who_is_away_in_good_order_says_so() {
    let ca = Ca::new();
    let (reef, shore) = Site::two([Some(&ca), Some(&ca)], [&[], &[]]).await;
    let mut link = reef.open(&shore).await.unwrap();
    shore.stop.send(true).unwrap();
    match event(&mut link).await {
        LinkEvent::Ended(End::Peer { condition, .. }) => assert_eq!(condition, "system-shutdown"),
        event => panic!("{event:?}"),
    }
}

#[tokio::test]
async fn an_address_is_a_domain_and_its_certificate_says_so() {
    let ca = Ca::new();
    let strict = |other: &Place| vec!["s2s.dialback=false".to_owned(), other.resolve()];
    let (reef, other) = (Place::new("reef.example").await, Place::new("127.0.0.7").await);
    let (of_reef, of_other) = (strict(&other), strict(&reef));
    let (reef, mut other) = (reef.serve(Some(&ca), &of_reef), other.serve(Some(&ca), &of_other));
    let mut link = reef.open(&other).await.unwrap();
    link.send(chat("reef.example", "127.0.0.7", "hello"), 1).await.unwrap();
    assert_eq!(other.body().await, "hello");
}

#[tokio::test]
async fn a_certificate_of_somebody_else_is_not_taken_for_a_proof() {
    let ca = Ca::new();
    let reef = Site::alone(&ca, &[]).await;
    for names in [&["other.example"] as &[&str], &[]] {
        let (mut raw, features) = Raw::dial(reef.starttls, &ca, "peer.example", names).await;
        assert!(
            !features.contains("EXTERNAL") && features.contains("<dialback"),
            "{features}"
        );
        raw.send(EXTERNAL).await;
        raw.until("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><invalid-mechanism/></failure>")
            .await;
    }
    let (_, features) = Raw::dial(reef.starttls, &ca, "peer.example", &["peer.example"]).await;
    assert!(features.contains("EXTERNAL"), "{features}");
}

#[tokio::test]
async fn without_dialback_only_a_valid_certificate_counts() {
    let (ca, stranger) = (Ca::new(), Ca::new());
    let strict = vec!["s2s.dialback=false".to_owned()];
    let reef = Site::alone(&ca, &strict).await;
    let mut plain = Raw::connect(reef.starttls).await;
    plain.send(&header("peer.example", "reef.example", "")).await;
    plain.ask(STARTTLS, PROCEED).await;
    let mut raw = plain.connect_tls(&ca, &["other.example"]).await;
    let answer = raw
        .ask(&header("peer.example", "reef.example", ""), "</stream:stream>")
        .await;
    assert!(answer.contains("<not-authorized"), "{answer}");

    let (reef, shore) = Site::two([Some(&ca), Some(&stranger)], [&["s2s.dialback=false"], &[]]).await;
    assert!(matches!(reef.open(&shore).await, Err(Unreachable::Refused(why)) if why.contains("certificate")));
}

#[tokio::test]
async fn who_wants_to_be_another_than_his_certificate_says_fails() {
    let ca = Ca::new();
    let reef = Site::alone(&ca, &["limits.sasl_attempts=2".to_owned()]).await;
    let (mut raw, _) = Raw::dial(reef.starttls, &ca, "peer.example", &["peer.example", "other.example"]).await;
    let auth =
        |text: &str| format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>{text}</auth>");
    // other.example, in Base64.
    let answer = raw.ask(&auth("b3RoZXIuZXhhbXBsZQ=="), "</failure>").await;
    assert!(answer.contains("<invalid-authzid/>"), "{answer}");
    let answer = raw.ask(&auth("%"), "</stream:stream>").await;
    assert!(
        answer.contains("<incorrect-encoding/>") && answer.contains("<policy-violation"),
        "{answer}"
    );
}

#[tokio::test]
async fn what_lies_behind_starttls_in_the_clear_ends_the_stream() {
    let ca = Ca::new();
    let peer = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let resolve = format!("s2s.resolve.peer.example={}", peer.local_addr().unwrap());
    let reef = Site::alone(&ca, &[resolve]).await;
    let mut raw = Raw::connect(reef.starttls).await;
    raw.send(&(header("peer.example", "reef.example", "") + STARTTLS + "<db:result/>"))
        .await;
    let answer = raw.rest().await;
    assert!(
        !answer.contains("<proceed") && answer.contains("<policy-violation"),
        "{answer}"
    );

    let dialled = reef.s2s.open("reef.example", "peer.example");
    let injecting = async {
        let mut raw = Raw::accept(&peer).await;
        raw.until("version='1.0'>").await;
        let features = format!("<stream:features>{STARTTLS}</stream:features>");
        raw.send(&(header("peer.example", "reef.example", "1") + &features))
            .await;
        raw.until(STARTTLS).await;
        raw.send(&format!("{PROCEED}<stream:features/>")).await;
        raw.rest().await
    };
    let (dialled, answer) = tokio::join!(dialled, injecting);
    assert!(matches!(dialled, Err(Unreachable::Refused(why)) if why.contains("proceed")));
    assert!(answer.contains("<policy-violation"), "{answer}");
}

#[tokio::test]
async fn a_stream_that_both_agreed_on_carries_stanzas_both_ways() {
    let ca = Ca::new();
    for cas in [[Some(&ca), Some(&ca)], [None, None]] {
        let (mut reef, mut shore) = Site::two(cas, [&[], &[]]).await;
        let mut there = reef.open(&shore).await.unwrap();
        there
            .send(chat("reef.example", "shore.example", "there"), 1)
            .await
            .unwrap();
        assert_eq!(shore.body().await, "there");
        let mut back = shore.open(&reef).await.unwrap();
        assert_eq!(shore.s2s.counters().streams_out(), 0, "a second connection was made");
        assert!(back.has_sm());
        back.send(chat("shore.example", "reef.example", "back"), 1)
            .await
            .unwrap();
        back.ask().await.unwrap();
        assert_eq!(reef.body().await, "back");
        assert_eq!(event(&mut back).await, LinkEvent::Acked(1));
        // The link goes, the stream stays.
        back.close().await;
        there
            .send(chat("reef.example", "shore.example", "again"), 1)
            .await
            .unwrap();
        assert_eq!(shore.body().await, "again");
        // The other's link ends with the stream.
        let mut back = shore.open(&reef).await.unwrap();
        there.close().await;
        assert_eq!(event(&mut back).await, LinkEvent::Ended(End::Closed));
    }
}

#[tokio::test]
async fn direct_tls_is_served_too() {
    let ca = Ca::new();
    let reef = Site::alone(&ca, &[]).await;
    let raw = Raw::connect(reef.direct).await;
    let mut raw = raw.connect_tls(&ca, &["peer.example"]).await;
    let features = raw
        .ask(&header("peer.example", "reef.example", ""), "</stream:features>")
        .await;
    assert!(
        features.contains("EXTERNAL") && !features.contains("starttls"),
        "{features}"
    );
    raw.external("peer.example").await;
}

#[tokio::test]
async fn a_certificate_that_is_read_again_counts_for_the_next_stream() {
    let (ca, stranger) = (Ca::new(), Ca::new());
    let (reef, shore) = Site::two([Some(&stranger), Some(&ca)], [&[], &["s2s.dialback=false"]]).await;
    assert!(matches!(reef.open(&shore).await, Err(Unreachable::Refused(_))));
    let names = ["reef.example", "pubsub.reef.example"];
    let (new, old) = (ca.issue(&names), stranger.place(&names));
    std::fs::copy(new.0, old.0).unwrap();
    std::fs::copy(new.1, old.1).unwrap();
    reef.s2s.tls.reload().unwrap();
    std::fs::copy(ca.root(), stranger.root()).unwrap();
    reef.s2s.reload().unwrap();
    reef.open(&shore).await.unwrap();
}
