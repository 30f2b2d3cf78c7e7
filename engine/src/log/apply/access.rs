//! Who may read and who may publish: the access and publish models of XEP-0060 §4.5 and §7.1.3.
//!
//! Used by apply, which decides, and by the front end for retrieval. What it rests on (presence, roster, affiliation)
//! is state of the log, so that every host decides alike.

use super::{ApplyError, Tables};
use crate::config::{AccessModel, Affiliation, PublishModel};
use crate::error::{Reject, StoreError};
use crate::model::{NodeId, NodeName};
use crate::store::View;
use crate::store::keys::{self, Family, NodePart};
use crate::store::rows::{self, NodeRow};

/// Whether `jid` may subscribe to and read the node.
///
/// # Errors
/// The refusal that says why not. [`AccessModel::Authorize`] refuses only who is not subscribed: `Forbidden`.
pub fn may_read(
    view: &dyn View,
    tables: &dyn Tables,
    node: NodeId,
    row: &NodeRow,
    jid: &str,
) -> Result<(), ApplyError> {
    if row.name.is_kept() && !row.name.is_public_subscriptions() {
        // What is kept for a node goes by its rights.
        let (target, row) = target(view, node)?;
        return may_read(view, tables, target, &row, jid);
    }
    not_blocked(view, tables, row, jid)?;
    match rows::affiliation(view, node, row, jid)? {
        Affiliation::Owner | Affiliation::Publisher | Affiliation::Member => return Ok(()),
        Affiliation::Outcast | Affiliation::PublishOnly => return Err(Reject::Forbidden.into()),
        Affiliation::None => {}
    }
    match row.config.access {
        AccessModel::Open => Ok(()),
        AccessModel::Presence if gets_presence(view, &row.owner, jid)? => Ok(()),
        AccessModel::Presence => Err(Reject::PresenceRequired.into()),
        AccessModel::Roster => match tables.in_roster_groups(view, &row.owner, jid, &row.config.roster_groups)? {
            true => Ok(()),
            false => Err(Reject::NotInRosterGroup.into()),
        },
        AccessModel::Authorize if subscribed(view, node, jid)? => Ok(()),
        AccessModel::Authorize => Err(Reject::Forbidden.into()),
        AccessModel::Whitelist => Err(Reject::ClosedNode.into()),
    }
}

/// Whether `jid` may publish to the node.
///
/// # Errors
/// `Forbidden`, or `Blocked`.
pub fn may_publish(
    view: &dyn View,
    tables: &dyn Tables,
    node: NodeId,
    row: &NodeRow,
    jid: &str,
) -> Result<(), ApplyError> {
    if row.name.is_kept() {
        return Err(Reject::Kept.into());
    }
    not_blocked(view, tables, row, jid)?;
    let may = match rows::affiliation(view, node, row, jid)? {
        Affiliation::Owner | Affiliation::Publisher | Affiliation::PublishOnly => true,
        Affiliation::Outcast => false,
        Affiliation::Member | Affiliation::None => match row.config.publish {
            PublishModel::Open => true,
            PublishModel::Subscribers => subscribed(view, node, jid)?,
            PublishModel::Publishers => false,
        },
    };
    if may { Ok(()) } else { Err(Reject::Forbidden.into()) }
}

/// The node that one is kept for.
pub(super) fn target(view: &dyn View, node: NodeId) -> Result<(NodeId, NodeRow), ApplyError> {
    let target = target_id(view, node)?.ok_or(Reject::NodeNotFound)?;
    let row = rows::node_row(view, target)?.filter(|row| !row.name.is_kept());
    Ok((target, row.ok_or(Reject::NodeNotFound)?))
}

/// Its id, whether it is there or not.
pub(super) fn target_id(view: &dyn View, node: NodeId) -> Result<Option<NodeId>, StoreError> {
    rows::get(view, Family::NODE, &keys::node(node, NodePart::Target))
}

/// Whoever an account blocks has nothing to do with its nodes (XEP-0163 §4.3, XEP-0191), nor with those for comments on its
/// posts. Other nodes on services may be many people's: there affiliations say who is out.
fn not_blocked(view: &dyn View, tables: &dyn Tables, row: &NodeRow, jid: &str) -> Result<(), ApplyError> {
    let account = row.is_pep() || row.name.is_presence() || row.name.is_comments();
    if account && *row.owner != *jid && tables.blocks(view, &row.owner, jid)? {
        return Err(Reject::Blocked.into());
    }
    Ok(())
}

/// Whether `jid` gets the presence of `owner`.
fn gets_presence(view: &dyn View, owner: &str, jid: &str) -> Result<bool, ApplyError> {
    match rows::node_id(view, &NodeName::presence(owner))? {
        Some(node) => subscribed(view, node, jid),
        None => Ok(false),
    }
}

fn subscribed(view: &dyn View, node: NodeId, jid: &str) -> Result<bool, ApplyError> {
    let Some(id) = rows::subscriber_id(view, jid)? else {
        return Ok(false);
    };
    let subscription = rows::subscription(view, node, id)?;
    Ok(subscription.is_some_and(|s| s.state.is_subscribed()))
}
