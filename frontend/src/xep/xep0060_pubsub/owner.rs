//! What an owner does with a node: configure, delete, purge (XEP-0060 §8.2–§8.5).

use super::super::Answer;
use super::asked::{self, Asked};
use super::options;
use reef_engine::log::record::Change;
use reef_stanza::form::{Form, FormKind};
use reef_stanza::pubsub;
use reef_stanza::{Condition, StanzaError};

/// §8.2.1.
pub(super) fn configuration(asked: Asked, node: &str) -> Result<Answer, StanzaError> {
    let name = asked.name(node);
    Ok(Answer::read(move |engine| {
        let node = asked::owned(engine, &name, &asked.by)?;
        Ok(Answer::Payload(pubsub::configuration(
            &name.node,
            &options::form(&node.row.config),
        )))
    }))
}

/// §8.3. Of a node without a name of its own: what has a template differs.
pub(super) fn default_configuration(asked: &Asked) -> Result<Answer, StanzaError> {
    let form = options::form(&asked.place.template(""));
    Ok(Answer::Payload(pubsub::default_configuration(&form)))
}

/// §8.2.4. Followers who may no longer read leave in the engine's background.
pub(super) fn configure(asked: Asked, node: &str, form: &Form) -> Result<Answer, StanzaError> {
    match form.kind {
        FormKind::Submit => {}
        FormKind::Cancel => return Ok(Answer::Empty),
        FormKind::Form | FormKind::Result => {
            let error = StanzaError::new(Condition::BadRequest);
            return Err(error.with_text("the form is not filled in"));
        }
    }
    let settings = options::settings(form)?;
    Ok(asked.commit(Change::Configure {
        node: asked.name(node),
        settings,
    }))
}

/// §8.4.
pub(super) fn delete(asked: &Asked, node: &str, redirect: Option<String>) -> Result<Answer, StanzaError> {
    let redirect = redirect.map(Into::into);
    Ok(asked.commit(Change::DeleteNode {
        node: asked.name(node),
        redirect,
    }))
}

/// §8.5.
pub(super) fn purge(asked: &Asked, node: &str) -> Result<Answer, StanzaError> {
    Ok(asked.commit(Change::Purge { node: asked.name(node) }))
}
