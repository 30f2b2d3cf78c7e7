//! What has gone: slots that lapsed, files that are too old, and files without a row, which a crash may leave.
//!
//! Once at the start and once an hour, in steps, beside all else. Who asks for a file that is too old is refused before.

use super::Uploads;
use crate::limits::{UPLOAD_SWEEP_ROWS, UPLOAD_SWEEP_SECONDS};
use crate::server::Server;
use crate::session::carry_out;
use crate::tables::{self, Op, UploadId};
use reef_engine::error::Error;
use reef_engine::log::record::Change;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Looks until the server stops.
pub(crate) async fn sweep(server: Arc<Server>, mut stopped: watch::Receiver<bool>) {
    loop {
        let looking = server.clone();
        let stop = stopped.clone();
        let looked = tokio::task::spawn_blocking(move || {
            if let Err(error) = look(&looking, &stop) {
                tracing::warn!(%error, "uploads that have gone stay for another hour");
            }
        });
        if looked.await.is_err() {
            tracing::error!("looking through the uploads failed");
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(UPLOAD_SWEEP_SECONDS)) => {}
            // An error means that nobody is left who could say it.
            _ = stopped.wait_for(|stop| *stop) => return,
        }
    }
}

fn look(server: &Server, stopped: &watch::Receiver<bool>) -> Result<(), Error> {
    let engine = &server.engine;
    let days = server.config.limits.upload_days;
    let mut behind = None;
    loop {
        let now = engine.clock.now().0;
        let (ids, next) = tables::gone_uploads(engine.view(), behind, (now, days, UPLOAD_SWEEP_ROWS))?;
        if !ids.is_empty() {
            let owner: Arc<str> = server.domain.as_str().into();
            let op = Op::DropUploads { ids, days };
            let change = Change::Table {
                owner: owner.clone(),
                op: op.encode(),
            };
            carry_out(server, &engine.admission.submit_and_wait(&owner, change)?);
        }
        behind = next;
        if behind.is_none() || *stopped.borrow() {
            break;
        }
    }
    orphans(server, &server.uploads, stopped)
}

/// A file whose row went with a crash in between.
fn orphans(server: &Server, uploads: &Uploads, stopped: &watch::Receiver<bool>) -> Result<(), Error> {
    let view = server.engine.view();
    let (mut orphans, mut bad): (Vec<UploadId>, _) = (Vec::new(), None);
    uploads.files.ids(&mut |id| {
        if bad.is_some() || *stopped.borrow() {
            return;
        }
        match tables::upload(view, &id) {
            Ok(None) => orphans.push(id),
            Ok(Some(_)) => {}
            Err(error) => bad = Some(error),
        }
    });
    uploads.forget(orphans);
    bad.map_or(Ok(()), |error| Err(error.into()))
}
