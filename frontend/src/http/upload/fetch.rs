//! What is fetched: a file or one part of it, read a little at a time as its reader takes it.
//!
//! A file never changes, so that its id says whether a copy is still right, and for how long it is.

use super::headers::{POLICY, shown};
use super::put::blocking;
use super::range::{Part, part};
use super::{NOT_FOUND, Refused, row};
use crate::limits::UPLOAD_CHUNK;
use crate::server::Server;
use crate::tables::UploadId;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Seconds for which what does not end may be kept by others: a year, as long as anybody does.
const FOREVER_SECONDS: u64 = 31_536_000;

/// Answers with a file.
pub(super) async fn fetch(
    server: &Server,
    id: UploadId,
    name: &str,
    (method, headers): (&Method, &HeaderMap),
) -> Result<Response, Refused> {
    let upload = row(server, id).await?;
    let (now, ends) = (
        server.engine.clock.now().0,
        upload.ends(server.config.limits.upload_days),
    );
    if !upload.kept || ends.is_some_and(|ends| ends <= now) {
        return Err(NOT_FOUND);
    }
    let files = server.uploads.files.clone();
    let file = blocking(move || files.open(&id)).await?;
    let tag: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let asked = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let has = asked(header::IF_NONE_MATCH).is_some_and(|tags| has(tags, &tag));
    // A part of what somebody has of another file is of no use to him.
    let same = asked(header::IF_RANGE).is_none_or(|known| known == tag);
    let part = part(asked(header::RANGE).filter(|_| same), upload.bytes);
    let (status, range) = match &part {
        _ if has => (StatusCode::NOT_MODIFIED, 0..0),
        Part::Whole => (StatusCode::OK, 0..upload.bytes),
        Part::Of(range) => (StatusCode::PARTIAL_CONTENT, range.clone()),
        Part::Beyond => (StatusCode::RANGE_NOT_SATISFIABLE, 0..0),
    };
    let wanted = *method != Method::HEAD && !range.is_empty();
    let body = if wanted {
        read(file, range.clone())
    } else {
        Body::empty()
    };
    let mut response = (status, body).into_response();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    };
    let seconds = ends.map_or(FOREVER_SECONDS, |ends| (ends - now) / 1_000);
    set(header::CACHE_CONTROL, &format!("public, max-age={seconds}, immutable"));
    set(header::ETAG, &tag);
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(HeaderName::from_static("cross-origin-resource-policy"), "cross-origin");
    set(header::ACCEPT_RANGES, "bytes");
    match part {
        Part::Of(range) if !has => set(
            header::CONTENT_RANGE,
            &format!("bytes {}-{}/{}", range.start, range.end - 1, upload.bytes),
        ),
        Part::Beyond if !has => set(header::CONTENT_RANGE, &format!("bytes */{}", upload.bytes)),
        _ => {}
    }
    if !has {
        let (kind, disposition) = shown(&upload.kind, name);
        set(header::CONTENT_TYPE, &kind);
        set(header::CONTENT_DISPOSITION, &disposition);
        set(header::CONTENT_LENGTH, &(range.end - range.start).to_string());
    }
    Ok(response)
}

/// Whether one of these tags is that one.
fn has(tags: &str, tag: &str) -> bool {
    let mut tags = tags.split(',').map(|tag| tag.trim().trim_start_matches("W/"));
    tags.any(|other| other == "*" || other == tag)
}

/// The bytes of a range, as they are asked for.
fn read(file: File, range: Range<u64>) -> Body {
    let file = Arc::new(file);
    Body::from_stream(stream::try_unfold(range, move |rest| {
        let file = file.clone();
        async move {
            if rest.is_empty() {
                return Ok::<_, io::Error>(None);
            }
            let most = (rest.end - rest.start).min(UPLOAD_CHUNK as u64);
            let read = move || {
                let mut chunk = vec![0; usize::try_from(most).unwrap_or(UPLOAD_CHUNK)];
                file.read_exact_at(&mut chunk, rest.start).map(|()| chunk)
            };
            let chunk = tokio::task::spawn_blocking(read).await.map_err(io::Error::other)??;
            Ok(Some((chunk, rest.start + most..rest.end)))
        }
    }))
}
