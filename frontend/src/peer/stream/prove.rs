//! Proving to a peer that we are who we say: by our certificate (SASL EXTERNAL, RFC 6120 §6, XEP-0178), or by a key that it
//! asks us about (XEP-0220); before that, whether the peer is who it should be.
//!
//! Must not know addresses. What comes next: the stream runs by itself, and its sender has a [`Link`].

use std::collections::VecDeque;
use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use minidom::Element;
use reef_stanza::{Condition, StreamCondition, ns};
use tokio::sync::{mpsc, watch};

use super::dial::{Dialled, dial, in_time};
use super::dialback::{Claim, Verdict, ask_result};
use super::end::{End, fault};
use super::established::{Begin, Stream};
use super::features::limits;
use super::link::{Link, LinkState};
use super::{S2s, Unreachable};
use crate::limits::{PEER_COMMANDS, PEER_EARLY};

/// Dials a peer and proves who we are; the stream's task goes on.
pub(super) async fn open(s2s: &Arc<S2s>, local: &str, remote: &str) -> Result<Link, Unreachable> {
    let mut dialled = dial(s2s, local, remote).await?;
    let mut early = VecDeque::new();
    let proved = in_time(async {
        prove(&mut dialled, s2s, local, remote).await?;
        manage(&mut dialled, &mut early).await
    });
    match proved.await {
        Ok(sm) => Ok(run(s2s, dialled, sm, early, local, remote)),
        Err(end) => {
            dialled.wire.part(end.clone(), local);
            Err(end.into())
        }
    }
}

async fn prove(dialled: &mut Dialled, s2s: &S2s, local: &str, remote: &str) -> Result<(), End> {
    if !dialled.certified && !dialled.rules.dialback {
        return Err(fault(
            StreamCondition::PolicyViolation,
            "the certificate is not valid for the domain",
        ));
    }
    if dialled.features.bidi {
        // There is no header of ours to tell our limits in (XEP-0478 §3.2).
        let limits = limits(Some(s2s.budget.stanza_bytes), None);
        let bidi = format!("<bidi xmlns='{}'>{limits}</bidi>", ns::BIDI);
        dialled.wire.queue(bidi.as_bytes());
    }
    let bidi = dialled.features.bidi;
    if dialled.features.external && dialled.wire.is_tls() && authenticate(dialled, local).await? {
        dialled.wire.restart();
        dialled.exchange_headers(local, remote).await?;
    } else if dialled.features.dialback {
        dial_back(dialled, s2s, local, remote).await?;
    } else {
        return Err(fault(
            StreamCondition::UnsupportedFeature,
            "no way to prove who we are is offered",
        ));
    }
    dialled.features.bidi = bidi;
    Ok(())
}

/// SASL EXTERNAL; false if the peer does not take our certificate.
async fn authenticate(dialled: &mut Dialled, local: &str) -> Result<bool, End> {
    let auth = format!(
        "<auth xmlns='{}' mechanism='EXTERNAL'>{}</auth>",
        ns::SASL,
        BASE64.encode(local)
    );
    dialled.wire.queue(auth.as_bytes());
    let answer = dialled.wire.element().await?;
    if answer.is("success", ns::SASL) {
        return Ok(true);
    }
    if !answer.is("failure", ns::SASL) {
        return Err(StreamCondition::UnsupportedStanzaType.into());
    }
    Ok(false)
}

/// Step 1 of dialback, and its answer; the peer asks our listener in between.
async fn dial_back(dialled: &mut Dialled, s2s: &S2s, local: &str, remote: &str) -> Result<(), End> {
    let key = s2s.secret.key(remote, local, &dialled.id);
    dialled.wire.queue(&ask_result(local, remote, &key));
    loop {
        let element = dialled.wire.element().await?;
        if !element.is("result", ns::DIALBACK) {
            return Err(StreamCondition::UnsupportedStanzaType.into());
        }
        let claim = Claim::read(&element).filter(|claim| claim.from == remote && claim.to == local);
        let refused = |why: &str| {
            Err(End::Peer {
                condition: why.to_owned(),
                text: "in answer to dialback".to_owned(),
            })
        };
        match claim.and_then(|claim| claim.answer) {
            Some(Verdict::Valid) => return Ok(()),
            Some(Verdict::Invalid) => return refused("invalid"),
            Some(Verdict::Error(Condition::RemoteServerTimeout | Condition::ResourceConstraint)) => {
                return Err(End::Lost("the peer cannot examine our key now".to_owned()));
            }
            Some(Verdict::Error(condition)) => return refused(condition.as_str()),
            // About another pair, or a question that cannot be asked yet: of no meaning here.
            None => {}
        }
    }
}

/// Asks for acknowledgements (XEP-0198 §3), without resumption: what is not acknowledged is sent again by who has it. What
/// a peer sends before its answer is kept, since it may send at once where the stream goes both ways.
async fn manage(dialled: &mut Dialled, early: &mut VecDeque<Element>) -> Result<bool, End> {
    if !dialled.features.sm {
        return Ok(false);
    }
    dialled.wire.queue(format!("<enable xmlns='{}'/>", ns::SM).as_bytes());
    loop {
        let element = dialled.wire.element().await?;
        if element.is("enabled", ns::SM) {
            return Ok(true);
        }
        if element.is("failed", ns::SM) {
            return Ok(false);
        }
        if early.len() >= PEER_EARLY {
            return Err(StreamCondition::PolicyViolation.into());
        }
        early.push_back(element);
    }
}

fn run(s2s: &Arc<S2s>, dialled: Dialled, sm: bool, early: VecDeque<Element>, local: &str, remote: &str) -> Link {
    let (commands, received) = mpsc::channel(PEER_COMMANDS);
    let (state, watched) = watch::channel(LinkState::default());
    let number = s2s.number();
    let stanza_limit = dialled.features.max_bytes;
    let mut stream = Stream::new(Begin {
        s2s: s2s.clone(),
        wire: dialled.wire,
        id: dialled.id,
        outgoing: true,
        bidi: dialled.features.bidi,
        stanza_limit,
        commands: received,
        sender: None,
        permit: None,
    });
    stream.link(number, state);
    stream.begin_outgoing(remote, local);
    // Nobody says that the server stops: whoever has the link closes it.
    tokio::spawn(stream.run(early, sm, None));
    Link {
        number,
        sm,
        stanza_limit,
        told: 0,
        commands,
        state: watched,
    }
}
