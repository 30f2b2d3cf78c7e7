//! What accounts do that have no session, by way of another part of the server: requests as a session's, through the same
//! handlers, and messages through the same archive.
//!
//! On the shard of the account. That there is such an account, and that it may, was looked at before. Knows no part. Next:
//! `iq.rs`, `archive.rs`, `question.rs`.

use super::Hub;
use super::iq::{Asker, IqRef};
use crate::errors;
use crate::limits::BEHALF;
use crate::xep::{Answer, Target};
use jid::{BareJid, Jid};
use minidom::Element;
use reef_stanza::element::{Build, el};
use reef_stanza::{Condition, StanzaError, ns};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What follows: it was done, and is durable, or was refused. Called on a shard's thread.
pub(crate) type Acted = Box<dyn FnOnce(Result<(), StanzaError>) + Send>;

/// What is under way on a shard, by number.
#[derive(Default)]
pub(super) struct Behalf {
    next: u64,
    waiting: HashMap<u64, Acted>,
}

impl Hub {
    /// A request of type set, of an account of this shard to itself, to anybody else here, or to another server.
    pub(crate) fn act(&mut self, account: BareJid, to: BareJid, payload: Element, acted: Acted) {
        let Some(number) = self.begin_acting(acted) else { return };
        let domain = to.domain().as_str();
        let target = match (self.server.is_domain(domain), to.node()) {
            (true, Some(_)) => Target::Account(to.clone()),
            (false, None) if self.server.is_service(domain) => Target::service(to.clone()),
            (false, _) if !self.server.is_ours(domain) => return self.act_elsewhere(number, account, to, payload),
            _ => return self.acted(number, Err(StanzaError::new(Condition::ItemNotFound))),
        };
        let iq = el("iq", ns::CLIENT).set("type", "set").set("id", "behalf");
        let iq = iq.set("from", account.as_str()).set("to", to.as_str()).child(payload);
        let asked = IqRef::of(Asker::Account(number), &iq);
        let handled = catch_unwind(AssertUnwindSafe(|| {
            self.handle(asked, (None, account.into()), target, iq, None);
        }));
        if handled.is_err() {
            tracing::error!("a request for an account has panicked");
            self.acted(number, Err(StanzaError::new(Condition::InternalServerError)));
        }
        self.route_local();
    }

    fn act_elsewhere(&mut self, number: u64, account: BareJid, to: BareJid, payload: Element) {
        let came = move |hub: &mut Hub, answer: Result<Option<Element>, StanzaError>| {
            hub.acted(number, answer.map(|_| ()));
        };
        if let Err(error) = self.question(account, to, payload, Box::new(came)) {
            self.acted(number, Err(errors::stanza_error(&error)));
        }
    }

    /// A message of an account of this shard, with a body.
    pub(crate) fn say(&mut self, to: Jid, message: Element, acted: Acted) {
        if let Some(number) = self.begin_acting(acted) {
            self.archive_for_account(number, to, message);
            self.route_local();
        }
    }

    fn begin_acting(&mut self, acted: Acted) -> Option<u64> {
        if self.behalf.waiting.len() >= BEHALF {
            acted(Err(errors::busy()));
            return None;
        }
        self.behalf.next += 1;
        self.behalf.waiting.insert(self.behalf.next, acted);
        Some(self.behalf.next)
    }

    /// The answer to a request for an account, or what it waits for.
    pub(super) fn answer_account(&mut self, iq: IqRef, number: u64, answer: Result<Answer, StanzaError>) {
        match answer {
            Ok(Answer::Later(later)) => self.later(iq, later),
            // What a session would be sent behind its answer is nobody's here.
            Ok(Answer::Followed { answer, by: _ }) => self.answer_account(iq, number, Ok(*answer)),
            Ok(_) => self.acted(number, Ok(())),
            Err(error) => self.acted(number, Err(error)),
        }
    }

    pub(super) fn acted(&mut self, number: u64, done: Result<(), StanzaError>) {
        if let Some(acted) = self.behalf.waiting.remove(&number) {
            acted(done);
        }
    }
}
