//! XMPP for browsers, on the HTTP port: over WebSocket (RFC 7395), by long polling (XEP-0124, XEP-0206), and where both are
//! found (XEP-0156).
//!
//! A transport cuts a stream into what it carries and puts it together again; the stream itself is a client's like any other
//! and comes to the same negotiation and the same shard, over a pair of local sockets. Must not know stanzas. Next:
//! `websocket.rs`, `bosh.rs`.

mod bosh; //      one session of long polls
mod framing; //   <open/> and <close/>
mod host_meta; // where they are
mod websocket; // the upgrade
mod whence; //    who asks, and whether that is protected
mod wire; //      frames to a stream and back

use crate::host::Accounts;
use crate::limits::RELAYS;
use crate::listen::serve_relayed;
use crate::server::Server;
use crate::stream::{C2s, Relayed};
use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use whence::Proxies;

/// What the transports of a listener share.
pub(crate) struct Streams {
    server: Arc<Server>,
    c2s: Arc<C2s<Accounts>>,
    proxies: Proxies,
    /// One permit for each stream that is carried.
    relays: Arc<Semaphore>,
    polled: bosh::Sessions,
    shutdown: watch::Receiver<bool>,
}

/// This end of a stream that is carried.
struct Carried {
    socket: UnixStream,
    /// How far the client is.
    relayed: Relayed,
    _permit: OwnedSemaphorePermit,
}

impl Streams {
    /// For all listeners of a server.
    pub(crate) fn new(server: Arc<Server>, c2s: Arc<C2s<Accounts>>, shutdown: watch::Receiver<bool>) -> Arc<Streams> {
        Arc::new(Streams {
            proxies: Proxies::new(&server.config.http.trusted_proxies),
            relays: Arc::new(Semaphore::new(RELAYS)),
            polled: bosh::Sessions::default(),
            server,
            c2s,
            shutdown,
        })
    }

    /// Waits until no stream is carried any more: clients have heard why.
    pub(crate) async fn ended(&self) {
        // The semaphore is never closed.
        let _ = self.relays.acquire_many(RELAYS as u32).await;
    }

    /// Lets a request begin a stream: its origin is one that may, and nobody listens on its way.
    fn judge(&self, peer: &super::Peer, headers: &HeaderMap) -> Result<SocketAddr, Box<Response>> {
        if !self.allows(headers) {
            return Err(Box::new(refusal(
                StatusCode::FORBIDDEN,
                "this origin is not among http.origins\n",
            )));
        }
        if self.server.config.c2s.require_tls && !self.proxies.protected(peer, headers) {
            let text = "without TLS nothing is said here: use https or wss\n";
            return Err(Box::new(refusal(StatusCode::FORBIDDEN, text)));
        }
        Ok(self.proxies.client(peer, headers))
    }

    /// Whether a page of that origin may speak here. What is no browser names none.
    fn allows(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else {
            return true;
        };
        let own = headers.get(header::HOST);
        let origins = &self.server.config.http.origins;
        origins
            .iter()
            .any(|known| known == "*" || known.as_bytes() == origin.as_bytes())
            || origin.to_str().is_ok_and(|origin| {
                let site = origin.split_once("://").map(|(_, site)| site);
                site.is_some() && site == own.and_then(|own| own.to_str().ok())
            })
    }

    /// Begins a stream for a client at `address`.
    fn carry(&self, address: SocketAddr) -> Result<Carried, Box<Response>> {
        let busy = |text: &str| Box::new(refusal(StatusCode::SERVICE_UNAVAILABLE, &format!("{text}\n")));
        let permit = self.relays.clone().try_acquire_owned();
        let permit = permit.map_err(|_| busy("too many streams over HTTP"))?;
        let admitted = self.c2s.connections.admit(address.ip());
        let admitted = admitted.map_err(|refused| busy(&refused.to_string()))?;
        let (near, far) = UnixStream::pair().map_err(|error| {
            tracing::warn!(%error, "there are no more sockets");
            busy("too many streams")
        })?;
        let relayed = Relayed::default();
        let serve = serve_relayed(
            near,
            relayed.clone(),
            address,
            admitted,
            self.c2s.clone(),
            self.shutdown.clone(),
        );
        self.server.runtime.spawn(serve);
        Ok(Carried {
            socket: far,
            relayed,
            _permit: permit,
        })
    }
}

/// The paths of the transports.
pub(super) fn routes(streams: Arc<Streams>) -> Router {
    Router::new()
        .route("/ws", any(websocket::upgrade))
        .route("/bosh", any(bosh::poll))
        .route("/.well-known/host-meta", get(host_meta::xml))
        .route("/.well-known/host-meta.json", get(host_meta::json))
        .with_state(streams)
}

/// Says no, in plain words.
fn refusal(status: StatusCode, text: &str) -> Response {
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    (status, [(header::CONTENT_TYPE, kind)], text.to_owned()).into_response()
}
