//! Nodes in service discovery (XEP-0060 §5.2–§5.5): the nodes of a place, a node's meta-data, its items.
//!
//! On reader threads, for XEP-0030's module, which knows no node.

use super::asked::{self, Node, stamp};
use super::lists::{self, Wanted};
use super::{options, public, retrieve};
use crate::errors;
use minidom::Element;
use reef_engine::Engine;
use reef_engine::config::AccessModel;
use reef_engine::log::apply::{ApplyError, may_read};
use reef_engine::model::{NodeId, NodeName};
use reef_engine::store::rows::{self, NodeState};
use reef_stanza::disco::Types;
use reef_stanza::element::{Build, el};
use reef_stanza::form::{Field, FieldKind, Form, FormKind};
use reef_stanza::{StanzaError, ns, rsm};
use std::sync::Arc;

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

/// Items of a list in discovery, and what is said of the page.
pub(crate) type Listed = (Vec<Element>, Option<rsm::Reply>);

/// §5.2: the nodes of a service or account that `by` may read, of these types (XEP-0462), in the order of their names: a page
/// of them, or as many as a list has.
///
/// # Errors
/// The store's, or that there is no such page.
pub(crate) fn nodes(
    engine: &Engine,
    service: &str,
    by: &str,
    types: &Types,
    request: Option<rsm::Request>,
) -> Result<Listed, StanzaError> {
    let view = engine.view();
    let wanted = Wanted::of(request)?;
    let see = |(name, id): &(Arc<str>, NodeId)| {
        // A list is there for whom it is, whether it is a node yet or not.
        if NodeName::new(service, name.clone()).is_public_list() {
            return Ok(None);
        }
        let row = rows::node_row(view, *id).map_err(errors::unreadable)?;
        let Some(row) = row.filter(|row| types.holds(&row.config.kind)) else {
            return Ok(None);
        };
        match may_read(view, &*engine.tables, *id, &row, by) {
            Ok(()) => Ok(Some((name.clone(), row.config.title))),
            Err(ApplyError::Reject(_)) => Ok(None),
            Err(error) => Err(errors::applied(error)),
        }
    };
    let found = lists::walk_nodes(engine, service, &wanted, see)?;
    let said = wanted.describe(found.iter().map(|(name, _)| &**name));
    let item = |(name, title): &(Arc<str>, Arc<str>)| {
        let title = Some(&**title).filter(|title| !title.is_empty());
        let item = el("item", ns::DISCO_ITEMS).set("jid", service).set("node", name);
        item.set_opt("name", title)
    };
    Ok((found.iter().map(item).collect(), said))
}

/// §5.5: items of a node by id, at most a hundred: a page in the order of publication, as items themselves are paged; without
/// one the newest, newest first. COMPAT: Movim reads its own feed so.
///
/// # Errors
/// `item-not-found`, or why `by` may not read it.
pub(crate) fn node_items(
    engine: &Engine,
    name: &NodeName,
    by: &str,
    request: Option<rsm::Request>,
) -> Result<Listed, StanzaError> {
    if name.is_public_list() {
        // Its entries are read as items; to name them here is not asked of a service.
        public::there(engine, name, by)?;
        return Ok((Vec::new(), None));
    }
    let node = asked::find(engine, name)?;
    retrieve::readable(engine, &node, by)?;
    let (ids, said) = match request {
        None => (retrieve::newest(engine, &node, ITEMS_MAX)?, None),
        Some(request) => {
            let max = Some(request.max.map_or(ITEMS_MAX as u32, |max| max.min(ITEMS_MAX as u32)));
            let (ids, said) = retrieve::ids(engine, &node, rsm::Request { max, ..request })?;
            (ids, Some(said))
        }
    };
    let item = |id: &Arc<str>| el("item", ns::DISCO_ITEMS).set("jid", &name.service).set("name", id);
    Ok((ids.iter().map(item).collect(), said))
}

/// §5.3, §5.4: a node and its meta-data. Who may ask for a subscription sees what he asks for; a node for a list or a
/// group is seen by those in it alone.
///
/// # Errors
/// `item-not-found`, or why `by` may not see it.
pub(crate) fn node_info(engine: &Engine, name: &NodeName, by: &str) -> Result<Element, StanzaError> {
    if *name.node == *ns::TIMELINE && *name.service == *by {
        return Ok(timeline());
    }
    if name.is_public_list() {
        public::there(engine, name, by)?;
        return Ok(list(&name.node));
    }
    let node = asked::find(engine, name)?;
    if matches!(node.row.config.access, AccessModel::Whitelist | AccessModel::Roster) {
        retrieve::readable(engine, &node, by)?;
    }
    let state = rows::node_state(engine.view(), node.id).map_err(errors::unreadable)?;
    let owners = rows::owners(engine.view(), node.id, &node.row).map_err(errors::unreadable)?;
    let identity = el("identity", ns::DISCO_INFO)
        .set("category", "pubsub")
        .set("type", "leaf");
    let features = [ns::PUBSUB, "http://jabber.org/protocol/pubsub#meta-data"];
    Ok(el("query", ns::DISCO_INFO)
        .set("node", &name.node)
        .child(identity)
        .children_from(features.map(|feature| el("feature", ns::DISCO_INFO).set("var", feature)))
        .child(meta_data(&node, &owners, &state).to_element()))
}

/// A list of public subscriptions (XEP-0465).
fn list(node: &str) -> Element {
    let identity = el("identity", ns::DISCO_INFO)
        .set("category", "pubsub")
        .set("type", "leaf");
    let features = [ns::PUBSUB, ns::PPS];
    el("query", ns::DISCO_INFO)
        .set("node", node)
        .child(identity)
        .children_from(features.map(|feature| el("feature", ns::DISCO_INFO).set("var", feature)))
}

/// The home timeline is an archive, and its owner's alone; to others there is nothing.
fn timeline() -> Element {
    let identity = el("identity", ns::DISCO_INFO)
        .set("category", "pubsub")
        .set("type", "leaf")
        .set("name", "Home timeline");
    let features = [ns::MAM, ns::MAM_EXTENDED];
    el("query", ns::DISCO_INFO)
        .set("node", ns::TIMELINE)
        .child(identity)
        .children_from(features.map(|feature| el("feature", ns::DISCO_INFO).set("var", feature)))
}

fn meta_data(node: &Node, owners: &[Arc<str>], state: &NodeState) -> Form {
    let field = |kind, var, label: &str, value: &str| Field::new(kind, var).label(label).value(value);
    let creator = &*node.row.owner;
    let owned = Field::new(FieldKind::JidMulti, "pubsub#owner").label("Node owners");
    let form = Form::new(FormKind::Result, ns::PUBSUB_META_DATA);
    let form = SHOWN
        .iter()
        .filter_map(|var| options::field(var, &node.row.config))
        .fold(form, Form::with);
    form.with(field(FieldKind::JidSingle, "pubsub#creator", "Node creator", creator))
        .with(owners.iter().fold(owned, |field, owner| field.value(owner.to_string())))
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
        let owners = ["juliet@capulet.lit".into(), "nurse@capulet.lit".into()];
        let form = meta_data(&Node { id: NodeId(1), row }, &owners, &state);
        let owned = form.values("pubsub#owner").unwrap();
        assert_eq!(owned, ["juliet@capulet.lit", "nurse@capulet.lit"]);
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
