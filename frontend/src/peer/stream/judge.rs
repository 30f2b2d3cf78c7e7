//! What a stream between servers does with each element that comes, and with what its links ask (RFC 6120 §8, XEP-0198
//! §3–4, XEP-0288).
//!
//! Must not know sockets or time's passing: that is `established`. Keys of dialback go to `examine`.

use minidom::Element;
use reef_stanza::{Condition, StanzaError, StreamCondition, error_reply, ns};
use tokio::sync::watch;
use tokio::time::Instant;

use super::context::Route;
use super::end::{End, fault};
use super::established::Stream;
use super::features::max_bytes;
use super::link::{Command, LinkState};
use super::stanza::{addresses, is_forgery, is_stanza, strip_claims, to_client};
use crate::limits::{PEER_ELEMENTS, PEER_PAIRS};

impl Stream {
    /// A link of this stream.
    pub(super) fn link(&mut self, number: u64, state: watch::Sender<LinkState>) {
        self.links.retain(|_, link| !link.is_closed());
        self.links.insert(number, state);
    }

    /// We have proved who we are on a stream that we dialled; the peer, by being there, whom it serves. It may use that if
    /// both agreed to.
    pub(super) fn begin_outgoing(&mut self, peer: &str, ours: &str) {
        self.now_proved();
        if self.bidi {
            // One that we dialled is not counted, so that it always finds a place.
            let _ = self.pair(peer, ours);
        }
    }

    /// A pair is proved. Refused where the peer has as many streams, or the stream as many pairs, as may be.
    pub(super) fn prove(&mut self, peer: &str, ours: &str) -> Result<(), Condition> {
        self.pair(peer, ours)?;
        self.now_proved();
        if self.heard {
            self.publish_routes();
        }
        Ok(())
    }

    fn pair(&mut self, peer: &str, ours: &str) -> Result<(), Condition> {
        let (rates, comes) = (&self.s2s.rates, !self.outgoing);
        let joined = match self.pairs.len() < PEER_PAIRS || self.pairs.may(peer, ours) {
            true => self.pairs.add(peer, ours, || rates.join(peer, comes, Instant::now())),
            false => None,
        };
        joined.ok_or(Condition::ResourceConstraint)
    }

    fn now_proved(&mut self) {
        if !std::mem::replace(&mut self.proved, true) {
            self.s2s.counters.opened(self.outgoing);
            self.wire.set_budget(self.s2s.budget);
            self.last = Instant::now();
            if let Some(permit) = &mut self.permit {
                permit.authenticate();
            }
        }
    }

    /// The peer has gone on after its proof: its stream may be used the other way.
    fn publish_routes(&mut self) {
        self.heard = true;
        let usable = self.bidi && self.is_open();
        let Some(sender) = self.sender.as_ref().filter(|_| usable) else {
            return;
        };
        for (peer, ours) in self.pairs.iter() {
            let route = Route {
                stream: self.number,
                commands: sender.clone(),
                sm: self.sm.is_on(),
                stanza_limit: self.stanza_limit,
            };
            self.s2s.add_route(ours, peer, route);
        }
    }

    /// Judges an element that cost so many bytes.
    pub(super) fn element(&mut self, element: Element, cost: usize) -> Result<(), End> {
        if is_stanza(&element) {
            return self.stanza(element, cost);
        }
        self.count(None, 0, cost);
        if !self.proved {
            self.elements += 1;
            if self.elements > PEER_ELEMENTS {
                return Err(fault(
                    StreamCondition::PolicyViolation,
                    "too many elements before a proof",
                ));
            }
        }
        if element.is("error", ns::STREAM) {
            return Err(End::from_peer(&element));
        }
        // Who was dialled has nothing to prove, and nothing to ask, unless he may send (XEP-0288 §2.2).
        let asks = !self.outgoing || self.bidi;
        match element.name() {
            _ if element.has_ns(ns::SM) => self.managed(&element),
            "result" if element.has_ns(ns::DIALBACK) && asks => self.examine(&element),
            "verify" if element.has_ns(ns::DIALBACK) && asks => {
                let answer = self.s2s.answer_verify(&element)?;
                self.answer(&answer);
                Ok(())
            }
            // Answers to what was not asked (XEP-0220 §4.1).
            _ if element.has_ns(ns::DIALBACK) => Ok(()),
            "bidi" if element.has_ns(ns::BIDI) && !self.outgoing => {
                self.bidi = true;
                self.stanza_limit = max_bytes(&element);
                Ok(())
            }
            "auth" if element.has_ns(ns::SASL) => {
                self.answer(format!("<failure xmlns='{}'><not-authorized/></failure>", ns::SASL).as_bytes());
                Ok(())
            }
            _ => Err(StreamCondition::UnsupportedStanzaType.into()),
        }
    }

    /// Counts what came against its domain's share.
    pub(super) fn count(&mut self, peer: Option<&str>, stanzas: u64, cost: usize) {
        if let Some(member) = self.pairs.member(peer.unwrap_or_default()) {
            let until = member.take(stanzas, cost as u64, Instant::now());
            self.not_before = self.not_before.max(until);
        }
    }

    fn stanza(&mut self, stanza: Element, cost: usize) -> Result<(), End> {
        if !self.proved {
            return Err(StreamCondition::NotAuthorized.into());
        }
        let (from, to) = addresses(&stanza).ok_or(StreamCondition::ImproperAddressing)?;
        let (peer, ours) = (from.domain().as_str(), to.domain().as_str());
        if !self.s2s.is_ours(ours) {
            return Err(StreamCondition::HostUnknown.into());
        }
        if !self.pairs.may(peer, ours) {
            return Err(StreamCondition::InvalidFrom.into());
        }
        self.count(Some(peer), 1, cost);
        self.last = Instant::now();
        if !self.heard {
            self.publish_routes();
        }
        let receipt = self.receipts.give();
        let mut stanza = to_client(stanza, &from, &to);
        if is_forgery(&stanza, &|domain| self.pairs.knows(domain)) {
            tracing::debug!(peer, "a peer forwards what somebody else is to have said");
            self.s2s.counters.refuse();
            if !is_answer(&stanza) {
                let error =
                    StanzaError::new(Condition::NotAllowed).with_text("a forwarded stanza is not the peer's own");
                let reply = error_reply(&stanza, &error);
                self.s2s.inbox.refusal(to, from, reply);
            }
            return Ok(());
        }
        strip_claims(&mut stanza, |domain| self.s2s.is_ours(domain));
        self.s2s.counters.came();
        self.s2s.inbox.stanza(from, to, stanza, receipt);
        Ok(())
    }

    /// Stream management (XEP-0198).
    fn managed(&mut self, element: &Element) -> Result<(), End> {
        match element.name() {
            "enable" => {
                let answer = match self.proved && !self.outgoing && !self.sm.is_on() {
                    true => {
                        self.sm.begin(self.receipts.given());
                        format!("<enabled xmlns='{}'/>", ns::SM)
                    }
                    false => format!(
                        "<failed xmlns='{}'><unexpected-request xmlns='{}'/></failed>",
                        ns::SM,
                        ns::STANZAS
                    ),
                };
                self.answer(answer.as_bytes());
                if self.proved && !self.outgoing {
                    self.publish_routes();
                }
            }
            "r" if self.sm.is_on() => self.sm.ask(self.receipts.given()),
            "a" if self.sm.is_on() => self.acknowledged(element)?,
            _ => {}
        }
        Ok(())
    }

    fn acknowledged(&mut self, element: &Element) -> Result<(), End> {
        let h = element.attr("h").and_then(|h| h.parse().ok());
        let h = h.ok_or(StreamCondition::InvalidXml)?;
        let links = &self.links;
        let told = self.sent.ack(h, |link, count| {
            if let Some(link) = links.get(&link) {
                link.send_modify(|state| state.acked = state.acked.wrapping_add(count));
            }
        });
        told.map_err(|_| {
            fault(
                StreamCondition::UndefinedCondition,
                "more is acknowledged than was sent",
            )
        })
    }

    /// What a link asks; nothing, where a stream that was dialled has lost its last.
    pub(super) fn command(&mut self, command: Option<Command>) {
        match command {
            Some(Command::Attach(number, state)) => {
                self.last = Instant::now();
                self.link(number, state);
            }
            Some(Command::Send(link, stanzas, count)) => {
                self.wire.queue(&stanzas);
                self.last = Instant::now();
                self.s2s.counters.went(count);
                if self.sm.is_on() {
                    self.sent.push(link, count);
                }
            }
            Some(Command::Ask) if self.sm.is_on() => self.wire.queue(format!("<r xmlns='{}'/>", ns::SM).as_bytes()),
            Some(Command::Ask) => {}
            Some(Command::Detach(_)) if self.outgoing => self.leave(End::Done),
            Some(Command::Detach(link)) => {
                if let Some(state) = self.links.remove(&link) {
                    state.send_modify(|state| state.ended = Some(End::Done));
                }
            }
            None => self.leave(End::Done),
        }
    }
}

/// Errors and results are never answered (RFC 6120 §8.3.1, §8.2.3).
fn is_answer(stanza: &Element) -> bool {
    matches!(stanza.attr("type"), Some("error" | "result"))
}
