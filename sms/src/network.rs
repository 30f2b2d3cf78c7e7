//! What the gateway needs of the social network, which it does not know: who is who, what a post says, and acts in the name
//! of an account. The binary implements it over the front end.
//!
//! Must not know phones: no number passes here. Next: `inbound/` acts by it, `schedule/render.rs` reads posts by it.

use reef_engine::Engine;
use reef_engine::model::{NodeName, Timestamp};
use std::fmt;
use std::sync::Arc;

/// Called once, when what was asked is durable or refused.
pub type Done = Box<dyn FnOnce(Result<(), Refused>) + Send>;

/// The social network.
pub trait Network: Send + Sync + 'static {
    /// The engine with the log.
    fn engine(&self) -> Arc<Engine>;

    /// The bare JID that somebody means by what he typed: `name`, `name@host`, without the leading `@`. `None` where there is
    /// no such account here, nor a feed of that name that is known here.
    fn resolve(&self, typed: &str) -> Option<Arc<str>>;

    /// How texts call a bare JID: the local part of those who live here, else the JID.
    fn short(&self, jid: &str) -> String;

    /// The microblog of a bare JID.
    fn microblog(&self, jid: &str) -> NodeName;

    /// What a post says, as plain text; `None` where its payload is no Atom entry.
    fn said(&self, payload: &[u8]) -> Option<Said>;

    /// Where a post can be read on the web, if that is anywhere.
    fn web_link(&self, service: &str, item: &str) -> Option<String>;

    /// Whether anybody may make an account by text message.
    fn is_open(&self) -> bool;

    /// Whether a name is kept from people: a keyword, or what the server itself is called.
    fn is_reserved(&self, name: &str) -> bool;

    /// For whom an account was made that has no password of its own yet; none of every other.
    ///
    /// # Errors
    /// There is no such account, it may do nothing, or it cannot be read.
    fn maker(&self, account: &str) -> Result<Option<u64>, Refused>;

    /// Does something in the name of an account; never waits.
    fn act(&self, account: &str, action: Action, done: Done);

    /// Says something to an account as the gateway's own address: to its sessions, or kept for it.
    fn tell(&self, account: &str, text: &str);
}

/// What a post says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Its words.
    pub text: String,
    /// Bare JID of whom it repeats.
    pub repeats: Option<String>,
    /// Whether it answers another post.
    pub replies: bool,
}

/// What is done in the name of an account. JIDs are bare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Publishes on its microblog; publishing the same id again changes nothing that is seen.
    Post {
        /// The item's id.
        id: String,
        /// The words.
        text: String,
        /// Which post it answers.
        reply: Option<(NodeName, Arc<str>)>,
    },
    /// Retracts a post of its own.
    Retract {
        /// The item.
        item: String,
    },
    /// Repeats somebody's post to its own followers.
    Repeat {
        /// The new item's id.
        id: String,
        /// The post.
        of: (NodeName, Arc<str>),
    },
    /// Likes a post.
    Like {
        /// The post.
        of: (NodeName, Arc<str>),
    },
    /// Follows somebody's microblog.
    Follow {
        /// Whom.
        jid: Arc<str>,
    },
    /// Follows it no longer.
    Unfollow {
        /// Whom.
        jid: Arc<str>,
    },
    /// Blocks somebody.
    Block {
        /// Whom.
        jid: Arc<str>,
    },
    /// Blocks him no longer.
    Unblock {
        /// Whom.
        jid: Arc<str>,
    },
    /// Tells the operator of somebody.
    Report {
        /// Whom.
        jid: Arc<str>,
    },
    /// Says something to somebody.
    Message {
        /// The message's id: one that is said twice has the same.
        id: String,
        /// To whom.
        to: Arc<str>,
        /// The words.
        text: String,
    },
    /// Calls itself something (XEP-0172).
    Name {
        /// What.
        name: String,
    },
    /// Makes this account, whose credential is a phone; made again for the same, it is there.
    Join {
        /// For whom it is made.
        maker: u64,
    },
    /// Gives this account, which has no password of its own, one that passes.
    Password {
        /// It.
        password: Password,
        /// Until when it logs in.
        until: Timestamp,
    },
}

/// A password, which is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such account, feed or post.
    #[error("not found")]
    NotFound,
    /// It may not.
    #[error("not allowed")]
    Forbidden,
    /// The name is taken.
    #[error("taken")]
    Taken,
    /// Try again later.
    #[error("the server is busy")]
    Busy,
    /// Too much of it.
    #[error("too fast")]
    TooFast,
    /// Why not, in a few words.
    #[error("{0}")]
    Invalid(String),
}
