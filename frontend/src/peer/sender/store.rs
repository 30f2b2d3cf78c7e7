//! A sender's reads and writes: what waits for its peer, and what of it is done.
//!
//! Reads run on blocking threads, a bounded number for all senders, so that readers of clients do not wait for them.

use super::Sender;
use super::flight::What;
use crate::errors;
use crate::limits::{PEER_DOWN_GAP_MS, PEER_DOWN_NOTED_MS, PEER_READ_BYTES, PEER_READ_STANZAS};
use crate::tables::{self, Op, Outgoing};
use reef_engine::Engine;
use reef_engine::error::StoreError;
use reef_engine::log::record::Change;
use reef_engine::model::{PeerId, Seq, Timestamp};
use reef_engine::outbox::peers::{self, PeerPage, PeerRequest};
use reef_engine::store::keys::{self, Family};
use reef_engine::store::rows::{self, PeerCursor};
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Sender {
    /// Reads the store; `None` where it fails, which is an operator's problem and logged.
    async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Engine) -> Result<T, StoreError> + Send + 'static,
    ) -> Option<T> {
        let permit = self.server.peer_reads.clone().acquire_owned().await.ok()?;
        let engine = self.server.engine.clone();
        let read = move || {
            let _permit = permit;
            job(&engine)
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(Ok(found)) => Some(found),
            Ok(Err(error)) => {
                drop(errors::unreadable(error));
                None
            }
            Err(error) => {
                tracing::error!(%error, "reading for a peer has panicked");
                None
            }
        }
    }

    /// Where it begins.
    pub(super) async fn begin(&mut self) -> PeerCursor {
        // What was sent before this start is not known: it may have been all.
        let last = self.read(|engine| rows::get(engine.view(), Family::META, keys::SEQ));
        self.sent = last.await.flatten().unwrap_or_default();
        let name = self.name.clone();
        let down = self.read(move |engine| tables::down_since(engine.view(), &name));
        self.down = down.await.flatten();
        self.peer_id().await;
        let Some(peer) = self.peer else {
            return PeerCursor::default();
        };
        let begin = self.read(move |engine| peers::begin(engine.view(), peer)).await;
        begin.unwrap_or_default()
    }

    /// The engine's name for the peer, once somebody follows from there.
    pub(super) async fn peer_id(&mut self) -> Option<PeerId> {
        if self.peer.is_none() {
            let name = self.name.clone();
            self.peer = self
                .read(move |engine| rows::peer_id(engine.view(), &name))
                .await
                .flatten();
        }
        self.peer
    }

    /// Stored stanzas behind a number.
    pub(super) async fn stored(&self, after: u64) -> Vec<(u64, Outgoing)> {
        let name = self.name.clone();
        let most = (PEER_READ_STANZAS, PEER_READ_BYTES);
        let found = self.read(move |engine| tables::outgoing(engine.view(), &name, after, most));
        found.await.unwrap_or_default()
    }

    pub(super) async fn has_stored(&self) -> bool {
        let (name, after) = (self.name.clone(), self.talked);
        let found = self.read(move |engine| tables::outgoing(engine.view(), &name, after, (1, 1)));
        found.await.is_some_and(|found| !found.is_empty())
    }

    pub(super) async fn has_posts(&mut self) -> bool {
        let (after, Some(peer)) = (self.posted, self.peer_id().await) else {
            return false;
        };
        let found = self.read(move |engine| peers::has_more(engine.view(), peer, after));
        found.await.unwrap_or(false)
    }

    pub(super) async fn page(&self, request: PeerRequest) -> Option<PeerPage> {
        self.read(move |engine| engine.peer_page(&request)).await
    }

    pub(super) async fn is_paused(&self) -> bool {
        let name = self.name.clone();
        let paused = self.read(move |engine| tables::is_paused(engine.view(), &name));
        paused.await.unwrap_or(false)
    }

    /// The peer has these: they are not sent again.
    pub(super) fn confirm(&mut self, confirmed: &[What]) {
        if confirmed.is_empty() {
            return;
        }
        self.backoff.reset();
        (self.head, self.progress, self.gave_up) = (None, true, false);
        (self.narrow, self.eager) = (self.narrow.saturating_sub(1), false);
        self.shared
            .confirmed
            .fetch_add(confirmed.len() as u64, Ordering::Relaxed);
        let (mut stored, mut whole) = (Vec::new(), Vec::new());
        for what in confirmed {
            match what {
                What::Stored(number) => stored.push(*number),
                What::Post { seq, follower, last } => {
                    let follower = if *last { 0 } else { *follower };
                    self.posted = PeerCursor { seq: *seq, follower };
                    whole.extend(last.then_some(*seq));
                }
            }
        }
        self.talked = stored.last().copied().unwrap_or(self.talked).max(self.talked);
        self.take_stored(stored);
        if confirmed.iter().any(|what| matches!(what, What::Post { .. })) {
            self.delivered(&whole);
        }
    }

    /// Entries that were delivered, or lead to nothing.
    pub(super) fn delivered(&self, whole: &[Seq]) {
        if let Some(peer) = self.peer {
            let writes = peers::delivered(peer, whole, self.posted);
            self.server.engine.admission.cursors(writes);
        }
    }

    /// Forgets stored stanzas. Where that cannot be committed they are sent once more after a restart.
    pub(super) fn take_stored(&self, numbers: Vec<u64>) {
        if !numbers.is_empty() {
            let peer: Arc<str> = self.name.clone();
            self.submit(&Op::TakeOutgoing { peer, numbers });
        }
    }

    /// Notes that senders were told that these wait.
    pub(super) fn warned(&self, numbers: Vec<u64>) {
        if !numbers.is_empty() {
            let peer: Arc<str> = self.name.clone();
            self.submit(&Op::WarnedOutgoing { peer, numbers });
        }
    }

    /// The peer was reached.
    pub(super) fn is_up(&mut self) {
        if self.down.take().is_some() {
            let peer = self.name.clone();
            self.submit(&Op::PeerDown { peer, down: None });
        }
    }

    /// The peer cannot be reached: since when is kept, and where that is too long its subscriptions end.
    pub(super) fn is_down(&mut self) {
        let now = self.server.engine.clock.now();
        let gap = |at: Timestamp| now.0.saturating_sub(at.0);
        // It was not tried for long, or it spoke: what was before does not count.
        let known = self
            .down
            .filter(|(_, last)| gap(*last) < PEER_DOWN_GAP_MS && !self.shared.take_heard());
        let (since, last) = known.unwrap_or((now, Timestamp(0)));
        if gap(last) >= PEER_DOWN_NOTED_MS {
            self.down = Some((since, now));
            let (peer, down) = (self.name.clone(), Some((since, now)));
            self.submit(&Op::PeerDown { peer, down });
        }
        let most = self.server.config.s2s.retire_after.as_millis() as u64;
        if most == 0 || gap(since) < most || self.peer.is_none() {
            return;
        }
        tracing::warn!(peer = &*self.name, "gone for too long: its subscriptions end");
        let peer = self.name.clone();
        let retire = Change::RetirePeer { peer };
        if self.server.engine.admission.submit("", retire, Box::new(drop)).is_ok() {
            self.is_up();
        }
    }

    fn submit(&self, op: &Op) {
        let change = Change::Table {
            owner: self.name.clone(),
            op: op.encode(),
        };
        if let Err(error) = self.server.engine.admission.submit("", change, Box::new(drop)) {
            tracing::warn!(peer = &*self.name, %error, "what a peer has could not be noted");
        }
    }
}
