//! Publishing and retracting (XEP-0060 §7).
//!
//! A payload is judged and made self-contained here, once, and never serialised again. Rights, quotas and options are
//! decided by the engine when the record is applied; who published is stamped there too.

use super::super::{Answer, Draft, Prepared, attach, detach, prepare};
use super::asked::{self, Asked};
use super::template::Place;
use super::{bad, options, probe};
use crate::{atom, errors};
use reef_engine::config::{NodeConfig, Setting};
use reef_engine::error::Reject;
use reef_engine::log::record::{Change, Note};
use reef_engine::model::NodeName;
use reef_stanza::form::Form;
use reef_stanza::pubsub::{PublishItem, publish_reply};
use reef_stanza::{Condition, PubsubCondition, StanzaError};
use std::sync::Arc;

/// What is published where.
struct Publication {
    by: Arc<str>,
    name: NodeName,
    item: Arc<str>,
    prepared: Prepared,
    notes: Vec<Note>,
    options: Vec<Setting>,
    create: Option<NodeConfig>,
}

/// §7.1. Who may make a node makes it by its first post (§7.1.4).
pub(super) fn publish(
    asked: Asked,
    node: &str,
    items: Vec<PublishItem>,
    form: Option<Form>,
) -> Result<Answer, StanzaError> {
    let mut items = items.into_iter();
    let (item, None) = (items.next(), items.next()) else {
        let error = StanzaError::new(Condition::BadRequest);
        return Err(error.with_text("one item is published at a time"));
    };
    let named = item.is_some();
    let options = form.as_ref().map(options::settings).transpose()?.unwrap_or_default();
    if item.as_ref().is_some_and(probe::is_probe) {
        return Ok(probe::probe(&asked, node, options));
    }
    let (id, payload) = item.map_or((None, None), |item| (item.id, item.payload));
    if let Some(change) = attach(&asked.service, node, &asked.by, id.as_deref(), payload.as_ref())? {
        return Ok(published(&asked.by, node, &asked.by, change));
    }
    let item: Arc<str> = id.map_or_else(asked::made_up_name, Ok)?.into();
    let template = asked.place.template_of(node, &options);
    let draft = Draft {
        service: &asked.service,
        node,
        item: &item,
        kind: Some(&*template.with(&options).kind),
        lang: asked.lang.as_deref(),
        web: asked.web.as_deref(),
    };
    let prepared = match &payload {
        Some(payload) => prepare(&draft, payload)?,
        None => Prepared::whole(Vec::new()),
    };
    let notes = payload
        .as_ref()
        .map(|payload| atom::notes(payload, &asked.domain, node));
    let publication = Publication {
        name: asked.name(node),
        item,
        prepared,
        notes: notes.unwrap_or_default(),
        options,
        // Not for comments: the node belongs to the author of the post, whoever comments first.
        create: (asked.creates && asked.place != Place::Comments).then_some(template),
        by: asked.by,
    };
    match payload {
        Some(_) => Ok(publication.submit()),
        // Rare, and the node's configuration says whether it will do.
        None => Ok(Answer::read(move |engine| {
            let config = match asked::look_up(engine, &publication.name)? {
                Some(node) => Some(node.row.config),
                None => publication
                    .create
                    .as_ref()
                    .map(|config| config.with(&publication.options)),
            };
            match config {
                Some(config) => may_lack(&config, named)?,
                None => return Err(errors::refused(&Reject::NodeNotFound)),
            }
            Ok(publication.submit())
        })),
    }
}

/// Whether a post may lack its payload, or even the item (§7.1.3.6).
fn may_lack(config: &NodeConfig, item: bool) -> Result<(), StanzaError> {
    match config {
        NodeConfig {
            persist_items: true, ..
        } if !item => Err(bad(PubsubCondition::ItemRequired)),
        NodeConfig {
            persist_items: false,
            deliver_payloads: false,
            ..
        } if item => Err(bad(PubsubCondition::ItemForbidden)),
        NodeConfig {
            deliver_payloads: true, ..
        } => Err(bad(PubsubCondition::PayloadRequired)),
        _ => Ok(()),
    }
}

impl Publication {
    fn submit(self) -> Answer {
        let Publication {
            by,
            name,
            item,
            prepared: Prepared { payload, open_only },
            notes,
            options,
            create,
        } = self;
        let (node, id) = (name.node.clone(), item.clone());
        let change = Change::Publish {
            node: name,
            item,
            payload,
            open_only,
            notes,
            options,
            create,
        };
        published(&by, &node, &id, change)
    }
}

/// Commits what publishes an item, and answers with its id.
fn published(by: &str, node: &str, item: &str, change: Change) -> Answer {
    let reply = publish_reply(node, &[item]);
    Answer::submit(by, change, move |_, done| match done {
        Ok(_) => Ok(Answer::Payload(reply)),
        Err(error) => Err(errors::stanza_error(&error)),
    })
}

/// §7.2: one item, as since version 1.13 there is no other way.
pub(super) fn retract(asked: &Asked, node: &str, ids: Vec<String>, notify: bool) -> Result<Answer, StanzaError> {
    let mut ids = ids.into_iter();
    let (Some(item), None) = (ids.next(), ids.next()) else {
        let error = StanzaError::new(Condition::BadRequest);
        return Err(error.with_text("one item is retracted at a time"));
    };
    if let Some(change) = detach(&asked.service, node, &item)? {
        return Ok(asked.commit(change));
    }
    Ok(asked.commit(Change::Retract {
        node: asked.name(node),
        item: item.into(),
        notify,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(config: &NodeConfig, item: bool, expected: Option<PubsubCondition>) {
        assert_eq!(may_lack(config, item).err(), expected.map(bad));
    }

    #[test]
    fn what_a_post_may_lack_is_said_by_the_node() {
        let pep = NodeConfig::pep();
        check(&pep, false, Some(PubsubCondition::ItemRequired));
        check(&pep, true, Some(PubsubCondition::PayloadRequired));
        let light = NodeConfig {
            deliver_payloads: false,
            ..pep.clone()
        };
        check(&light, false, Some(PubsubCondition::ItemRequired));
        check(&light, true, None);
        let bare = NodeConfig {
            persist_items: false,
            ..light
        };
        check(&bare, false, None);
        check(&bare, true, Some(PubsubCondition::ItemForbidden));
        check(
            &NodeConfig {
                persist_items: false,
                ..pep
            },
            false,
            Some(PubsubCondition::PayloadRequired),
        );
    }
}
