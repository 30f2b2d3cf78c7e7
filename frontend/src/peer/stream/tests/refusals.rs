//! Whom we do not talk to, and how that is said.

use tokio::net::TcpListener;

use super::raw::{STARTTLS, header};
use super::{Ca, Raw, Site};
use crate::peer::stream::Unreachable;

fn owned(sets: &[&str]) -> Vec<String> {
    sets.iter().map(ToString::to_string).collect()
}

/// A stream header, and the stream error that answers it.
async fn check(reef: &Site, header: &str, condition: &str) {
    let mut raw = Raw::connect(reef.starttls).await;
    let answer = raw.ask(header, "</stream:stream>").await;
    assert!(
        answer.contains(&format!("<stream:error><{condition} ")),
        "{header}: {answer}"
    );
    assert!(
        answer.contains("<stream:stream ") && !answer.contains("<stream:features>"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_header_must_name_one_of_ours_and_a_peer() {
    let reef = Site::alone(&Ca::new(), &owned(&["s2s.policy.*.bad.example=deny"])).await;
    let ok = header("peer.example", "reef.example", "");
    for (header, condition) in [
        (header("peer.example", "other.example", ""), "host-unknown"),
        (header("peer.example", "a@reef.example", ""), "improper-addressing"),
        (header("a@peer.example", "reef.example", ""), "improper-addressing"),
        (header("a b", "reef.example", ""), "improper-addressing"),
        (header("pubsub.reef.example", "reef.example", ""), "invalid-from"),
        (header("a.bad.example", "reef.example", ""), "policy-violation"),
        (ok.replace("to='reef.example'", ""), "improper-addressing"),
        (ok.replace(" version='1.0'>", ">"), "unsupported-version"),
        (ok.replace("jabber:server'", "jabber:client'"), "invalid-namespace"),
    ] {
        check(&reef, &header, condition).await;
    }
    let mut raw = Raw::connect(reef.starttls).await;
    raw.ask(&header("peer.example", "pubsub.reef.example", ""), "</stream:features>")
        .await;
}

#[tokio::test]
async fn who_is_denied_is_not_dialled() {
    let ca = Ca::new();
    let (reef, shore) = Site::two([Some(&ca), Some(&ca)], [&["s2s.policy.shore.example=deny"], &[]]).await;
    assert!(matches!(reef.open(&shore).await, Err(Unreachable::Refused(why)) if why.contains("policy")));
    // And what he dials is refused.
    assert!(matches!(shore.open(&reef).await, Err(Unreachable::Refused(why)) if why.contains("policy-violation")));
    assert_eq!(shore.s2s.counters().streams_in(), 0);
    let own = reef.s2s.open("reef.example", "pubsub.reef.example").await;
    assert!(matches!(own, Err(Unreachable::Refused(_))));
    let other = reef.s2s.open("other.example", "shore.example").await;
    assert!(matches!(other, Err(Unreachable::Refused(_))));
}

/// What opening says of a peer that offers these features in the clear.
async fn open_without_tls(sets: &[&str], features: &str) -> Result<(), Unreachable> {
    let peer = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let resolve = format!("s2s.resolve.peer.example={}", peer.local_addr().unwrap());
    let reef = Site::alone(&Ca::new(), &[owned(sets), vec![resolve]].concat()).await;
    let answering = async {
        let mut raw = Raw::accept(&peer).await;
        raw.until("version='1.0'>").await;
        let features = format!("<stream:features>{features}</stream:features>");
        raw.send(&(header("peer.example", "reef.example", "1") + &features))
            .await;
        let asked = raw.until(">").await;
        if asked.starts_with("<db:result") {
            raw.send("<db:result from='peer.example' to='reef.example' type='valid'/>")
                .await;
        }
        raw
    };
    let (opened, _raw) = tokio::join!(reef.s2s.open("reef.example", "peer.example"), answering);
    opened.map(drop)
}

#[tokio::test]
async fn a_peer_without_tls_is_talked_to_only_where_that_is_allowed() {
    let refused = |opened| matches!(opened, Err(Unreachable::Refused(why)) if str::contains(&why, "TLS"));
    assert!(refused(open_without_tls(&[], "").await));
    let open: &[&str] = &["s2s.require_tls=false"];
    assert_eq!(open_without_tls(open, "").await, Ok(()));
    let strict: &[&str] = &["s2s.require_tls=false", "s2s.policy.peer.example=tls"];
    assert!(refused(open_without_tls(strict, "").await));
    let certificate: &[&str] = &["s2s.require_tls=false", "s2s.dialback=false"];
    let opened = open_without_tls(certificate, "").await;
    assert!(matches!(opened, Err(Unreachable::Refused(why)) if why.contains("certificate")));
}

#[tokio::test]
async fn what_a_peer_says_is_wrong_is_passed_on() {
    let ca = Ca::new();
    let peer = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let resolve = format!("s2s.resolve.peer.example={}", peer.local_addr().unwrap());
    let reef = Site::alone(&ca, &[resolve]).await;
    for (condition, passes) in [("host-unknown", false), ("system-shutdown", true)] {
        let answering = async {
            let mut raw = Raw::accept(&peer).await;
            raw.until("version='1.0'>").await;
            let error = format!(
                "<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"
            );
            raw.send(&(header("peer.example", "reef.example", "1") + &error)).await;
            raw.until("</stream:stream>").await;
        };
        let (opened, ()) = tokio::join!(reef.s2s.open("reef.example", "peer.example"), answering);
        match opened {
            Err(Unreachable::Down(why)) => assert!(passes && why.contains(condition), "{why}"),
            Err(Unreachable::Refused(why)) => assert!(!passes && why.contains(condition), "{why}"),
            other => panic!("{other:?}"),
        }
    }
    drop(peer);
    assert!(matches!(
        reef.s2s.open("reef.example", "peer.example").await,
        Err(Unreachable::Down(_))
    ));
}

#[tokio::test]
async fn one_domain_has_so_many_streams() {
    let ca = Ca::new();
    let reef = Site::alone(&ca, &owned(&["limits.peer_streams=1"])).await;
    let (mut first, _) = Raw::dial(reef.starttls, &ca, "peer.example", &["peer.example"]).await;
    first.external("peer.example").await;
    let (mut second, _) = Raw::dial(reef.starttls, &ca, "peer.example", &["peer.example"]).await;
    second.external("peer.example").await;
    assert!(second.rest().await.contains("<resource-constraint"));
    let (mut other, _) = Raw::dial(reef.starttls, &ca, "other.example", &["other.example"]).await;
    other.external("other.example").await;
    first.send("</stream:stream>").await;
    first.rest().await;
    let (mut third, _) = Raw::dial(reef.starttls, &ca, "peer.example", &["peer.example"]).await;
    third.external("peer.example").await;
    third
        .ask("<enable xmlns='urn:xmpp:sm:3'/>", "<enabled xmlns='urn:xmpp:sm:3'/>")
        .await;
}

#[tokio::test]
async fn connections_that_have_proved_nothing_are_bounded() {
    let ca = Ca::new();
    let reef = Site::alone(&ca, &owned(&["limits.connections_unauthenticated=1"])).await;
    let (mut first, _) = Raw::dial(reef.starttls, &ca, "peer.example", &["peer.example"]).await;
    let mut second = Raw::connect(reef.starttls).await;
    assert!(second.rest().await.contains("<resource-constraint"));
    first.external("peer.example").await;
    first
        .ask("<enable xmlns='urn:xmpp:sm:3'/>", "<enabled xmlns='urn:xmpp:sm:3'/>")
        .await;
    let mut third = Raw::connect(reef.starttls).await;
    third
        .ask(&header("peer.example", "reef.example", ""), "</stream:features>")
        .await;
}

#[tokio::test]
async fn who_proves_nothing_may_not_say_much() {
    let ca = Ca::new();
    let reef = Site::alone(&ca, &[]).await;
    let (mut raw, _) = Raw::dial(reef.starttls, &ca, "peer.example", &[]).await;
    let bidi = "<bidi xmlns='urn:xmpp:bidi'/>".repeat(64);
    assert!(raw.ask(&bidi, "</stream:stream>").await.contains("<policy-violation"));
    let mut raw = Raw::connect(reef.starttls).await;
    raw.ask(&header("peer.example", "reef.example", ""), "</stream:features>")
        .await;
    let long = format!("<x>{}</x>", "y".repeat(20_000));
    assert!(raw.ask(&long, "</stream:stream>").await.contains("<policy-violation"));
}

#[tokio::test]
async fn what_was_said_before_tls_does_not_count_after_it() {
    let ca = Ca::new();
    let reef = Site::alone(&ca, &[]).await;
    let mut plain = Raw::connect(reef.starttls).await;
    plain
        .ask(&header("other.example", "reef.example", ""), "</stream:features>")
        .await;
    plain
        .ask(STARTTLS, "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        .await;
    let mut raw = plain.connect_tls(&ca, &["peer.example"]).await;
    raw.ask(&header("peer.example", "pubsub.reef.example", ""), "EXTERNAL")
        .await;
    // But who has proved himself stays who he is.
    let success = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
    raw.ask(super::raw::EXTERNAL, success).await;
    let answer = raw
        .ask(&header("other.example", "pubsub.reef.example", ""), "</stream:stream>")
        .await;
    assert!(answer.contains("<invalid-from"), "{answer}");
}
