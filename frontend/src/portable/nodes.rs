//! An account's nodes in its text: how each is configured, who is what to it and follows it, and its items.
//!
//! What the server keeps for itself is left out: it makes that anew.

use super::write::{ARCHIVE, Cursor, ITEMS, OWNED, push, push_bytes, quoted, start};
use crate::admin::Refused;
use crate::limits::EXPORT_PAGE_BYTES;
use crate::{atom, xep};
use reef_engine::Engine;
use reef_engine::config::SubscriptionState;
use reef_engine::limits::LIST_ROWS;
use reef_engine::model::{NodeId, NodeName, SubscriberId};
use reef_engine::query::{self, Most, Which};
use reef_engine::store::rows::{self, NodeRow};
use reef_stanza::element::{Build, el};
use reef_stanza::{ns, self_contained};

/// The node that a page is about; none where all are done.
fn current(engine: &Engine, user: &str, cursor: &Cursor) -> Result<Option<(String, NodeId, NodeRow)>, Refused> {
    let view = engine.view();
    for (name, id) in rows::nodes_of(view, user, usize::MAX)? {
        let ours = NodeName::new(user, name.clone()).is_kept() || xep::is_reserved(&name);
        if ours || *name < *cursor.1 {
            continue;
        }
        if let Some(row) = rows::node_row(view, id)? {
            return Ok(Some((name.to_string(), id, row)));
        }
    }
    Ok(None)
}

/// The first name behind a node's.
fn behind(name: &str) -> String {
    format!("{name}\0")
}

/// Configuration, affiliations, and a page of who follows.
pub(super) fn owned(engine: &Engine, user: &str, cursor: &Cursor) -> Result<(String, Option<Cursor>), Refused> {
    let (view, mut out) = (engine.view(), String::new());
    let Some((name, id, row)) = current(engine, user, cursor)? else {
        return Ok((out, start(ITEMS)));
    };
    let goes_on = cursor.1 == name && !cursor.2.is_empty();
    if !goes_on {
        out.push_str(&format!("<configure node={}>", quoted(&name)));
        push_bytes(&mut out, &xep::written_configuration(&row.config));
        out.push_str("</configure>\n");
        let mut list = el("affiliations", ns::PUBSUB_OWNER).set("node", &name);
        for (jid, is) in query::affiliations(view, id, &row)?
            .into_iter()
            .filter(|(jid, _)| **jid != *user)
        {
            let one = el("affiliation", ns::PUBSUB_OWNER).set("jid", &jid);
            list.append_child(one.set("affiliation", xep::affiliation_said(is).as_str()));
        }
        if list.children().next().is_some() {
            push(&mut out, &list);
        }
    }
    let after = cursor.2.parse().ok().map(SubscriberId).filter(|_| goes_on);
    let page = query::followers(view, id, after, LIST_ROWS)?;
    let mut list = el("subscriptions", ns::PUBSUB_OWNER).set("node", &name);
    for (_, jid, state) in &page.followers {
        let said = match state {
            SubscriptionState::Pending => "pending",
            SubscriptionState::Subscribed | SubscriptionState::Silent => "subscribed",
        };
        let one = el("subscription", ns::PUBSUB_OWNER).set("jid", jid);
        list.append_child(one.set("subscription", said));
    }
    if list.children().next().is_some() {
        push(&mut out, &list);
    }
    let last = page.followers.last().filter(|_| page.followers.len() >= LIST_ROWS);
    let next = match last {
        Some((id, ..)) => (OWNED, name, id.0.to_string()),
        None => (OWNED, behind(&name), String::new()),
    };
    Ok((out, Some(next)))
}

/// A payload as we write elements: attributes in one order.
pub(super) fn canonical(payload: &[u8]) -> Vec<u8> {
    atom::parse(payload).map_or_else(|| payload.to_vec(), |payload| self_contained(&payload, None))
}

/// A page of a node's items, the oldest first.
pub(super) fn items(engine: &Engine, user: &str, cursor: &Cursor) -> Result<(String, Option<Cursor>), Refused> {
    let (view, mut out) = (engine.view(), String::new());
    let Some((name, id, row)) = current(engine, user, cursor)? else {
        return Ok((out, start(ARCHIVE)));
    };
    let goes_on = cursor.1 == name && !cursor.2.is_empty();
    let from = goes_on.then_some(cursor.2.as_str());
    if !goes_on {
        out.push_str(&format!("<items node={}>\n", quoted(&name)));
    }
    let most = Most {
        skip: 0,
        items: LIST_ROWS,
        bytes: EXPORT_PAGE_BYTES,
    };
    let found = query::items(view, id, &row, &Which::Newer(from), most, engine.clock.now())?;
    let changed = || Refused::new(format!("{name} changed while it was written: export again"));
    let mut page = found.ok_or_else(changed)?.items;
    page.reverse();
    for item in &page {
        out.push_str(&format!(
            "<item id={} publisher={}>",
            quoted(&item.id),
            quoted(&item.publisher)
        ));
        out.push_str(&String::from_utf8_lossy(&canonical(&item.payload)));
        out.push_str("</item>\n");
    }
    let next = match page.last() {
        Some(item) => (ITEMS, name, item.id.to_string()),
        None => {
            out.push_str("</items>\n");
            (ITEMS, behind(&name), String::new())
        }
    };
    Ok((out, Some(next)))
}
