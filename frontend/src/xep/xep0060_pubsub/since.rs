//! What a session missed since it was last here, by its own word (XEP-0312): of nodes that it wants by presence, and, where its
//! account's cursor lies behind that time already, of nodes that it follows.
//!
//! What a follower catches up on is told by cursors: nothing behind the cursor is sent from here, so that nothing comes twice.
//! On reader threads. Next: the session, which sends it to its full JID.

use super::asked::Node;
use super::last_item::notification;
use jid::FullJid;
use minidom::Element;
use reef_engine::Engine;
use reef_engine::config::{Shows, SubscriptionState};
use reef_engine::error::StoreError;
use reef_engine::limits::LIST_ROWS;
use reef_engine::log::apply::shown;
use reef_engine::model::{NodeId, Seq, SubscriberId, Timestamp};
use reef_engine::query::{self, Item};
use reef_engine::store::rows::{self, NodeRow};
use reef_stanza::ns;

/// Since when, and what of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Since {
    /// The session was here until then.
    pub(crate) at: Timestamp,
    /// What is newer comes another way.
    pub(crate) upto: Seq,
    /// So many items more.
    pub(crate) most: usize,
}

/// When the session of a presence was last here; `None` where it does not say.
pub(crate) fn last_here(presence: &Element, now: Timestamp) -> Option<Timestamp> {
    let seconds: u64 = presence.get_child("ago", ns::AGO)?.attr("secs")?.trim().parse().ok()?;
    Some(Timestamp(now.0.saturating_sub(seconds.saturating_mul(1000))))
}

impl Since {
    /// What was missed of a node that the session wants by presence and does not follow.
    pub(super) fn of_interest(&mut self, engine: &Engine, node: &Node, to: &str) -> Result<Vec<Vec<u8>>, StoreError> {
        let missed = self.items(engine, (node.id, &node.row), Seq(0))?;
        self.most -= missed.len();
        let body = shown(&node.row.config).body;
        let stanza = |item: &Item| notification(&node.row, item, to, body);
        Ok(missed.iter().map(stanza).collect())
    }

    fn items(&self, engine: &Engine, node: (NodeId, &NodeRow), behind: Seq) -> Result<Vec<Item>, StoreError> {
        let now = engine.clock.now();
        query::items_since(engine.view(), node, self.at, (behind, self.upto), self.most, now)
    }
}

/// What was missed of the nodes that somebody follows, up to the cursor from which he catches up; oldest first, the newest where
/// there is too much. At most `nodes` are looked at. What cannot be read is left out, and logged.
pub(crate) fn missed(
    engine: &Engine,
    id: SubscriberId,
    to: &FullJid,
    show: Shows,
    since: Since,
    nodes: usize,
) -> Vec<Vec<u8>> {
    let found = collect(engine, id, to.as_str(), show, since, nodes);
    let mut found = found.unwrap_or_else(|error| {
        drop(crate::errors::unreadable(error));
        Vec::new()
    });
    found.sort_by_key(|(seq, _)| *seq);
    let beyond = found.len().saturating_sub(since.most);
    found.into_iter().skip(beyond).map(|(_, stanza)| stanza).collect()
}

fn collect(
    engine: &Engine,
    id: SubscriberId,
    to: &str,
    show: Shows,
    since: Since,
    nodes: usize,
) -> Result<Vec<(Seq, Vec<u8>)>, StoreError> {
    let view = engine.view();
    let (mut found, mut after, mut looked_at) = (Vec::new(), None, 0);
    while looked_at < nodes {
        let step = query::subscribed_nodes(view, id, after, false, LIST_ROWS.min(nodes - looked_at))?;
        let Some(last) = step.last() else { break };
        after = Some(*last);
        looked_at += step.len();
        for node in step {
            let Some(row) = rows::node_row(view, node)? else {
                continue;
            };
            let subscription = rows::subscription(view, node, id)?;
            let follows = subscription.filter(|subscription| subscription.state == SubscriptionState::Subscribed);
            let Some(follows) = follows.filter(|_| !row.name.is_presence() && row.config.deliver_notifications) else {
                continue;
            };
            let options = rows::options(view, node, id)?;
            if !options.shows.holds(show) {
                continue;
            }
            let body = options.include_body || shown(&row.config).body;
            let items = since.items(engine, (node, &row), follows.since)?;
            found.extend(items.iter().map(|item| (item.seq, notification(&row, item, to, body))));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_presence_says_how_long_ago_in_seconds_or_nothing() {
        let said = |ago: &str| {
            let presence: Element = format!("<presence xmlns='jabber:client'>{ago}</presence>")
                .parse()
                .unwrap();
            last_here(&presence, Timestamp(100_000)).map(|at| at.0)
        };
        assert_eq!(said("<ago xmlns='urn:xmpp:ago:0' secs='60'/>"), Some(40_000));
        assert_eq!(
            said("<ago xmlns='urn:xmpp:ago:0' secs='18446744073709551615'/>"),
            Some(0)
        );
        for none in [
            "",
            "<ago xmlns='urn:xmpp:ago:0'/>",
            "<ago xmlns='urn:xmpp:ago:0' secs='-1'/>",
            "<ago xmlns='x' secs='1'/>",
        ] {
            assert_eq!(said(none), None, "{none}");
        }
    }
}
