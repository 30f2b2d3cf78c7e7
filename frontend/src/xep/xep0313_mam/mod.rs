//! XEP-0313, Message Archive Management: an account's messages, by time, by who and by id, a page at a time.
//!
//! What is archived and when is the session's (`session/archive.rs`), how it lies in the store is the tables'. Here queries
//! become ranges (`form.rs`) and rows become results (`reply.rs`); preferences, which are XEP-0441, are in `prefs.rs`. An
//! archive belongs to its account: nobody else asks for it.

mod form;
mod posts; // XEP-0442, and the home timeline
mod prefs;
mod reply;

use super::{Answer, Ctx, Module, Routes, To};
use crate::errors;
use crate::tables::{self, NotRead};
use form::Asked;
use minidom::Element;
pub(crate) use prefs::{archive_preferences, preferences_in};
use reef_engine::Engine;
use reef_engine::error::StoreError;
use reef_engine::model::Timestamp;
use reef_stanza::mam::{Fields, Metadata, Query};
use reef_stanza::{Condition, StanzaError, ns};
use reply::{Ends, Fin, Results};
use std::sync::Arc;

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0313",
    version: "1.1.3",
    title: "Message Archive Management",
    note: "of accounts, of nodes (XEP-0442), and the home timeline `urn:reef:timeline:0`; with the extended queries",
    server: &[],
    account: &[ns::MAM, ns::MAM_EXTENDED],
    service: &[ns::MAM, ns::MAM_EXTENDED],
    routes,
};

const AT: &[To] = &[To::Account];
/// Who has nodes has archives.
const NODES: &[To] = &[To::Account, To::Service];

fn routes(on: &mut Routes) {
    on.get(NODES, fields);
    on.set(NODES, query);
    on.get(NODES, metadata);
    on.get(AT, prefs::get);
    on.set(AT, prefs::set);
}

/// §4.1.5.
fn fields(ctx: &mut Ctx<'_>, asked: Fields) -> Result<Answer, StanzaError> {
    if asked.node.is_none() {
        ctx.own()?;
    }
    Ok(Answer::Payload(form::fields()))
}

/// §4.
fn query(ctx: &mut Ctx<'_>, query: Query) -> Result<Answer, StanzaError> {
    if query.node.is_some() {
        return posts::query(ctx, query);
    }
    ctx.own()?;
    let limits = &ctx.hub.server.config.limits;
    let now = ctx.hub.server.engine.clock.now();
    let mut asked = form::asked(query, limits, now)?;
    let results = Results::new(ctx.from.to_bare().as_str(), ctx.from.as_str(), asked.queryid.as_deref());
    asked.wanted.around = results.around();
    let user: Arc<str> = ctx.from.to_bare().as_str().into();
    Ok(Answer::read(move |engine| messages(engine, &user, &asked, &results)))
}

/// On a reader thread.
fn messages(engine: &Engine, user: &str, asked: &Asked, results: &Results) -> Result<Answer, StanzaError> {
    let page = tables::page(engine.view(), user, &asked.wanted).map_err(unread)?;
    let ids: Vec<String> = page.messages.iter().map(|row| row.id.to_text()).collect();
    let fin = Fin {
        complete: page.complete,
        first: ids.first().map(String::as_str),
        last: ids.last().map(String::as_str),
        count: page.count,
    };
    let rows = page.messages.iter().zip(&ids);
    let mut before: Vec<Vec<u8>> = rows.map(|(row, id)| results.one(id, row.at, &row.stanza)).collect();
    if asked.flip {
        before.reverse();
    }
    Ok(Answer::Several {
        before,
        last: fin.to_bytes(),
    })
}

/// §5.
fn metadata(ctx: &mut Ctx<'_>, asked: Metadata) -> Result<Answer, StanzaError> {
    if let Some(node) = asked.node {
        return posts::metadata(ctx, node);
    }
    ctx.own()?;
    let user = ctx.from.to_bare();
    let days = ctx.hub.server.config.limits.archive_days;
    let now = ctx.hub.server.engine.clock.now();
    Ok(Answer::read(move |engine| {
        let metadata = archive_metadata(engine, user.as_str(), days, now).map_err(errors::unreadable)?;
        Ok(Answer::Payload(metadata))
    }))
}

/// What an account's archive begins and ends with.
pub(crate) fn archive_metadata(engine: &Engine, user: &str, days: u32, now: Timestamp) -> Result<Element, StoreError> {
    let ends = tables::ends(engine.view(), user, days, now)?;
    let ends = ends.map(|(start, end)| Ends {
        start: (start.id.to_text(), start.at),
        end: (end.id.to_text(), end.at),
    });
    Ok(reply::metadata(ends.as_ref()))
}

fn unread(error: NotRead) -> StanzaError {
    match error {
        NotRead::NoSuchId => StanzaError::new(Condition::ItemNotFound),
        NotRead::Store(error) => errors::unreadable(error),
    }
}
