//! The requests of a run, as text: where nodes are, publishing, following, asking (XEP-0060, XEP-0277).

use crate::wire::xml::escape;

/// Where the run's authors publish.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// On the author's own account (XEP-0163), one node name for all: Reef, or whoever lets others subscribe there.
    Account {
        /// The node's name, the microblog as a rule.
        node: String,
    },
    /// On a pubsub service, a node per author.
    Service {
        /// Its JID, e.g. `pubsub.example.org`.
        service: String,
        /// What node names begin with; the author's number follows.
        node: String,
    },
}

pub(super) const NS: &str = "http://jabber.org/protocol/pubsub";

impl Place {
    /// Whom to ask about the node of an author with this bare JID.
    pub(crate) fn to(&self, author_jid: &str) -> String {
        match self {
            Place::Account { .. } => author_jid.to_owned(),
            Place::Service { service, .. } => service.clone(),
        }
    }

    /// The author's node.
    pub(crate) fn node(&self, author: u32) -> String {
        match self {
            Place::Account { node } => node.clone(),
            Place::Service { node, .. } => format!("{node}-{author}"),
        }
    }
}

/// An IQ with this payload.
pub(super) fn iq(kind: &str, id: &str, to: &str, payload: &str) -> String {
    format!("<iq type='{kind}' id='{id}' to='{}'>{payload}</iq>", escape(to))
}

/// Publishes an Atom entry.
pub(crate) fn publish(id: &str, to: &str, node: &str, item: &str, body: &str) -> String {
    let payload = format!(
        "<pubsub xmlns='{NS}'><publish node='{}'><item id='{item}'><entry xmlns='http://www.w3.org/2005/Atom'>\
         <title type='text'>{body}</title><id>tag:load</id><updated>2026-01-01T00:00:00Z</updated></entry></item>\
         </publish></pubsub>",
        escape(node)
    );
    iq("set", id, to, &payload)
}

/// Follows a node with the bare JID `jid` (XEP-0060 §6.1).
pub(crate) fn subscribe(id: &str, to: &str, node: &str, jid: &str) -> String {
    let payload = format!(
        "<pubsub xmlns='{NS}'><subscribe node='{}' jid='{}'/></pubsub>",
        escape(node),
        escape(jid)
    );
    iq("set", id, to, &payload)
}

/// Stops following (XEP-0060 §6.2).
pub(crate) fn unsubscribe(id: &str, to: &str, node: &str, jid: &str) -> String {
    let payload = format!(
        "<pubsub xmlns='{NS}'><unsubscribe node='{}' jid='{}'/></pubsub>",
        escape(node),
        escape(jid)
    );
    iq("set", id, to, &payload)
}

/// Creates an open node that pushes its items and keeps `max_items` of them (XEP-0060 §8.1.3).
pub(crate) fn create(id: &str, to: &str, node: &str, max_items: u32) -> String {
    let field = |name: &str, value: &str| format!("<field var='pubsub#{name}'><value>{value}</value></field>");
    let fields = [
        field("access_model", "open"),
        field("publish_model", "publishers"),
        field("deliver_notifications", "1"),
        field("deliver_payloads", "1"),
        field("persist_items", "1"),
        field("max_items", &max_items.to_string()),
        field("send_last_published_item", "never"),
        field("notify_retract", "0"),
        field("notification_type", "headline"),
    ]
    .concat();
    let payload = format!(
        "<pubsub xmlns='{NS}'><create node='{}'/><configure><x xmlns='jabber:x:data' type='submit'>\
         <field var='FORM_TYPE' type='hidden'><value>{NS}#node_config</value></field>{fields}</x></configure></pubsub>",
        escape(node)
    );
    iq("set", id, to, &payload)
}

/// Asks for the newest `max` items (XEP-0060 §6.5).
pub(crate) fn items(id: &str, to: &str, node: &str, max: u32) -> String {
    let payload = format!(
        "<pubsub xmlns='{NS}'><items node='{}' max_items='{max}'/></pubsub>",
        escape(node)
    );
    iq("get", id, to, &payload)
}

/// Asks whether the stream is alive (XEP-0199): its answer says that all before it has been done.
pub(crate) fn ping(id: &str, domain: &str) -> String {
    iq("get", id, domain, "<ping xmlns='urn:xmpp:ping'/>")
}
