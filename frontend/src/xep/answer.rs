//! What a handler answers: at once, after a read on a reader thread, or after a commit.
//!
//! Knows no XEP. Next: `session/iq.rs`, which sends it, or waits for it.

use crate::errors;
use crate::session::Hub;
use jid::BareJid;
use minidom::Element;
use reef_engine::Engine;
use reef_engine::error::Error;
use reef_engine::log::record::{Applied, Change};
use reef_stanza::StanzaError;
use std::sync::Arc;

/// What a handler answers.
#[allow(clippy::large_enum_variant, reason = "most are commits, and each is moved twice")]
pub(crate) enum Answer {
    /// `<iq type='result'/>`.
    Empty,
    /// A payload.
    Payload(Element),
    /// A payload that is bytes already: stored payloads are never parsed again.
    Bytes(Vec<u8>),
    /// Stanzas for the asker, and behind them the payload. Its maker bounds their bytes.
    Several {
        /// The stanzas, whole.
        before: Vec<Vec<u8>>,
        /// The payload.
        last: Vec<u8>,
    },
    /// Not yet.
    Later(Later),
    /// An answer, and stanzas that go to the asker after it.
    Followed {
        /// The answer.
        answer: Box<Answer>,
        /// The stanzas, addressed to him.
        by: Vec<Vec<u8>>,
    },
}

/// What an answer waits for.
#[allow(clippy::large_enum_variant, reason = "most are commits, and each is moved twice")]
pub(crate) enum Later {
    /// The store: runs on a reader thread, which may wait for the disk.
    Read(Job),
    /// The same, also where the account is not there or blocks the asker: the job sees to that.
    ReadAlike(Job),
    /// A key derived from a password, which takes milliseconds: on a thread of its own, so that nobody slows the reads of
    /// others by changing his password.
    Hash(Box<dyn FnOnce() -> Result<Answer, StanzaError> + Send>),
    /// An answer from another server.
    Ask(Box<Question>),
    /// A commit; `then` runs back on the asker's shard, where he may have gone meanwhile.
    Submit {
        /// Bare JID whose rights count.
        by: Arc<str>,
        /// The change.
        change: Change,
        /// Makes the answer.
        then: Then,
    },
}

/// What is asked of another server, in the name of an account here.
pub(crate) struct Question {
    /// The account: the answer comes to where it lives, which must be the asker's shard.
    pub(crate) from: BareJid,
    /// Who is asked.
    pub(crate) to: BareJid,
    /// The payload of the iq, of type set.
    pub(crate) payload: Element,
    /// Makes the answer of the answer's payload.
    pub(crate) then: Answered,
}

/// What follows an answer from another server: its payload, if it has one.
pub(crate) type Answered = Box<dyn FnOnce(Result<Option<Element>, StanzaError>) -> Result<Answer, StanzaError> + Send>;

/// What is done on a reader thread.
pub(crate) type Job = Box<dyn FnOnce(&Engine) -> Result<Answer, StanzaError> + Send>;

/// What follows a commit, on the asker's shard.
pub(crate) type Then = Box<dyn FnOnce(&mut Hub, Result<Applied, Error>) -> Result<Answer, StanzaError> + Send>;

impl Answer {
    /// Reads the store first.
    pub(crate) fn read(job: impl FnOnce(&Engine) -> Result<Answer, StanzaError> + Send + 'static) -> Answer {
        Answer::Later(Later::Read(Box::new(job)))
    }

    /// The same of an account, where the answer is alike whether it is there, blocks the asker, or neither.
    pub(crate) fn read_alike(job: impl FnOnce(&Engine) -> Result<Answer, StanzaError> + Send + 'static) -> Answer {
        Answer::Later(Later::ReadAlike(Box::new(job)))
    }

    /// Derives keys from a password first.
    pub(crate) fn hash(job: impl FnOnce() -> Result<Answer, StanzaError> + Send + 'static) -> Answer {
        Answer::Later(Later::Hash(Box::new(job)))
    }

    /// Commits, and answers with nothing.
    pub(crate) fn commit(by: &str, change: Change) -> Answer {
        Answer::submit(by, change, |_, done| match done {
            Ok(_) => Ok(Answer::Empty),
            Err(error) => Err(errors::stanza_error(&error)),
        })
    }

    /// Commits first.
    pub(crate) fn submit(
        by: &str,
        change: Change,
        then: impl FnOnce(&mut Hub, Result<Applied, Error>) -> Result<Answer, StanzaError> + Send + 'static,
    ) -> Answer {
        Answer::Later(Later::Submit {
            by: by.into(),
            change,
            then: Box::new(then),
        })
    }
}
