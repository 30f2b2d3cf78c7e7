//! Creating nodes (XEP-0060 §8.1): on one's own account, and on a service for those whom its operator lets.

use super::super::{Answer, Ctx};
use super::asked::{self, Asked};
use super::{options, template};
use crate::config::Create;
use crate::errors;
use reef_engine::error::Reject;
use reef_engine::log::record::Change;
use reef_stanza::StanzaError;
use reef_stanza::form::{Form, FormKind};
use reef_stanza::pubsub::create_reply;

/// Creates a node; without a name it gets one (§8.1.1). The options are part of the same record, so that nobody ever
/// sees the node without them.
pub(super) fn create(
    ctx: &Ctx<'_>,
    asked: &Asked,
    node: Option<String>,
    form: Option<Form>,
) -> Result<Answer, StanzaError> {
    let domain = asked.jid.domain().as_str();
    let may = match (asked.account, ctx.hub.server.config.pubsub.create) {
        (true, _) => asked.own,
        (false, Create::Anyone) => true,
        (false, Create::Local) => domain == ctx.hub.server.domain,
        (false, Create::Admin) => false,
    };
    if !may {
        return Err(errors::refused(&Reject::Forbidden));
    }
    let node = node.map_or_else(asked::made_up_name, Ok)?;
    let form = form.filter(|form| form.kind == FormKind::Submit);
    let settings = form.as_ref().map(options::settings).transpose()?.unwrap_or_default();
    let template = if asked.account {
        template::account(&node)
    } else {
        template::service(&node)
    };
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
