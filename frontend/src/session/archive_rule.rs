//! Which messages are archived: one rule, with its reasons.
//!
//! Knows no archive and no session. Next: `archive.rs` has what is worth it committed; preferences and limits are the tables'.

use minidom::Element;
use reef_stanza::ns;

/// Payloads without `<body/>` that mean something later, by their namespace.
const WORTH: [&str; 12] = [
    // Encrypted, so that nobody sees a body: OMEMO in three versions, OpenPGP in two.
    "eu.siacs.conversations.axolotl",
    "urn:xmpp:omemo:1",
    "urn:xmpp:omemo:2",
    "urn:xmpp:openpgp:0",
    "jabber:x:encrypted",
    // What changes an older message: retraction (XEP-0424, also as it was with XEP-0422), reactions (XEP-0444), correction.
    "urn:xmpp:message-retract:1",
    "urn:xmpp:fasten:0",
    "urn:xmpp:reactions:0",
    "urn:xmpp:message-correct:0",
    // That it was got, or read: another device of the same user wants to know (XEP-0184, XEP-0333).
    "urn:xmpp:receipts",
    "urn:xmpp:chat-markers:0",
    // An invitation to a room (XEP-0249).
    "jabber:x:conference",
];

/// The rule of what is archived (XEP-0313 §6.1.1): what people say to each other, and what changes how that is read. Never
/// what is of the moment (headlines), has an archive of its own (rooms, nodes), is an error, or is not to be kept.
pub(super) fn worth_keeping(message: &Element) -> bool {
    let of_the_moment = matches!(message.attr("type"), Some("headline" | "groupchat" | "error"));
    let hint = |name: &str| message.get_child(name, ns::HINTS).is_some();
    if of_the_moment || hint("no-store") || hint("no-permanent-store") || message.has_child("event", ns::PUBSUB_EVENT) {
        return false;
    }
    // A receipt is asked for with a message that has a body, if it is worth it.
    let worth =
        |child: &Element| WORTH.contains(&child.ns().as_str()) && !matches!(child.name(), "request" | "markable");
    hint("store") || message.has_child("body", ns::CLIENT) || message.children().any(worth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(attributes: &str, content: &str, expected: bool) {
        let xml = format!("<message xmlns='jabber:client' {attributes}>{content}</message>");
        assert_eq!(worth_keeping(&xml.parse().unwrap()), expected, "{xml}");
    }

    #[test]
    fn what_people_say_is_archived_and_what_is_of_the_moment_is_not() {
        let body = "<body>x</body>";
        for kind in ["", "type='normal'", "type='chat'", "type='unheard-of'"] {
            check(kind, body, true);
        }
        for kind in ["headline", "groupchat", "error"] {
            check(&format!("type='{kind}'"), body, false);
            check(&format!("type='{kind}'"), "<store xmlns='urn:xmpp:hints'/>", false);
        }
        check("", "", false);
        check("", "<subject>x</subject>", false);
        check("", "<composing xmlns='http://jabber.org/protocol/chatstates'/>", false);
        check("", "<body xmlns='http://www.w3.org/1999/xhtml'/>", false);
        check(
            "",
            "<event xmlns='http://jabber.org/protocol/pubsub#event'/><body>x</body>",
            false,
        );
    }

    #[test]
    fn hints_say_otherwise_and_not_to_keep_wins() {
        check("", "<store xmlns='urn:xmpp:hints'/>", true);
        check("", "<body>x</body><no-copy xmlns='urn:xmpp:hints'/>", true);
        for hint in ["no-store", "no-permanent-store"] {
            let hints = format!("<store xmlns='urn:xmpp:hints'/><{hint} xmlns='urn:xmpp:hints'/>");
            check("", &format!("<body>x</body>{hints}"), false);
        }
    }

    #[test]
    fn what_changes_how_a_message_is_read_is_archived_without_a_body() {
        for payload in [
            "<encrypted xmlns='eu.siacs.conversations.axolotl'/>",
            "<encrypted xmlns='urn:xmpp:omemo:2'/>",
            "<retract xmlns='urn:xmpp:message-retract:1' id='x'/>",
            "<reactions xmlns='urn:xmpp:reactions:0' id='x'/>",
            "<received xmlns='urn:xmpp:receipts' id='x'/>",
            "<displayed xmlns='urn:xmpp:chat-markers:0' id='x'/>",
        ] {
            check("type='chat'", payload, true);
        }
        for asking in [
            "<request xmlns='urn:xmpp:receipts'/>",
            "<markable xmlns='urn:xmpp:chat-markers:0'/>",
        ] {
            check("type='chat'", asking, false);
        }
    }
}
