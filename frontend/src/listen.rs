//! The listeners for clients: accept, admit, negotiate, hand over.
//!
//! It must not know what is negotiated. What comes next: an authenticated connection goes to the host and, through it,
//! to its user's shard; tokio has nothing more to do with it.

use std::io::Write;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reef_stanza::{StreamCondition, StreamFault};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::stream::{
    Authenticated, C2s, Carrier, Connection, ConnectionPermit, End, Host, Login, Mode, Negotiation, Relayed,
    unsolicited_header,
};

/// Pauses after accept has failed, doubled each time: the usual reason, no free file descriptor, does not pass at once.
const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(10);
const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Serves a listener until `shutdown` says `true` or its sender is gone; then tells every client that is still
/// negotiating (`system-shutdown`) and returns, a second later at most. One task a connection, until it is handed
/// over: their number is bounded by `limits.connections_unauthenticated`.
pub async fn serve_c2s<H: Host>(
    listener: TcpListener,
    mode: Mode,
    ctx: Arc<C2s<H>>,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut streams = JoinSet::new();
    let mut pause = ACCEPT_PAUSE_MIN;
    let stop = shutdown.clone();
    loop {
        tokio::select! {
            () = stopped(&mut shutdown) => break,
            Some(ended) = streams.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a negotiation has panicked");
                }
            }
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => {
                    pause = ACCEPT_PAUSE_MIN;
                    match ctx.connections.admit(peer.ip()) {
                        Ok(permit) => {
                            let socket = Carrier::Tcp(socket);
                            let client = Client { socket, peer, mode, permit };
                            streams.spawn(serve(client, Arc::clone(&ctx), stop.clone()));
                        }
                        Err(refused) => {
                            tracing::debug!(%peer, %refused, "connection refused");
                            refuse(socket, mode, ctx.domain(), &refused.to_string());
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections");
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

/// A connection that was let in.
struct Client {
    socket: Carrier,
    peer: SocketAddr,
    mode: Mode,
    permit: ConnectionPermit,
}

/// Serves a stream that a transport carries, until its client has logged in or it has ended.
pub(crate) async fn serve_relayed<H: Host>(
    near: UnixStream,
    relayed: Relayed,
    peer: SocketAddr,
    permit: ConnectionPermit,
    ctx: Arc<C2s<H>>,
    shutdown: watch::Receiver<bool>,
) {
    let client = Client {
        socket: Carrier::Relayed(near, relayed, 0),
        peer,
        mode: Mode::Relayed,
        permit,
    };
    serve(client, ctx, shutdown).await;
}

async fn serve<H: Host>(client: Client, ctx: Arc<C2s<H>>, mut shutdown: watch::Receiver<bool>) {
    let Client {
        socket,
        peer,
        mode,
        permit,
    } = client;
    if let Carrier::Tcp(socket) = &socket
        && let Err(error) = socket.set_nodelay(true)
    {
        tracing::debug!(%peer, %error, "the connection was gone at once");
        return;
    }
    let mut connection = Connection::new(socket, ctx.budget);
    let negotiation = Negotiation::new(&mut connection, &ctx, peer.ip());
    let fault = |condition| Err(End::Fault(StreamFault::new(condition)));
    let end = tokio::select! {
        biased;
        end = negotiation.run(mode) => end,
        () = stopped(&mut shutdown) => fault(StreamCondition::SystemShutdown),
        () = tokio::time::sleep(ctx.handshake_timeout) => fault(StreamCondition::ConnectionTimeout),
    };
    match end {
        Ok(login) => hand_over(connection, login, peer, permit, &ctx),
        Err(end) => {
            tracing::debug!(%peer, %end, "negotiation ended");
            connection.close(end, ctx.domain()).await;
        }
    }
}

fn hand_over<H: Host>(
    connection: Connection,
    login: Login,
    peer: SocketAddr,
    mut token: ConnectionPermit,
    ctx: &C2s<H>,
) {
    match connection.into_parts() {
        Ok(parts) => {
            token.authenticate();
            let Login { user, lang, inline } = login;
            let (socket, tls, unread) = (parts.socket, parts.tls, parts.unread);
            let inline = inline.map(|inline| (parts.reader, inline));
            ctx.host.hand_over(Authenticated {
                user,
                socket,
                tls,
                unread,
                peer,
                lang,
                inline,
                token,
            });
        }
        Err(error) => tracing::debug!(%peer, %error, "the connection was lost at its hand-over"),
    }
}

/// Turns a connection away without a task: one write into an empty socket buffer, and closed. Before TLS where that
/// comes first there is nothing to say it in.
fn refuse(socket: TcpStream, mode: Mode, domain: &str, text: &str) {
    let Ok(mut socket) = socket.into_std() else {
        return;
    };
    if mode == Mode::StartTls {
        let mut bytes = unsolicited_header(domain);
        let fault = StreamFault::new(StreamCondition::ResourceConstraint).with_text(text.to_owned());
        bytes.extend_from_slice(&fault.to_bytes());
        // Whether it arrives is the client's luck.
        let _ = socket.write(&bytes).and_then(|_| socket.shutdown(Shutdown::Both));
    }
}

async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    // An error means that nobody is left who could say it.
    let _ = shutdown.wait_for(|stop| *stop).await;
}
