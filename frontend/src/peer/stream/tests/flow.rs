//! Links: what they tell, and how they end.

use bytes::Bytes;
use tokio::net::TcpListener;

use super::raw::header;
use super::{Ca, Raw, Site, chat, event};
use crate::peer::stream::{End, Link, LinkEvent};

const EXTERNAL_SM: &str = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism>\
     </mechanisms>";
const SM: &str = "<stream:features><sm xmlns='urn:xmpp:sm:3'/><limits xmlns='urn:xmpp:stream-limits:0'>\
     <max-bytes>10000</max-bytes></limits></stream:features>";

/// A link to a raw peer that takes our certificate and counts.
async fn linked() -> (Link, Raw) {
    let ca = Ca::new();
    let peer = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let resolve = format!("s2s.resolve.peer.example={}", peer.local_addr().unwrap());
    let reef = Site::alone(&ca, &[resolve]).await;
    let answering = async {
        let mut raw = Raw::answer(&peer, &ca, &["peer.example"], EXTERNAL_SM).await;
        // reef.example, in Base64.
        raw.until("mechanism='EXTERNAL'>cmVlZi5leGFtcGxl</auth>").await;
        raw.send("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>").await;
        raw.until("version='1.0'>").await;
        raw.send(&(header("peer.example", "reef.example", "3") + SM)).await;
        raw.ask("", "<enable xmlns='urn:xmpp:sm:3'/>").await;
        raw.send("<enabled xmlns='urn:xmpp:sm:3'/>").await;
        raw
    };
    let (link, raw) = tokio::join!(reef.s2s.open("reef.example", "peer.example"), answering);
    let link = link.unwrap();
    assert!(link.has_sm());
    assert_eq!(link.stanza_limit(), Some(10_000));
    (link, raw)
}

#[tokio::test]
async fn a_link_hears_what_the_peer_has() {
    let (mut link, mut raw) = linked().await;
    let three = chat("reef.example", "peer.example", "x").repeat(3);
    link.send(Bytes::from(three), 3).await.unwrap();
    link.ask().await.unwrap();
    raw.until("<r xmlns='urn:xmpp:sm:3'/>").await;
    raw.send("<a xmlns='urn:xmpp:sm:3' h='2'/>").await;
    assert_eq!(event(&mut link).await, LinkEvent::Acked(2));
    // The peer may ask, too; nothing has come from it.
    raw.ask("<r xmlns='urn:xmpp:sm:3'/>", "<a xmlns='urn:xmpp:sm:3' h='0'/>")
        .await;
    raw.send("<a xmlns='urn:xmpp:sm:3' h='4'/>").await;
    assert!(raw.until("</stream:stream>").await.contains("<undefined-condition"));
    assert!(matches!(event(&mut link).await, LinkEvent::Ended(End::Fault(_))));
    assert!(link.send(Bytes::new(), 0).await.is_err());
}

#[tokio::test]
async fn a_link_is_closed_in_good_order() {
    let (mut link, mut raw) = linked().await;
    link.send(chat("reef.example", "peer.example", "last"), 1)
        .await
        .unwrap();
    let closing = async {
        assert!(raw.until("</stream:stream>").await.contains("last"));
        raw.send("</stream:stream>").await;
        raw.rest().await
    };
    let ((), rest) = tokio::join!(link.close(), closing);
    assert_eq!(rest, "");
}

#[tokio::test]
async fn a_link_that_is_dropped_lets_its_stream_go() {
    let (link, mut raw) = linked().await;
    drop(link);
    raw.until("</stream:stream>").await;
    raw.send("</stream:stream>").await;
    raw.rest().await;
}

#[tokio::test]
async fn a_peer_that_may_not_send_on_our_stream_ends_it_by_sending() {
    let (mut link, mut raw) = linked().await;
    raw.chat("peer.example", "reef.example", "no").await;
    assert!(raw.until("</stream:stream>").await.contains("<invalid-from"));
    assert!(matches!(event(&mut link).await, LinkEvent::Ended(End::Fault(_))));
}

#[tokio::test]
async fn a_link_tells_how_the_peer_ended_it() {
    let (mut link, mut raw) = linked().await;
    raw.send("</stream:stream>").await;
    assert_eq!(event(&mut link).await, LinkEvent::Ended(End::Closed));
    let (mut link, raw) = linked().await;
    drop(raw);
    assert!(matches!(event(&mut link).await, LinkEvent::Ended(End::Lost(_))));
    // It says it again.
    assert!(matches!(event(&mut link).await, LinkEvent::Ended(End::Lost(_))));
}

#[tokio::test]
async fn a_stream_on_which_nothing_passes_is_closed() {
    let ca = Ca::new();
    let (reef, shore) = Site::two([Some(&ca), Some(&ca)], [&["s2s.idle_timeout=50ms"], &[]]).await;
    let mut link = reef.open(&shore).await.unwrap();
    assert_eq!(event(&mut link).await, LinkEvent::Ended(End::Idle));
    assert_eq!(reef.s2s.counters().streams_out(), 0);
}

#[tokio::test]
async fn senders_wait_while_the_peer_does_not_read_and_nothing_is_lost() {
    let ca = Ca::new();
    let (reef, mut shore) = Site::two([Some(&ca), Some(&ca)], [&[], &[]]).await;
    let mut link = reef.open(&shore).await.unwrap();
    let body = "y".repeat(50_000);
    let sending = async {
        for _ in 0..200 {
            link.send(chat("reef.example", "shore.example", &body), 1)
                .await
                .unwrap();
        }
        link.ask().await.unwrap();
        loop {
            match event(&mut link).await {
                LinkEvent::Acked(200) => break,
                LinkEvent::Acked(_) => {}
                LinkEvent::Ended(end) => panic!("{end}"),
            }
        }
    };
    let receiving = async {
        for _ in 0..200 {
            assert_eq!(shore.body().await.len(), 50_000);
        }
    };
    tokio::join!(sending, receiving);
}

#[tokio::test]
async fn two_that_send_on_one_stream_at_once_do_not_wait_for_each_other() {
    let ca = Ca::new();
    let (mut reef, mut shore) = Site::two([Some(&ca), Some(&ca)], [&[], &[]]).await;
    let mut there = reef.open(&shore).await.unwrap();
    there
        .send(chat("reef.example", "shore.example", "first"), 1)
        .await
        .unwrap();
    assert_eq!(shore.body().await, "first");
    let mut back = shore.open(&reef).await.unwrap();
    assert_eq!(shore.s2s.counters().streams_out(), 0);
    let body = "z".repeat(50_000);
    let send = async |link: &mut Link, from, to| {
        for _ in 0..200 {
            link.send(chat(from, to, &body), 1).await.unwrap();
        }
    };
    let receive = async |site: &mut Site| {
        for _ in 0..200 {
            assert_eq!(site.body().await.len(), 50_000);
        }
    };
    let both = async {
        tokio::join!(
            send(&mut there, "reef.example", "shore.example"),
            send(&mut back, "shore.example", "reef.example"),
        )
    };
    tokio::join!(both, receive(&mut reef), receive(&mut shore));
}
