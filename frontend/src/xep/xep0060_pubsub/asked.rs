//! Who asks what of whom, and the node that it is about.
//!
//! An account and a service are one thing here: a bare JID with nodes. Knows no verb; each verb's file begins with this.

use super::super::{Answer, Ctx, Target, kept_node};
use super::template::Place;
use crate::config::Create;
use crate::errors;
use jid::BareJid;
use reef_engine::Engine;
use reef_engine::clock::random;
use reef_engine::config::Affiliation;
use reef_engine::error::Reject;
use reef_engine::log::record::Change;
use reef_engine::model::{NodeId, NodeName, Timestamp};
use reef_engine::store::rows::{self, NodeRow};
use reef_stanza::{Condition, PubsubCondition, StanzaError};
use std::sync::Arc;

/// A request's asker and place.
pub(super) struct Asked {
    /// Bare JID of the account or service.
    pub(super) service: Arc<str>,
    /// Bare JID of the asker: rights are his.
    pub(super) by: Arc<str>,
    /// The same, parsed.
    pub(super) jid: BareJid,
    /// Whether he may make nodes there.
    pub(super) creates: bool,
    /// What kind of place it is.
    pub(super) place: Place,
    /// The language that payloads inherit.
    pub(super) lang: Option<String>,
    /// The server's domain.
    pub(super) domain: Arc<str>,
    /// What web addresses begin with.
    pub(super) web: Option<Arc<str>>,
}

/// A node that exists.
pub(super) struct Node {
    pub(super) id: NodeId,
    pub(super) row: NodeRow,
}

impl Asked {
    /// Nobody has nodes at the domain itself.
    pub(super) fn of(ctx: &Ctx<'_>) -> Result<Asked, StanzaError> {
        match &ctx.target {
            Target::Account(jid) | Target::Service(jid) => Ok(Asked::at(ctx, jid)),
            Target::Server | Target::Files(_) => Err(StanzaError::new(Condition::ServiceUnavailable)),
        }
    }

    /// The same of an account or service, whomever the request was for.
    pub(super) fn at(ctx: &Ctx<'_>, service: &BareJid) -> Asked {
        let (jid, place) = (ctx.from.to_bare(), Place::of(service));
        let local = ctx.hub.server.is_domain(jid.domain().as_str());
        let own = *service == jid;
        let creates = match (place, ctx.hub.server.config.pubsub.create) {
            (Place::Account, _) => own,
            // Whoever publishes a post makes the node for what is said to it.
            (Place::Comments, _) | (Place::Pubsub, Create::Local) => local,
            (Place::Pubsub, Create::Anyone) => true,
            (Place::Pubsub, Create::Admin) => false,
        };
        Asked {
            creates,
            service: Arc::from(service.as_str()),
            by: Arc::from(jid.as_str()),
            jid,
            place,
            lang: ctx.lang.clone(),
            domain: ctx.hub.server.domain.as_str().into(),
            web: ctx.hub.server.web.clone(),
        }
    }

    /// A node there.
    pub(super) fn name(&self, node: &str) -> NodeName {
        kept_node(&self.service, node)
    }

    /// Commits a change and answers with nothing.
    pub(super) fn commit(&self, change: Change) -> Answer {
        Answer::commit(&self.by, change)
    }
}

/// The node of a name, if there is one; on a reader thread.
pub(super) fn look_up(engine: &Engine, name: &NodeName) -> Result<Option<Node>, StanzaError> {
    let view = engine.view();
    let Some(id) = rows::node_id(view, name).map_err(errors::unreadable)? else {
        return Ok(None);
    };
    let row = rows::node_row(view, id).map_err(errors::unreadable)?;
    Ok(row.map(|row| Node { id, row }))
}

/// The node of a name, or `item-not-found`.
pub(super) fn find(engine: &Engine, name: &NodeName) -> Result<Node, StanzaError> {
    look_up(engine, name)?.ok_or_else(|| errors::refused(&Reject::NodeNotFound))
}

/// The node of a name, if `by` owns it; else `item-not-found` or `forbidden`.
pub(super) fn owned(engine: &Engine, name: &NodeName, by: &str) -> Result<Node, StanzaError> {
    let node = find(engine, name)?;
    match rows::affiliation(engine.view(), node.id, &node.row, by).map_err(errors::unreadable)? {
        Affiliation::Owner => Ok(node),
        _ => Err(errors::refused(&Reject::Forbidden)),
    }
}

/// A JID in a request, bare; `invalid-jid` where it is none.
pub(super) fn bare(jid: &str) -> Result<BareJid, StanzaError> {
    let parsed = jid::Jid::new(jid).map(|jid| jid.into_bare());
    parsed.map_err(|_| super::bad(PubsubCondition::InvalidJid))
}

/// A name for an item or a node that got none: 64 random bits.
pub(super) fn made_up_name() -> Result<String, StanzaError> {
    let bits = random()
        .map(u64::from_be_bytes)
        .map_err(|error| errors::stanza_error(&error))?;
    Ok(format!("{bits:016x}"))
}

/// A time as XEP-0082 writes it.
pub(super) fn stamp(at: Timestamp) -> String {
    let time = i64::try_from(at.0)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
}
