//! The listeners for components, and what one must show (XEP-0114 §3): that it knows its secret.
//!
//! Must not know stanzas. What comes next: `run.rs`.

use std::sync::Arc;
use std::time::Duration;

use reef_stanza::{StreamCondition, StreamNamespace, ns};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::super::S2s;
use super::super::accept::stopped;
use super::super::dial::tune;
use super::super::end::{End, fault};
use super::super::inbound::stream_id;
use super::super::names::domain;
use super::super::wire::Wire;
use super::run::run;
use crate::limits::PEER_HANDSHAKE_SECONDS;
use crate::stream::ConnectionPermit;

/// How long a listener pauses after accept has failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves a listener until `shutdown` says `true` or its sender is gone; then tells every component and returns.
pub(crate) async fn serve_components(listener: TcpListener, s2s: Arc<S2s>, mut shutdown: watch::Receiver<bool>) {
    let mut streams = JoinSet::new();
    let stop = shutdown.clone();
    loop {
        tokio::select! {
            () = stopped(&mut shutdown) => break,
            Some(ended) = streams.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a component's stream has panicked");
                }
            }
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => match s2s.connections.admit(peer.ip()) {
                    Ok(permit) => drop(streams.spawn(serve(socket, permit, s2s.clone(), stop.clone()))),
                    Err(refused) => tracing::debug!(%peer, %refused, "a component's connection was refused"),
                },
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections of components");
                    tokio::select! {
                        () = stopped(&mut shutdown) => break,
                        () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                    }
                }
            }
        }
    }
    while streams.join_next().await.is_some() {}
}

async fn serve(socket: TcpStream, permit: ConnectionPermit, s2s: Arc<S2s>, mut shutdown: watch::Receiver<bool>) {
    if let Err(error) = tune(&socket) {
        tracing::debug!(%error, "a component's connection was gone at once");
        return;
    }
    let mut wire = Wire::of(StreamNamespace::Component, socket, s2s.budget_before);
    let shown = tokio::select! {
        biased;
        shown = negotiate(&mut wire, &s2s) => shown,
        () = stopped(&mut shutdown) => Err(StreamCondition::SystemShutdown.into()),
        () = tokio::time::sleep(Duration::from_secs(PEER_HANDSHAKE_SECONDS)) => {
            Err(StreamCondition::ConnectionTimeout.into())
        }
    };
    match shown {
        Ok(name) => Box::pin(run(wire, permit, s2s, name, shutdown)).await,
        Err(end) => {
            tracing::info!(%end, "a component was refused");
            wire.close(&end, s2s.main_domain()).await;
        }
    }
}

/// Who it is. May be dropped at any await.
async fn negotiate(wire: &mut Wire, s2s: &S2s) -> Result<String, End> {
    let header = wire.header().await?;
    let name = header.to.as_deref().and_then(domain);
    let name = name.filter(|name| s2s.components.has(name));
    let id = stream_id()?;
    wire.queue_header(name.as_deref().unwrap_or_else(|| s2s.main_domain()), None, &id);
    let name = name.ok_or_else(|| fault(StreamCondition::HostUnknown, "there is no such component"))?;
    let handshake = wire.element().await?;
    let is_one = handshake.is("handshake", ns::COMPONENT);
    match is_one && s2s.components.proves(&name, &id, &handshake.text()) {
        true => Ok(name),
        false => Err(StreamCondition::NotAuthorized.into()),
    }
}
