//! Messages that are archived (XEP-0313): they are committed before they are delivered.
//!
//! A message waits for its commit; what its sender says to the same receiver meanwhile waits behind it, so that nothing
//! overtakes (RFC 6120 §10.1). The applier's thread sends it on, in the order of the log; no shard waits. The sender is not
//! read any further while too much of his is under way. Knows no archive, which is the tables', and not what is
//! worth it: `archive_rule.rs`. Next: `route.rs`.

use super::Hub;
use super::archive_rule::worth_keeping;
use super::iq::Asker;
use super::subscription::carry_out;
use crate::errors;
use crate::peer::Receipt;
use crate::tables::{ArchiveId, Op, Outcome};
use jid::{BareJid, Jid};
use minidom::Element;
use reef_engine::clock::random;
use reef_engine::error::Error;
use reef_engine::log::record::{self, Applied, Change};
use reef_stanza::element::{Build, el};
use reef_stanza::{error_reply, ns, self_contained};
use std::collections::{HashMap, VecDeque};

/// From a session, by its full JID, to whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Way(String, BareJid);

impl Way {
    fn sender(&self) -> Option<Jid> {
        Jid::new(&self.0).ok()
    }
}

/// What one session says to one receiver while messages of it are being committed.
#[derive(Default)]
pub(super) struct Line {
    under_way: u32,
    waiting: VecDeque<Held>,
}

/// The lines that there are: only as long as something is under way.
pub(super) type Lines = HashMap<Way, Line>;

struct Held {
    /// Who waits for it.
    asker: Asker,
    to: Jid,
    stanza: Element,
    /// Whether it is to be archived, or only waits its turn.
    archived: bool,
    /// Of what another server sent.
    receipt: Option<Receipt>,
}

impl Hub {
    /// A message of this shard's session for somebody: at once, or once it is archived.
    pub(super) fn dispatch(&mut self, slot: u32, to: Jid, mut message: Element) {
        // Only we say what is at which place of our archives (XEP-0359 §5).
        self.strip_stanza_ids(&mut message);
        let here = self.server.is_domain(to.domain().as_str()) && to.node().is_some();
        let elsewhere = !self.server.is_ours(to.domain().as_str());
        if !(here || elsewhere) || !worth_keeping(&message) {
            // Behind what is being committed its copies are, too.
            if let Some((to, message)) = self.behind(to, message) {
                self.copy_said(&message);
                self.route_now(to, message);
            }
            return;
        }
        let held = Held {
            asker: Asker::Session(self.conn_ref(slot)),
            to,
            stanza: message,
            archived: true,
            receipt: None,
        };
        self.count_under_way(held.asker);
        self.commit_in_line(held);
    }

    /// A message of another server for somebody here: its receipt goes when it is committed.
    pub(super) fn archive_arrived(&mut self, to: Jid, stanza: Element, receipt: Receipt) {
        self.commit_in_line(Held {
            asker: Asker::Elsewhere,
            to,
            stanza,
            archived: true,
            receipt: Some(receipt),
        });
    }

    /// A message of an account that has no session, or not this one.
    pub(super) fn archive_for_account(&mut self, number: u64, to: Jid, stanza: Element) {
        self.commit_in_line(Held {
            asker: Asker::Account(number),
            to,
            stanza,
            archived: true,
            receipt: None,
        });
    }

    fn commit_in_line(&mut self, held: Held) {
        let Some(way) = way(&held.to, &held.stanza) else { return };
        self.server.router.departs();
        let line = self.lines.entry(way.clone()).or_default();
        if line.waiting.is_empty() {
            self.archive(way, held);
        } else {
            line.waiting.push_back(held);
        }
    }

    /// Puts a stanza behind its sender's messages to the same receiver, if some are under way; gives it back if none are.
    pub(super) fn behind(&mut self, to: Jid, stanza: Element) -> Option<(Jid, Element)> {
        if self.lines.is_empty() {
            return Some((to, stanza));
        }
        let way = way(&to, &stanza)?;
        if !self.lines.contains_key(&way) {
            return Some((to, stanza));
        }
        let sender = Jid::new(&way.0).ok().and_then(|sender| self.session_of(&sender));
        let conn = sender.map(|slot| self.conn_ref(slot));
        let asker = conn.map_or(Asker::Elsewhere, Asker::Session);
        self.count_under_way(asker);
        let held = Held {
            asker,
            to,
            stanza,
            archived: false,
            receipt: None,
        };
        self.lines.entry(way).or_default().waiting.push_back(held);
        None
    }

    /// Whether something that a session has said to somebody still waits for its turn.
    pub(super) fn is_behind(&self, to: &Jid, stanza: &Element) -> bool {
        let line = way(to, stanza).and_then(|way| self.lines.get(&way));
        line.is_some_and(|line| !line.waiting.is_empty())
    }

    fn count_under_way(&mut self, asker: Asker) {
        let slot = asker.conn().and_then(|conn| self.alive(conn));
        if let Some(conn) = slot.and_then(|slot| self.conn_mut(slot)) {
            conn.in_flight += 1;
        }
    }

    /// Submits a message. Its ticket sends it to where its receiver lives, and then tells this shard.
    fn archive(&mut self, way: Way, held: Held) {
        let Held {
            asker,
            to,
            stanza,
            receipt,
            ..
        } = held;
        let (head, kept) = (addressed(&stanza), receipt.clone());
        let copied =
            matches!(asker, Asker::Session(_)) && way.sender().is_some_and(|from| self.has_copies(&from, &stanza));
        let copy = copied.then(|| stanza.clone());
        let id = random::<16>().map(|id| ArchiveId(u128::from_be_bytes(id)));
        let submitted = id.and_then(|id| {
            let sender = bare(&way.0).to_owned();
            let change = self.kept_as(&way, &to, &stanza, id);
            let (server, shard) = (self.server.clone(), self.number);
            let (way, refused) = (way.clone(), head.clone());
            let ticket = move |fate: Result<Applied, Error>| {
                server.s2s.hold_if_closed(fate.as_ref().err());
                drop(receipt);
                let mut copy = copy;
                let error = fate.map(|applied| {
                    carry_out(&server, &applied);
                    let sender = BareJid::new(bare(&way.0)).ok();
                    copy = copy
                        .take()
                        .zip(sender)
                        .map(|(copy, sender)| with_id(copy, &sender, id, outcome(&applied).archived_by_sender));
                    if !server.is_ours(way.1.domain().as_str()) {
                        return server.router.arrives();
                    }
                    let stanza = with_id(stanza, &way.1, id, outcome(&applied).archived);
                    let lives = server.router.shard_of(way.1.as_str());
                    let job = move |hub: &mut Hub| {
                        hub.server.router.arrives();
                        hub.count_archived(&to.to_bare());
                        hub.deliver(to, stanza);
                    };
                    server.router.answer(lives, Box::new(job));
                });
                let job = move |hub: &mut Hub| {
                    if let Some(from) = way.sender() {
                        hub.count_archived(&from.to_bare());
                    }
                    if let (Ok(()), Some(copy), Some(from)) = (&error, copy, way.sender()) {
                        hub.copy_sent(&from, &copy);
                    }
                    hub.archived(way, asker, error.err().map(|error| (refused, error)));
                };
                server.router.answer(shard, Box::new(job));
            };
            self.server.engine.admission.submit(&sender, change, Box::new(ticket))
        });
        match submitted {
            Ok(()) => self.lines.entry(way).or_default().under_way += 1,
            Err(error) => {
                self.server.s2s.hold_if_closed(Some(&error));
                drop(kept);
                self.forget_line(&way);
                self.settle(asker, Some((head, error)));
            }
        }
    }

    /// Something of a user may be in his archive from now on: who reads its ends while binding reads them again.
    fn count_archived(&mut self, user: &BareJid) {
        if let Some(user) = self.users.get_mut(user) {
            user.archived = user.archived.wrapping_add(1);
        }
    }

    fn kept_as(&self, way: &Way, to: &Jid, stanza: &Element, id: ArchiveId) -> Change {
        let limits = &self.server.config.limits;
        let op = Op::Archive {
            id,
            from: way.0.as_str().into(),
            to: to.as_str().into(),
            stanza: self_contained(stanza, None),
            most: limits.archive_messages,
            days: limits.archive_days,
            waiting: self.server.waiting(),
        };
        Change::Table {
            owner: bare(&way.0).into(),
            op: op.encode(),
        }
    }

    /// A message is on its way to its receiver, or was refused: what waited behind it goes on.
    fn archived(&mut self, way: Way, asker: Asker, refused: Option<(Element, Error)>) {
        if let Some(line) = self.lines.get_mut(&way) {
            line.under_way = line.under_way.saturating_sub(1);
        }
        while let Some(held) = self.next_in(&way) {
            if held.archived {
                self.archive(way.clone(), held);
            } else {
                if held.stanza.name() == "message" && matches!(held.asker, Asker::Session(_)) {
                    self.copy_said(&held.stanza);
                }
                self.route_now(held.to, held.stanza);
                self.settle(held.asker, None);
            }
        }
        self.forget_line(&way);
        self.settle(asker, refused);
    }

    /// The next of a line that may go: a message goes behind those that are under way, everything else waits for them.
    fn next_in(&mut self, way: &Way) -> Option<Held> {
        let line = self.lines.get_mut(way)?;
        let free = line.under_way == 0;
        let goes = line.waiting.front().is_some_and(|held| held.archived || free);
        goes.then(|| line.waiting.pop_front()).flatten()
    }

    fn forget_line(&mut self, way: &Way) {
        let empty = |line: &Line| line.under_way == 0 && line.waiting.is_empty();
        if self.lines.get(way).is_some_and(empty) {
            self.lines.remove(way);
        }
    }

    /// A session waits for one thing less; it hears where that was refused.
    fn settle(&mut self, asker: Asker, refused: Option<(Element, Error)>) {
        if refused.is_some() {
            self.server.router.arrives();
        }
        let conn = match asker {
            Asker::Session(conn) => conn,
            Asker::Elsewhere => {
                if let Some((stanza, error)) = refused {
                    self.return_to_sender(&stanza, &errors::stanza_error(&error));
                }
                return;
            }
            Asker::Account(number) => {
                let done = refused.map_or(Ok(()), |(_, error)| Err(errors::stanza_error(&error)));
                return self.acted(number, done);
            }
        };
        self.landed(conn, |hub| {
            if let (Some(slot), Some((stanza, error))) = (hub.alive(conn), refused) {
                hub.send(slot, &error_reply(&stanza, &errors::stanza_error(&error)));
            }
        });
    }

    pub(super) fn strip_stanza_ids(&self, message: &mut Element) {
        if !message.has_child("stanza-id", ns::SID) {
            return;
        }
        let ours = |child: &Element| {
            let by = child.attr("by").and_then(|by| Jid::new(by).ok());
            child.is("stanza-id", ns::SID) && by.is_some_and(|by| self.server.is_domain(by.domain().as_str()))
        };
        for node in message.take_nodes() {
            if node.as_element().is_none_or(|child| !ours(child)) {
                message.append_node(node);
            }
        }
    }
}

fn bare(jid: &str) -> &str {
    jid.split_once('/').map_or(jid, |(bare, _)| bare)
}

fn way(to: &Jid, stanza: &Element) -> Option<Way> {
    Some(Way(stanza.attr("from")?.to_owned(), to.to_bare()))
}

/// As much of a stanza as an error about it needs.
fn addressed(stanza: &Element) -> Element {
    el(stanza.name(), ns::CLIENT)
        .set_opt("id", stanza.attr("id"))
        .set_opt("from", stanza.attr("from"))
        .set_opt("to", stanza.attr("to"))
}

fn outcome(applied: &Applied) -> Outcome {
    match &applied.outcome {
        record::Outcome::Table(outcome) => Outcome::decode(outcome),
        _ => Outcome::default(),
    }
}

/// The stanza as a user gets it: with its name in his archive, where that has it.
fn with_id(stanza: Element, user: &BareJid, id: ArchiveId, archived: bool) -> Element {
    if !archived {
        return stanza;
    }
    let name = el("stanza-id", ns::SID)
        .set("by", user.as_str())
        .set("id", &id.to_text());
    stanza.child(name)
}
