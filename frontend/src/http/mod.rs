//! HTTP: `/metrics` (OpenMetrics text) and `/health` for operators, `/u/<name>` and `/upload/` for everyone, `/ws` and `/bosh` for browsers.
//!
//! Must not know sessions. Further paths join the same router. Metrics name accounts and nodes: they
//! are for the machine itself, not for whoever reaches the port.

mod bounded;
mod pages;
mod peers;
mod socket;
mod streams;
mod upload;

use crate::limits::{HTTP_CONNECTIONS, HTTP_REQUEST_SECONDS};
use crate::server::Server;
use crate::tls::Tls;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, serve};
use bounded::Bounded;
pub(crate) use bounded::Peer;
use std::sync::Arc;
use std::time::Duration;
pub(crate) use streams::Streams;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What OpenMetrics text is called.
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// How it ends.
const END: &str = "# EOF\n";

/// Serves until `shutdown` says so, with TLS where that is given.
pub(crate) async fn serve_http(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    server: Arc<Server>,
    streams: Arc<Streams>,
    mut shutdown: watch::Receiver<bool>,
) {
    let further = server.part.as_ref().and_then(|part| part.web()).unwrap_or_default();
    let router = Router::new()
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .with_state(server.clone())
        .merge(further)
        .merge(streams::routes(streams))
        .merge(upload::routes(server.clone()))
        .merge(pages::routes(server))
        .into_make_service_with_connect_info::<Peer>();
    let listener = Bounded::new(
        listener,
        tls,
        HTTP_CONNECTIONS,
        Duration::from_secs(HTTP_REQUEST_SECONDS),
    );
    tokio::select! {
        ended = serve(listener, router).into_future() => {
            if let Err(error) = ended {
                tracing::error!(%error, "http has ended");
            }
        }
        // Nobody's half-sent request holds up the end. An error means that nobody is left who could say it.
        _ = shutdown.wait_for(|stop| *stop) => {}
    }
}

/// 200 while the store takes writes and every thread works.
async fn health(State(server): State<Arc<Server>>) -> Response {
    if server.engine.failed() {
        (StatusCode::SERVICE_UNAVAILABLE, "failed: see the log\n").into_response()
    } else {
        "ok\n".into_response()
    }
}

/// All metrics, for who asks from this machine and not through a proxy.
async fn metrics(
    State(server): State<Arc<Server>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Response {
    if !peer.address.ip().is_loopback() || request.headers().contains_key("x-forwarded-for") {
        return StatusCode::NOT_FOUND.into_response();
    }
    let all = tokio::task::spawn_blocking(move || {
        let mut text = server.engine.metrics.text();
        text.truncate(text.trim_end_matches(END).len());
        text += &peers::text(&server);
        if let Some(part) = &server.part {
            text.truncate(text.trim_end_matches(END).len());
            text += part.metrics().trim_end_matches(END);
            text += END;
        }
        text
    });
    match all.await {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
