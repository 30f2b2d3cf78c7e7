//! What is put: exactly what was promised room for, once, and answered when it will still be there after a crash.
//!
//! A body that ends early, stalls or takes too long leaves nothing, and may come again while its slot is good.

use super::{BUSY, FAILED, NOT_FOUND, Refused, headers, row};
use crate::http::bounded::Patience;
use crate::limits::{HTTP_REQUEST_SECONDS, UPLOAD_CHUNK, UPLOAD_IDLE_SECONDS};
use crate::server::Server;
use crate::tables::{Op, Upload, UploadId};
use crate::upload::{Arrives, Arriving, transfer_ms};
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use futures::StreamExt;
use reef_engine::error::{Error, Reject};
use reef_engine::log::record::{Applied, Change};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Keeps a body as the file of its slot.
pub(super) async fn put(
    server: &Server,
    patience: &Patience,
    id: UploadId,
    (headers, body): (&HeaderMap, Body),
) -> Result<(), Refused> {
    let upload = row(server, id).await?;
    check(&upload, headers, server.engine.clock.now().0)?;
    let _under_way = server
        .uploads
        .begin(id, &upload.owner)
        .map_err(|arrives| match arrives {
            Arrives::Already => (StatusCode::CONFLICT, "it is being uploaded\n"),
            Arrives::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too many uploads at a time\n"),
        })?;
    let time = Duration::from_millis(transfer_ms(upload.bytes));
    patience.set(time + Duration::from_secs(HTTP_REQUEST_SECONDS));
    let files = server.uploads.files.clone();
    let arriving = blocking(move || files.arrive(&id)).await?;
    let late = (StatusCode::REQUEST_TIMEOUT, "it takes too long\n");
    let come = timeout(time, receive(arriving, upload.bytes, body)).await;
    let arriving = come.unwrap_or(Err(late))?;
    blocking(move || arriving.finish()).await?;
    let kept = keep(server, &upload.owner, id).await;
    if let Err(Error::Rejected(Reject::ItemNotFound)) = &kept {
        // The account went meanwhile, or the slot.
        let files = server.uploads.files.clone();
        blocking(move || {
            files.remove(&id);
            Ok(())
        })
        .await?;
    }
    patience.set(Duration::from_secs(HTTP_REQUEST_SECONDS));
    kept.map_err(|error| match error {
        Error::Rejected(Reject::Conflict) => (StatusCode::CONFLICT, "it is there\n"),
        Error::Rejected(_) => NOT_FOUND,
        Error::Busy => BUSY,
        Error::Closed | Error::Store(_) => FAILED,
    })
}

/// Whether this is what the slot is for.
fn check(upload: &Upload, headers: &HeaderMap, now: u64) -> Result<(), Refused> {
    if upload.kept {
        return Err((StatusCode::CONFLICT, "it is there\n"));
    }
    if now.saturating_add(transfer_ms(upload.bytes)) > upload.at {
        return Err((StatusCode::GONE, "the slot has lapsed\n"));
    }
    let given = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let length = given(header::CONTENT_LENGTH).ok_or((StatusCode::LENGTH_REQUIRED, "how large is it?\n"))?;
    match length.parse::<u64>() {
        Ok(bytes) if bytes == upload.bytes => {}
        Ok(bytes) if bytes > upload.bytes => return Err((StatusCode::PAYLOAD_TOO_LARGE, "it is too large\n")),
        _ => return Err((StatusCode::BAD_REQUEST, "it is not as large as was said\n")),
    }
    let kind = given(header::CONTENT_TYPE).filter(|_| !upload.kind.is_empty());
    match kind.is_none_or(|kind| headers::is_same_kind(kind, &upload.kind)) {
        true => Ok(()),
        false => Err((
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "it is not of the type that was said\n",
        )),
    }
}

/// Writes what comes, some of it at a time.
async fn receive(mut arriving: Arriving, bytes: u64, body: Body) -> Result<Arriving, Refused> {
    let broken = (StatusCode::BAD_REQUEST, "it has not come whole\n");
    let idle = Duration::from_secs(UPLOAD_IDLE_SECONDS);
    let (mut stream, mut come, mut gathered) = (body.into_data_stream(), 0_u64, Vec::new());
    loop {
        let next = timeout(idle, stream.next()).await;
        let next = next.map_err(|_| (StatusCode::REQUEST_TIMEOUT, "nothing comes\n"))?;
        let chunk = next.transpose().map_err(|_| broken)?;
        come += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        if come > bytes {
            return Err(broken);
        }
        gathered.extend_from_slice(chunk.as_deref().unwrap_or_default());
        if gathered.len() >= UPLOAD_CHUNK || chunk.is_none() {
            let write = std::mem::take(&mut gathered);
            arriving = blocking(move || arriving.write(&write).map(|()| arriving)).await?;
        }
        if chunk.is_none() {
            return if come == bytes { Ok(arriving) } else { Err(broken) };
        }
    }
}

/// The slot's row becomes a file's.
async fn keep(server: &Server, owner: &Arc<str>, id: UploadId) -> Result<(), Error> {
    let (tell, told) = oneshot::channel();
    let change = Change::Table {
        owner: owner.clone(),
        op: Op::KeepUpload { id }.encode(),
    };
    let ticket = Box::new(move |fate: Result<Applied, Error>| drop(tell.send(fate.map(drop))));
    server.engine.admission.submit(owner, change, ticket)?;
    told.await.unwrap_or(Err(Error::Closed))
}

/// Something that waits for the disk, where that holds nobody up.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Refused> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => Err(NOT_FOUND),
        Ok(Err(error)) => {
            tracing::error!(%error, "an uploaded file cannot be read or written");
            Err((StatusCode::INSUFFICIENT_STORAGE, "the disk fails\n"))
        }
        Err(_) => Err(FAILED),
    }
}
