//! The table of XMPP modules: one file per XEP, one shape. Service discovery, the README's list and its test are made
//! from it.
//!
//! A handler is synchronous and does no I/O: what takes time is an [`Answer::Later`], and the session goes on. No XEP file
//! imports another. Next: `session/`, which finds a handler by the type of an iq's payload.

use crate::errors;
use crate::session::Hub;
use bytes::Bytes;
use jid::{BareJid, FullJid};
use minidom::Element;
use reef_engine::Engine;
use reef_engine::error::Error;
use reef_engine::log::record::{Applied, Change};
use reef_stanza::{Condition, IqPayload, StanzaError};
use std::collections::HashMap;
use std::sync::Arc;

mod rfc6120_bind;
mod rfc6121_roster;
mod xep0030_disco;
mod xep0050_commands;
mod xep0060_pubsub;
mod xep0077_register;
pub(crate) mod xep0115_caps;
mod xep0191_blocking;
mod xep0199_ping;
mod xep0277_microblog;
mod xep0313_mam;
mod xep0376_pam;
mod xep0470_attachments;
mod xep0472_social_feed;

pub(crate) use rfc6121_roster::roster_item;
pub(crate) use xep0030_disco::server_info;
pub(crate) use xep0050_commands::commands;
pub(crate) use xep0060_pubsub::{
    Brought, Listed, Since, approve, ask_again, config_fields, configuration_form, followed, is_for_comments,
    last_here, last_items, manage_subscription, managed, missed, node_info, node_items, node_template, nodes,
    nodes_with_pending, public_subscriber, public_subscription, question, readable_node, settings,
};
pub(crate) use xep0277_microblog::is_same_post;
pub(crate) use xep0470_attachments::{attach, detach, kept_node};
pub(crate) use xep0472_social_feed::{fits, is_social_feed};

/// The modules, RFCs first, then in the order of their numbers. Absent with their issues: 0004-style forms have no
/// module of their own; 0049, 0050, 0054, 0084, 0092, 0191, 0202, 0215, 0280, 0292, 0352, 0357, 0363, 0377, 0386,
/// 0388, 0402, 0465, 0470 go here, each in its file.
pub(crate) const MODULES: &[&Module] = &[
    &rfc6120_bind::MODULE,
    &rfc6121_roster::MODULE,
    &xep0030_disco::MODULE,
    &xep0050_commands::MODULE,
    &xep0059_rsm::MODULE,
    &xep0060_pubsub::MODULE,
    &xep0077_register::MODULE,
    &xep0115_caps::MODULE,
    &xep0160_offline::MODULE,
    &xep0163_pep::MODULE,
    &xep0191_blocking::MODULE,
    &xep0198_sm::MODULE,
    &xep0199_ping::MODULE,
    &xep0203_delay::MODULE,
    &xep0277_microblog::MODULE,
    &xep0297_forwarding::MODULE,
    &xep0312_since::MODULE,
    &xep0313_mam::MODULE,
    &xep0330_subscription::MODULE,
    &xep0334_hints::MODULE,
    &xep0359_stanza_ids::MODULE,
    &xep0376_pam::MODULE,
    &xep0413_order::MODULE,
    &xep0441_preferences::MODULE,
    &xep0442_node_archives::MODULE,
    &xep0462_filter::MODULE,
    &xep0465_public::MODULE,
    &xep0470_attachments::MODULE,
    &xep0472_social_feed::MODULE,
    &reef_notifications::MODULE,
    &reef_timeline::MODULE,
];

/// What a module says of itself.
pub(crate) struct Module {
    /// `XEP-0199` or `RFC 6121`.
    pub(crate) spec: &'static str,
    /// The version that was read; empty for an RFC.
    pub(crate) version: &'static str,
    /// Its title.
    pub(crate) title: &'static str,
    /// What of it is here, or is not: one line.
    pub(crate) note: &'static str,
    /// Features of the server's own disco#info.
    pub(crate) server: &'static [&'static str],
    /// Features of an account's disco#info.
    pub(crate) account: &'static [&'static str],
    /// Features of a pubsub service's disco#info.
    pub(crate) service: &'static [&'static str],
    /// Its handlers.
    pub(crate) routes: fn(&mut Routes),
}

/// Whom an iq that the server answers is addressed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The domain.
    Server,
    /// An account here: one's own (also without `to`), or another's.
    Account(BareJid),
    /// A service of the domain, e.g. `pubsub.<domain>`.
    Service(BareJid),
}

impl Target {
    /// The bare JID, but of the domain.
    pub(crate) fn bare(&self) -> Option<BareJid> {
        match self {
            Target::Server => None,
            Target::Account(jid) | Target::Service(jid) => Some(jid.clone()),
        }
    }
}

/// What a handler is asked in.
pub(crate) struct Ctx<'a> {
    /// The asker's shard, with his session.
    pub(crate) hub: &'a mut Hub,
    /// The slot of his session.
    pub(crate) slot: u32,
    /// The asker.
    pub(crate) from: FullJid,
    /// Whom he asks.
    pub(crate) target: Target,
    /// `xml:lang` of the stanza, or of the stream.
    pub(crate) lang: Option<String>,
}

impl Ctx<'_> {
    /// Whether he asks his own account.
    pub(crate) fn is_own(&self) -> bool {
        matches!(&self.target, Target::Account(account) if *account == self.from.to_bare())
    }

    /// What is its owner's alone.
    ///
    /// # Errors
    /// `forbidden` where it is somebody else's account.
    pub(crate) fn own(&self) -> Result<(), StanzaError> {
        match self.is_own() {
            true => Ok(()),
            false => Err(StanzaError::new(Condition::Forbidden)),
        }
    }
}

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

/// A handler whose payload's type is erased.
type Erased = Box<dyn Fn(&mut Ctx<'_>, Element) -> Result<Answer, StanzaError> + Send + Sync>;

/// Which targets a route serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum To {
    /// The domain.
    Server,
    /// Accounts.
    Account,
    /// Services.
    Service,
}

/// The handlers, by target, kind of iq, and the payload's name and namespace.
#[derive(Default)]
pub(crate) struct Routes(HashMap<(To, bool), HashMap<&'static str, HashMap<&'static str, Erased>>>);

impl Routes {
    /// The routes of all modules. Two handlers for one key are a mistake of ours, found by the test that builds it.
    pub(crate) fn all() -> Routes {
        let mut routes = Routes::default();
        for module in MODULES {
            (module.routes)(&mut routes);
        }
        routes
    }

    /// Answers `<iq type='get'/>` with this payload at these targets.
    pub(crate) fn get<P: IqPayload + 'static>(&mut self, at: &[To], handler: Handler<P>) {
        at.iter().for_each(|to| self.add((*to, false), handler));
    }

    /// Answers `<iq type='set'/>` with this payload at these targets.
    pub(crate) fn set<P: IqPayload + 'static>(&mut self, at: &[To], handler: Handler<P>) {
        at.iter().for_each(|to| self.add((*to, true), handler));
    }

    fn add<P: IqPayload + 'static>(&mut self, key: (To, bool), handler: Handler<P>) {
        let erased: Erased = Box::new(move |ctx, el| handler(ctx, P::parse(el)?));
        let former = self
            .0
            .entry(key)
            .or_default()
            .entry(P::NS)
            .or_default()
            .insert(P::NAME, erased);
        assert!(former.is_none(), "two handlers for {} {}", P::NAME, P::NS);
    }

    /// The handler of a payload, if there is one.
    pub(crate) fn find(&self, target: &Target, set: bool, payload: &Element) -> Option<&Erased> {
        let to = match target {
            Target::Server => To::Server,
            Target::Account(_) => To::Account,
            Target::Service(_) => To::Service,
        };
        self.0.get(&(to, set))?.get(payload.ns().as_str())?.get(payload.name())
    }
}

/// A handler.
pub(crate) type Handler<P> = fn(&mut Ctx<'_>, P) -> Result<Answer, StanzaError>;

/// A post on its way to a node, before it is bytes.
pub(crate) struct Draft<'d> {
    /// Bare JID of the account or service.
    pub(crate) service: &'d str,
    /// The node.
    pub(crate) node: &'d str,
    /// The item's id.
    pub(crate) item: &'d str,
    /// The node's type (`pubsub#type`), where it is known before the record is applied.
    pub(crate) kind: Option<&'d str>,
    /// The language that the payload inherits.
    pub(crate) lang: Option<&'d str>,
    /// What web addresses begin with.
    pub(crate) web: Option<&'d str>,
}

impl Draft<'_> {
    /// Whether the node is an account's microblog (XEP-0277 §2.1).
    pub(crate) fn is_microblog(&self) -> bool {
        self.node == reef_stanza::ns::MICROBLOG && self.service.contains('@')
    }

    /// Whether its name says that it is for the comments on a post (XEP-0277 §3).
    pub(crate) fn is_for_comments(&self) -> bool {
        self.node.starts_with(reef_stanza::ns::COMMENTS_PREFIX)
    }
}

/// A payload as bytes, and which of them are for a node that everybody may read.
pub(crate) struct Prepared {
    pub(crate) payload: Bytes,
    pub(crate) open_only: Option<(u32, u32)>,
}

impl Prepared {
    /// All of it is for any node.
    pub(crate) fn whole(payload: Vec<u8>) -> Prepared {
        let (payload, open_only) = (payload.into(), None);
        Prepared { payload, open_only }
    }
}

/// Judges what is published, and makes it the bytes that are kept: here alone is it serialised.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn prepare(draft: &Draft<'_>, payload: &Element) -> Result<Prepared, StanzaError> {
    xep0472_social_feed::check(draft, payload)?;
    Ok(xep0277_microblog::linked(draft, payload))
}

/// The features of a place, from the table.
pub(crate) fn features(of: fn(&Module) -> &'static [&'static str]) -> impl Iterator<Item = &'static str> {
    MODULES.iter().flat_map(move |module| of(module).iter().copied())
}

/// The table of modules in the README, which a test compares.
#[doc(hidden)]
pub fn readme_table() -> String {
    let mut table = String::from("| | version | |\n|---|---|---|\n");
    for module in MODULES {
        let Module {
            spec,
            version,
            title,
            note,
            ..
        } = module;
        table.push_str(&format!("| {spec}, {title} | {version} | {note} |\n"));
    }
    table
}

/// XEP-0312 §3.
const SINCE: &[&str] = &["http://jabber.org/protocol/pubsub#since"];
/// XEP-0413 §4: that there are orders, and of what.
const ORDER: &[&str] = &[
    "urn:xmpp:order-by:1",
    "urn:xmpp:order-by:1@http://jabber.org/protocol/pubsub",
];

/// Modules that are done in the session or in another module: they have no routes, but they are said.
macro_rules! said {
    ($(
        $name:ident = $spec:literal, $version:literal, $title:literal, $note:literal,
        $server:expr, $account:expr $(, $service:expr)?;
    )*) => {$(
        pub(crate) mod $name {
            //! Done elsewhere: the note says where.
            pub(crate) const MODULE: super::Module = super::Module {
                spec: $spec, version: $version, title: $title, note: $note,
                server: $server, account: $account, service: said!(or_none $($service)?), routes: |_| {},
            };
        }
    )*};
    (or_none) => { &[] };
    (or_none $features:expr) => { $features };
}

said! {
    xep0059_rsm = "XEP-0059", "1.0", "Result Set Management",
        "of items, archives and all lists but the block list; positions and counts where something is counted",
        &["http://jabber.org/protocol/rsm"], &[];
    xep0160_offline = "XEP-0160", "1.0.1", "Best Practices for Handling Offline Messages",
        "chat and normal messages, in `session/message.rs`", &["msgoffline"], &[];
    xep0163_pep = "XEP-0163", "1.2.2", "Personal Eventing Protocol",
        "every account, one implementation with XEP-0060", &[], &["http://jabber.org/protocol/pubsub#filtered-notifications"];
    xep0198_sm = "XEP-0198", "1.6.3", "Stream Management",
        "acks and resumption, in `session/sm.rs`", &[], &[];
    xep0203_delay = "XEP-0203", "2.0", "Delayed Delivery",
        "offline messages and what is caught up", &["urn:xmpp:delay"], &[];
    xep0442_node_archives = "XEP-0442", "0.2.0", "Pubsub Message Archive Management",
        "the archive of each node, in `xep0313_mam/posts.rs`", &[], &[];
    reef_timeline = "urn:reef:timeline:0", "", "Home timeline",
        "what an account follows, merged, as an archive at its own JID", &[], &["urn:reef:timeline:0"];
    reef_notifications = "urn:reef:notifications:0", "", "Notifications",
        "who follows, names, answers, likes, repeats: a node of each account, its owner's alone", &[],
        &["urn:reef:notifications:0"];
    xep0297_forwarding = "XEP-0297", "1.0", "Stanza Forwarding",
        "around the results of an archive", &[], &[];
    xep0334_hints = "XEP-0334", "1.0.0", "Message Processing Hints",
        "of storing, in `session/archive.rs`; copies come with carbons", &[], &[];
    xep0359_stanza_ids = "XEP-0359", "0.7.0", "Unique and Stable Stanza IDs",
        "of archived messages; forged ones are stripped", &["urn:xmpp:sid:0"], &["urn:xmpp:sid:0"];
    xep0312_since = "XEP-0312", "0.3", "PubSub Since",
        "what was missed of nodes by presence; followers have their cursor", &[], super::SINCE, super::SINCE;
    xep0330_subscription = "XEP-0330", "0.1", "Pubsub Subscription",
        "its nodes are kept as any others", &[], &[];
    xep0413_order = "XEP-0413", "0.2.1", "Order-By",
        "of items, with pages, in `xep0060_pubsub/retrieve.rs`", &[], super::ORDER, super::ORDER;
    xep0441_preferences = "XEP-0441", "0.2.0", "Message Archive Management Preferences",
        "default and both lists, in `xep0313_mam/prefs.rs`", &[], &[];
    xep0462_filter = "XEP-0462", "0.1.1", "PubSub Type Filtering",
        "of the nodes of accounts and services, in `xep0060_pubsub/disco.rs`", &[],
        &["urn:xmpp:pubsub-filter:0"], &["urn:xmpp:pubsub-filter:0"];
    xep0465_public = "XEP-0465", "0.1.1", "Pubsub Public Subscriptions",
        "with or without XEP-0376; its nodes are read, with pages, and followed; of nodes for a few nobody is told", &[],
        &["urn:xmpp:pps:0"], &["urn:xmpp:pps:0"];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_one_handler_for_each_key() {
        assert!(!Routes::all().0.is_empty());
    }
}
