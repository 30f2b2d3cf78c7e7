//! `/upload/<token>/<name>`: where files of XEP-0363 are put, once, and fetched.
//!
//! The token is the permission: whoever has it may fetch, and put until the file is there. Web clients of any origin may
//! do so. Next: `put.rs`, `fetch.rs`.

mod fetch; //   what is there, or a part of it
mod headers; // what browsers may make of it
mod put; //     what comes
mod range; //   which part

use super::bounded::Peer;
use crate::server::Server;
use crate::tables::{self, Upload, UploadId};
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use reef_engine::error::StoreError;
use std::sync::Arc;
use tokio::sync::oneshot;

/// How all that is no file answers; the status is said by the text, too.
type Refused = (StatusCode, &'static str);

const NOT_FOUND: Refused = (StatusCode::NOT_FOUND, "not found\n");
const BUSY: Refused = (StatusCode::SERVICE_UNAVAILABLE, "busy\n");
const FAILED: Refused = (StatusCode::INTERNAL_SERVER_ERROR, "failed\n");

/// The paths of uploads.
pub(super) fn routes(server: Arc<Server>) -> Router {
    let methods = get(fetch)
        .put(put)
        .options(|| async { allowed(StatusCode::NO_CONTENT) });
    Router::new()
        .route("/upload/{token}/{name}", methods)
        .with_state(server)
}

async fn fetch(
    State(server): State<Arc<Server>>,
    Path((token, name)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let fetched = match server.uploads.verify(&token, &name) {
        Some(id) => fetch::fetch(&server, id, &name, (&method, &headers)).await,
        None => Err(NOT_FOUND),
    };
    for_all(fetched.unwrap_or_else(IntoResponse::into_response))
}

async fn put(
    State(server): State<Arc<Server>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Path((token, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let put = match server.uploads.verify(&token, &name) {
        Some(id) => put::put(&server, &peer.patience, id, (&headers, body)).await,
        None => Err(NOT_FOUND),
    };
    for_all(match put {
        Ok(()) => (StatusCode::CREATED, "kept\n").into_response(),
        Err(refused) => refused.into_response(),
    })
}

/// What pages of other origins may ask for.
fn allowed(status: StatusCode) -> Response {
    let mut response = for_all(status.into_response());
    let mut set = |name, value| response.headers_mut().insert(name, HeaderValue::from_static(value));
    set(header::ACCESS_CONTROL_ALLOW_METHODS, "OPTIONS, HEAD, GET, PUT");
    set(header::ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type, Range");
    set(header::ACCESS_CONTROL_MAX_AGE, "7200");
    set(header::ALLOW, "OPTIONS, HEAD, GET, PUT");
    response
}

fn for_all(mut response: Response) -> Response {
    let mut set = |name, value| response.headers_mut().insert(name, HeaderValue::from_static(value));
    set(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    set(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        "Accept-Ranges, Content-Disposition, Content-Length, Content-Range",
    );
    response
}

/// The row of a slot or a file, read on a reader's thread; a few at a time, so that readers are left for sessions.
async fn row(server: &Server, id: UploadId) -> Result<Upload, Refused> {
    let _turn = server.uploads.turns.acquire().await.map_err(|_| BUSY)?;
    let (tell, told) = oneshot::channel::<Result<Option<Upload>, StoreError>>();
    // Whoever asked may have gone.
    let read = move |engine: &reef_engine::Engine| drop(tell.send(tables::upload(engine.view(), &id)));
    server.engine.read(read).map_err(|_| BUSY)?;
    match told.await {
        Ok(Ok(Some(upload))) => Ok(upload),
        Ok(Ok(None)) => Err(NOT_FOUND),
        Ok(Err(error)) => {
            tracing::error!(%error, "the store cannot be read");
            Err(FAILED)
        }
        // The job panicked; that was logged.
        Err(_) => Err(FAILED),
    }
}
