//! What is asked of other servers in the name of accounts here, and what becomes of the answers.
//!
//! A question has an id that nobody can guess and a time by which it is answered. Answers come to the shard of the account
//! in whose name it was asked. Knows no stream. Next: the peers' outboxes.

use super::Hub;
use crate::limits::{QUESTION_MS, QUESTIONS};
use jid::{BareJid, Jid};
use minidom::Element;
use reef_engine::error::Error;
use reef_stanza::element::{Build, el};
use reef_stanza::{Condition, StanzaError, ns};
use std::collections::HashMap;

/// What follows an answer: the payload, or the error.
pub(super) type Came = Box<dyn FnOnce(&mut Hub, Result<Option<Element>, StanzaError>) + Send>;

/// A question that waits for its answer.
struct Question {
    to: Jid,
    until: u64,
    came: Came,
}

/// The questions of a shard, by their ids.
#[derive(Default)]
pub(super) struct Questions(HashMap<String, Question>);

impl Hub {
    /// Asks somebody at another server, by an iq of type set.
    ///
    /// # Errors
    /// `Busy` where too many wait.
    pub(super) fn question(&mut self, from: BareJid, to: BareJid, payload: Element, came: Came) -> Result<(), Error> {
        self.put_question(from.into(), to.into(), "set", payload, came)
    }

    /// The same by an iq of type get, to anybody.
    ///
    /// # Errors
    /// `Busy` where too many wait.
    pub(super) fn inquiry(&mut self, from: BareJid, to: Jid, payload: Element, came: Came) -> Result<(), Error> {
        self.put_question(from.into(), to, "get", payload, came)
    }

    /// The same by an iq of type set.
    ///
    /// # Errors
    /// `Busy` where too many wait.
    pub(super) fn request(&mut self, from: BareJid, to: Jid, payload: Element, came: Came) -> Result<(), Error> {
        self.put_question(from.into(), to, "set", payload, came)
    }

    fn put_question(
        &mut self,
        from: Jid,
        to: Jid,
        kind: &'static str,
        payload: Element,
        came: Came,
    ) -> Result<(), Error> {
        if self.questions.0.len() >= QUESTIONS {
            return Err(Error::Busy);
        }
        let id = format!("q{:016x}", self.server.random());
        let iq = el("iq", ns::CLIENT)
            .set("type", kind)
            .set("id", &id)
            .set("from", from.as_str())
            .set("to", to.as_str())
            .child(payload);
        let until = self.now() + QUESTION_MS;
        let question = Question {
            to: to.clone(),
            until,
            came,
        };
        self.questions.0.insert(id, question);
        self.route_now(to, iq);
        Ok(())
    }

    /// Whether an iq answers a question of this shard; then that is done with.
    pub(super) fn was_asked(&mut self, from: &Jid, iq: &Element) -> bool {
        let id = iq.attr("id").unwrap_or_default();
        if self.questions.0.get(id).is_none_or(|question| question.to != *from) {
            return false;
        }
        let Some(question) = self.questions.0.remove(id) else {
            return false;
        };
        let answer = match iq.attr("type") {
            Some("result") => Ok(iq.children().next().cloned()),
            _ => Err(StanzaError::of_reply(iq)),
        };
        (question.came)(self, answer);
        true
    }

    /// Once a second: what was not answered in time.
    pub(super) fn give_up_questions(&mut self) {
        let now = self.now();
        let late: Vec<String> = self
            .questions
            .0
            .iter()
            .filter(|(_, question)| question.until <= now)
            .map(|(id, _)| id.clone())
            .collect();
        for question in late
            .iter()
            .filter_map(|id| self.questions.0.remove(id))
            .collect::<Vec<_>>()
        {
            (question.came)(self, Err(StanzaError::new(Condition::RemoteServerTimeout)));
        }
    }
}
