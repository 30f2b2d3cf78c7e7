//! Where a domain is found by its name server, and what follows where it is not.

use std::net::Ipv4Addr;

use super::dns::Zone;
use super::{Ca, Place, Site, chat};
use crate::peer::stream::Unreachable;

const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// What a server of ours says that asks this name server for `shore.example`.
async fn open(ca: &Ca, zone: Zone) -> (Result<(), Unreachable>, Site) {
    let (dns, _task) = zone.serve().await;
    let reef = Site::alone(ca, &[format!("s2s.dns={dns}"), "s2s.dialback=false".to_owned()]).await;
    let opened = reef.s2s.open("reef.example", "shore.example").await;
    let opened = match opened {
        Ok(mut link) => link
            .send(chat("reef.example", "shore.example", "found"), 1)
            .await
            .map_err(Unreachable::from),
        Err(error) => Err(error),
    };
    (opened, reef)
}

#[tokio::test]
async fn services_are_tried_in_their_order_until_one_accepts() {
    let ca = Ca::new();
    let mut shore = Place::new("shore.example").await.serve(Some(&ca), &[]);
    // Nobody listens on port 1; then direct TLS; what would come after that is not tried.
    let zone = Zone::default()
        .service("_xmpp-server._tcp.shore.example", 5, 1, "host.example")
        .service(
            "_xmpps-server._tcp.shore.example",
            10,
            shore.direct.port(),
            "host.example",
        )
        .service("_xmpp-server._tcp.shore.example", 20, 2, "host.example")
        .address("host.example", HERE);
    let (opened, _reef) = open(&ca, zone).await;
    assert_eq!(opened, Ok(()));
    assert_eq!(shore.body().await, "found");

    let zone = Zone::default()
        .service("_xmpps-server._tcp.shore.example", 0, 0, ".")
        .service(
            "_xmpp-server._tcp.shore.example",
            0,
            shore.starttls.port(),
            "host.example",
        )
        .address("host.example", HERE);
    let (opened, _reef) = open(&ca, zone).await;
    assert_eq!(opened, Ok(()));
    assert_eq!(shore.body().await, "found");
}

#[tokio::test]
async fn who_is_not_there_is_told_from_who_does_not_answer() {
    let ca = Ca::new();
    let absent = Zone::default();
    let refused = Zone::default()
        .service("_xmpp-server._tcp.shore.example", 0, 0, ".")
        .address("shore.example", HERE);
    let nowhere = Zone::default().service("_xmpp-server._tcp.shore.example", 0, 1, "nowhere.example");
    for zone in [absent, refused, nowhere] {
        let (opened, _reef) = open(&ca, zone).await;
        assert!(matches!(opened, Err(Unreachable::NotFound(_))), "{opened:?}");
    }
    let closed = Zone::default()
        .service("_xmpp-server._tcp.shore.example", 0, 1, "host.example")
        .address("host.example", HERE);
    let failing = Zone::default()
        .failing("_xmpp-server._tcp.shore.example")
        .address("shore.example", HERE);
    for zone in [closed, failing] {
        let (opened, _reef) = open(&ca, zone).await;
        assert!(matches!(opened, Err(Unreachable::Down(_))), "{opened:?}");
    }
}
