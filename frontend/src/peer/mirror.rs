//! Events of nodes elsewhere that accounts here follow: gathered while the ones before are being committed, and recorded.
//!
//! A server that knows no better sends one stanza for each follower: those with the same item become one record. What one
//! node says is recorded in the order in which it came. What nobody here is known to follow is delivered as any message.
//! Who speaks for a service was proved by the stream. Next: the engine's mirror (`log/apply/mirror.rs`).

use super::event::{Said, events};
use super::stream::Receipt;
use crate::limits::{MIRROR_GATHERED, MIRROR_RETRY_MS};
use crate::router::Mail;
use crate::server::Server;
use jid::Jid;
use minidom::Element;
use reef_engine::error::{Error, Reject};
use reef_engine::log::record::{Applied, Change, Mirrored, Outcome};
use reef_engine::model::NodeName;
use reef_stanza::element::Build;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a node said, and to whom.
struct Event {
    said: Said,
    /// Bare JIDs; none is all who follow here.
    to: Vec<Arc<str>>,
    /// The stanza, for those who are not known to follow.
    stanza: Arc<Element>,
    /// Dropped when it is recorded.
    receipts: Vec<Receipt>,
}

/// What one node says.
#[derive(Default)]
struct Line {
    under_way: u32,
    waiting: VecDeque<Event>,
}

/// All of them: only as long as something is under way.
#[derive(Default)]
pub(crate) struct Mirror {
    /// Held while an event is put behind the others, never across a commit.
    lines: Mutex<HashMap<NodeName, Line>>,
}

impl Mirror {
    /// Takes a message that brings events of a node for an account, or for all who follow here; gives back what does not.
    pub(crate) fn take(
        &self,
        server: &Arc<Server>,
        (from, to): (&Jid, &Jid),
        stanza: Element,
        receipt: Receipt,
    ) -> Option<(Element, Receipt)> {
        let whole = to.node().is_none() && server.is_domain(to.domain().as_str());
        if from.resource().is_some() || to.resource().is_some() || (to.node().is_none() && !whole) {
            return Some((stanza, receipt));
        }
        if whole != stanza.has_child("fanout", reef_stanza::ns::FANOUT) {
            return Some((stanza, receipt));
        }
        let service = from.to_bare();
        let Some((node, said)) = events(&stanza, service.as_str(), to.as_str(), &server.domain) else {
            return Some((stanza, receipt));
        };
        let name = NodeName::new(service.as_str(), node);
        let (stanza, mut receipt) = (Arc::new(stanza), Some(receipt));
        let mut lines = self.lines();
        let line = lines.entry(name.clone()).or_default();
        let last = said.len().saturating_sub(1);
        for (at, said) in said.into_iter().enumerate() {
            let to = (!whole).then(|| Arc::from(to.as_str()));
            // The receipt goes with the last of what it is for: what comes before is recorded before.
            let receipt = receipt.take_if(|_| at == last);
            line.put(said, to, &stanza, receipt);
        }
        if line.under_way == 0 {
            let ready = line.take();
            drop(lines);
            self.submit(server, &name, ready);
        }
        None
    }

    /// Has events recorded, in order.
    fn submit(&self, server: &Arc<Server>, name: &NodeName, ready: VecDeque<Event>) {
        let mut ready = ready;
        while let Some(event) = ready.pop_front() {
            let change = Change::Mirror {
                node: name.clone(),
                said: event.said.mirrored(&event.to),
            };
            let (at, node) = (server.clone(), name.clone());
            let (to, stanza, receipts) = (event.to.clone(), event.stanza.clone(), event.receipts.clone());
            let ticket = move |fate: Result<Applied, Error>| {
                at.s2s.hold_if_closed(fate.as_ref().err());
                at.mirror.recorded(&at, &to, &stanza, fate);
                drop(receipts);
                at.mirror.done(&at, &node);
            };
            let by = super::name::domain_of(&name.service).to_owned();
            if let Err(error) = server.engine.admission.submit(&by, change, Box::new(ticket)) {
                ready.push_front(event);
                return self.later(server, name, ready, &error);
            }
        }
    }

    /// The queue of commits is full: what waits is tried again in a moment, in its order.
    fn later(&self, server: &Arc<Server>, name: &NodeName, ready: VecDeque<Event>, error: &Error) {
        if matches!(error, Error::Closed | Error::Store(_)) {
            return server.s2s.hold();
        }
        let mut lines = self.lines();
        let line = lines.entry(name.clone()).or_default();
        // Those that were submitted are done as others are; these stand for one.
        line.under_way = line.under_way.saturating_sub(ready.len() as u32) + 1;
        for event in ready.into_iter().rev() {
            line.waiting.push_front(event);
        }
        drop(lines);
        let (at, name) = (server.clone(), name.clone());
        server.runtime.spawn(async move {
            tokio::time::sleep(Duration::from_millis(MIRROR_RETRY_MS)).await;
            at.mirror.done(&at, &name);
        });
    }

    /// An event is recorded, or refused: who is not known to follow gets it as any message.
    fn recorded(&self, server: &Server, to: &[Arc<str>], stanza: &Element, fate: Result<Applied, Error>) {
        let missed: &[Arc<str>] = match &fate {
            Ok(applied) => match &applied.outcome {
                Outcome::Missed(missed) => missed,
                _ => &[],
            },
            Err(Error::Rejected(Reject::NodeNotFound | Reject::NotSubscribed)) => to,
            Err(Error::Rejected(Reject::ItemNotFound)) => &[],
            Err(error) => {
                tracing::debug!(%error, "an event of another server is not recorded");
                to
            }
        };
        for jid in missed {
            let Ok(to) = Jid::new(jid) else { continue };
            let stanza = stanza.clone().set("to", jid);
            let shard = server.router.shard_of(jid);
            if server.router.send(shard, Mail::Route(Box::new((to, stanza)))).is_err() {
                tracing::warn!(shard, "a shard's box is full: a notification was dropped");
            }
        }
    }

    /// One is done: where all are, what waited behind them is recorded.
    fn done(&self, server: &Arc<Server>, name: &NodeName) {
        let mut lines = self.lines();
        let Some(line) = lines.get_mut(name) else { return };
        line.under_way = line.under_way.saturating_sub(1);
        if line.under_way > 0 {
            return;
        }
        let ready = line.take();
        if ready.is_empty() {
            lines.remove(name);
            return;
        }
        drop(lines);
        self.submit(server, name, ready);
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<NodeName, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// Puts an event behind the others: to the last of them, where it says the same to another.
    fn put(&mut self, said: Said, to: Option<Arc<str>>, stanza: &Arc<Element>, receipt: Option<Receipt>) {
        if let (Some(to), Some(last)) = (&to, self.waiting.back_mut())
            && !last.to.is_empty()
            && last.to.len() < MIRROR_GATHERED
            && last.said == said
            && said.is_for_many()
        {
            last.to.push(to.clone());
            last.receipts.extend(receipt);
            return;
        }
        self.waiting.push_back(Event {
            said,
            to: to.into_iter().collect(),
            stanza: stanza.clone(),
            receipts: receipt.into_iter().collect(),
        });
    }

    /// All that waits is under way from here on.
    fn take(&mut self) -> VecDeque<Event> {
        self.under_way = self.waiting.len() as u32;
        std::mem::take(&mut self.waiting)
    }
}

impl Said {
    fn mirrored(&self, to: &[Arc<str>]) -> Mirrored {
        match self.clone() {
            Said::Publish {
                item,
                payload,
                publisher,
                notes,
            } => Mirrored::Publish {
                item,
                payload,
                publisher,
                to: to.to_vec(),
                // It is told nobody but those who get it.
                notes: match to {
                    [] => notes,
                    to => notes
                        .into_iter()
                        .filter(|note| note.to.as_ref().is_some_and(|jid| to.contains(jid)))
                        .collect(),
                },
            },
            Said::Retract { item } => Mirrored::Retract { item },
            Said::Purge => Mirrored::Purge,
            Said::Delete => Mirrored::Delete,
            Said::Subscription { subscriber, state } => Mirrored::Follow {
                subscriber,
                state,
                asked: false,
            },
        }
    }
}
