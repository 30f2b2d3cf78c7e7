//! The listeners for peers: accept, admit, negotiate, and run the stream.
//!
//! Must not know what is negotiated.

use std::sync::Arc;
use std::time::Duration;

use reef_stanza::{StreamCondition, StreamFault};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::S2s;
use super::dial::tune;
use super::established::{Begin, Stream};
use super::inbound::{Negotiated, negotiate};
use super::wire::Wire;
use crate::limits::{PEER_COMMANDS, PEER_HANDSHAKE_SECONDS};
use crate::stream::{ConnectionPermit, Mode};

/// Pauses after accept has failed, doubled each time: the usual reason, no free file descriptor, does not pass at once.
const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(10);
const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Serves a listener until `shutdown` says `true` or its sender is gone; then tells every peer (`system-shutdown`) and
/// returns, a second later at most. One task a stream: those that are not proved are bounded in all and by address, those
/// that are by domain.
pub(crate) async fn serve_s2s(listener: TcpListener, mode: Mode, s2s: Arc<S2s>, mut shutdown: watch::Receiver<bool>) {
    let mut streams = JoinSet::new();
    let mut pause = ACCEPT_PAUSE_MIN;
    let stop = shutdown.clone();
    loop {
        tokio::select! {
            () = stopped(&mut shutdown) => break,
            Some(ended) = streams.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a peer's stream has panicked");
                }
            }
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => {
                    pause = ACCEPT_PAUSE_MIN;
                    match s2s.connections.admit(peer.ip()) {
                        Ok(permit) => drop(streams.spawn(serve(socket, mode, permit, s2s.clone(), stop.clone()))),
                        Err(refused) => {
                            s2s.counters.refuse();
                            tracing::debug!(%peer, %refused, "a peer's connection was refused");
                            refuse(&socket, mode, s2s.main_domain());
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections of peers");
                    tokio::select! {
                        () = stopped(&mut shutdown) => break,
                        () = tokio::time::sleep(pause) => pause = (pause * 2).min(ACCEPT_PAUSE_MAX),
                    }
                }
            }
        }
    }
    while streams.join_next().await.is_some() {}
}

/// Turns a connection away without a task: one write into an empty socket buffer, and closed.
fn refuse(socket: &TcpStream, mode: Mode, domain: &str) {
    if mode == Mode::StartTls {
        let mut bytes = reef_stanza::stream_header(reef_stanza::StreamNamespace::Server, domain, None, "", None);
        bytes.extend_from_slice(&StreamFault::new(StreamCondition::ResourceConstraint).to_bytes());
        // Whether it arrives is the peer's luck.
        let _ = socket.try_write(&bytes);
    }
}

async fn serve(
    socket: TcpStream,
    mode: Mode,
    permit: ConnectionPermit,
    s2s: Arc<S2s>,
    mut shutdown: watch::Receiver<bool>,
) {
    if let Err(error) = tune(&socket) {
        tracing::debug!(%error, "a peer's connection was gone at once");
        return;
    }
    let peer = socket.peer_addr();
    let mut wire = Wire::new(socket, s2s.budget_before);
    let negotiated = tokio::select! {
        biased;
        negotiated = Box::pin(negotiate(&mut wire, &s2s, mode)) => negotiated,
        () = stopped(&mut shutdown) => Err(StreamCondition::SystemShutdown.into()),
        () = tokio::time::sleep(Duration::from_secs(PEER_HANDSHAKE_SECONDS)) => {
            Err(StreamCondition::ConnectionTimeout.into())
        }
    };
    match negotiated {
        Ok(negotiated) => run(wire, permit, s2s, negotiated, shutdown).await,
        Err(end) => {
            if end.is_refusal() {
                s2s.counters.refuse();
            }
            tracing::debug!(?peer, %end, "a peer's negotiation ended");
            wire.close(&end, s2s.main_domain()).await;
        }
    }
}

async fn run(
    wire: Wire,
    permit: ConnectionPermit,
    s2s: Arc<S2s>,
    negotiated: Negotiated,
    shutdown: watch::Receiver<bool>,
) {
    let (sender, commands) = mpsc::channel(PEER_COMMANDS);
    let mut stream = Stream::new(Begin {
        s2s,
        wire,
        id: negotiated.id,
        outgoing: false,
        bidi: negotiated.bidi,
        stanza_limit: negotiated.stanza_limit,
        commands,
        sender: Some(sender),
        permit: Some(permit),
    });
    let proved = negotiated.from.filter(|_| negotiated.proved);
    let refused = proved.is_some_and(|from| stream.prove(&from, &negotiated.to).is_err());
    match refused {
        true => stream.finish(StreamCondition::ResourceConstraint.into()).await,
        false => Box::pin(stream.run(negotiated.first.into_iter().collect(), false, Some(shutdown))).await,
    }
}

/// Done once the server stops.
pub(super) async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    // An error means that nobody is left who could say it.
    let _ = shutdown.wait_for(|stop| *stop).await;
}
