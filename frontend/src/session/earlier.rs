//! What a session that comes gets of before: last items (XEP-0060, XEP-0163), and what it missed by its own word (XEP-0312).
//!
//! Read on reader threads and sent to its full JID. What its account's cursor says it missed is the engine's to bring.

use super::{ConnRef, Hub};
use crate::limits::{LAST_ITEMS, SINCE_NODES};
use crate::xep::{Brought, Since, followed, last_items, missed};
use jid::BareJid;
use reef_engine::Engine;
use reef_engine::model::{Seq, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Hub {
    /// XEP-0312: what it follows and was published before the cursor from which it catches up. The rest waits for what it
    /// wants.
    pub(super) fn send_missed(&mut self, slot: u32, at: Timestamp, upto: Seq) {
        if let Some(conn) = self.conn_mut(slot) {
            conn.rare.get_or_insert_default().since = Some(at);
        }
        let subscriber = self.user_of(slot).and_then(|user| user.subscriber);
        let (Some(conn), Some(id)) = (self.conn(slot), subscriber) else {
            return;
        };
        let Some(jid) = conn.jid().cloned() else { return };
        let (show, conn) = (conn.show, self.conn_ref(slot));
        let since = Since {
            at,
            upto,
            most: self.server.engine.limits.catch_up_posts,
        };
        self.send_read(conn, move |engine| missed(engine, id, &jid, show, since, SINCE_NODES));
    }

    /// XEP-0060 §6.1.7: the last items of what it follows, where the node is configured so and catching up does not bring it; `ago`
    /// is since when it missed something by its own word. Whose rows said at his login that there are none costs nothing here.
    pub(super) fn send_followed(&mut self, slot: u32, ago: Option<Timestamp>) {
        let Some(conn) = self.conn(slot) else { return };
        let (name, key, show) = (conn.user.clone(), conn.key, conn.show);
        let Some(jid) = conn.jid().cloned() else { return };
        let Some(user) = self.users.get_mut(&name) else { return };
        // What was read may have changed when the next one comes.
        let greeted = std::mem::replace(&mut user.greeted, true);
        let (Some(id), true) = (user.subscriber, greeted) else {
            return;
        };
        let Some(began) = key.and_then(|key| self.shard.began(key)) else {
            return;
        };
        let brought = Brought {
            began,
            upto: self.shard.watermark(),
            ago,
        };
        let conn = self.conn_ref(slot);
        self.send_read(conn, move |engine| {
            followed(engine, id, &jid, show, brought, LAST_ITEMS)
        });
    }

    /// XEP-0163 §4.3.4: the last items of the nodes that it wants, where those are configured so.
    pub(super) fn send_last_items(&mut self, slot: u32, wants: Arc<BTreeSet<Arc<str>>>) {
        let (Some(conn), Some(user)) = (self.conn(slot), self.user_of(slot)) else {
            return;
        };
        let Some(jid) = conn.jid().cloned() else { return };
        let contacts = user.roster.iter().filter(|(_, row)| row.to).map(|(jid, _)| jid.clone());
        let owners: Vec<BareJid> = std::iter::once(conn.user.clone()).chain(contacts).collect();
        let (listens, conn) = (conn.priority >= 0, self.conn_ref(slot));
        let since = self.conn_mut(slot).and_then(|conn| conn.rare.as_mut()?.since.take());
        // What is newer than this shard's last commit comes live.
        let since = since.map(|at| Since {
            at,
            upto: self.shard.watermark(),
            most: self.server.engine.limits.catch_up_posts,
        });
        self.send_read(conn, move |engine| {
            last_items(engine, &owners, &wants, &jid, LAST_ITEMS, since, listens)
        });
    }

    /// Sends a session what is read on a reader thread.
    fn send_read(&mut self, conn: ConnRef, read: impl FnOnce(&Engine) -> Vec<Vec<u8>> + Send + 'static) {
        let (server, shard) = (self.server.clone(), self.number);
        let read = self.server.engine.read(move |engine| {
            let stanzas = read(engine);
            let job = move |hub: &mut Hub| {
                let Some(slot) = hub.alive(conn) else { return };
                stanzas.into_iter().for_each(|stanza| hub.send_bytes(slot, stanza));
            };
            server.router.answer(shard, Box::new(job));
        });
        if read.is_err() {
            tracing::warn!("too many reads: items of before were not sent");
        }
    }
}
