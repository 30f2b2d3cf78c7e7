//! The upgrade of a request to a WebSocket that speaks XMPP (RFC 6455 §4.2, RFC 7395 §3.1).
//!
//! Knows HTTP and no stream. Next: `wire.rs` carries what is said.

use super::super::Peer;
use super::{Streams, refusal, wire};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::time::Duration;
use tungstenite::handshake::derive_accept_key;

/// Its name among subprotocols (RFC 7395 §3.1).
const PROTOCOL: &str = "xmpp";
/// What a connection that is judged elsewhere may take.
const FOR_EVER: Duration = Duration::from_secs(u32::MAX as u64);

/// Upgrades a request, or says why not.
pub(super) async fn upgrade(
    State(streams): State<Arc<Streams>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    mut request: Request,
) -> Response {
    let key = match asked(request.method(), request.headers()) {
        Ok(key) => key,
        Err(refused) => return *refused,
    };
    let address = match streams.judge(&peer, request.headers()) {
        Ok(address) => address,
        Err(refused) => return *refused,
    };
    let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() else {
        return refusal(
            StatusCode::UPGRADE_REQUIRED,
            "this connection cannot become a WebSocket\n",
        );
    };
    let carried = match streams.carry(address) {
        Ok(carried) => carried,
        Err(refused) => return *refused,
    };
    peer.patience.set(FOR_EVER);
    peer.patience.give_place();
    let sizes = wire::Sizes {
        before: streams.c2s.budget.stanza_bytes,
        after: streams.server.config.limits.stanza_bytes,
    };
    streams.server.runtime.spawn(async move {
        match upgrade.await {
            Ok(upgraded) => wire::carry(TokioIo::new(upgraded), carried, sizes).await,
            Err(error) => tracing::debug!(%error, "a client was gone before its WebSocket began"),
        }
    });
    let headers = [
        (header::CONNECTION, HeaderValue::from_static("upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_ACCEPT, key),
        (header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL)),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

/// Whether it asks for what is here, and with what that is confirmed.
fn asked(method: &Method, headers: &HeaderMap) -> Result<HeaderValue, Box<Response>> {
    let upgrade = HeaderValue::from_static("websocket");
    let required = || {
        let mut response = refusal(StatusCode::UPGRADE_REQUIRED, "XMPP over WebSocket is here\n");
        response.headers_mut().insert(header::UPGRADE, upgrade.clone());
        Box::new(response)
    };
    if *method != Method::GET || !lists(headers, &header::UPGRADE, "websocket") {
        return Err(required());
    }
    let version = headers.get(header::SEC_WEBSOCKET_VERSION);
    if version.is_none_or(|version| version.as_bytes() != b"13") {
        let mut response = refusal(StatusCode::BAD_REQUEST, "only version 13 is spoken here\n");
        let known = HeaderValue::from_static("13");
        response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, known);
        return Err(Box::new(response));
    }
    if !lists(headers, &header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL) {
        return Err(Box::new(refusal(
            StatusCode::BAD_REQUEST,
            "the subprotocol is `xmpp`\n",
        )));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let accept = key.and_then(|key| derive_accept_key(key.as_bytes()).parse().ok());
    accept.ok_or_else(|| Box::new(refusal(StatusCode::BAD_REQUEST, "there is no Sec-WebSocket-Key\n")))
}

/// Whether a header that is a list has a word.
fn lists(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let lists = headers.get_all(name).iter().filter_map(|list| list.to_str().ok());
    let mut words = lists.flat_map(|list| list.split(','));
    words.any(|listed| listed.trim().eq_ignore_ascii_case(word))
}
