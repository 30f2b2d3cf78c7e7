//! A follower: logs in, follows, becomes available, and counts what comes.

use crate::count::{Counter, Faults};
use crate::wire::Wire;
use anyhow::Result;
use std::sync::Arc;
use std::time::Instant;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;

/// What all followers of a run share.
pub(crate) struct Shared {
    pub(crate) server: String,
    pub(crate) domain: String,
    pub(crate) prefix: String,
    pub(crate) password: String,
    pub(crate) node: String,
    pub(crate) author: String,
    pub(crate) mark: String,
    pub(crate) register: bool,
    pub(crate) faults: Faults,
}

/// A post has arrived.
pub(crate) struct Arrival {
    pub(crate) number: u64,
    pub(crate) at: Instant,
}

/// Brings a follower to where it waits for posts.
pub(crate) async fn join(shared: &Shared, number: usize) -> Result<Wire> {
    let user = format!("{}{number}", shared.prefix);
    let mut wire = Wire::connect(&shared.server, &shared.domain).await?;
    if shared.register {
        wire.register(&user, &shared.password).await?;
    }
    wire.login(&user, &shared.password, "load").await?;
    let subscribe = format!(
        "<iq type='set' id='sub' to='{author}'><pubsub xmlns='http://jabber.org/protocol/pubsub'>\
         <subscribe node='{node}' jid='{user}@{domain}'/></pubsub></iq>",
        author = shared.author,
        node = shared.node,
        domain = shared.domain,
    );
    wire.ask("sub", &subscribe).await?;
    wire.send("<presence/><iq type='get' id='ping'><ping xmlns='urn:xmpp:ping'/></iq>")
        .await?;
    wire.ask("ping", "").await?;
    Ok(wire)
}

/// Counts until the stream ends.
#[allow(clippy::disallowed_methods, reason = "a load tool measures the time that passes")]
pub(crate) async fn watch(wire: Wire, shared: Arc<Shared>, arrivals: mpsc::Sender<Arrival>) {
    let (mut socket, rest) = wire.into_parts();
    let mut counter = Counter::new(&shared.mark);
    let mut seen = Vec::new();
    counter.feed(&rest, &shared.faults, |number| seen.push(number));
    let mut chunk = vec![0; 16 << 10];
    loop {
        for number in seen.drain(..) {
            if arrivals
                .send(Arrival {
                    number,
                    at: Instant::now(),
                })
                .await
                .is_err()
            {
                return;
            }
        }
        match socket.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(n) => counter.feed(chunk.get(..n).unwrap_or_default(), &shared.faults, |number| {
                seen.push(number)
            }),
        }
    }
}
