//! Creating nodes (XEP-0060 §8.1): on one's own account, and on a service for those whom its operator lets.

use super::super::Answer;
use super::asked::{self, Asked};
use super::options;
use super::template::Place;
use crate::errors;
use reef_engine::error::Reject;
use reef_engine::log::record::Change;
use reef_stanza::form::{Form, FormKind};
use reef_stanza::pubsub::create_reply;
use reef_stanza::{StanzaError, ns};

/// Creates a node; without a name it gets one (§8.1.1). The options are part of the same record, so that nobody ever
/// sees the node without them.
pub(super) fn create(asked: &Asked, node: Option<String>, form: Option<Form>) -> Result<Answer, StanzaError> {
    if !asked.creates {
        return Err(errors::refused(&Reject::Forbidden));
    }
    let node = named(asked, node)?;
    let form = form.filter(|form| form.kind == FormKind::Submit);
    let settings = form.as_ref().map(options::settings).transpose()?.unwrap_or_default();
    let template = asked.place.template_of(&node, &settings);
    let reply = create_reply(&node);
    let change = Change::CreateNode {
        node: asked.name(&node),
        config: template.with(&settings),
    };
    Ok(Answer::submit(&asked.by, change, move |_, done| match done {
        Ok(_) => Ok(Answer::Payload(reply)),
        Err(error) => Err(errors::stanza_error(&error)),
    }))
}

/// The name of a node that is to be made. Nodes for comments are told by their names (XEP-0277 §3.1); what the service
/// keeps of itself is refused when the record is applied, in the same words everywhere.
fn named(asked: &Asked, node: Option<String>) -> Result<String, StanzaError> {
    match (asked.place, node) {
        (_, Some(node)) if asked.name(&node).is_kept() => Ok(node),
        (Place::Comments, None) => Ok(format!("{}{}", ns::COMMENTS_PREFIX, asked::made_up_name()?)),
        (Place::Comments, Some(node)) if !node.starts_with(ns::COMMENTS_PREFIX) => {
            let why = "a node for comments begins with urn:xmpp:microblog:0:comments/";
            Err(errors::refused(&Reject::NotAcceptable(why)))
        }
        (_, Some(node)) => Ok(node),
        (_, None) => asked::made_up_name(),
    }
}
