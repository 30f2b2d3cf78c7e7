//! What stanzas may say on a stream, what becomes of them, and when they are acknowledged.

use minidom::Element;

use super::{Ca, Came, Raw, Site, chat};

/// A peer that has proved itself to be `peer.example`.
async fn proved(reef: &Site, ca: &Ca) -> Raw {
    let (mut raw, _) = Raw::dial(reef.starttls, ca, "peer.example", &["peer.example"]).await;
    let features = raw.external("peer.example").await;
    assert!(features.contains("<sm xmlns='urn:xmpp:sm:3'/>"), "{features}");
    assert!(features.contains("<max-bytes>262144</max-bytes>"), "{features}");
    raw
}

fn words(body: &str) -> String {
    String::from_utf8(chat("peer.example", "reef.example", body).to_vec()).unwrap()
}

/// One stanza, or another element, and the stream error that it ends in.
async fn check(element: &str, condition: &str) {
    let ca = Ca::new();
    let mut reef = Site::alone(&ca, &[]).await;
    let mut raw = proved(&reef, &ca).await;
    let answer = raw.ask(element, "</stream:stream>").await;
    assert!(
        answer.contains(&format!("<stream:error><{condition} ")),
        "{element}: {answer}"
    );
    assert!(reef.is_empty(), "{element}");
}

#[tokio::test]
async fn a_stanza_must_be_one_and_addressed_by_who_has_proved_it() {
    for (element, condition) in [
        ("<message from='a@peer.example'/>", "improper-addressing"),
        ("<message to='reef.example'/>", "improper-addressing"),
        (
            "<message from='a@peer.example' to='b c@reef.example'/>",
            "improper-addressing",
        ),
        ("<message from='a@other.example' to='b@reef.example'/>", "invalid-from"),
        (
            "<message from='a@sub.peer.example' to='b@reef.example'/>",
            "invalid-from",
        ),
        ("<message from='a@reef.example' to='b@reef.example'/>", "invalid-from"),
        (
            "<message from='a@peer.example' to='b@elsewhere.example'/>",
            "host-unknown",
        ),
        (
            "<message xmlns='jabber:client' from='a@peer.example' to='b@reef.example'/>",
            "unsupported-stanza-type",
        ),
        (
            "<note from='a@peer.example' to='b@reef.example'/>",
            "unsupported-stanza-type",
        ),
        ("<message>", "not-well-formed"),
    ] {
        let text = if condition == "not-well-formed" {
            "<message></x>"
        } else {
            element
        };
        check(text, condition).await;
    }
}

#[tokio::test]
async fn a_stanza_before_any_proof_ends_the_stream() {
    let ca = Ca::new();
    let mut reef = Site::alone(&ca, &[]).await;
    let (mut raw, _) = Raw::dial(reef.starttls, &ca, "peer.example", &["peer.example"]).await;
    let answer = raw.ask(&words("early"), "</stream:stream>").await;
    assert!(answer.contains("<not-authorized"), "{answer}");
    assert!(reef.is_empty());
}

#[tokio::test]
async fn a_stanza_arrives_in_the_namespace_of_clients_without_our_claims() {
    let ca = Ca::new();
    let mut reef = Site::alone(&ca, &[]).await;
    let mut raw = proved(&reef, &ca).await;
    raw.send(
        "<message from='a@Peer.example/x' to='B@reef.example'><body>hi</body>\
         <delay xmlns='urn:xmpp:delay' from='reef.example' stamp='2026-01-01T00:00:00Z'/>\
         <stanza-id xmlns='urn:xmpp:sid:0' by='b@reef.example' id='1'/><x xmlns='jabber:x:oob'/></message>",
    )
    .await;
    let Came::Stanza(from, to, stanza, _receipt) = reef.came().await else {
        panic!("no stanza");
    };
    assert_eq!((from.as_str(), to.as_str()), ("a@peer.example/x", "b@reef.example"));
    assert_eq!(stanza.attr("from"), Some("a@peer.example/x"));
    assert_eq!(stanza.attr("to"), Some("b@reef.example"));
    let children: Vec<&str> = stanza.children().map(Element::name).collect();
    assert_eq!(children, ["body", "x"]);
    assert!(
        stanza
            .children()
            .all(|child| child.has_ns("jabber:client") || child.has_ns("jabber:x:oob"))
    );
}

#[tokio::test]
async fn forwarding_what_others_are_to_have_said_is_refused() {
    let ca = Ca::new();
    let mut reef = Site::alone(&ca, &[]).await;
    let mut raw = proved(&reef, &ca).await;
    let forwarded = |from: &str, kind: &str| {
        format!(
            "<message from='a@peer.example' to='b@reef.example' id='f1' {kind}><sent xmlns='urn:xmpp:carbons:2'>\
             <forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='{from}'><body>x</body></message>\
             </forwarded></sent></message>"
        )
    };
    raw.send(&forwarded("b@reef.example", "")).await;
    match reef.came().await {
        Came::Refusal(from, to, stanza) => {
            assert_eq!((from.as_str(), to.as_str()), ("b@reef.example", "a@peer.example"));
            assert_eq!((stanza.attr("type"), stanza.attr("id")), (Some("error"), Some("f1")));
            let error = stanza.get_child("error", "jabber:client").unwrap();
            assert_eq!(error.attr("type"), Some("cancel"));
            assert!(error.has_child("not-allowed", "urn:ietf:params:xml:ns:xmpp-stanzas"));
        }
        came @ Came::Stanza(..) => panic!("{came:?}"),
    }
    // No error for an error; its own words are let in.
    raw.send(&forwarded("c@third.example", "type='error'")).await;
    raw.send(&forwarded("d@peer.example", "")).await;
    let (stanza, _receipt) = reef.stanza().await;
    assert_eq!(stanza.attr("type"), None);
    assert_eq!(reef.s2s.counters().refused(), 2);
}

/// Asks something whose answer shows that all before it was read.
async fn sync(raw: &mut Raw) -> String {
    let question = "<db:verify from='peer.example' to='reef.example' id='1'>k</db:verify>";
    raw.ask(question, "type='invalid'/>").await
}

#[tokio::test]
async fn what_is_acknowledged_is_done_with_and_so_is_all_before_it() {
    let ca = Ca::new();
    let mut reef = Site::alone(&ca, &[]).await;
    let mut raw = proved(&reef, &ca).await;
    raw.send(&words("before")).await;
    let (_, before) = reef.stanza().await;
    raw.ask(
        "<enable xmlns='urn:xmpp:sm:3' resume='true'/>",
        "<enabled xmlns='urn:xmpp:sm:3'/>",
    )
    .await;
    raw.send(&(words("1") + &words("2") + "<r xmlns='urn:xmpp:sm:3'/>" + &words("3")))
        .await;
    let (_, first) = reef.stanza().await;
    let (_, second) = reef.stanza().await;
    let (_, third) = reef.stanza().await;
    drop((second, third));
    drop(before);
    let answered = sync(&mut raw).await;
    assert!(!answered.contains("<a "), "{answered}");
    drop(first);
    raw.until("<a xmlns='urn:xmpp:sm:3' h='3'/>").await;
    raw.ask("<r xmlns='urn:xmpp:sm:3'/>", "<a xmlns='urn:xmpp:sm:3' h='3'/>")
        .await;
    let again = raw.ask("<enable xmlns='urn:xmpp:sm:3'/>", "</failed>").await;
    assert!(again.contains("<unexpected-request"), "{again}");
}

#[tokio::test]
async fn who_closes_hears_first_what_is_done_with() {
    let ca = Ca::new();
    let mut reef = Site::alone(&ca, &[]).await;
    let mut raw = proved(&reef, &ca).await;
    raw.ask("<enable xmlns='urn:xmpp:sm:3'/>", "<enabled xmlns='urn:xmpp:sm:3'/>")
        .await;
    raw.send(&(words("last") + "<r xmlns='urn:xmpp:sm:3'/></stream:stream>"))
        .await;
    drop(reef.stanza().await);
    assert_eq!(raw.rest().await, "<a xmlns='urn:xmpp:sm:3' h='1'/></stream:stream>");
}

#[tokio::test]
async fn who_is_left_hears_what_is_done_with_unasked() {
    let ca = Ca::new();
    let mut reef = Site::alone(&ca, &[]).await;
    let mut raw = proved(&reef, &ca).await;
    raw.ask("<enable xmlns='urn:xmpp:sm:3'/>", "<enabled xmlns='urn:xmpp:sm:3'/>")
        .await;
    raw.send(&(words("1") + &words("2"))).await;
    drop((reef.stanza().await, reef.stanza().await));
    reef.stop.send(true).unwrap();
    let said = raw.until("</stream:stream>").await;
    assert!(
        said.starts_with("<a xmlns='urn:xmpp:sm:3' h='2'/><stream:error><system-shutdown"),
        "{said}"
    );
}

#[tokio::test]
async fn no_more_is_read_than_may_be_under_way() {
    let ca = Ca::new();
    let mut reef = Site::alone(&ca, &[]).await;
    let mut raw = proved(&reef, &ca).await;
    raw.send(&words("x").repeat(300)).await;
    let mut receipts = Vec::new();
    for _ in 0..256 {
        receipts.push(reef.stanza().await.1);
    }
    assert_eq!(reef.s2s.counters().stanzas_in(), 256);
    receipts.remove(0);
    receipts.push(reef.stanza().await.1);
    assert_eq!(reef.s2s.counters().stanzas_in(), 257);
    drop(receipts);
    for _ in 257..300 {
        reef.stanza().await;
    }
}

#[tokio::test]
async fn who_sends_too_much_is_not_read_for_a_while_and_others_are() {
    let ca = Ca::new();
    let sets = ["limits.peer_bytes_per_second=1", "limits.peer_bytes_burst=700"];
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    let mut reef = Site::alone(&ca, &sets).await;
    let mut raw = proved(&reef, &ca).await;
    raw.send(&words("much").repeat(50)).await;
    let cost = words("much").len();
    let through = 700 / cost + 1;
    for _ in 0..through {
        assert_eq!(reef.body().await, "much");
    }
    let (mut other, _) = Raw::dial(reef.starttls, &ca, "other.example", &["other.example"]).await;
    other.external("other.example").await;
    other.chat("other.example", "reef.example", "little").await;
    assert_eq!(reef.body().await, "little");
    assert_eq!(reef.s2s.counters().stanzas_in(), through as u64 + 1);
}
