//! What a sender and the rest of the server know of each other.
//!
//! Held by both; knows no stream. Next: `mod.rs`, the sender itself.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// How a sender is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It has nothing to do.
    #[default]
    Idle,
    /// It looks for its peer.
    Connecting,
    /// It has a stream.
    Connected,
    /// Its peer cannot be reached: it tries again later.
    Waiting,
    /// An operator has it wait.
    Paused,
}

impl Phase {
    /// As operators read it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Phase::Idle => "idle",
            Phase::Connecting => "connecting",
            Phase::Connected => "connected",
            Phase::Waiting => "waiting",
            Phase::Paused => "paused",
        }
    }
}

/// What operators are shown of a sender.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// What it does.
    pub(crate) phase: Phase,
    /// Why its peer could not be reached the last time.
    pub(crate) trouble: Option<String>,
    /// Stanzas put on streams.
    pub(crate) sent: u64,
    /// Stanzas of posts and of what was stored that the peer confirmed.
    pub(crate) confirmed: u64,
    /// Such stanzas that were sent again since a stream broke.
    pub(crate) again: u64,
    /// Entries that were given up since they broke streams.
    pub(crate) dead: u64,
    /// Whether the peer is a Reef, which is told of open nodes as a whole.
    pub(crate) reef: bool,
}

impl Shown {
    /// As operators read it.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "state": self.phase.as_str(),
            "sent": self.sent,
            "confirmed": self.confirmed,
            "again": self.again,
            "given_up": self.dead,
            "reef": self.reef,
            "trouble": self.trouble,
        })
    }
}

/// Both sides of it.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// There is something in the store that was not looked at.
    woken: AtomicBool,
    /// How often a stanza was stored.
    stored: AtomicU64,
    /// The peer spoke, or an operator wants it tried now.
    retry: AtomicBool,
    /// The peer has spoken.
    heard: AtomicBool,
    /// The same, since it was dialled.
    answers: AtomicBool,
    /// The server ends.
    stopped: AtomicBool,
    notify: Notify,
    phase: AtomicU32,
    /// Held for a copy.
    trouble: Mutex<Option<String>>,
    pub(super) sent: AtomicU64,
    pub(super) confirmed: AtomicU64,
    pub(super) again: AtomicU64,
    pub(super) dead: AtomicU64,
    pub(super) reef: AtomicBool,
}

const PHASES: [Phase; 5] = [
    Phase::Idle,
    Phase::Connecting,
    Phase::Connected,
    Phase::Waiting,
    Phase::Paused,
];

impl Shared {
    /// A stanza was stored.
    pub(crate) fn stored(&self) {
        self.stored.fetch_add(1, Ordering::AcqRel);
        self.wake();
    }

    /// How often one was.
    pub(crate) fn stored_times(&self) -> u64 {
        self.stored.load(Ordering::Acquire)
    }

    /// There is something in the store.
    pub(crate) fn wake(&self) {
        self.woken.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    /// The peer is there.
    pub(crate) fn heard(&self) {
        self.heard.store(true, Ordering::Release);
        self.answers.store(true, Ordering::Release);
        if self.phase() == Phase::Waiting {
            self.retry();
        }
    }

    /// Whether it spoke since the last time.
    pub(super) fn take_heard(&self) -> bool {
        self.heard.swap(false, Ordering::AcqRel)
    }

    /// Whether it spoke since the last time that this was asked: for who dials it.
    pub(super) fn take_answers(&self) -> bool {
        self.answers.swap(false, Ordering::AcqRel)
    }

    /// It is to be tried now.
    pub(crate) fn retry(&self) {
        self.retry.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    /// The server ends: what is on its way is waited for a moment, nothing more is sent.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Whether there is something in the store that was not looked at.
    pub(crate) fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Acquire)
    }

    /// The same, and it is being looked at.
    pub(super) fn take_woken(&self) -> bool {
        self.woken.swap(false, Ordering::AcqRel)
    }

    pub(super) fn take_retry(&self) -> bool {
        self.retry.swap(false, Ordering::AcqRel)
    }

    /// Done once somebody called; one call is remembered.
    pub(super) async fn called(&self) {
        self.notify.notified().await;
    }

    pub(super) fn set_phase(&self, phase: Phase) {
        let at = PHASES.iter().position(|known| *known == phase).unwrap_or(0);
        self.phase.store(at as u32, Ordering::Release);
    }

    pub(super) fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    fn phase(&self) -> Phase {
        let at = self.phase.load(Ordering::Acquire) as usize;
        PHASES.get(at).copied().unwrap_or_default()
    }

    /// For operators.
    pub(crate) fn shown(&self) -> Shown {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Shown {
            phase: self.phase(),
            trouble: self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            sent: count(&self.sent),
            confirmed: count(&self.confirmed),
            again: count(&self.again),
            dead: count(&self.dead),
            reef: self.reef.load(Ordering::Relaxed),
        }
    }
}
