//! What an owner does with a node: configure, delete, purge (XEP-0060 §8.2–§8.5).

use super::super::{Answer, Ctx};
use super::asked::{self, Asked};
use super::reevaluate::reevaluate;
use super::{options, template};
use crate::errors;
use reef_engine::config::{AccessModel, NodeConfig};
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
pub(super) fn default_configuration(_: &Ctx<'_>, asked: &Asked) -> Result<Answer, StanzaError> {
    let template = if asked.account {
        template::account("")
    } else {
        template::service("")
    };
    Ok(Answer::Payload(pubsub::default_configuration(&options::form(
        &template,
    ))))
}

/// §8.2.4. Followers who may no longer read are looked for after the answer, in the background.
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
    let name = asked.name(node);
    Ok(Answer::read(move |engine| {
        let older = asked::owned(engine, &name, &asked.by)?.row.config;
        let narrows = narrows(&older, &older.with(&settings));
        let change = Change::Configure {
            node: name.clone(),
            settings,
        };
        let by = asked.by.clone();
        Ok(Answer::submit(&by, change, move |hub, done| {
            done.map_err(|error| errors::stanza_error(&error))?;
            if narrows {
                reevaluate(&hub.server.engine, asked.by, name, None);
            }
            Ok(Answer::Empty)
        }))
    }))
}

/// Whether somebody who could read may no longer.
fn narrows(older: &NodeConfig, newer: &NodeConfig) -> bool {
    let groups = newer.access == AccessModel::Roster && older.roster_groups != newer.roster_groups;
    newer.access != AccessModel::Open && (older.access != newer.access || groups)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_narrows_when_its_model_or_its_groups_change() {
        let open = NodeConfig {
            access: AccessModel::Open,
            ..NodeConfig::pep()
        };
        let presence = NodeConfig::pep();
        let roster = NodeConfig {
            access: AccessModel::Roster,
            roster_groups: vec!["a".into()],
            ..NodeConfig::pep()
        };
        assert!(narrows(&open, &presence));
        assert!(!narrows(&presence, &open));
        assert!(!narrows(
            &presence,
            &NodeConfig {
                title: "t".into(),
                ..presence.clone()
            }
        ));
        assert!(narrows(&presence, &roster));
        assert!(narrows(
            &roster,
            &NodeConfig {
                roster_groups: vec!["b".into()],
                ..roster.clone()
            }
        ));
    }
}
