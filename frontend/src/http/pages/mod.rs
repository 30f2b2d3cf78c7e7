//! What anyone may read without an account: a microblog as a page and as a feed, and each post (XEP-0277 §2.4).
//!
//! Only of nodes that are open; all else answers as what does not exist. The store is read, and pages are made, on the
//! engine's reader threads, one at a time for each listener, so that readers are left for those who have logged in. Knows
//! HTTP's conditions and caches. Next: `read.rs`, then `html.rs` or `feed.rs`.

mod answer; // headers, conditions
mod feed; //   posts as Atom
mod html; //   posts as HTML
mod invite; // XEP-0401
mod read; //   what there is
#[cfg(test)]
mod tests;
mod xhtml; //  what of an author's markup is shown

use crate::server::Server;
use answer::{Validators, answer};
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use reef_engine::Engine;
use reef_engine::error::StoreError;
use std::sync::Arc;
use tokio::sync::{Semaphore, oneshot};

/// What the pages of a listener share.
struct Pages {
    server: Arc<Server>,
    /// Held while a page is read and made, also when nobody waits for it any more.
    turn: Arc<Semaphore>,
}

/// What is asked for.
enum Ask {
    /// Posts older than an item, or the newest, as a page.
    Page(Option<String>),
    /// The same as a feed.
    Feed(Option<String>),
    /// One post.
    Post(String),
}

/// What is answered.
struct Shown {
    kind: &'static str,
    body: String,
    validators: Validators,
}

/// The paths of the pages.
pub(super) fn routes(server: Arc<Server>) -> Router {
    let turn = Arc::new(Semaphore::new(1));
    Router::new()
        .route("/invite/{token}", get(invite::show))
        .route("/u/{name}", get(page))
        .route("/u/{name}/atom", get(feed))
        .route("/u/{name}/{item}", get(post))
        .with_state(Arc::new(Pages { server, turn }))
}

async fn page(
    State(pages): State<Arc<Pages>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    show(&pages, name, Ask::Page(before(query.as_deref())), &headers).await
}

async fn feed(
    State(pages): State<Arc<Pages>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    show(&pages, name, Ask::Feed(before(query.as_deref())), &headers).await
}

async fn post(
    State(pages): State<Arc<Pages>>,
    Path((name, item)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    show(&pages, name, Ask::Post(item), &headers).await
}

/// Waits for its turn and for a reader; the connection's patience bounds both.
async fn show(pages: &Pages, name: String, ask: Ask, headers: &HeaderMap) -> Response {
    // It is never closed.
    let Ok(turn) = pages.turn.clone().acquire_owned().await else {
        return busy();
    };
    let (tell, told) = oneshot::channel();
    let server = pages.server.clone();
    let job = move |engine: &Engine| {
        // Whoever asked may have gone.
        let _ = tell.send(made(engine, &server, &name, &ask));
        drop(turn);
    };
    if pages.server.engine.read(job).is_err() {
        return busy();
    }
    match told.await {
        Ok(Ok(Some(shown))) => answer(shown, headers, pages.server.engine.clock.now()),
        Ok(Ok(None)) => (StatusCode::NOT_FOUND, "not found\n").into_response(),
        Ok(Err(error)) => {
            tracing::error!(%error, "the store cannot be read");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        // The job panicked; that was logged.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn busy() -> Response {
    let retry = [(header::RETRY_AFTER, "5")];
    (StatusCode::SERVICE_UNAVAILABLE, retry, "busy\n").into_response()
}

/// The page; `None` where nobody may know whether there is anything. On a reader thread.
fn made(engine: &Engine, server: &Server, name: &str, ask: &Ask) -> Result<Option<Shown>, StoreError> {
    let Some(blog) = read::blog(engine, &server.domain, name)? else {
        return Ok(None);
    };
    let found = match ask {
        Ask::Page(before) | Ask::Feed(before) => blog.posts(engine, before.as_deref())?,
        Ask::Post(item) => blog.post(engine, item)?,
    };
    let Some(posts) = found else { return Ok(None) };
    let web = server.web.as_deref().unwrap_or_default();
    let (kind, body) = match ask {
        Ask::Page(_) => (html::KIND, Some(html::page(web, &blog, &posts))),
        Ask::Feed(before) => (feed::KIND, Some(feed::feed(web, &blog, &posts, before.as_deref()))),
        Ask::Post(_) => (html::KIND, html::post(web, &blog, &posts)),
    };
    Ok(body.map(|body| Shown {
        kind,
        validators: Validators::of(&body, blog.changed),
        body,
    }))
}

/// The item that a page follows. Forms write a space as `+`, our links do not.
fn before(query: Option<&str>) -> Option<String> {
    let mut pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, value)| *name == "before" && !value.is_empty())?;
    decode(value)
}

/// Undoes percent-encoding; `None` where it is no UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, encoded)) = rest.split_once('%') {
        bytes.extend_from_slice(plain.as_bytes());
        let digits = encoded
            .get(..2)
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = encoded.get(2..)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}
