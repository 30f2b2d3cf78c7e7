//! How a stream between servers ends (RFC 6120 §4.4): in good order by either side, idle, too slow, or with an error.
//!
//! Must not know what was said on it.

use std::time::Duration;

use reef_stanza::StreamCondition;
use tokio::time::Instant;

use super::end::End;
use super::established::Stream;
use super::link::Command;
use crate::limits::{PEER_CLOSE_SECONDS, PEER_HANDSHAKE_SECONDS, TCP_TIMEOUT_SECONDS};

/// Whether a stream goes on.
pub(super) enum Phase {
    /// Both sides may send.
    Open,
    /// The peer has closed its stream; until then it hears what is done with.
    PeerClosed(Instant),
    /// We have closed ours; the peer's end is awaited until then.
    Closing(End, Instant),
}

impl Stream {
    /// Whether neither side has closed it.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// Tells everyone, and closes.
    pub(super) async fn finish(mut self, end: End) {
        tracing::debug!(%end, outgoing = self.outgoing, "a peer's stream has ended");
        self.s2s.remove_routes(self.number);
        if self.proved {
            self.s2s.counters.closed(self.outgoing);
        }
        if end.is_refusal() {
            self.s2s.counters.refuse();
        }
        for link in self.links.values() {
            link.send_modify(|state| state.ended = Some(end.clone()));
        }
        self.say_last();
        // Its place is free for the stream that the peer opens next.
        drop(self.pairs);
        self.wire.close(&end, self.s2s.main_domain()).await;
    }

    /// What is done with and was not asked about: the peer need not send it again.
    fn say_last(&mut self) {
        if let Some(ack) = self.sm.last(self.receipts.done()) {
            self.wire.queue(&ack);
        }
    }

    /// The peer has closed its stream.
    pub(super) fn peer_closed(&mut self) -> Result<(), End> {
        self.s2s.remove_routes(self.number);
        match &self.phase {
            Phase::Open => {
                let until = Instant::now() + Duration::from_secs(PEER_CLOSE_SECONDS);
                self.phase = Phase::PeerClosed(until);
                Ok(())
            }
            Phase::PeerClosed(_) => Ok(()),
            Phase::Closing(end, _) => Err(end.clone()),
        }
    }

    /// Closes our stream, and waits for the peer to close its own.
    pub(super) fn leave(&mut self, end: End) {
        if self.is_open() {
            self.s2s.remove_routes(self.number);
            self.say_last();
            self.wire.queue_end();
            self.phase = Phase::Closing(end, Instant::now() + Duration::from_secs(PEER_CLOSE_SECONDS));
        }
    }

    /// When something is to be looked at, if nothing happens before.
    pub(super) fn deadline(&self) -> Instant {
        let next = match &self.phase {
            Phase::PeerClosed(until) | Phase::Closing(_, until) => *until,
            Phase::Open if self.proved => self.last + self.s2s.idle_timeout,
            Phase::Open => self.begun + Duration::from_secs(PEER_HANDSHAKE_SECONDS),
        };
        let stalled = (self.wire.waiting() > 0).then(|| self.left.1 + Duration::from_secs(TCP_TIMEOUT_SECONDS));
        [self.not_before, stalled]
            .into_iter()
            .flatten()
            .fold(next, Instant::min)
    }

    /// What the time means, if it means anything yet.
    pub(super) fn expired(&mut self) -> Result<(), End> {
        let now = Instant::now();
        self.not_before = self.not_before.filter(|until| *until > now);
        if self.wire.waiting() > 0 && self.left.1 + Duration::from_secs(TCP_TIMEOUT_SECONDS) <= now {
            return Err(End::Lost("the peer does not read".to_owned()));
        }
        match &self.phase {
            Phase::PeerClosed(until) if *until <= now => return Err(End::Closed),
            Phase::Closing(end, until) if *until <= now => return Err(end.clone()),
            Phase::PeerClosed(_) | Phase::Closing(..) => return Ok(()),
            Phase::Open => {}
        }
        let under_way = !self.verifying.is_empty() || self.receipts.open() > 0 || self.sent.open() > 0;
        if !self.proved && self.begun + Duration::from_secs(PEER_HANDSHAKE_SECONDS) <= now {
            if self.verifying.is_empty() {
                return Err(StreamCondition::ConnectionTimeout.into());
            }
            self.begun = now;
        } else if self.proved && self.last + self.s2s.idle_timeout <= now {
            match under_way || self.wire.waiting() > 0 {
                true => {
                    self.last = now;
                    // What nobody waits for was not asked about: now it is.
                    if self.sent.open() > 0 {
                        self.command(Some(Command::Ask));
                    }
                }
                false => self.leave(End::Idle),
            }
        }
        Ok(())
    }
}
