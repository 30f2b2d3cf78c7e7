//! Requests: to a handler of the table, to another session, and back with the answer (RFC 6120 §8.2.3).
//!
//! Knows no XEP: the type of the payload finds the handler. Answers that need time come back as jobs of this shard.

use super::subscription::carry_out;
use super::{ConnRef, Hub};
use crate::errors;
use crate::tables::{self, Kind};
use crate::xep::{Answer, Ctx, Job, Later, Target};
use jid::{BareJid, Jid};
use minidom::Element;
use reef_engine::error::{Error, StoreError};
use reef_engine::log::record::{Applied, Change};
use reef_stanza::element::{Build, el};
use reef_stanza::{Condition, StanzaError, StreamNamespace, error_reply, escape_attr, ns, write_element};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A request that waits for its answer: enough of the stanza to address it.
#[derive(Clone, Debug)]
pub(crate) struct IqRef {
    conn: ConnRef,
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
        let attr = |name: &str| iq.attr(name).map(str::to_owned);
        IqRef {
            conn,
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
        let kind = iq.attr("type").unwrap_or_default();
        let request = matches!(kind, "get" | "set");
        let wrong = iq.attr("id").is_none_or(str::is_empty)
            || !matches!(kind, "get" | "set" | "result" | "error")
            || (request && iq.children().count() != 1);
        if wrong {
            return self.bounce(slot, &iq, &StanzaError::new(Condition::BadRequest));
        }
        match self.target(slot, to.as_ref()) {
            Some(target) if request => self.ask(slot, target, iq),
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
            (false, None) if self.server.is_service(to.domain().as_str()) => Some(Target::Service(bare)),
            (false, _) => None,
        }
    }

    fn ask(&mut self, slot: u32, target: Target, mut iq: Element) {
        let under_way = self.conn_mut(slot).filter(|conn| conn.in_flight > 0);
        if let Some(conn) = under_way.filter(|_| iq.attr("type") == Some("get")) {
            conn.parked = Some(Box::new(Parked::Ask(target, iq)));
            return;
        }
        let asked = IqRef::new(self.conn_ref(slot), &iq);
        let set = iq.attr("type") == Some("set");
        let lang = iq
            .attr_ns("http://www.w3.org/XML/1998/namespace", "lang")
            .map(str::to_owned);
        let Some(payload) = iq.unshift_child() else { return };
        let server = self.server.clone();
        let Some(handler) = server.routes.find(&target, set, &payload) else {
            return self.answer(asked, Err(StanzaError::new(Condition::ServiceUnavailable)));
        };
        let Some(conn) = self.conn(slot) else { return };
        let Some(from) = conn.jid().cloned() else { return };
        let lang = lang.or_else(|| conn.lang.as_deref().map(str::to_owned));
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
        match answer {
            Ok(Answer::Later(later)) => self.later(iq, later),
            Ok(Answer::Empty) => self.reply(&iq, &[]),
            Ok(Answer::Payload(payload)) => {
                let mut bytes = Vec::new();
                write_element(&payload, StreamNamespace::Client, &mut bytes);
                self.reply(&iq, &bytes);
            }
            Ok(Answer::Bytes(bytes)) => self.reply(&iq, &bytes),
            Ok(Answer::Followed { answer, by }) => {
                let conn = iq.conn;
                self.answer(iq, Ok(*answer));
                for stanza in by {
                    if let Some(slot) = self.alive(conn) {
                        self.send_bytes(slot, stanza);
                    }
                }
            }
            Ok(Answer::Several { before, last }) => {
                for stanza in before {
                    // One who was cut off meanwhile gets no more.
                    let Some(slot) = self.alive(iq.conn) else { return };
                    self.send_bytes(slot, stanza);
                }
                self.reply(&iq, &last);
            }
            Err(error) => {
                if let Some(slot) = self.alive(iq.conn) {
                    self.send(slot, &error_reply(&iq.request(), &error));
                }
            }
        }
    }

    fn reply(&mut self, iq: &IqRef, payload: &[u8]) {
        let Some(slot) = self.alive(iq.conn) else { return };
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
        self.send_bytes(slot, stanza);
    }

    fn later(&mut self, iq: IqRef, later: Later) {
        let commits = matches!(later, Later::Submit { .. });
        let conn = self.alive(iq.conn).and_then(|slot| self.conn_mut(slot));
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
                if matches!(change, Change::Publish { .. }) {
                    self.has_published(iq.conn);
                }
                let ticket = Box::new(move |fate: Result<Applied, Error>| {
                    // Here, on the applier's thread, so that sessions hear of changes in the order of the log.
                    fate.iter().for_each(|applied| carry_out(&server.router, applied));
                    let job = move |hub: &mut Hub| {
                        let answer = then(hub, fate);
                        hub.came(asked, answer);
                    };
                    server.router.answer(shard, Box::new(job));
                });
                self.server.engine.admission.submit(&by, change, ticket)
            }
        };
        match begun {
            Ok(()) => {
                if let Some(conn) = self.alive(iq.conn).and_then(|slot| self.conn_mut(slot)) {
                    conn.in_flight += 1;
                    conn.reading = !commits;
                }
            }
            Err(error) => self.answer(iq, Err(errors::stanza_error(&error))),
        }
    }

    /// What was waited for has come.
    fn came(&mut self, iq: IqRef, answer: Result<Answer, StanzaError>) {
        self.landed(iq.conn, |hub| hub.answer(iq, answer));
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
