//! What senders are told of what could not be brought to another server (RFC 6120 §8.3, §10.4).
//!
//! An error for what was returned, and once a warning for what waits long. Goes to them as any stanza does.

use super::Sender;
use crate::peer::outbox::{returned, returned_row};
use crate::peer::stream::Unreachable;
use crate::router::Mail;
use crate::tables::Outgoing;
use jid::Jid;
use minidom::Element;
use reef_engine::model::NodeName;
use reef_stanza::element::{Build, el};
use reef_stanza::{Condition, StanzaError, ns};

/// What a sender is told where there is no stream.
pub(super) fn error(why: &Unreachable) -> StanzaError {
    match why {
        Unreachable::NotFound(_) => StanzaError::new(Condition::RemoteServerNotFound),
        Unreachable::Down(_) => StanzaError::new(Condition::RemoteServerTimeout),
        Unreachable::Refused(why) => {
            StanzaError::new(Condition::NotAllowed).with_text(format!("there is no stream to this server: {why}"))
        }
    }
}

impl Sender {
    /// Returns a stanza of the moment.
    pub(super) fn bounce(&self, stanza: &Element, error: &StanzaError) {
        if let Some((to, reply)) = returned(stanza, error) {
            self.tell(to, reply);
        }
    }

    /// Returns a stanza that was stored.
    pub(super) fn bounce_stored(&self, row: &Outgoing, error: &StanzaError) {
        if let Some((to, reply)) = returned_row(&row.stanza, error) {
            self.tell(to, reply);
        }
    }

    /// Tells a sender that his stanza still waits, and what will become of it.
    pub(super) fn warn(&self, row: &Outgoing) {
        let Ok(to) = Jid::new(&row.from) else { return };
        let hours = self.server.config.s2s.queue_for.as_secs() / 3600;
        let text = format!(
            "{} cannot be reached at the moment. What you sent there waits, and is tried for {hours} hours.",
            self.way.remote
        );
        self.note(to, &text);
    }

    /// Tells an author that followers at this server were not sent some posts, and what it did.
    pub(super) fn not_brought(&self, node: &NodeName, posts: u64, why: &str) {
        if let Ok(to) = Jid::new(&node.service)
            .map_err(drop)
            .and_then(|to| to.node().map(|_| to.clone()).ok_or(()))
        {
            let text = format!(
                "{posts} of your posts to {} were not brought to your followers at {}, which {why}.",
                node.node, self.way.remote
            );
            self.note(to, &text);
        }
    }

    fn note(&self, to: Jid, text: &str) {
        let message = el("message", ns::CLIENT)
            .set("type", "normal")
            .set("from", &self.server.domain)
            .set("to", to.as_str())
            .child(el("body", ns::CLIENT).with_text(text));
        self.tell(to, message);
    }

    fn tell(&self, to: Jid, stanza: Element) {
        let domain = to.domain().as_str();
        if !self.server.is_ours(domain) {
            // Of a component, or for one: it goes back the way it came. No answer comes to an error.
            let from = stanza.attr("from").unwrap_or_default();
            if let Err(error) = self.server.peers.send(from, &to, &stanza) {
                tracing::debug!(%to, %error, "an error for a sender was dropped");
            }
            return;
        }
        if !self.server.is_domain(domain) || to.node().is_none() {
            return;
        }
        let shard = self.server.router.shard_of(to.to_bare().as_str());
        let mail = Mail::Route(Box::new((to, stanza)));
        if self.server.router.send(shard, mail).is_err() {
            tracing::warn!(shard, "a shard's box is full: an error for a sender was dropped");
        }
    }
}
