//! The sender of one way to another server: it finds the peer, sends what is of the moment, what was stored and what is
//! published, in that order of precedence, and moves its cursors by what the peer confirms.
//!
//! One task, with at most one stream. Nothing it holds grows with what waits: that lies in the store. Knows no shard; errors go
//! to senders through the router. In the order of the flow:

mod backoff; // when a peer is tried again
mod bounce; //  what senders are told
mod flight; //  what is not confirmed
mod posts; //   pointers → stanzas
mod serve; //   while there is a stream
mod shared; //  what others see of it
mod store; //   reads and writes of its rows
mod talk; //    stored stanzas

pub(crate) use shared::{Phase, Shared, Shown};

use super::name::Way;
use super::outbox::Parcel;
use super::stream::{Link, Unreachable};
use crate::limits::{PARCELS, PEER_DELAY_MS, PEER_LINGER_SECONDS, PEER_NOBODY_SECONDS};
use crate::server::Server;
use backoff::Backoff;
use flight::What;
use reef_engine::model::{PeerId, Seq, Timestamp};
use reef_engine::outbox::peers::Backlog;
use reef_engine::store::rows::PeerCursor;
use reef_stanza::{Condition, StanzaError};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// The sender.
pub(crate) struct Sender {
    server: Arc<Server>,
    name: Arc<str>,
    way: Way,
    parcels: mpsc::Receiver<Parcel>,
    shared: Arc<Shared>,
    /// Stanzas of the moment that were taken and not sent.
    waiting: VecDeque<Parcel>,
    /// Whether the store may have stanzas for it.
    talk: bool,
    /// Whether the store may have posts for it.
    posts: bool,
    /// The engine's name for it, where somebody follows from there.
    peer: Option<PeerId>,
    /// Up to which stored stanza the peer has confirmed.
    talked: u64,
    /// Up to which post.
    posted: PeerCursor,
    /// Up to which post something may have been sent, on this stream or another.
    sent: Seq,
    /// The first of what is not confirmed when a stream broke, and on how many it was.
    head: Option<(What, u32)>,
    backoff: Backoff,
    /// Whether the peer could not be reached since its last stream.
    failed: bool,
    /// Since when it cannot be reached, and when that was last seen.
    down: Option<(Timestamp, Timestamp)>,
    /// How often its window was halved.
    narrow: u32,
    /// Whether it was dialled anew at once, since it spoke while it could not be reached.
    eager: bool,
    /// Whether something was confirmed on this stream.
    progress: bool,
    /// Whether an entry was given up since something was confirmed.
    gave_up: bool,
    /// Whether there is no such peer.
    nobody: bool,
}

/// How far a stream is ahead of what is confirmed.
struct Ahead {
    talked: u64,
    posted: PeerCursor,
    backlog: Option<Backlog>,
    /// How often something had been stored when all of that was read.
    checked: u64,
    /// Whether the peer could not be reached before.
    failed: bool,
    /// When the stream was opened, in milliseconds.
    opened: u64,
}

impl Ahead {
    /// Whether what was accepted then had to wait, so that it says since when (XEP-0203).
    fn is_late(&self, at: u64, now: u64) -> bool {
        at < self.opened && (self.failed || now.saturating_sub(at) > PEER_DELAY_MS)
    }
}

impl Drop for Sender {
    /// One that has panicked is not in the way of the next.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.server.peers.lost(&self.name);
        }
    }
}

impl Sender {
    pub(super) fn new(
        server: Arc<Server>,
        (name, way): (Arc<str>, Way),
        parcels: mpsc::Receiver<Parcel>,
        shared: Arc<Shared>,
    ) -> Sender {
        let s2s_config = &server.config.s2s;
        let backoff = Backoff::new(s2s_config.retry_min, s2s_config.retry_max);
        Sender {
            server,
            name,
            way,
            parcels,
            shared,
            waiting: VecDeque::new(),
            talk: true,
            posts: true,
            peer: None,
            talked: 0,
            posted: PeerCursor::default(),
            sent: Seq(0),
            head: None,
            backoff,
            failed: false,
            down: None,
            narrow: 0,
            eager: false,
            progress: false,
            gave_up: false,
            nobody: false,
        }
    }

    /// Runs until there has been nothing to do for a while.
    pub(super) async fn run(mut self) {
        self.posted = self.begin().await;
        loop {
            if self.shared.is_stopped() {
                return self.server.peers.gone(&self.name);
            }
            self.shared.set_phase(Phase::Idle);
            if !self.has_work().await {
                if !self.linger().await && self.server.peers.leave(&self.name, &self.parcels, &self.shared) {
                    return;
                }
                continue;
            }
            if self.is_paused().await {
                self.shared.set_phase(Phase::Paused);
                let paused =
                    StanzaError::new(Condition::RemoteServerTimeout).with_text("an operator has paused this server");
                self.return_waiting(&paused);
                self.look_at_age().await;
                self.linger().await;
                continue;
            }
            self.shared.set_phase(Phase::Connecting);
            self.shared.take_answers();
            match self.open().await {
                Ok(link) => {
                    self.shared.set_phase(Phase::Connected);
                    self.shared.set_trouble(None);
                    self.is_up();
                    if let Some(end) = self.serve(link).await {
                        // As good as none: it is not dialled again at once.
                        self.unreachable(&Unreachable::Down(end.to_string())).await;
                    }
                }
                Err(why) => self.unreachable(&why).await,
            }
        }
    }

    /// Opens a stream; what comes meanwhile waits, as far as it fits.
    async fn open(&mut self) -> Result<Link, Unreachable> {
        let opening = self.server.s2s.open(&self.way.local, &self.way.remote);
        tokio::pin!(opening);
        loop {
            tokio::select! {
                opened = &mut opening => return opened,
                () = self.shared.called(), if !self.shared.is_stopped() => {
                    if self.shared.is_stopped() {
                        return Err(Unreachable::Down("the server ends".to_owned()));
                    }
                }
                Some(parcel) = self.parcels.recv(), if self.waiting.len() < PARCELS => self.waiting.push_back(parcel),
            }
        }
    }

    /// Whether there is something to be sent.
    async fn has_work(&mut self) -> bool {
        if self.shared.take_woken() {
            (self.talk, self.posts) = (true, true);
        }
        if !self.waiting.is_empty() || !self.parcels.is_empty() {
            return true;
        }
        if self.talk {
            self.talk = self.has_stored().await;
        }
        if self.posts {
            self.posts = self.has_posts().await;
        }
        self.talk || self.posts
    }

    /// Waits for something to do; false where nothing came for a while.
    async fn linger(&mut self) -> bool {
        let seconds = if self.nobody {
            PEER_NOBODY_SECONDS
        } else {
            PEER_LINGER_SECONDS
        };
        tokio::select! {
            Some(parcel) = self.parcels.recv() => {
                self.waiting.push_back(parcel);
                true
            }
            () = self.shared.called() => true,
            () = tokio::time::sleep(Duration::from_secs(seconds)) => false,
        }
    }

    /// There is no stream: what is of the moment is returned, what is kept waits, and the peer is tried again.
    async fn unreachable(&mut self, why: &Unreachable) {
        tracing::debug!(peer = &*self.name, %why, "a peer cannot be reached");
        self.failed = true;
        self.shared.set_trouble(Some(why.to_string()));
        if self.shared.take_answers() && !std::mem::replace(&mut self.eager, true) {
            // It came back while it was dialled, and waits for an answer, perhaps.
            return;
        }
        let error = bounce::error(why);
        self.return_waiting(&error);
        self.nobody = matches!(why, Unreachable::NotFound(_));
        if self.nobody {
            self.return_stored(&error).await;
        }
        self.look_at_age().await;
        if self.nobody && !self.posts {
            return;
        }
        self.is_down();
        self.shared.take_retry();
        self.shared.set_phase(Phase::Waiting);
        self.wait_for_peer(why, &error).await;
        self.eager = false;
    }

    /// Until a peer is to be tried again.
    async fn wait_for_peer(&mut self, why: &Unreachable, error: &StanzaError) {
        let until = tokio::time::Instant::now() + self.backoff.next();
        let soon = tokio::time::Instant::now() + self.backoff.least();
        loop {
            tokio::select! {
                Some(parcel) = self.parcels.recv() => {
                    self.waiting.push_back(parcel);
                    // Somebody wants something of it now: that is a reason to try, if it was not tried a moment ago.
                    if tokio::time::Instant::now() >= soon || self.shared.take_retry() {
                        return;
                    }
                    self.return_waiting(error);
                }
                () = self.shared.called() => {
                    if self.shared.take_retry() || self.shared.is_stopped() {
                        return;
                    }
                    if matches!(why, Unreachable::NotFound(_)) {
                        self.return_stored(error).await;
                    }
                }
                () = tokio::time::sleep_until(until) => return,
            }
        }
    }

    /// Returns what is of the moment to its senders.
    fn return_waiting(&mut self, error: &StanzaError) {
        while let Ok(parcel) = self.parcels.try_recv() {
            self.waiting.push_back(parcel);
        }
        for parcel in std::mem::take(&mut self.waiting) {
            if let Some(sender) = parcel.sender {
                self.bounce(&sender, error);
            }
        }
    }
}
