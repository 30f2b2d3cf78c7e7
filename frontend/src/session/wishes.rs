//! What a user asks of single subscriptions (XEP-0060 §6.3): looked at while posts are written to his sessions, and the
//! digests that he gets instead of posts.
//!
//! Few users have any, so that a session has one pointer for them, which most leave empty. Digests are pulled: a
//! subscription of that kind is no edge, and what was published since the last one is read from the node's log when it
//! is time and somebody is here. A digest's cursor is a row like a device's.

use super::Hub;
use crate::limits::{DIGEST_LOST_MS as LOST_MS, DIGESTS_AT_ONCE, WISHES};
use jid::BareJid;
use minidom::Element;
use reef_engine::Engine;
use reef_engine::config::{Expire, Shows, SubscribeOptions};
use reef_engine::error::StoreError;
use reef_engine::model::{NodeId, NodeName, SubscriberId};
use reef_engine::outbox::Digest;
use reef_engine::store::rows;
use reef_stanza::ns;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The options of a user's subscriptions, where they are not the usual ones.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    by_node: BTreeMap<NodeId, Wish>,
}

#[derive(Debug)]
struct Wish {
    name: NodeName,
    options: SubscribeOptions,
}

impl Wishes {
    /// Those of a user; on a reader thread.
    pub(super) fn read(engine: &Engine, id: SubscriberId) -> Result<Wishes, StoreError> {
        let view = engine.view();
        let mut wishes = Wishes::default();
        let mut after = None;
        loop {
            let page = rows::options_of(view, id, after)?;
            let Some((last, _)) = page.last() else {
                return Ok(wishes);
            };
            after = Some(*last);
            // Most who have options have them for who else may know, which is nothing that posts are written by.
            for (node, options) in page.into_iter().filter(|(_, options)| !options.are_usual()) {
                if wishes.by_node.len() == WISHES {
                    return Ok(wishes);
                }
                if let Some(row) = rows::node_row(view, node)? {
                    let name = row.name;
                    wishes.by_node.insert(node, Wish { name, options });
                }
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_node.is_empty()
    }

    /// Whether a post of this node is written to a session with this presence, and whether with a body.
    pub(super) fn of(&self, node: NodeId, show: Shows) -> (bool, bool) {
        match self.by_node.get(&node) {
            Some(wish) => (wish.options.shows.holds(show), wish.options.include_body),
            None => (true, false),
        }
    }
}

impl Wishes {
    /// The nodes whose subscription ends with presence.
    pub(super) fn temporary(&self) -> impl Iterator<Item = &NodeName> {
        let temporary = |wish: &&Wish| wish.options.expire == Some(Expire::Presence);
        self.by_node.values().filter(temporary).map(|wish| &wish.name)
    }
}

/// What a presence shows.
pub(super) fn show(presence: &Element) -> Shows {
    match presence.get_child("show", ns::CLIENT).map(Element::text).as_deref() {
        Some("chat") => Shows::CHAT,
        Some("away") => Shows::AWAY,
        Some("xa") => Shows::XA,
        Some("dnd") => Shows::DND,
        _ => Shows::ONLINE,
    }
}

impl Hub {
    /// Options of a user's changed: his sessions go by the new ones.
    pub(super) fn look_at_wishes(&mut self, name: &BareJid) {
        let Some(id) = self.users.get_mut(name).and_then(|user| {
            user.greeted = true;
            user.subscriber
        }) else {
            return;
        };
        let (server, shard, asked) = (self.server.clone(), self.number, name.clone());
        let read = self.server.engine.read(move |engine| match Wishes::read(engine, id) {
            Ok(wishes) => server
                .router
                .answer(shard, Box::new(move |hub| hub.wishes_came(&asked, wishes))),
            Err(error) => tracing::error!(%error, "options of subscriptions cannot be read"),
        });
        if read.is_err() {
            tracing::warn!("too many reads: options of a subscription wait for the next login");
        }
    }

    fn wishes_came(&mut self, name: &BareJid, wishes: Wishes) {
        let Some(user) = self.users.get_mut(name) else { return };
        user.take_wishes(wishes);
        let (wishes, sessions) = (user.wishes.clone(), user.sessions.clone());
        for slot in sessions {
            if let Some(conn) = self.conn_mut(slot) {
                conn.take_wishes(wishes.clone());
            }
        }
        self.look_for_digests(name);
        // He may have gone while they were read.
        self.end_temporary(name);
    }

    /// A session came, or time has passed: digests that may be due are looked for.
    pub(super) fn look_for_digests(&mut self, name: &BareJid) {
        let now = self.now();
        if self.available(name, 0).is_empty() {
            return;
        }
        let Some(user) = self.users.get_mut(name) else { return };
        let (Some(id), Some(wishes)) = (user.subscriber, user.wishes.clone()) else {
            return;
        };
        let digests = user.digests.get_or_insert_default();
        let wanted = |wish: &Wish| wish.options.deliver && wish.options.digest;
        let due: Vec<(NodeId, u64)> = wishes
            .by_node
            .iter()
            .filter(|(node, wish)| wanted(wish) && digests.get(node).is_none_or(|due| *due <= now))
            .map(|(node, wish)| (*node, wish.options.digest_frequency_ms))
            .take(DIGESTS_AT_ONCE)
            .collect();
        if due.is_empty() {
            return;
        }
        // Not looked for again before the answer is here, or will not come.
        digests.extend(due.iter().map(|(node, _)| (*node, now + LOST_MS)));
        let (server, shard, asked) = (self.server.clone(), self.number, name.clone());
        let read = self.server.engine.read(move |engine| {
            for (node, frequency) in due {
                match engine.digest(id, node, frequency) {
                    Ok(digest) => {
                        let asked = asked.clone();
                        let job = move |hub: &mut Hub| hub.digest_came(&asked, id, node, &digest);
                        server.router.answer(shard, Box::new(job));
                    }
                    Err(error) => tracing::error!(%error, "a digest cannot be read"),
                }
            }
        });
        if read.is_err() {
            tracing::debug!("too many reads: digests wait");
        }
        self.digests.push(Reverse((now + LOST_MS, name.clone())));
    }

    fn digest_came(&mut self, name: &BareJid, id: SubscriberId, node: NodeId, digest: &Digest) {
        let Some(wishes) = self.users.get(name).and_then(|user| user.wishes.clone()) else {
            return;
        };
        let Some(wish) = wishes.by_node.get(&node) else { return };
        let listens = |slot: &u32| self.conn(*slot).is_some_and(|conn| wish.options.shows.holds(conn.show));
        let sessions: Vec<u32> = self.available(name, 0).into_iter().filter(listens).collect();
        // Where nobody takes it now its cursor stays, and it is looked for when somebody comes.
        if !sessions.is_empty() {
            if !digest.posts.is_empty() {
                let stanzas = super::writer::digest(&wish.name, &digest.posts, name.as_str());
                for slot in sessions {
                    for stanza in &stanzas {
                        self.send_bytes(slot, stanza.clone());
                    }
                }
            }
            self.server.engine.admission.cursors(vec![digest.cursor(id, node)]);
        }
        if let Some(user) = self.users.get_mut(name) {
            user.digests.get_or_insert_default().insert(node, digest.due.0);
            self.digests.push(Reverse((digest.due.0, name.clone())));
        }
    }

    /// Once a second: digests whose time has come.
    pub(super) fn look_for_due_digests(&mut self) {
        let now = self.now();
        while let Some(Reverse((due, _))) = self.digests.peek()
            && *due <= now
            && let Some(Reverse((_, name))) = self.digests.pop()
        {
            self.look_for_digests(&name);
        }
    }
}
