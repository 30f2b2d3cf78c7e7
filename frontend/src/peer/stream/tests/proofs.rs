//! How servers prove who they are: by certificates, by dialback, and how they fail to.

use super::site::event;
use super::{Ca, Site, chat};
use crate::peer::stream::{End, LinkEvent};

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
