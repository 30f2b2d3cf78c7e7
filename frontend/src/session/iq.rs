//! Requests: to a handler of the table, to another session, and back with the answer (RFC 6120 §8.2.3).
//!
//! Knows no XEP: the type of the payload finds the handler. Answers that need time come back as jobs of this shard.

use super::subscription::carry_out;
use super::{ConnRef, Hub};
use crate::errors;
use crate::tables::{self, Kind};
use crate::xep::{Answer, Ctx, Job, Later, Routes, Target};
use jid::{BareJid, Jid};
use minidom::Element;
use reef_engine::error::{Error, StoreError};
use reef_engine::log::record::{Applied, Change};
use reef_stanza::element::{Build, el};
use reef_stanza::{Condition, StanzaError, StreamNamespace, error_reply, escape_attr, ns, write_element};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Who waits for an answer, or for what he said to be on its way.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asker {
    /// A session.
    Session(ConnRef),
    /// Somebody at another server.
    Elsewhere,
    /// An account without a session, for which another part of the server acts (`behalf.rs`).
    Account(u64),
}

impl Asker {
    pub(super) fn conn(self) -> Option<ConnRef> {
        match self {
            Asker::Session(conn) => Some(conn),
            Asker::Elsewhere | Asker::Account(_) => None,
        }
    }
}

/// A request that waits for its answer: enough of the stanza to address it.
#[derive(Clone, Debug)]
pub(crate) struct IqRef {
    asker: Asker,
    id: String,
    /// The `to` of the request is the `from` of the answer.
    to: Option<String>,
    from: Option<String>,
}

/// What waits until the requests before it are answered: what a session asks is done in order (RFC 6120 §10.1).
/// Commits are in order by themselves and do not wait for each other.
#[allow(clippy::large_enum_variant, reason = "always in a box")]
pub(super) enum Parked {
    /// A `get`, not yet handled.
    Ask(Target, Element),
    /// One whose handler wants to read.
    Later(IqRef, Later),
    /// A presence that manages a subscription, which would overtake what still waits for the same receiver.
    Manage(Jid, Kind, Element),
}

impl IqRef {
    pub(super) fn new(conn: ConnRef, iq: &Element) -> IqRef {
        IqRef::of(Asker::Session(conn), iq)
    }

    /// The same of anybody.
    pub(super) fn of(asker: Asker, iq: &Element) -> IqRef {
        let attr = |name: &str| iq.attr(name).map(str::to_owned);
        IqRef {
            asker,
            id: attr("id").unwrap_or_default(),
            to: attr("to"),
            from: attr("from"),
        }
    }

    /// The request again, as far as an error reply needs it.
    fn request(&self) -> Element {
        let iq = el("iq", ns::CLIENT).set("type", "get").set("id", &self.id);
        iq.set_opt("to", self.to.as_deref())
            .set_opt("from", self.from.as_deref())
    }

    /// The answer up to its payload.
    fn open(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"<iq type='result' id='");
        escape_attr(&self.id, out);
        for (name, value) in [(&b"' from='"[..], &self.to), (b"' to='", &self.from)] {
            if let Some(value) = value {
                out.extend_from_slice(name);
                escape_attr(value, out);
            }
        }
        out.push(b'\'');
    }
}

impl Hub {
    pub(super) fn iq(&mut self, slot: u32, to: Option<Jid>, iq: Element) {
        let request = is_request(&iq);
        if is_malformed(&iq) {
            return self.bounce(slot, &iq, &StanzaError::new(Condition::BadRequest));
        }
        match self.target(slot, to.as_ref()) {
            Some(target) if request => self.ask(slot, target, iq),
            // An answer to a question in the name of somebody else's account.
            Some(Target::Account(account)) if self.conn(slot).is_some_and(|conn| conn.user != account) => {
                self.route(account.into(), iq);
            }
            // An answer to a question of the server's own.
            Some(_) => self.answered(slot, &iq),
            None => match to {
                Some(to) => self.route(to, iq),
                None => self.bounce(slot, &iq, &StanzaError::new(Condition::ServiceUnavailable)),
            },
        }
    }

    /// Whom of ours a request is for, where it is not for a session or another server.
    fn target(&self, slot: u32, to: Option<&Jid>) -> Option<Target> {
        let own = &self.conn(slot)?.user;
        let Some(to) = to else {
            return Some(Target::Account(own.clone()));
        };
        if to.resource().is_some() {
            return None;
        }
        let bare = to.to_bare();
        match (self.server.is_domain(to.domain().as_str()), to.node()) {
            (true, None) => Some(Target::Server),
            (true, Some(_)) => Some(Target::Account(bare)),
            (false, None) if self.server.is_service(to.domain().as_str()) => Some(Target::service(bare)),
            (false, _) => None,
        }
    }

    fn ask(&mut self, slot: u32, target: Target, iq: Element) {
        let under_way = self.conn_mut(slot).filter(|conn| conn.in_flight > 0);
        if let Some(conn) = under_way.filter(|_| iq.attr("type") == Some("get")) {
            conn.parked = Some(Box::new(Parked::Ask(target, iq)));
            return;
        }
        let asked = IqRef::new(self.conn_ref(slot), &iq);
        let Some(conn) = self.conn(slot) else { return };
        let Some(from) = conn.jid().cloned() else { return };
        let lang = conn.lang.as_deref().map(str::to_owned);
        self.handle(asked, (Some(slot), from.into()), target, iq, lang);
    }

    /// Has a request handled by whom the table names; there is a slot where a session asks.
    pub(super) fn handle(
        &mut self,
        asked: IqRef,
        (slot, from): (Option<u32>, Jid),
        target: Target,
        mut iq: Element,
        lang: Option<String>,
    ) {
        let set = iq.attr("type") == Some("set");
        let own = iq.attr_ns("http://www.w3.org/XML/1998/namespace", "lang");
        let lang = own.map(str::to_owned).or(lang);
        let Some(payload) = iq.unshift_child() else { return };
        let server = self.server.clone();
        let handler = server.routes.find(&target, set, &payload);
        let here = !matches!(asked.asker, Asker::Elsewhere);
        let Some(handler) = handler.filter(|_| here || Routes::is_for_others(&payload)) else {
            return self.answer(asked, Err(StanzaError::new(Condition::ServiceUnavailable)));
        };
        let other = matches!(&target, Target::Account(account) if *account != from.to_bare());
        let (owner, by) = (target.bare(), from.to_bare());
        let mut ctx = Ctx {
            hub: self,
            slot,
            from,
            target,
            lang,
        };
        let answer = match handler(&mut ctx, payload) {
            Ok(Answer::Later(Later::Read(job))) if other => Ok(as_seen(owner, by, job)),
            answer => answer,
        };
        self.answer(asked, answer);
    }

    /// Answers now, or sees to it that the answer comes.
    pub(crate) fn answer(&mut self, iq: IqRef, answer: Result<Answer, StanzaError>) {
        if let Asker::Account(number) = iq.asker {
            return self.answer_account(iq, number, answer);
        }
        match answer {
            Ok(Answer::Later(later)) => return self.later(iq, later),
            Ok(Answer::Empty) => self.reply(&iq, &[]),
            Ok(Answer::Payload(payload)) => {
                let mut bytes = Vec::new();
                write_element(&payload, StreamNamespace::Client, &mut bytes);
                self.reply(&iq, &bytes);
            }
            Ok(Answer::Bytes(bytes)) => self.reply(&iq, &bytes),
            Ok(Answer::Followed { answer, by }) => {
                let asker = iq.clone();
                self.answer(iq, Ok(*answer));
                by.into_iter().for_each(|stanza| self.give(&asker, stanza));
                return;
            }
            Ok(Answer::Several { before, last }) => {
                // One who was cut off meanwhile gets no more.
                before.into_iter().for_each(|stanza| self.give(&iq, stanza));
                self.reply(&iq, &last);
            }
            Err(error) => {
                let mut stanza = Vec::new();
                let reply = error_reply(&iq.request(), &error);
                write_element(&reply, StreamNamespace::Client, &mut stanza);
                self.give(&iq, stanza);
            }
        }
        if matches!(iq.asker, Asker::Elsewhere) {
            self.peer_was_answered(iq.from.as_deref());
        }
    }

    /// Sends something to whoever asked, wherever he is.
    fn give(&mut self, iq: &IqRef, stanza: Vec<u8>) {
        match (iq.asker, &iq.to, &iq.from) {
            (Asker::Session(conn), ..) => {
                if let Some(slot) = self.alive(conn) {
                    self.send_bytes(slot, stanza);
                }
            }
            (Asker::Elsewhere, Some(from), Some(to)) => self.server.peers.send_bytes(from, to, stanza),
            (Asker::Elsewhere | Asker::Account(_), ..) => {}
        }
    }

    fn reply(&mut self, iq: &IqRef, payload: &[u8]) {
        let mut stanza = Vec::with_capacity(payload.len() + 128);
        iq.open(&mut stanza);
        match payload {
            [] => stanza.extend_from_slice(b"/>"),
            payload => {
                stanza.push(b'>');
                stanza.extend_from_slice(payload);
                stanza.extend_from_slice(b"</iq>");
            }
        }
        self.give(iq, stanza);
    }

    pub(super) fn later(&mut self, iq: IqRef, later: Later) {
        let commits = matches!(later, Later::Submit { .. });
        let conn = iq.asker.conn().and_then(|conn| self.alive(conn));
        let conn = conn.and_then(|slot| self.conn_mut(slot));
        if let Some(conn) = conn.filter(|conn| !commits && conn.in_flight > 0) {
            conn.parked = Some(Box::new(Parked::Later(iq, later)));
            return;
        }
        let (server, shard, asked) = (self.server.clone(), self.number, iq.clone());
        let begun = match later {
            Later::Read(job) | Later::ReadAlike(job) => self.server.engine.read(move |engine| {
                let answer = caught(|| job(engine));
                server
                    .router
                    .answer(shard, Box::new(move |hub| hub.came(asked, answer)));
            }),
            Later::Hash(job) => {
                let run = move || {
                    let answer = caught(job);
                    server
                        .router
                        .answer(shard, Box::new(move |hub| hub.came(asked, answer)));
                };
                self.server.hashers.submit(Box::new(run)).map_err(|_| Error::Busy)
            }
            Later::Submit { by, change, then } => {
                if let (Some(conn), Change::Publish { .. }) = (iq.asker.conn(), &change) {
                    self.has_published(conn);
                }
                let ticket = Box::new(move |fate: Result<Applied, Error>| {
                    // Here, on the applier's thread, so that sessions hear of changes in the order of the log.
                    fate.iter().for_each(|applied| carry_out(&server, applied));
                    let job = move |hub: &mut Hub| {
                        let answer = then(hub, fate);
                        hub.came(asked, answer);
                    };
                    server.router.answer(shard, Box::new(job));
                });
                self.server.engine.admission.submit(&by, change, ticket)
            }
            Later::Ask(question) => {
                let then = question.then;
                let came = Box::new(move |hub: &mut Hub, answer| hub.came(asked, then(answer)));
                self.question(question.from, question.to, question.payload, came)
            }
        };
        match begun {
            Ok(()) => {
                let slot = iq.asker.conn().and_then(|conn| self.alive(conn));
                if let Some(conn) = slot.and_then(|slot| self.conn_mut(slot)) {
                    conn.in_flight += 1;
                    conn.reading = !commits;
                }
            }
            Err(error) => self.answer(iq, Err(errors::stanza_error(&error))),
        }
    }

    /// What was waited for has come.
    fn came(&mut self, iq: IqRef, answer: Result<Answer, StanzaError>) {
        match iq.asker.conn() {
            Some(conn) => self.landed(conn, |hub| hub.answer(iq, answer)),
            None => self.answer(iq, answer),
        }
    }

    /// Something of a session that was under way is done, and `then` says so: the session may go on.
    pub(super) fn landed(&mut self, conn_ref: ConnRef, then: impl FnOnce(&mut Hub)) {
        let mut waited = false;
        if let Some(conn) = self.alive(conn_ref).and_then(|slot| self.conn_mut(slot)) {
            // Its socket may not have been read dry, and then no event tells of what is there.
            waited = conn.waits() || !conn.unread.is_empty();
            conn.in_flight = conn.in_flight.saturating_sub(1);
            conn.reading = false;
        }
        then(self);
        if waited {
            self.unpark(conn_ref);
            self.readable.push_back(conn_ref);
        }
    }

    fn unpark(&mut self, conn: ConnRef) {
        let Some(slot) = self.alive(conn) else { return };
        let parked = self
            .conn_mut(slot)
            .filter(|conn| conn.in_flight == 0)
            .and_then(|conn| conn.parked.take());
        match parked.map(|parked| *parked) {
            Some(Parked::Ask(target, iq)) => self.ask(slot, target, iq),
            Some(Parked::Later(iq, later)) => self.later(iq, later),
            Some(Parked::Manage(to, kind, presence)) => self.manage(slot, &to, kind, presence),
            None => {}
        }
    }
}

/// Whether somebody asks, and waits for an answer.
pub(super) fn is_request(iq: &Element) -> bool {
    matches!(iq.attr("type"), Some("get" | "set"))
}

/// Whether it is no iq as RFC 6120 §8.2.3 has it.
pub(super) fn is_malformed(iq: &Element) -> bool {
    let kind = iq.attr("type").unwrap_or_default();
    iq.attr("id").is_none_or(str::is_empty)
        || !matches!(kind, "get" | "set" | "result" | "error")
        || (is_request(iq) && iq.children().count() != 1)
}

/// A read of somebody's account, which may not be there (RFC 6121 §8.5.1); to those whom he blocks it is not (XEP-0191 §3.3).
fn as_seen(owner: Option<BareJid>, by: BareJid, job: Job) -> Answer {
    Answer::read(move |engine| {
        let seen = |owner: &BareJid| -> Result<bool, StoreError> {
            let there = tables::account(engine.view(), owner.as_str())?.is_some();
            Ok(there && !engine.tables.blocks(engine.view(), owner.as_str(), by.as_str())?)
        };
        match owner.as_ref().map(seen).transpose().map_err(errors::unreadable)? {
            Some(false) => Err(StanzaError::new(Condition::ServiceUnavailable)),
            _ => job(engine),
        }
    })
}

/// A job that panics is answered all the same.
fn caught(job: impl FnOnce() -> Result<Answer, StanzaError>) -> Result<Answer, StanzaError> {
    let ran = catch_unwind(AssertUnwindSafe(job));
    ran.unwrap_or_else(|_| Err(StanzaError::new(Condition::InternalServerError)))
}
