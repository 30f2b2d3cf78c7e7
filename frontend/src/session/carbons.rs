//! Message carbons (XEP-0280): what one device of a user says or is told, his others are told, too.
//!
//! Copies are of the moment: who is not here reads the archive. A copy of what was archived carries its place there, so that
//! it is known again. Knows no archive. Next: `route.rs`, which sends.

use super::Hub;
use jid::{BareJid, Jid};
use minidom::Element;
use reef_stanza::{escape_attr, ns, self_contained};

/// Payloads without a body that people's other devices want to see (§6.1): receipts, markers, chat states, what changes a message,
/// what is encrypted.
const COPIED: [&str; 11] = [
    "http://jabber.org/protocol/chatstates",
    "urn:xmpp:receipts",
    "urn:xmpp:chat-markers:0",
    "urn:xmpp:message-retract:1",
    "urn:xmpp:reactions:0",
    "urn:xmpp:message-correct:0",
    "urn:xmpp:jingle-message:0",
    "eu.siacs.conversations.axolotl",
    "urn:xmpp:omemo:1",
    "urn:xmpp:omemo:2",
    "urn:xmpp:openpgp:0",
];

/// XEP-0045: what a room says of its occupants.
const MUC_USER: &str = "http://jabber.org/protocol/muc#user";

/// Whether a message is a copy itself.
pub(super) fn is_copy(message: &Element) -> bool {
    ["received", "sent"]
        .iter()
        .any(|name| message.has_child(*name, ns::CARBONS))
}

/// Whether a message is copied (§6.1).
pub(super) fn is_copied(message: &Element) -> bool {
    let private = message.has_child("private", ns::CARBONS) || message.has_child("no-copy", ns::HINTS);
    // A copy is never copied.
    if private || is_copy(message) {
        return false;
    }
    match message.attr("type") {
        Some("chat") => true,
        Some("groupchat" | "headline") => false,
        // An answer to something that was copied is told of as that was.
        Some("error") => message.has_child("body", ns::CLIENT),
        _ => {
            let known = |child: &Element| COPIED.contains(&child.ns().as_str());
            message.has_child("body", ns::CLIENT) || message.children().any(known)
        }
    }
}

impl Hub {
    /// `<enable/>` and `<disable/>` (§4, §5).
    pub(crate) fn copies(&mut self, slot: u32, on: bool) {
        if let Some(conn) = self.conn_mut(slot) {
            conn.carbons = on;
        }
    }

    /// Sessions of a user that want copies, but for some.
    fn copied_to(&self, user: &BareJid, but: impl Fn(u32) -> bool) -> Vec<u32> {
        let sessions = self.users.get(user).map(|user| user.sessions.as_slice());
        let wants = |slot: &u32| !but(*slot) && self.conn(*slot).is_some_and(|conn| conn.carbons && !conn.closing);
        sessions.unwrap_or_default().iter().copied().filter(wants).collect()
    }

    /// Whether somebody is told what a session says, by its full JID; it may have gone.
    pub(super) fn has_copies(&self, from: &Jid, message: &Element) -> bool {
        let own = self.session_of(from);
        !self.copied_to(&from.to_bare(), |other| own == Some(other)).is_empty() && is_copied(message)
    }

    /// The user's others are told what a session says now.
    pub(super) fn copy_said(&mut self, message: &Element) {
        let from = message.attr("from").and_then(|from| Jid::new(from).ok());
        if let Some(from) = from.filter(|from| self.has_copies(from, message)) {
            self.copy_sent(&from, message);
        }
    }

    /// What one session was told, the others are told (§7).
    pub(super) fn copy_received(&mut self, user: &BareJid, delivered: &[u32], message: &Element) {
        if message.has_child("x", MUC_USER) && message.attr("type") == Some("chat") {
            // What a room's occupant says privately the room has brought to every session that is in it.
            return;
        }
        // Who said it himself knows it.
        let from = message.attr("from").and_then(|from| Jid::new(from).ok());
        let own = from.and_then(|from| self.session_of(&from));
        let others = self.copied_to(user, |slot| delivered.contains(&slot) || own == Some(slot));
        if !others.is_empty() && is_copied(message) {
            self.send_copies(user, &others, "received", message);
        }
    }

    /// What a session has said, the user's others are told (§8).
    pub(super) fn copy_sent(&mut self, from: &Jid, message: &Element) {
        let user = from.to_bare();
        let own = self.session_of(from);
        let to = message.attr("to").and_then(|to| Jid::new(to).ok());
        // What is said to oneself is told as what was received.
        if to.as_ref().is_some_and(|to| to.to_bare() == user) {
            return;
        }
        let others = self.copied_to(&user, |slot| own == Some(slot));
        self.send_copies(&user, &others, "sent", message);
    }

    fn send_copies(&mut self, user: &BareJid, to: &[u32], direction: &str, message: &Element) {
        let inner = self_contained(message, None);
        for slot in to {
            let Some(jid) = self.conn(*slot).and_then(|conn| conn.jid()).cloned() else {
                continue;
            };
            let mut head = b"<message".to_vec();
            for (name, value) in [
                ("type", message.attr("type").unwrap_or("normal")),
                ("from", user.as_str()),
                ("to", jid.as_str()),
            ] {
                head.extend_from_slice(format!(" {name}='").as_bytes());
                escape_attr(value, &mut head);
                head.push(b'\'');
            }
            let wrap = format!(
                "><{direction} xmlns='{}'><forwarded xmlns='{}'>",
                ns::CARBONS,
                ns::FORWARD
            );
            let close = format!("</forwarded></{direction}></message>");
            let copy = [&head[..], wrap.as_bytes(), &inner, close.as_bytes()].concat();
            // A chat state waits for who looks at nothing, in a copy as elsewhere: what is inside decides.
            if !self.holds(*slot, message, &copy) {
                self.send_bytes(*slot, copy);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(attributes: &str, content: &str, expected: bool) {
        let xml = format!("<message xmlns='jabber:client' {attributes}>{content}</message>");
        assert_eq!(is_copied(&xml.parse().unwrap()), expected, "{xml}");
    }

    #[test]
    fn what_people_say_to_each_other_is_copied_unless_it_is_private() {
        let body = "<body>x</body>";
        check("type='chat'", "", true);
        check("", body, true);
        check("", "<received xmlns='urn:xmpp:receipts' id='x'/>", true);
        check("", "<subject>x</subject>", false);
        check("type='groupchat'", body, false);
        check("type='headline'", body, false);
        check(
            "type='chat'",
            &format!("{body}<private xmlns='urn:xmpp:carbons:2'/>"),
            false,
        );
        check(
            "type='chat'",
            &format!("{body}<no-copy xmlns='urn:xmpp:hints'/>"),
            false,
        );
        check("type='chat'", "<sent xmlns='urn:xmpp:carbons:2'/>", false);
    }
}
