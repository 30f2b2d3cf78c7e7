//! Notices of subscriptions: to a subscriber whose subscription changed, and to owners who want to know (XEP-0060 §8.6,
//! §12.13).
//!
//! They come with the batches, in log order, and are kept nowhere: who is away finds the same in the lists. Where many
//! follow a node, its owner gets them gathered. What options of his own mean for a session is looked at in `wishes.rs`.

use super::Hub;
use crate::limits::{NOTICES_GATHER_MS, NOTICES_NAMED, NOTICES_NODES, NOTICES_SINGLY, TICK_MS};
use crate::peer::name::domain_of;
use crate::xep;
use jid::BareJid;
use reef_engine::config::SubscriptionState as State;
use reef_engine::fanout::Batch;
use reef_engine::model::{NodeName, Notice, Told};
use reef_stanza::element::Build;
use reef_stanza::pubsub::{SubscriptionState, event_subscriptions};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// What owners are to hear, by owner and node.
#[derive(Default)]
pub(super) struct Gathered(HashMap<(Arc<str>, NodeName), Recent>);

/// What an owner has heard of a node lately.
struct Recent {
    /// When it began.
    since: u64,
    /// How many went out one by one.
    singly: u32,
    /// Who and what, to go out together; each once, as it is now.
    waiting: Vec<(Arc<str>, SubscriptionState)>,
}

/// A notice that is due: to whom, of which node, and who does what.
type Due = (Arc<str>, NodeName, Vec<(Arc<str>, SubscriptionState)>);

impl Gathered {
    /// Whether a notice goes out at once; else it is kept for the next gathering.
    fn at_once(&mut self, notice: &Notice, state: SubscriptionState, now: u64) -> bool {
        let key = (notice.to.clone(), notice.node.clone());
        let full = self.0.len() >= NOTICES_NODES;
        let recent = match self.0.entry(key) {
            Entry::Occupied(recent) => recent.into_mut(),
            // So many nodes are followed at once that counting them all would take too much: this one's are not.
            Entry::Vacant(_) if full => return true,
            Entry::Vacant(free) => free.insert(Recent {
                since: now,
                singly: 0,
                waiting: Vec::new(),
            }),
        };
        if recent.waiting.is_empty() && recent.singly < NOTICES_SINGLY {
            recent.singly += 1;
            return true;
        }
        recent.waiting.retain(|(jid, _)| *jid != notice.subscriber);
        if recent.waiting.len() < NOTICES_NAMED {
            recent.waiting.push((notice.subscriber.clone(), state));
        }
        false
    }

    /// What has been gathered for long enough. A node that is quiet is forgotten.
    fn due(&mut self, now: u64) -> Vec<Due> {
        let mut due = Vec::new();
        self.0.retain(|(to, node), recent| {
            let age = now.saturating_sub(recent.since);
            if recent.waiting.is_empty() {
                return age < TICK_MS;
            }
            if age >= NOTICES_GATHER_MS {
                due.push((to.clone(), node.clone(), std::mem::take(&mut recent.waiting)));
                recent.since = now;
            }
            true
        });
        due
    }
}

impl Hub {
    /// The notices of a commit: each for a user of this shard is carried out here.
    pub(super) fn notices(&mut self, batch: &Batch) {
        for notice in &batch.notices {
            let Ok(to) = BareJid::new(&notice.to) else { continue };
            if self.server.router.shard_of(to.as_str()) != self.number {
                continue;
            }
            let here = to.node().is_some() && self.server.is_domain(to.domain().as_str());
            if here {
                self.notice(to, notice);
            } else if !self.server.is_ours(to.domain().as_str()) {
                self.notice_elsewhere(to, notice);
            }
        }
    }

    fn notice(&mut self, to: BareJid, notice: &Notice) {
        match notice.what {
            Told::Options => self.look_at_wishes(&to),
            Told::Asks => {
                let question = xep::question(&notice.node, &notice.subscriber).set("to", to.as_str());
                self.deliver_message(&to.into(), question);
            }
            Told::State(state) => {
                let state = shown(state);
                let owner = notice.to != notice.subscriber;
                if !owner {
                    self.tell_subscription(&to, &notice.node, state);
                }
                let now = self.now();
                if !owner || self.gathered.at_once(notice, state, now) {
                    self.tell(to, &notice.node, &[(notice.subscriber.clone(), state)]);
                }
            }
        }
    }

    /// To somebody at another server: at once, whoever is there.
    fn notice_elsewhere(&mut self, to: BareJid, notice: &Notice) {
        // What a service elsewhere said of its own node is nobody's news there.
        if !self.server.is_ours(domain_of(&notice.node.service)) {
            return;
        }
        match notice.what {
            Told::Options => {}
            Told::Asks => {
                let question = xep::question(&notice.node, &notice.subscriber).set("to", to.as_str());
                self.route(to.into(), question);
            }
            Told::State(state) => {
                let states = [(&*notice.subscriber, shown(state))];
                let mut stanza = Vec::new();
                event_subscriptions(&notice.node.service, &notice.node.node, &states).write(to.as_str(), &mut stanza);
                self.route_bytes(&notice.node.service, to, stanza);
            }
        }
    }

    /// Once a second: what was gathered.
    pub(super) fn tell_gathered(&mut self) {
        let now = self.now();
        for (to, node, states) in self.gathered.due(now) {
            if let Ok(to) = BareJid::new(&to) {
                self.tell(to, &node, &states);
            }
        }
    }

    /// To all of a user's sessions that take messages.
    fn tell(&mut self, to: BareJid, node: &NodeName, states: &[(Arc<str>, SubscriptionState)]) {
        let sessions = self.available(&to, 0);
        if sessions.is_empty() {
            return;
        }
        let states: Vec<(&str, SubscriptionState)> = states.iter().map(|(jid, state)| (&**jid, *state)).collect();
        let mut stanza = Vec::new();
        event_subscriptions(&node.service, &node.node, &states).write(to.as_str(), &mut stanza);
        for slot in sessions {
            self.send_bytes(slot, stanza.clone());
        }
    }
}

fn shown(state: Option<State>) -> SubscriptionState {
    match state {
        None => SubscriptionState::None,
        Some(State::Pending) => SubscriptionState::Pending,
        Some(State::Subscribed | State::Silent) => SubscriptionState::Subscribed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(subscriber: &str) -> Notice {
        Notice {
            to: "juliet@x".into(),
            node: NodeName::new("juliet@x", "n"),
            subscriber: subscriber.into(),
            what: Told::State(Some(State::Subscribed)),
        }
    }

    #[test]
    fn a_few_go_out_at_once_and_many_together() {
        let mut gathered = Gathered::default();
        let subscribed = SubscriptionState::Subscribed;
        let many = NOTICES_SINGLY as usize + NOTICES_NAMED + 7;
        let at_once = (0..many).filter(|n| gathered.at_once(&notice(&format!("u{n}@x")), subscribed, 0));
        assert_eq!(at_once.count(), NOTICES_SINGLY as usize);
        assert!(gathered.due(TICK_MS).is_empty());
        let due = gathered.due(NOTICES_GATHER_MS);
        assert_eq!(
            due.iter().map(|(.., states)| states.len()).collect::<Vec<_>>(),
            [NOTICES_NAMED]
        );
        assert!(gathered.due(NOTICES_GATHER_MS + TICK_MS).is_empty() && gathered.0.is_empty());
        assert!(gathered.at_once(&notice("late@x"), subscribed, NOTICES_GATHER_MS + TICK_MS));
    }

    #[test]
    fn who_comes_and_goes_is_named_once_as_he_is_now() {
        let mut gathered = Gathered::default();
        for n in 0..NOTICES_SINGLY {
            gathered.at_once(&notice(&format!("u{n}@x")), SubscriptionState::Subscribed, 0);
        }
        for state in [SubscriptionState::Subscribed, SubscriptionState::None] {
            assert!(!gathered.at_once(&notice("romeo@x"), state, 1));
        }
        let due = gathered.due(NOTICES_GATHER_MS + 1);
        assert_eq!(due[0].2, [("romeo@x".into(), SubscriptionState::None)]);
    }
}
