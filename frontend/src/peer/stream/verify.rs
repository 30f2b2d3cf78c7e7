//! Asking the server that is found under a peer's domain whether a key of dialback is its own (XEP-0220 §2.1.2), on a
//! stream that is opened for this alone.
//!
//! Must not know the stream on which the key came. What comes next: `judge` tells the peer.

use reef_stanza::{Condition, StreamCondition, ns};

use super::dial::{dial, in_time};
use super::dialback::{Claim, Verdict, ask_verify};
use super::end::End;
use super::{S2s, Unreachable};

/// What the server that knows says about a key that came on our stream `id`.
pub(super) async fn verify(s2s: &S2s, claim: &Claim, id: &str) -> Verdict {
    let mut dialled = match dial(s2s, &claim.to, &claim.from).await {
        Ok(dialled) => dialled,
        Err(error) => {
            tracing::debug!(domain = claim.from, %error, "a key of dialback cannot be examined");
            return Verdict::Error(match error {
                Unreachable::Down(_) => Condition::RemoteServerTimeout,
                Unreachable::NotFound(_) | Unreachable::Refused(_) => Condition::RemoteServerNotFound,
            });
        }
    };
    dialled.wire.queue(&ask_verify(&claim.to, &claim.from, id, &claim.key));
    let answer = in_time(async {
        loop {
            let element = dialled.wire.element().await?;
            if !element.is("verify", ns::DIALBACK) {
                return Err(End::from(StreamCondition::UnsupportedStanzaType));
            }
            let said = Claim::read(&element);
            let said = said.filter(|said| said.from == claim.from && said.to == claim.to && said.id == id);
            if let Some(verdict) = said.and_then(|said| said.answer) {
                return Ok(verdict);
            }
        }
    });
    let answer = answer.await;
    let end = answer.as_ref().err().cloned().unwrap_or(End::Done);
    dialled.wire.part(end, &claim.to);
    match answer {
        Ok(Verdict::Error(_)) => Verdict::Error(Condition::RemoteServerNotFound),
        Ok(verdict) => verdict,
        Err(error) => {
            tracing::debug!(domain = claim.from, %error, "a key of dialback was not examined");
            Verdict::Error(Condition::RemoteServerTimeout)
        }
    }
}
