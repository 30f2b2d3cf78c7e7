//! Where this server's streams over HTTP are found (XEP-0156 §3, RFC 6415).
//!
//! Knows addresses alone.

use super::Streams;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::sync::Arc;

/// The relations of XEP-0156 §3, with the scheme that each has over TLS and without, and its path.
const LINKS: [(&str, [&str; 2], &str); 2] = [
    ("urn:xmpp:alt-connections:websocket", ["wss://", "ws://"], "/ws"),
    ("urn:xmpp:alt-connections:xbosh", ["https://", "http://"], "/bosh"),
];

/// Each relation with its address; none where nobody would reach it.
fn links(streams: &Streams) -> Option<impl Iterator<Item = (&'static str, String)> + use<>> {
    let base = streams.server.web.clone()?;
    Some(LINKS.into_iter().map(move |(rel, [secure, plain], path)| {
        let address = match base.strip_prefix("https://") {
            Some(site) => format!("{secure}{site}{path}"),
            None => format!("{plain}{}{path}", base.trim_start_matches("http://")),
        };
        (rel, address)
    }))
}

fn answer(kind: &'static str, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        // Whoever may speak here may know where (XEP-0156 §3).
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    ];
    (headers, body).into_response()
}

/// `/.well-known/host-meta`.
pub(super) async fn xml(State(streams): State<Arc<Streams>>) -> Response {
    let Some(links) = links(&streams) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let links: String = links
        .map(|(rel, href)| {
            let mut escaped = Vec::new();
            reef_stanza::escape_attr(&href, &mut escaped);
            format!("  <Link rel='{rel}' href='{}'/>\n", String::from_utf8_lossy(&escaped))
        })
        .collect();
    let xrd = "http://docs.oasis-open.org/ns/xri/xrd-1.0";
    let body = format!("<?xml version='1.0' encoding='utf-8'?>\n<XRD xmlns='{xrd}'>\n{links}</XRD>\n");
    answer("application/xrd+xml; charset=utf-8", body)
}

/// `/.well-known/host-meta.json`.
pub(super) async fn json(State(streams): State<Arc<Streams>>) -> Response {
    let Some(links) = links(&streams) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let links: Vec<_> = links.map(|(rel, href)| json!({ "rel": rel, "href": href })).collect();
    answer("application/json", json!({ "links": links }).to_string())
}
