//! What streams count, for who shows it.
//!
//! Must not know where it is shown.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts of all streams of a server.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    streams_in: AtomicU64,
    streams_out: AtomicU64,
    stanzas_in: AtomicU64,
    stanzas_out: AtomicU64,
    refused: AtomicU64,
}

impl Counters {
    /// Proved streams from peers that are open.
    pub(crate) fn streams_in(&self) -> u64 {
        self.streams_in.load(Relaxed)
    }

    /// Proved streams to peers that are open.
    pub(crate) fn streams_out(&self) -> u64 {
        self.streams_out.load(Relaxed)
    }

    /// Stanzas that came and were let in.
    pub(crate) fn stanzas_in(&self) -> u64 {
        self.stanzas_in.load(Relaxed)
    }

    /// Stanzas that were put on streams.
    pub(crate) fn stanzas_out(&self) -> u64 {
        self.stanzas_out.load(Relaxed)
    }

    /// Streams and proofs of peers that were refused.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// A stream is proved.
    pub(super) fn opened(&self, outgoing: bool) {
        self.streams(outgoing).fetch_add(1, Relaxed);
    }

    /// It has ended.
    pub(super) fn closed(&self, outgoing: bool) {
        self.streams(outgoing).fetch_sub(1, Relaxed);
    }

    pub(super) fn came(&self) {
        self.stanzas_in.fetch_add(1, Relaxed);
    }

    pub(super) fn went(&self, stanzas: u32) {
        self.stanzas_out.fetch_add(u64::from(stanzas), Relaxed);
    }

    pub(super) fn refuse(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    fn streams(&self, outgoing: bool) -> &AtomicU64 {
        match outgoing {
            true => &self.streams_out,
            false => &self.streams_in,
        }
    }
}
