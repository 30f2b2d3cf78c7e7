//! What social clients ask of a server: what Movim asks at each login, likes and their counts (XEP-0470), single items.
//!
//! The owner's requests are Movim's (`frontend/tests/scripts/movim_login.script`, which must not be known here), as this
//! tool writes them. Knows no scenario.

use crate::wire::pubsub::{NS, iq};
use crate::wire::xml::escape;

const OWNER: &str = "http://jabber.org/protocol/pubsub#owner";
const ATTACHMENTS: &str = "urn:xmpp:pubsub-attachments:1";
const INFO: &str = "http://jabber.org/protocol/disco#info";
const ITEMS: &str = "http://jabber.org/protocol/disco#items";

/// What Movim asks at a login whoever is followed: session, roster, block list, what host and account are, what is there.
pub(crate) const LOGIN: u32 = 6;

/// The nth of them, for an account with this bare JID.
pub(crate) fn login(nth: u32, id: &str, jid: &str, domain: &str) -> String {
    match nth {
        0 => iq(
            "set",
            id,
            domain,
            "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>",
        ),
        1 => iq("get", id, jid, "<query xmlns='jabber:iq:roster'/>"),
        2 => iq("get", id, jid, "<blocklist xmlns='urn:xmpp:blocking'/>"),
        3 => iq("get", id, domain, &format!("<query xmlns='{INFO}'/>")),
        4 => iq("get", id, jid, &format!("<query xmlns='{INFO}'/>")),
        _ => iq("get", id, domain, &format!("<query xmlns='{ITEMS}'/>")),
    }
}

/// The names of a node's items (XEP-0060 §5.5).
pub(crate) fn names(id: &str, to: &str, node: &str) -> String {
    iq(
        "get",
        id,
        to,
        &format!("<query xmlns='{ITEMS}' node='{}'/>", escape(node)),
    )
}

/// What a node is, its number of followers in it (XEP-0060 §5.4).
pub(crate) fn info(id: &str, to: &str, node: &str) -> String {
    iq(
        "get",
        id,
        to,
        &format!("<query xmlns='{INFO}' node='{}'/>", escape(node)),
    )
}

/// Who follows a node: as Movim asks, or at most `max` of them (XEP-0060 §8.8.1, XEP-0059).
pub(crate) fn followers(id: &str, to: &str, node: &str, max: Option<u32>) -> String {
    let page = max.map(|max| format!("<set xmlns='http://jabber.org/protocol/rsm'><max>{max}</max></set>"));
    let payload = format!(
        "<pubsub xmlns='{OWNER}'><subscriptions node='{}'/>{}</pubsub>",
        escape(node),
        page.unwrap_or_default()
    );
    iq("get", id, to, &payload)
}

/// Changes an option of a node (XEP-0060 §8.2).
pub(crate) fn configure(id: &str, to: &str, node: &str, option: &str, value: &str) -> String {
    let payload = format!(
        "<pubsub xmlns='{OWNER}'><configure node='{}'><x xmlns='jabber:x:data' type='submit'>\
         <field var='FORM_TYPE' type='hidden'><value>{NS}#node_config</value></field>\
         <field var='pubsub#{option}'><value>{value}</value></field></x></configure></pubsub>",
        escape(node)
    );
    iq("set", id, to, &payload)
}

/// Likes an item, as the account with this bare JID (XEP-0470 §4.4, §6.1).
pub(crate) fn like(id: &str, to: &str, node: &str, item: &str, jid: &str) -> String {
    let target = format!("xmpp:{to}?;node={};item={}", encoded(node), encoded(item));
    let payload = format!(
        "<pubsub xmlns='{NS}'><publish node='{ATTACHMENTS}/{}'><item id='{}'><attachments xmlns='{ATTACHMENTS}'>\
         <noticed/></attachments></item></publish></pubsub>",
        escape(&target),
        escape(jid)
    );
    iq("set", id, to, &payload)
}

/// How often an item is liked (XEP-0470 §4.6).
pub(crate) fn likes(id: &str, to: &str, node: &str, item_id: &str) -> String {
    item(
        id,
        to,
        &format!("urn:xmpp:pubsub-attachments:summary:1/{node}"),
        item_id,
    )
}

/// One item of a node (XEP-0060 §6.5.8).
pub(crate) fn item(id: &str, to: &str, node: &str, item: &str) -> String {
    let payload = format!(
        "<pubsub xmlns='{NS}'><items node='{}'><item id='{}'/></items></pubsub>",
        escape(node),
        escape(item)
    );
    iq("get", id, to, &payload)
}

/// Percent-encoded as a value in an XMPP URI (RFC 5122 §2.2).
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_like_names_its_target_as_xep_0470_does() {
        let text = like(
            "1",
            "juliet@capulet.lit",
            "urn:xmpp:microblog:0",
            "balcony",
            "romeo@capulet.lit",
        );
        let node =
            "urn:xmpp:pubsub-attachments:1/xmpp:juliet@capulet.lit?;node=urn%3Axmpp%3Amicroblog%3A0;item=balcony";
        assert!(
            text.contains(&format!("<publish node='{node}'><item id='romeo@capulet.lit'>")),
            "{text}"
        );
    }
}
