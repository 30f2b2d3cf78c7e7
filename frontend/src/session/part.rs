//! Stanzas for another part of the server: what every address answers is answered here, the rest is the part's.
//!
//! Accounts here alone reach it (`peer/inbox.rs` turns others away). What it says in return is delivered as a stanza of
//! anybody else. Knows no gateway. Next: [`crate::part::Part::stanza`].

use super::Hub;
use super::iq::{is_malformed, is_request};
use crate::xep::part_answer;
use jid::{BareJid, Jid};
use minidom::Element;
use reef_stanza::element::{Build, el};
use reef_stanza::{Condition, StanzaError, error_reply, ns};

impl Hub {
    /// Whether a bare JID is the other part's address.
    pub(super) fn is_part(&self, jid: &BareJid) -> bool {
        jid.node().is_none() && self.server.part_at(jid.domain().as_str()).is_some()
    }

    /// A stanza for the other part. It has `from`.
    pub(super) fn for_part(&mut self, to: &Jid, stanza: Element) {
        let Some(part) = self.server.part_at(to.domain().as_str()).cloned() else {
            return;
        };
        let Some(from) = stanza.attr("from").and_then(|from| Jid::new(from).ok()) else {
            return;
        };
        // Answers to its own stanzas come from whoever got them; errors of whom it cannot reach are nobody's news.
        let here = self.server.is_domain(from.domain().as_str()) && from.node().is_some();
        if !here || (stanza.name() != "iq" && stanza.attr("type") == Some("error")) {
            return;
        }
        if to.node().is_some() {
            return self.return_to_sender(&stanza, &StanzaError::new(Condition::ItemNotFound));
        }
        if stanza.name() == "iq" && is_request(&stanza) {
            let answered = match is_malformed(&stanza) {
                true => Some(Err(StanzaError::new(Condition::BadRequest))),
                false => part_answer(&*part, &stanza),
            };
            if let Some(answer) = answered {
                return self.answer_for_part(from, &stanza, answer);
            }
        }
        part.stanza(&from, to, stanza);
    }

    fn answer_for_part(&mut self, from: Jid, iq: &Element, answer: Result<Option<Element>, StanzaError>) {
        let reply = match answer {
            Ok(payload) => el("iq", ns::CLIENT)
                .set("type", "result")
                .set_opt("id", iq.attr("id"))
                .set_opt("from", iq.attr("to"))
                .set_opt("to", iq.attr("from"))
                .children_from(payload),
            Err(error) => error_reply(iq, &error),
        };
        self.route(from, reply);
    }

    /// Whoever follows its presence from now on is shown it.
    pub(super) fn probe_part(&mut self, part: &BareJid, to: &BareJid) {
        let probe = el("presence", ns::CLIENT).set("type", "probe").set("from", to.as_str());
        self.for_part(&part.clone().into(), probe.set("to", part.as_str()));
    }
}
