//! What an account said and was told, from its archive, and what it follows elsewhere and here.

use super::FOLLOWS;
use super::write::{ARCHIVE, Cursor, FOLLOWED, push, start};
use crate::admin::Refused;
use crate::limits::EXPORT_PAGE_BYTES;
use crate::session::stamp;
use crate::tables::{self, ArchiveId, NotRead, Wanted};
use reef_engine::Engine;
use reef_engine::config::SubscriptionState;
use reef_engine::limits::LIST_ROWS;
use reef_engine::model::NodeId;
use reef_engine::query;
use reef_engine::store::rows;
use reef_stanza::element::{Build, el};

/// A page of the archive, as the results of a query (XEP-0313).
pub(super) fn archive(engine: &Engine, user: &str, cursor: &Cursor) -> Result<(String, Option<Cursor>), Refused> {
    let wanted = Wanted {
        page_after: ArchiveId::parse(&cursor.2),
        most: LIST_ROWS,
        most_bytes: EXPORT_PAGE_BYTES,
        now: engine.clock.now(),
        ..Wanted::default()
    };
    let page = tables::page(engine.view(), user, &wanted).map_err(|error| match error {
        NotRead::NoSuchId => Refused::new("the archive changed while it was written: export again"),
        NotRead::Store(error) => Refused::new(error),
    })?;
    let mut out = String::new();
    for row in &page.messages {
        out.push_str(&format!(
            "<result xmlns='urn:xmpp:mam:2' id='{}'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' \
             stamp='{}'/>{}</forwarded></result>\n",
            row.id.to_text(),
            stamp(row.at.0),
            String::from_utf8_lossy(&row.stanza)
        ));
    }
    let last = page.messages.last().filter(|_| !page.complete);
    let next = last.map(|row| (ARCHIVE, String::new(), row.id.to_text()));
    Ok((out, next.or_else(|| start(FOLLOWED))))
}

/// A page of what it follows.
pub(super) fn followed(engine: &Engine, user: &str, cursor: &Cursor) -> Result<(String, Option<Cursor>), Refused> {
    let (view, mut out) = (engine.view(), String::new());
    let Some(id) = rows::subscriber_id(view, user)? else {
        return Ok((out, None));
    };
    let from = cursor.2.parse().ok().map(NodeId);
    let nodes = query::subscribed_nodes(view, id, from, false, LIST_ROWS)?;
    for node in &nodes {
        let Some(row) = rows::node_row(view, *node)?.filter(|row| !row.name.is_presence()) else {
            continue;
        };
        let Some(subscription) = rows::subscription(view, *node, id)? else {
            continue;
        };
        let said = match subscription.state {
            SubscriptionState::Pending => "pending",
            SubscriptionState::Subscribed | SubscriptionState::Silent => "subscribed",
        };
        let public = rows::options(view, *node, id)?.public.0;
        let follow = el("follow", FOLLOWS)
            .set("service", &row.name.service)
            .set("node", &row.name.node);
        let follow = follow.set("subscription", said);
        push(&mut out, &follow.set_opt("public", public.then_some("true")));
    }
    let last = nodes.last().filter(|_| nodes.len() >= LIST_ROWS);
    Ok((out, last.map(|node| (FOLLOWED, String::new(), node.0.to_string()))))
}
