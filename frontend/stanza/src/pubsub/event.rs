//! Notifications (XEP-0060 §7.1.2, §7.2.2, §8.2, §8.4, §8.5) as bytes, encoded once per post and spliced per follower. Must
//! not know who follows; next: the session's writer, which puts the address between prefix and suffix.

use super::SubscriptionState;
use super::reply::{ItemOut, write_item};
use crate::write::{escape_attr, escape_text};

/// A message whose 'to' is open: prefix, then the address as `escape_attr` writes it, then suffix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splice {
    /// Up to and with the quote that opens the value of 'to'.
    pub prefix: Vec<u8>,
    /// From the quote that closes it.
    pub suffix: Vec<u8>,
}

/// How each prefix begins.
const HEADLINE: &[u8] = b"<message type='headline'";
/// What ends each suffix.
const END: &[u8] = b"</message>";
/// What stands behind the value of an id's `by`.
pub const TAIL: &[u8] = b"'/></message>";

/// How each suffix begins.
const AFTER_TO: &[u8] = b"'>";

impl Splice {
    /// The same message of another type (`pubsub#notification_type`); `normal` is said by none.
    pub fn of_type(mut self, kind: &str) -> Splice {
        if let Some(rest) = self.prefix.strip_prefix(HEADLINE) {
            let said = match kind {
                "normal" => String::new(),
                kind => format!(" type='{kind}'"),
            };
            self.prefix = [b"<message", said.as_bytes(), rest].concat();
        }
        self
    }

    /// The message with a body before the event, for clients that know no events (XEP-0060 §12.14).
    pub fn with_body(mut self, text: &str) -> Splice {
        let mut suffix = Vec::with_capacity(self.suffix.len() + text.len() + 32);
        suffix.extend_from_slice(AFTER_TO);
        suffix.extend_from_slice(b"<body>");
        escape_text(text, &mut suffix);
        suffix.extend_from_slice(b"</body>");
        suffix.extend_from_slice(self.suffix.get(AFTER_TO.len()..).unwrap_or_default());
        self.suffix = suffix;
        self
    }

    /// The message with the id that it has in archives (XEP-0359), up to the value of `by`, whose end is [`TAIL`].
    pub fn with_id(mut self, id: &str) -> Splice {
        self.suffix.truncate(self.suffix.len().saturating_sub(END.len()));
        self.suffix.extend_from_slice(b"<stanza-id xmlns='urn:xmpp:sid:0' id='");
        escape_attr(id, &mut self.suffix);
        self.suffix.extend_from_slice(b"' by='");
        self
    }

    /// Appends the message to one receiver. Two copies; allocates nothing but what `out` needs to grow.
    pub fn write(&self, to: &str, out: &mut Vec<u8>) {
        out.reserve(self.prefix.len() + to.len() + self.suffix.len());
        out.extend_from_slice(&self.prefix);
        escape_attr(to, out);
        out.extend_from_slice(&self.suffix);
    }
}

/// An item was published. `payload` is self-contained; `None` for a node that delivers none. `delay` is who kept it and
/// since when (XEP-0203), for what is delivered late.
pub fn event_publish(
    from: &str,
    node: &str,
    id: &str,
    publisher: Option<&str>,
    payload: Option<&[u8]>,
    delay: Option<(&str, &str)>,
) -> Splice {
    let payload = payload.unwrap_or_default();
    splice(from, "items", node, delay, payload.len(), |out| {
        write_item(&ItemOut { id, publisher, payload }, out)
    })
}

/// The same as an archive gives it out: self-contained, and addressed to nobody (XEP-0442 §3).
pub fn archived_publish(from: &str, node: &str, id: &str, publisher: Option<&str>, payload: Option<&[u8]>) -> Vec<u8> {
    let payload = payload.unwrap_or_default();
    let Splice { suffix, .. } = splice(from, "items", node, None, payload.len(), |out| {
        write_item(&ItemOut { id, publisher, payload }, out)
    });
    let mut stanza = b"<message xmlns='jabber:client' type='headline' from='".to_vec();
    escape_attr(from, &mut stanza);
    stanza.extend_from_slice(&suffix);
    stanza
}

/// Several items at once, gathered for one who wants them so (XEP-0060 §6.3, `pubsub#digest`).
pub fn event_items(from: &str, node: &str, items: &[ItemOut<'_>]) -> Splice {
    let size = items.iter().map(|item| item.payload.len() + 64).sum();
    splice(from, "items", node, None, size, |out| {
        items.iter().for_each(|item| write_item(item, out));
    })
}

/// An item was retracted.
pub fn event_retract(from: &str, node: &str, id: &str, delay: Option<(&str, &str)>) -> Splice {
    splice(from, "items", node, delay, 0, |out| {
        out.extend_from_slice(b"<retract id='");
        escape_attr(id, out);
        out.extend_from_slice(b"'/>");
    })
}

/// Several items were retracted: a digest of it.
pub fn event_retracts(from: &str, node: &str, ids: &[&str]) -> Splice {
    splice(from, "items", node, None, 0, |out| {
        for id in ids {
            out.extend_from_slice(b"<retract id='");
            escape_attr(id, out);
            out.extend_from_slice(b"'/>");
        }
    })
}

/// All items were retracted.
pub fn event_purge(from: &str, node: &str, delay: Option<(&str, &str)>) -> Splice {
    splice(from, "purge", node, delay, 0, |_| {})
}

/// The node was deleted; `redirect` is the URI of the one that takes its place.
pub fn event_delete(from: &str, node: &str, redirect: Option<&str>, delay: Option<(&str, &str)>) -> Splice {
    splice(from, "delete", node, delay, 0, |out| {
        if let Some(uri) = redirect {
            out.extend_from_slice(b"<redirect uri='");
            escape_attr(uri, out);
            out.extend_from_slice(b"'/>");
        }
    })
}

/// The node was configured; with its new configuration if the node delivers payloads.
pub fn event_configuration(from: &str, node: &str, form: &[u8], delay: Option<(&str, &str)>) -> Splice {
    splice(from, "configuration", node, delay, form.len(), |out| {
        out.extend_from_slice(form)
    })
}

/// Subscriptions to a node have these states now (XEP-0060 §12.13): one, or several that were gathered.
pub fn event_subscriptions(from: &str, node: &str, states: &[(&str, SubscriptionState)]) -> Splice {
    let mut prefix = Vec::with_capacity(48 + from.len());
    prefix.extend_from_slice(b"<message type='headline' from='");
    escape_attr(from, &mut prefix);
    prefix.extend_from_slice(b"' to='");
    let mut suffix = b"'><event xmlns='http://jabber.org/protocol/pubsub#event'>".to_vec();
    for (jid, state) in states {
        suffix.extend_from_slice(b"<subscription node='");
        escape_attr(node, &mut suffix);
        suffix.extend_from_slice(b"' jid='");
        escape_attr(jid, &mut suffix);
        suffix.extend_from_slice(b"' subscription='");
        suffix.extend_from_slice(state.as_str().as_bytes());
        suffix.extend_from_slice(b"'/>");
    }
    suffix.extend_from_slice(b"</event></message>");
    Splice { prefix, suffix }
}

/// `<message …><event><NAME node='…'>CONTENT</NAME></event><delay/></message>` around what `content` writes; `size` is
/// how much that is about.
fn splice(
    from: &str,
    name: &str,
    node: &str,
    delay: Option<(&str, &str)>,
    size: usize,
    content: impl FnOnce(&mut Vec<u8>),
) -> Splice {
    let mut prefix = Vec::with_capacity(48 + from.len());
    prefix.extend_from_slice(b"<message type='headline' from='");
    escape_attr(from, &mut prefix);
    prefix.extend_from_slice(b"' to='");

    let mut suffix = Vec::with_capacity(320 + size + node.len());
    suffix.extend_from_slice(AFTER_TO);
    suffix.extend_from_slice(b"<event xmlns='http://jabber.org/protocol/pubsub#event'><");
    suffix.extend_from_slice(name.as_bytes());
    suffix.extend_from_slice(b" node='");
    escape_attr(node, &mut suffix);
    suffix.extend_from_slice(b"'>");
    let before = suffix.len();
    content(&mut suffix);
    if suffix.len() == before {
        suffix.pop();
        suffix.extend_from_slice(b"/>");
    } else {
        suffix.extend_from_slice(b"</");
        suffix.extend_from_slice(name.as_bytes());
        suffix.push(b'>');
    }
    suffix.extend_from_slice(b"</event>");
    if let Some((keeper, stamp)) = delay {
        suffix.extend_from_slice(b"<delay xmlns='urn:xmpp:delay' from='");
        escape_attr(keeper, &mut suffix);
        suffix.extend_from_slice(b"' stamp='");
        escape_attr(stamp, &mut suffix);
        suffix.extend_from_slice(b"'/>");
    }
    suffix.extend_from_slice(END);
    Splice { prefix, suffix }
}
