//! What other servers send: each stanza to the account or service that it is for, by the rules that hold for who is here.
//!
//! Both of its addresses were proved by the stream. What must not be lost is committed before its receipt goes. Knows no
//! stream and no outbox. Next: `iq.rs`, `archive.rs`, `route.rs`.

use super::iq::{Asker, IqRef, is_malformed, is_request};
use super::subscription::carry_out;
use super::{Hub, archive_rule::worth_keeping};
use crate::errors;
use crate::limits::{ARRIVED_RETRY_MS, ASKING_PEERS, ASKING_WAIT};
use crate::peer::Receipt;
use crate::router::Mail;
use crate::server::Server;
use crate::tables::{Kind, Op};
use crate::xep::{Target, approve};
use jid::{BareJid, Jid};
use minidom::Element;
use reef_engine::error::Error;
use reef_engine::log::record::{Applied, Change};
use reef_stanza::element::Build;
use reef_stanza::pubsub::Approval;
use reef_stanza::{Condition, StanzaError, StreamNamespace, ns, write_element};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// A stanza of another server.
pub(crate) struct Arrived {
    /// Its sender: of a domain that the stream has proved.
    pub(crate) from: Jid,
    /// Whom of ours it is for.
    pub(crate) to: Jid,
    /// The stanza.
    pub(crate) stanza: Element,
    /// Dropped when it is done with.
    pub(crate) receipt: Receipt,
}

impl Arrived {
    /// Whether both servers would go out of step without it, and nobody would hear of that.
    pub(crate) fn must_arrive(&self) -> bool {
        match self.stanza.name() {
            "presence" => self.stanza.attr("type").is_some_and(|kind| kind.contains("subscribe")),
            name => name == "iq" && !is_request(&self.stanza),
        }
    }

    /// Tries again in a moment: its receipt is kept so long, so that its stream is not read much further.
    pub(crate) fn again(self: Box<Self>, server: Arc<Server>, shard: usize) {
        server.runtime.clone().spawn(async move {
            let mut mail = Mail::Arrived(self);
            loop {
                tokio::time::sleep(Duration::from_millis(ARRIVED_RETRY_MS)).await;
                match server.router.send(shard, mail) {
                    Ok(()) => return,
                    Err(refused) => mail = refused,
                }
            }
        });
    }
}

/// What somebody at another server asks: one request at a time, the others wait, so that they are done in order.
#[derive(Default)]
pub(super) struct Asking {
    /// By full JID: the request under way, and those behind it.
    peers: HashMap<String, (Receipt, VecDeque<(Target, Arrived)>)>,
    waiting: usize,
    /// Who has said something of a subscription that is being committed, how often, and what he showed behind it.
    deciding: HashMap<Pair, (u32, Vec<Arrived>)>,
}

/// Somebody elsewhere, and somebody here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Pair(BareJid, BareJid);

impl Hub {
    /// A stanza of another server, for this shard.
    pub(crate) fn arrived(&mut self, arrived: Arrived) {
        match arrived.stanza.name() {
            "iq" => self.iq_arrived(arrived),
            "message" => self.message_arrived(arrived),
            _ => self.presence_arrived(arrived),
        }
        self.route_local();
    }

    fn iq_arrived(&mut self, arrived: Arrived) {
        let Arrived { from, to, stanza, .. } = &arrived;
        if is_malformed(stanza) {
            return self.return_to_sender(stanza, &StanzaError::new(Condition::BadRequest));
        }
        let target = match (to.node(), to.resource()) {
            (Some(_), None) => Some(Target::Account(to.to_bare())),
            (None, None) if self.server.is_domain(to.domain().as_str()) => Some(Target::Server),
            (None, None) => Some(Target::service(to.to_bare())),
            (_, Some(_)) => None,
        };
        if !is_request(stanza) {
            // An answer: to a question of the server's own, or of a session.
            if !self.was_asked(from, stanza) {
                self.subscription_answered(arrived);
            }
            return;
        }
        match target {
            Some(target) => self.ask_for_peer(target, arrived),
            // Nobody has a resource of a domain.
            None if to.node().is_none() => {
                self.return_to_sender(stanza, &StanzaError::new(Condition::ServiceUnavailable));
            }
            None => self.deliver(arrived.to, arrived.stanza),
        }
    }

    fn ask_for_peer(&mut self, target: Target, arrived: Arrived) {
        let from = arrived.from.to_string();
        let (known, full) = (self.asking.peers.get_mut(&from), self.asking.waiting >= ASKING_PEERS);
        if let Some((_, behind)) = known {
            if behind.len() >= ASKING_WAIT || full {
                return self.return_to_sender(&arrived.stanza, &errors::busy());
            }
            behind.push_back((target, arrived));
            self.asking.waiting += 1;
            return;
        }
        self.begin_for_peer(from, target, arrived, VecDeque::new());
    }

    fn begin_for_peer(&mut self, key: String, target: Target, arrived: Arrived, behind: VecDeque<(Target, Arrived)>) {
        let Arrived {
            from, stanza, receipt, ..
        } = arrived;
        self.asking.peers.insert(key, (receipt, behind));
        let asked = IqRef::of(Asker::Elsewhere, &stanza);
        self.handle(asked, (None, from), target, stanza, None);
    }

    /// The request under way of somebody at another server is answered: the next one has its turn.
    pub(super) fn peer_was_answered(&mut self, from: Option<&str>) {
        let Some((key, (_, mut behind))) = from.and_then(|from| self.asking.peers.remove_entry(from)) else {
            return;
        };
        if let Some((target, arrived)) = behind.pop_front() {
            self.asking.waiting -= 1;
            self.begin_for_peer(key, target, arrived, behind);
        }
    }

    fn message_arrived(&mut self, arrived: Arrived) {
        let Arrived {
            from,
            to,
            mut stanza,
            receipt,
        } = arrived;
        self.strip_stanza_ids(&mut stanza);
        let place = to.resource().is_none() && (to.node().is_some() || self.server.is_service(to.domain().as_str()));
        if let Some(approval) = Approval::find(&stanza).filter(|_| place) {
            let arrived = Arrived {
                from,
                to,
                stanza,
                receipt,
            };
            return self.approved_at_peer(&approval, arrived);
        }
        if to.node().is_none() {
            return self.return_to_sender(&stanza, &StanzaError::new(Condition::ServiceUnavailable));
        }
        if worth_keeping(&stanza) {
            return self.archive_arrived(to, stanza, receipt);
        }
        self.deliver(to, stanza);
    }

    /// An owner at another server answers who may subscribe (XEP-0060 §8.6).
    fn approved_at_peer(&mut self, approval: &Approval, arrived: Arrived) {
        match approve(&arrived.to.to_bare(), approval) {
            Ok(Some(change)) => self.commit_arrived(change, arrived),
            Ok(None) => {}
            Err(error) => self.return_to_sender(&arrived.stanza, &error),
        }
    }

    /// Commits something that another server said; where it is refused, its sender hears that.
    fn commit_arrived(&mut self, change: Change, arrived: Arrived) {
        let (server, shard) = (self.server.clone(), self.number);
        let (refused, receipt) = (arrived.stanza.clone(), arrived.receipt.clone());
        let ticket = move |fate: Result<Applied, Error>| {
            server.s2s.hold_if_closed(fate.as_ref().err());
            drop(receipt);
            fate.iter().for_each(|applied| carry_out(&server, applied));
            let job = move |hub: &mut Hub| {
                if let Err(error) = fate {
                    hub.return_to_sender(&refused, &errors::stanza_error(&error));
                }
                hub.decided(&refused);
            };
            server.router.answer(shard, Box::new(job));
        };
        let by = arrived.from.to_bare();
        if let Err(error) = self
            .server
            .engine
            .admission
            .submit(by.as_str(), change, Box::new(ticket))
        {
            self.decided(&arrived.stanza);
            if matches!(error, Error::Busy) && arrived.must_arrive() {
                return Box::new(arrived).again(self.server.clone(), self.number);
            }
            self.server.s2s.hold_if_closed(Some(&error));
            self.return_to_sender(&arrived.stanza, &errors::stanza_error(&error));
        }
    }

    fn presence_arrived(&mut self, arrived: Arrived) {
        let kind = match arrived.stanza.attr("type") {
            Some("subscribe") => Kind::Subscribe,
            Some("subscribed") => Kind::Subscribed,
            Some("unsubscribe") => Kind::Unsubscribe,
            Some("unsubscribed") => Kind::Unsubscribed,
            _ => return self.shown_elsewhere(arrived),
        };
        if arrived.to.node().is_none() {
            return;
        }
        // RFC 6121 §3.1.2: such stanzas are between bare JIDs.
        let (from, to) = (arrived.from.to_bare(), arrived.to.to_bare());
        let presence = arrived.stanza.set("from", from.as_str()).set("to", to.as_str());
        let mut stanza = Vec::new();
        write_element(&presence, StreamNamespace::Client, &mut stanza);
        if stanza.len() > crate::limits::SUBSCRIBE_BYTES_MAX {
            stanza.clear();
            let bare = reef_stanza::element::el("presence", ns::CLIENT).set_opt("type", kind.as_str());
            let bare = bare.set("from", from.as_str()).set("to", to.as_str());
            write_element(&bare, StreamNamespace::Client, &mut stanza);
        }
        let op = Op::Subscription {
            from: from.as_str().into(),
            to: to.as_str().into(),
            kind,
            stanza,
            most: self.server.config.limits.roster_items,
            waiting: self.server.waiting(),
        };
        let change = Change::Table {
            owner: to.as_str().into(),
            op: op.encode(),
        };
        self.asking
            .deciding
            .entry(Pair(from.clone(), to.clone()))
            .or_default()
            .0 += 1;
        let arrived = Arrived {
            stanza: presence,
            ..arrived
        };
        self.commit_arrived(change, arrived);
    }

    /// Presence of somebody elsewhere: behind what he said of subscriptions before, as long as that is being committed.
    fn shown_elsewhere(&mut self, arrived: Arrived) {
        let pair = Pair(arrived.from.to_bare(), arrived.to.to_bare());
        match self.asking.deciding.get_mut(&pair) {
            Some((_, behind)) if behind.len() < ASKING_WAIT => behind.push(arrived),
            _ => self.show(arrived),
        }
    }

    fn show(&mut self, arrived: Arrived) {
        self.shows_interest(&arrived.from, &arrived.to, &arrived.stanza);
        self.deliver(arrived.to, arrived.stanza);
    }

    /// What somebody elsewhere said of a subscription is committed: what he said behind it goes on.
    fn decided(&mut self, stanza: &Element) {
        let bare = |name: &str| {
            stanza
                .attr(name)
                .and_then(|jid| Jid::new(jid).ok())
                .map(|jid| jid.to_bare())
        };
        let (Some(from), Some(to)) = (bare("from"), bare("to")) else {
            return;
        };
        let pair = Pair(from, to);
        let Some((under_way, _)) = self.asking.deciding.get_mut(&pair) else {
            return;
        };
        *under_way = under_way.saturating_sub(1);
        if *under_way > 0 {
            return;
        }
        let behind = self.asking.deciding.remove(&pair);
        for arrived in behind.into_iter().flat_map(|(_, behind)| behind) {
            self.show(arrived);
        }
    }
}
