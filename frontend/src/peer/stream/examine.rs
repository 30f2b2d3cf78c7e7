//! A peer's key of dialback on a stream (XEP-0220 §2.2.1), for the domain that it began with or for a further one.
//!
//! Must not know how the server that knows is asked: that is `verify`. What comes next: stanzas of the pair are let in.

use std::time::Duration;

use minidom::Element;
use reef_stanza::{Condition, StreamCondition};

use super::S2s;
use super::dialback::{Claim, Verdict, result};
use super::end::End;
use super::established::Stream;
use super::verify::verify;
use crate::limits::{PEER_HANDSHAKE_SECONDS, PEER_VERIFYING};

impl Stream {
    /// A peer's key of dialback (XEP-0220 §2.2.1): what can be said at once is said, else the server that knows is asked.
    pub(super) fn examine(&mut self, element: &Element) -> Result<(), End> {
        let claim = Claim::read(element).ok_or(StreamCondition::ImproperAddressing)?;
        if claim.answer.is_some() {
            return Ok(());
        }
        let verdict = match self.judge(&claim) {
            Some(verdict) => verdict,
            None if self.verifying.len() >= PEER_VERIFYING => Verdict::Error(Condition::ResourceConstraint),
            None => {
                let (s2s, id) = (self.s2s.clone(), self.id.clone());
                self.verifying.spawn(async move {
                    let verdict = in_turn(&s2s, &claim, &id).await;
                    (claim, verdict)
                });
                return Ok(());
            }
        };
        self.examined(&claim, verdict)
    }

    /// What can be said about a claim without asking anybody.
    fn judge(&self, claim: &Claim) -> Option<Verdict> {
        let rules = self.s2s.policy.of(&claim.from);
        let error = |condition| Some(Verdict::Error(condition));
        if !self.s2s.is_ours(&claim.to) {
            return error(Condition::ItemNotFound);
        }
        if self.s2s.is_ours(&claim.from) {
            return error(Condition::NotAcceptable);
        }
        if rules.denied || rules.tls && !self.wire.is_tls() {
            return error(Condition::PolicyViolation);
        }
        // Proved already, or by its certificate (XEP-0344 §2.2).
        if self.pairs.may(&claim.from, &claim.to) || self.s2s.trust.proves(self.wire.chain(), &claim.from) {
            return Some(Verdict::Valid);
        }
        match rules.dialback {
            true => None,
            false => error(Condition::NotAuthorized),
        }
    }

    /// Tells the peer what is said about its key. An invalid one ends the stream, unless others were valid on it.
    pub(super) fn examined(&mut self, claim: &Claim, verdict: Verdict) -> Result<(), End> {
        let verdict = match verdict {
            Verdict::Valid => match self.prove(&claim.from, &claim.to) {
                Ok(()) => Verdict::Valid,
                Err(condition) => Verdict::Error(condition),
            },
            Verdict::Invalid if self.proved => Verdict::Error(Condition::Forbidden),
            verdict => verdict,
        };
        tracing::debug!(from = claim.from, to = claim.to, ?verdict, "a peer's key was examined");
        self.answer(&result(claim, verdict));
        if verdict != Verdict::Valid {
            self.s2s.counters.refuse();
        }
        if verdict == Verdict::Invalid {
            self.leave(End::Done);
        }
        Ok(())
    }
}

/// Asks once fewer than so many others ask; who came first is first.
async fn in_turn(s2s: &S2s, claim: &Claim, id: &str) -> Verdict {
    let patience = Duration::from_secs(PEER_HANDSHAKE_SECONDS);
    match tokio::time::timeout(patience, s2s.verifying.acquire()).await {
        Ok(Ok(_permit)) => verify(s2s, claim, id).await,
        Ok(Err(_)) | Err(_) => Verdict::Error(Condition::ResourceConstraint),
    }
}
