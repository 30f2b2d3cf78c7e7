//! What an operator asks of all sessions: who is there, that some end, an announcement.
//!
//! Asked from a thread that may wait, of each shard by mail. Knows no command. Next: `xep0133_admin/`.

use super::Hub;
use crate::limits::{ANNOUNCE_TURN, SHARD_PATIENCE_MS};
use crate::router::Mail;
use crate::server::Server;
use jid::{BareJid, Jid};
use minidom::Element;
use reef_engine::queue::bounded;
use reef_stanza::element::Build;
use reef_stanza::{StreamCondition, StreamFault};
use std::time::Duration;

/// Who is there.
#[derive(Debug, Default)]
pub(crate) struct Online {
    /// How many accounts have a session that is available.
    pub(crate) accounts: usize,
    /// Some of them.
    pub(crate) some: Vec<String>,
}

/// What shards answer; one that does not in time says nothing. Waits: never on the thread of a shard.
fn of_shards<T: Send + 'static>(
    server: &Server,
    shards: std::ops::Range<usize>,
    ask: impl Fn(&mut Hub) -> T + Clone + Send + 'static,
) -> Vec<T> {
    let count = shards.len();
    let (sender, answers) = bounded(count.max(1));
    let sender = std::sync::Arc::new(sender);
    for shard in shards {
        let (ask, sender) = (ask.clone(), sender.clone());
        let job = move |hub: &mut Hub| {
            // There is room for the answer of each.
            let _ = sender.try_send(ask(hub));
        };
        server.router.answer(shard, Box::new(job));
    }
    let wait = Duration::from_millis(SHARD_PATIENCE_MS);
    (0..count).map_while(|_| answers.recv_timeout(wait).ok()).collect()
}

fn everywhere(server: &Server) -> std::ops::Range<usize> {
    0..server.router.shards()
}

fn home(server: &Server, user: &BareJid) -> std::ops::Range<usize> {
    let shard = server.router.shard_of(user.as_str());
    shard..shard + 1
}

/// Who is there, with at most `most` of them by name. Waits.
pub(crate) fn online(server: &Server, most: usize) -> Online {
    let answers = of_shards(server, everywhere(server), move |hub| hub.online(most));
    let mut all = Online::default();
    for mut online in answers {
        all.accounts += online.accounts;
        all.some.append(&mut online.some);
    }
    all.some.sort();
    all.some.truncate(most);
    all
}

/// The resources of an account that are available. Waits.
pub(crate) fn resources(server: &Server, user: &BareJid) -> Vec<String> {
    let name = user.clone();
    let mut found = of_shards(server, home(server, user), move |hub| hub.resources(&name)).concat();
    found.sort();
    found
}

/// Ends a session, or all of an account, with a stream error; how many. Waits.
pub(crate) fn end_sessions(server: &Server, jid: &Jid) -> usize {
    let (user, jid) = (jid.to_bare(), jid.clone());
    of_shards(server, home(server, &user), move |hub| hub.end_sessions(&jid))
        .iter()
        .sum()
}

/// Sends a message to all sessions that are available. Waits until each shard has begun with it.
pub(crate) fn announce(server: &Server, message: &Element) {
    let message = message.clone();
    of_shards(server, everywhere(server), move |hub| hub.announce(message.clone(), 0));
}

impl Hub {
    /// Looks at each session of the shard: about a tenth of a microsecond for each.
    fn online(&self, most: usize) -> Online {
        let said = |slot: &u32| self.conn(*slot).is_some_and(|conn| conn.presence.is_some());
        let there = self.users.iter().filter(|(_, user)| user.sessions.iter().any(said));
        let mut online = Online::default();
        for (user, _) in there {
            online.accounts += 1;
            if online.some.len() < most {
                online.some.push(user.to_string());
            }
        }
        online
    }

    fn resources(&self, user: &BareJid) -> Vec<String> {
        let slots = self.available(user, i8::MIN).into_iter();
        let jids = slots.filter_map(|slot| self.conn(slot)?.jid());
        jids.map(|jid| jid.resource().to_string()).collect()
    }

    fn end_sessions(&mut self, jid: &Jid) -> usize {
        let user = self.users.get(&jid.to_bare());
        let mut slots = user.map(|user| user.sessions.clone()).unwrap_or_default();
        if jid.resource().is_some() {
            let one = self.session_of(jid);
            slots.retain(|slot| Some(*slot) == one);
        }
        for slot in &slots {
            let fault = StreamFault::new(StreamCondition::PolicyViolation);
            self.end(*slot, Some(fault.with_text("an administrator has ended this session")));
        }
        slots.len()
    }

    /// Some thousands at a time: what comes meanwhile is not held up.
    fn announce(&mut self, message: Element, from: usize) {
        let end = self.conns.len().min(from.saturating_add(ANNOUNCE_TURN));
        for slot in from..end {
            let slot = slot as u32;
            let there = self.conn(slot).filter(|conn| conn.presence.is_some());
            if let Some(jid) = there.and_then(|conn| conn.jid().cloned()) {
                self.send(slot, &message.clone().set("to", jid.as_str()));
            }
        }
        if end < self.conns.len() {
            let rest = Mail::Job(Box::new(move |hub: &mut Hub| hub.announce(message, end)));
            if self.server.router.send(self.number, rest).is_err() {
                tracing::warn!("a shard's box is full: an announcement does not reach everyone");
            }
        }
    }
}
