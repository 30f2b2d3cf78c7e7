//! The gateway as a contact of accounts here: what they write to it is a command, its presence says that it is there
//! (XEP-0100 §4), and clients find forms.
//!
//! Called on shards: nothing here waits. A number that somebody types goes to the gateway, and into no stanza. Next:
//! `register.rs`, `commands.rs`.

use super::register::{self, linked, next_step};
use super::{commands, disco};
use jid::Jid;
use minidom::Element;
use reef_frontend::part::Host;
use reef_sms::gateway::{Gateway, Proof};
use reef_sms::number::Phone;
use reef_stanza::element::{Build, el};
use reef_stanza::{Condition, StanzaError, error_reply, ns};
use std::sync::Arc;

/// What its presence says.
const STATUS: &str = "Text messages. Write HELP to me.";

/// Whose words are for clients that cannot read what is meant: OMEMO in three versions, OpenPGP in two, and XEP-0380.
const ENCRYPTED: [&str; 6] = [
    "eu.siacs.conversations.axolotl",
    "urn:xmpp:omemo:1",
    "urn:xmpp:omemo:2",
    "urn:xmpp:openpgp:0",
    "jabber:x:encrypted",
    "urn:xmpp:eme:0",
];
/// XEP-0308.
const CORRECTION: &str = "urn:xmpp:message-correct:0";

/// The contact.
#[derive(Clone)]
pub(super) struct Contact {
    /// The way to accounts.
    pub(super) host: Arc<Host>,
    /// The gateway.
    pub(super) gateway: Arc<Gateway>,
}

/// A request: enough of it to be answered.
pub(super) struct Iq {
    head: Element,
    /// Bare JID of who asks.
    pub(super) account: String,
}

impl Contact {
    /// A stanza of an account here.
    pub(super) fn stanza(&self, from: &Jid, to: &Jid, stanza: Element) {
        match (stanza.name(), stanza.attr("type")) {
            ("message", Some("error" | "groupchat" | "headline")) => {}
            ("message", _) => self.said(from.to_bare().as_str(), &stanza),
            ("presence", Some("probe")) => self.show(from, to),
            ("iq", Some("get" | "set")) => self.iq(from, stanza),
            _ => {}
        }
    }

    /// The words of somebody's, unless they are not what he means: they would be posted for all to read.
    fn said(&self, account: &str, message: &Element) {
        let Some(body) = message.get_child("body", ns::CLIENT) else {
            return;
        };
        let of = |namespaces: &[&str]| {
            message
                .children()
                .any(|child| namespaces.contains(&child.ns().as_str()))
        };
        if of(&ENCRYPTED) {
            self.tell(
                account,
                "I cannot read encrypted messages: turn encryption off for this chat.",
            );
        } else if of(&[CORRECTION]) {
            self.tell(account, "I cannot correct what you have sent: it is done.");
        } else {
            self.command(account, body.text().trim());
        }
    }

    /// Numbers and codes are taken here, since what the gateway says of a command may hold its words.
    fn command(&self, account: &str, text: &str) {
        let contact = self.clone();
        let owner = account.to_owned();
        let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        if first.eq_ignore_ascii_case("link") && Phone::written(rest).is_ok() {
            let answer = move |proof: Result<Proof, String>| {
                contact.tell(&owner, &proof.map_or_else(|why| why, |proof| next_step(&proof)));
            };
            self.gateway.link(account, rest, Box::new(answer));
        } else if Phone::written(text).is_ok() {
            self.tell(
                account,
                "To link a phone with your account, write LINK before its number.",
            );
        } else if text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let answer = move |done: Result<(), String>| contact.tell(&owner, &linked(done));
            self.gateway.prove(account, text, Box::new(answer));
        } else {
            self.gateway.say(account, text);
        }
    }

    fn show(&self, from: &Jid, to: &Jid) {
        let status = el("status", ns::CLIENT).with_text(STATUS);
        let presence = el("presence", ns::CLIENT)
            .set("from", to.as_str())
            .set("to", from.as_str());
        self.send(presence.child(status));
    }

    fn iq(&self, from: &Jid, mut stanza: Element) {
        let set = stanza.attr("type") == Some("set");
        let payload = stanza.unshift_child();
        let iq = Iq {
            head: stanza,
            account: from.to_bare().to_string(),
        };
        let Some(payload) = payload else { return };
        match (payload.name(), payload.ns().as_str(), set) {
            ("query", ns::DISCO_INFO, false) => self.answer(&iq, disco::info(payload.attr("node"))),
            ("query", ns::DISCO_ITEMS, false) => {
                let place = iq.head.attr("to").unwrap_or_default();
                self.answer(&iq, disco::items(place, payload.attr("node")));
            }
            ("query", ns::REGISTER, set) => register::asked(self, iq, &payload, set),
            ("command", ns::COMMANDS, true) => commands::run(self, iq, payload),
            _ => self.answer(&iq, Err(StanzaError::new(Condition::ServiceUnavailable))),
        }
    }

    /// Answers a request.
    pub(super) fn answer(&self, iq: &Iq, answer: Result<Option<Element>, StanzaError>) {
        let reply = match answer {
            Ok(payload) => el("iq", ns::CLIENT)
                .set("type", "result")
                .set_opt("id", iq.head.attr("id"))
                .set_opt("from", iq.head.attr("to"))
                .set_opt("to", iq.head.attr("from"))
                .children_from(payload),
            Err(error) => error_reply(&iq.head, &error),
        };
        self.send(reply);
    }

    /// Says something to whoever asked, beside the answer.
    pub(super) fn tell(&self, account: &str, text: &str) {
        self.send(words(self.host.domain(), account, text));
    }

    fn send(&self, stanza: Element) {
        if !self.host.send(stanza) {
            tracing::debug!("an answer of the gateway was dropped: its shard is busy");
        }
    }
}

/// A chat message of the gateway's address.
pub(super) fn words(domain: &str, account: &str, text: &str) -> Element {
    el("message", ns::CLIENT)
        .set("type", "chat")
        .set("from", &format!("sms.{domain}"))
        .set("to", account)
        .child(el("body", ns::CLIENT).with_text(text))
}

/// What a person could do better, or wait for.
pub(super) fn refused(why: String) -> StanzaError {
    StanzaError::new(Condition::NotAcceptable).with_text(why)
}
