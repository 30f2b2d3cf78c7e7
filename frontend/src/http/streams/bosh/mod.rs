//! Long polling: requests of HTTP, each to the session that it names (XEP-0124, XEP-0206).
//!
//! Knows HTTP; what a session is, is in `session.rs`. A body is read as far as who sends it may say something: a stranger's
//! as far as before a login, also where it names a session.

mod body; //    what a request says, what an answer says
mod session; // one client's
mod window; //  requests and answers by their numbers

use super::super::Peer;
use super::{Streams, refusal};
use crate::limits::{BOSH_ASKED, BOSH_BODY_MORE, BOSH_WAIT_SECONDS, HTTP_REQUEST_SECONDS};
use axum::body::Body as Bytes;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use body::{Asked, Ended};
use dashmap::DashMap;
use futures::StreamExt as _;
use reef_engine::clock::random;
use reef_stanza::Budget;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// The sessions that are polled, by `sid`; their number is bounded by that of streams that are carried.
#[derive(Clone, Default)]
pub(super) struct Sessions(Arc<DashMap<String, Known>>);

/// The way to a session.
#[derive(Clone)]
struct Known {
    requests: mpsc::Sender<Polled>,
    /// Whether its client has logged in.
    trusted: Arc<AtomicBool>,
}

/// A request with the way back.
struct Polled {
    asked: Asked,
    answer: oneshot::Sender<String>,
}

/// One request.
pub(super) async fn poll(
    State(streams): State<Arc<Streams>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Response {
    let allowed = shared(&streams, request.headers());
    let mut response = match *request.method() {
        Method::POST => posted(&streams, &peer, request).await,
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        _ => refusal(StatusCode::OK, "XMPP over BOSH is here\n"),
    };
    response.headers_mut().extend(allowed);
    response
}

/// What a browser is told of pages of other origins.
fn shared(streams: &Streams, headers: &HeaderMap) -> HeaderMap {
    let mut shared = HeaderMap::new();
    if let Some(origin) = headers.get(header::ORIGIN).filter(|_| streams.allows(headers)) {
        let said = [
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()),
            (
                header::ACCESS_CONTROL_ALLOW_METHODS,
                HeaderValue::from_static("GET, POST, OPTIONS"),
            ),
            (
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                HeaderValue::from_static("content-type"),
            ),
            (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400")),
            (header::VARY, HeaderValue::from_static("origin")),
        ];
        shared.extend(said);
    }
    shared
}

async fn posted(streams: &Arc<Streams>, peer: &Peer, request: Request) -> Response {
    let address = match streams.judge(peer, request.headers()) {
        Ok(address) => address,
        Err(refused) => return *refused,
    };
    let bytes = match read(streams, request.into_body()).await {
        Ok(bytes) => bytes,
        Err(ended) => return said(ended.to_body()),
    };
    let asked = match Asked::read(&bytes, budget(streams, true)) {
        Ok(asked) => asked,
        Err(ended) => return said(ended.to_body()),
    };
    let patience = Duration::from_secs(BOSH_WAIT_SECONDS + HTTP_REQUEST_SECONDS);
    peer.patience.set(patience);
    peer.patience.give_place();
    let mut response = match ask(streams, address, asked).await {
        Ok(answer) => said(answer),
        Err(refused) => *refused,
    };
    if !peer.patience.take_place(Duration::from_secs(HTTP_REQUEST_SECONDS)) {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

/// What a body may cost.
fn budget(streams: &Streams, trusted: bool) -> Budget {
    let before = streams.c2s.budget;
    match trusted {
        false => Budget {
            stanza_bytes: before.stanza_bytes + BOSH_BODY_MORE,
            ..before
        },
        true => Budget {
            stanza_bytes: streams.server.config.limits.stanza_bytes + BOSH_BODY_MORE,
            ..Budget::AFTER_AUTH
        },
    }
}

/// Reads a body: beyond what a stranger may say only for who has logged in.
async fn read(streams: &Streams, body: Bytes) -> Result<Vec<u8>, Ended> {
    let (little, much) = (budget(streams, false).stanza_bytes, budget(streams, true).stanza_bytes);
    let mut bytes = Vec::new();
    let mut most = little;
    let mut parts = body.into_data_stream();
    while let Some(part) = parts.next().await {
        let part = part.map_err(|_| Ended::BAD_REQUEST)?;
        if bytes.len() + part.len() > most {
            bytes.extend_from_slice(part.get(..part.len().min(little)).unwrap_or_default());
            if most == much || !streams.polled.trusts(&bytes) {
                return Err(Ended::POLICY);
            }
            most = much;
            bytes.extend_from_slice(part.get(part.len().min(little)..).unwrap_or_default());
            if bytes.len() > most {
                return Err(Ended::POLICY);
            }
            continue;
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

/// Has a session answer; a new one where none is named.
async fn ask(streams: &Arc<Streams>, address: SocketAddr, asked: Asked) -> Result<String, Box<Response>> {
    let known = match &asked.sid {
        Some(sid) => streams.polled.0.get(sid).map(|known| known.clone()),
        None => Some(begin(streams, address, &asked)?),
    };
    let Some(known) = known else {
        return Ok(Ended::NOT_FOUND.to_body());
    };
    let (answer, answered) = oneshot::channel();
    if known.requests.send(Polled { asked, answer }).await.is_err() {
        return Ok(Ended::NOT_FOUND.to_body());
    }
    Ok(answered.await.unwrap_or_else(|_| Ended::NOT_FOUND.to_body()))
}

fn begin(streams: &Arc<Streams>, address: SocketAddr, asked: &Asked) -> Result<Known, Box<Response>> {
    let carried = streams.carry(address)?;
    let id = random::<16>().map(u128::from_be_bytes);
    let id = id.map_err(|_| Box::new(refusal(StatusCode::INTERNAL_SERVER_ERROR, "no random numbers\n")))?;
    let sid = format!("{id:032x}");
    let (requests, receiver) = mpsc::channel(BOSH_ASKED);
    let known = Known {
        requests,
        trusted: Arc::default(),
    };
    streams.polled.0.insert(sid.clone(), known.clone());
    let agreed = session::Agreed::new(sid.clone(), asked);
    let (sessions, trusted) = (streams.polled.clone(), known.trusted.clone());
    streams.server.runtime.spawn(async move {
        session::serve(agreed, carried, receiver, trusted).await;
        sessions.0.remove(&sid);
    });
    Ok(known)
}

impl Sessions {
    /// Whether a body whose beginning this is names a session whose client has logged in.
    fn trusts(&self, bytes: &[u8]) -> bool {
        let named = body::sid(bytes).and_then(|sid| self.0.get(sid).map(|known| known.trusted.clone()));
        named.is_some_and(|trusted| trusted.load(Ordering::Relaxed))
    }
}

fn said(body: String) -> Response {
    let kind = HeaderValue::from_static("text/xml; charset=utf-8");
    let fresh = HeaderValue::from_static("no-store");
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, fresh)], body).into_response()
}
