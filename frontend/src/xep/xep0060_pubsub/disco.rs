//! Nodes in service discovery (XEP-0060 §5.2–§5.5): the nodes of a place, a node's meta-data, its items.
//!
//! On reader threads, for XEP-0030's module, which knows no node.

use super::asked::{self, Node, stamp};
use super::{options, retrieve};
use crate::errors;
use minidom::Element;
use reef_engine::Engine;
use reef_engine::config::AccessModel;
use reef_engine::limits::LIST_ROWS;
use reef_engine::log::apply::{ApplyError, may_read};
use reef_engine::model::NodeName;
use reef_engine::query::{self, Which};
use reef_engine::store::rows::{self, NodeState};
use reef_stanza::element::{Build, el};
use reef_stanza::form::{Field, FieldKind, Form, FormKind};
use reef_stanza::{StanzaError, ns};

/// Items of a node that discovery names: to see what is new there. Whoever wants them all pages through them (§6.5).
const ITEMS_MAX: usize = 100;

/// What of the configuration everybody may know who may know the node.
const SHOWN: &[&str] = &[
    "pubsub#title",
    "pubsub#description",
    "pubsub#type",
    "pubsub#language",
    "pubsub#contact",
    "pubsub#access_model",
    "pubsub#publish_model",
    "pubsub#max_items",
];

/// §5.2: the nodes of a service or account that `by` may read, at most [`LIST_ROWS`].
///
/// # Errors
/// The store's.
pub(crate) fn nodes(engine: &Engine, service: &str, by: &str) -> Result<Vec<Element>, StanzaError> {
    let view = engine.view();
    let mut items = Vec::new();
    for (name, id) in rows::nodes_of(view, service, LIST_ROWS).map_err(errors::unreadable)? {
        let Some(row) = rows::node_row(view, id).map_err(errors::unreadable)? else {
            continue;
        };
        match may_read(view, &*engine.tables, id, &row, by) {
            Ok(()) => {}
            Err(ApplyError::Reject(_)) => continue,
            Err(error) => return Err(errors::applied(error)),
        }
        let title = Some(&*row.config.title).filter(|title| !title.is_empty());
        items.push(
            el("item", ns::DISCO_ITEMS)
                .set("jid", service)
                .set("node", &name)
                .set_opt("name", title),
        );
    }
    Ok(items)
}

/// §5.5: the newest items of a node by id, newest first, at most a hundred. COMPAT: Movim reads its own feed so.
///
/// # Errors
/// `item-not-found`, or why `by` may not read it.
pub(crate) fn node_items(engine: &Engine, name: &NodeName, by: &str) -> Result<Vec<Element>, StanzaError> {
    let node = asked::find(engine, name)?;
    retrieve::readable(engine, &node, by)?;
    let now = engine.clock.now();
    let found = query::items(engine.view(), node.id, &node.row, &Which::Older(None), ITEMS_MAX, now);
    let items = found.map_err(errors::unreadable)?.unwrap_or_default().items.into_iter();
    Ok(items
        .map(|item| {
            el("item", ns::DISCO_ITEMS)
                .set("jid", &name.service)
                .set("name", &item.id)
        })
        .collect())
}

/// §5.3, §5.4: a node and its meta-data. Who may ask for a subscription sees what he asks for; a node for a list or a
/// group is seen by those in it alone.
///
/// # Errors
/// `item-not-found`, or why `by` may not see it.
pub(crate) fn node_info(engine: &Engine, name: &NodeName, by: &str) -> Result<Element, StanzaError> {
    let node = asked::find(engine, name)?;
    if matches!(node.row.config.access, AccessModel::Whitelist | AccessModel::Roster) {
        retrieve::readable(engine, &node, by)?;
    }
    let state = rows::node_state(engine.view(), node.id).map_err(errors::unreadable)?;
    let identity = el("identity", ns::DISCO_INFO)
        .set("category", "pubsub")
        .set("type", "leaf");
    let features = [ns::PUBSUB, "http://jabber.org/protocol/pubsub#meta-data"];
    Ok(el("query", ns::DISCO_INFO)
        .set("node", &name.node)
        .child(identity)
        .children_from(features.map(|feature| el("feature", ns::DISCO_INFO).set("var", feature)))
        .child(meta_data(&node, &state).to_element()))
}

fn meta_data(node: &Node, state: &NodeState) -> Form {
    let field = |kind, var, label: &str, value: &str| Field::new(kind, var).label(label).value(value);
    let owner = &*node.row.owner;
    let form = Form::new(FormKind::Result, ns::PUBSUB_META_DATA);
    let form = SHOWN
        .iter()
        .filter_map(|var| options::field(var, &node.row.config))
        .fold(form, Form::with);
    form.with(field(FieldKind::JidSingle, "pubsub#creator", "Node creator", owner))
        .with(field(FieldKind::JidMulti, "pubsub#owner", "Node owners", owner))
        .with(field(
            FieldKind::TextSingle,
            "pubsub#creation_date",
            "Creation date",
            &stamp(node.row.created),
        ))
        .with(field(
            FieldKind::TextSingle,
            "pubsub#num_subscribers",
            "Number of subscribers to this node",
            &state.followers.to_string(),
        ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reef_engine::config::NodeConfig;
    use reef_engine::model::{NodeId, Timestamp};
    use reef_engine::store::rows::NodeRow;

    #[test]
    fn the_meta_data_has_what_movim_reads() {
        let row = NodeRow {
            name: NodeName::new("juliet@capulet.lit", ns::MICROBLOG),
            owner: "juliet@capulet.lit".into(),
            created: Timestamp(1_059_519_370_000),
            config: NodeConfig {
                title: "Letters".into(),
                ..NodeConfig::microblog(ns::MICROBLOG)
            },
        };
        let state = NodeState {
            followers: 1066,
            ..NodeState::default()
        };
        let form = meta_data(&Node { id: NodeId(1), row }, &state);
        for (var, value) in [
            ("pubsub#title", "Letters"),
            ("pubsub#type", "urn:xmpp:microblog:0"),
            ("pubsub#creation_date", "2003-07-29T22:56:10Z"),
            ("pubsub#access_model", "open"),
            ("pubsub#publish_model", "publishers"),
            ("pubsub#num_subscribers", "1066"),
            ("pubsub#creator", "juliet@capulet.lit"),
        ] {
            assert_eq!(form.value(var), Some(value), "{var}");
        }
        assert!(form.values("pubsub#description").is_some());
    }
}
