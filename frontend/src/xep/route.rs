//! Whom an iq is for, what its handler is given, and how it is found by kind, target and payload.
//!
//! Knows no XEP but by the table in `mod.rs`. Next: a module's handler.

use super::{Answer, MODULES};
use crate::peer::name::UPLOAD;
use crate::session::Hub;
use jid::{BareJid, Jid};
use minidom::Element;
use reef_stanza::{Condition, IqPayload, StanzaError, ns};
use std::collections::HashMap;

/// Whom an iq that the server answers is addressed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The domain.
    Server,
    /// An account here: one's own (also without `to`), or another's.
    Account(BareJid),
    /// A service of the domain, e.g. `pubsub.<domain>`.
    Service(BareJid),
    /// The one that takes files, `upload.<domain>`.
    Files(BareJid),
}

impl Target {
    /// One of the services.
    pub(crate) fn service(jid: BareJid) -> Target {
        let name = jid.domain().as_str().split_once('.').map(|(name, _)| name);
        match name {
            Some(UPLOAD) => Target::Files(jid),
            _ => Target::Service(jid),
        }
    }

    /// The bare JID, but of the domain.
    pub(crate) fn bare(&self) -> Option<BareJid> {
        match self {
            Target::Server => None,
            Target::Account(jid) | Target::Service(jid) | Target::Files(jid) => Some(jid.clone()),
        }
    }
}

/// What a handler is asked in.
pub(crate) struct Ctx<'a> {
    /// The asker's shard; for who is at another server any one.
    pub(crate) hub: &'a mut Hub,
    /// The slot of his session; none where he is at another server.
    pub(crate) slot: Option<u32>,
    /// The asker.
    pub(crate) from: Jid,
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

    /// The asker's session, for what is for sessions alone.
    ///
    /// # Errors
    /// `not-allowed` where he has none here.
    pub(crate) fn session(&self) -> Result<u32, StanzaError> {
        self.slot.ok_or_else(|| StanzaError::new(Condition::NotAllowed))
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

/// Namespaces of what who is at another server may ask; who may have what is for the handlers.
const FOR_OTHERS: [&str; 11] = [
    ns::DISCO_INFO,
    ns::DISCO_ITEMS,
    ns::PUBSUB,
    ns::PUBSUB_OWNER,
    ns::PING,
    ns::MAM,
    ns::COMMANDS,
    ns::VCARD,
    ns::VERSION,
    ns::TIME,
    ns::UPLOAD,
];

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
    /// The one that takes files.
    Files,
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

    /// Whether who is at another server may ask this: what is of a session or an account's own is not.
    pub(crate) fn is_for_others(payload: &Element) -> bool {
        FOR_OTHERS.contains(&payload.ns().as_str())
    }

    /// The handler of a payload, if there is one.
    pub(crate) fn find(&self, target: &Target, set: bool, payload: &Element) -> Option<&Erased> {
        let to = match target {
            Target::Server => To::Server,
            Target::Account(_) => To::Account,
            Target::Service(_) => To::Service,
            Target::Files(_) => To::Files,
        };
        self.0.get(&(to, set))?.get(payload.ns().as_str())?.get(payload.name())
    }
}

/// A handler.
pub(crate) type Handler<P> = fn(&mut Ctx<'_>, P) -> Result<Answer, StanzaError>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_one_handler_for_each_key() {
        assert!(!Routes::all().0.is_empty());
    }
}
