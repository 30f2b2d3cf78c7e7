//! What the session does about what does not come.

use super::event::{Event, Why};
use super::session::{Phase, Session};
use crate::pdu::Body;
use tokio::time::Instant;

impl Session {
    /// When `time` has something to do at the latest.
    pub(super) fn deadline(&mut self) -> Instant {
        let phase = match self.phase {
            Phase::Binding(_) => self.since + self.config.response_timeout,
            Phase::Draining(until) | Phase::Unbinding(until) => until,
            Phase::Bound | Phase::Ended => self.heard + self.config.enquire,
        };
        let silence = self.enquired.unwrap_or(self.heard + self.config.enquire);
        let answer = self.oldest().map(|written| written + self.config.submit_timeout);
        answer.map_or(silence, |answer| answer.min(silence)).min(phase)
    }

    /// Does what is due.
    pub(super) fn time(&mut self, now: Instant) {
        match self.phase {
            Phase::Binding(_) if now >= self.since + self.config.response_timeout => self.end(Why::Silent),
            Phase::Unbinding(until) if now >= until => self.end(Why::Stopped),
            _ => {}
        }
        self.doubt(now);
        self.enquire(now);
        self.drained(now);
    }

    /// When the oldest submit that is counted on was written.
    fn oldest(&mut self) -> Option<Instant> {
        while let Some(sequence) = self.order.front() {
            match self.pending.get(sequence) {
                Some(pending) if !pending.in_doubt => return Some(pending.written),
                // In doubt, it is found by its number alone; `give_up` has nothing to say of it.
                _ => drop(self.order.pop_front()),
            }
        }
        None
    }

    /// Submits whose answer nobody counts on any more keep their places; with more than half of the window so, it begins anew.
    fn doubt(&mut self, now: Instant) {
        while self
            .oldest()
            .is_some_and(|written| now >= written + self.config.submit_timeout)
        {
            let Some(sequence) = self.order.pop_front() else { break };
            let Some(pending) = self.pending.get_mut(&sequence) else {
                continue;
            };
            pending.in_doubt = true;
            self.doubts += 1;
            let token = pending.token;
            self.events.push_back(Event::InDoubt { token });
        }
        if self.doubts * 2 > self.config.window {
            self.end(Why::Stalled);
        }
    }

    /// Asks whether the SMSC is there when nothing came for long, and ends it where nothing comes then either.
    fn enquire(&mut self, now: Instant) {
        if self.enquired.is_some_and(|until| now >= until) {
            self.end(Why::Silent);
        } else if self.enquired.is_none()
            && now >= self.heard + self.config.enquire
            && matches!(self.phase, Phase::Bound | Phase::Draining(_))
        {
            self.request(Body::EnquireLink);
            self.enquired = Some(now + self.config.enquire_timeout);
        }
    }
}
