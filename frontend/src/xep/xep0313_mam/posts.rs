//! Archives of posts: of a node (XEP-0442), and an account's home timeline, `urn:reef:timeline:0`: all that it follows,
//! merged from the logs. Nothing is written for them.
//!
//! Who may read a node may read its archive; a timeline is its owner's alone. Ids are those that pushed copies carry.

use super::super::{Answer, Ctx, Target};
use super::form::{self, Round};
use super::reply::{Fin, Results};
use crate::errors;
use crate::limits::{ARCHIVE_IDS, ARCHIVE_PAGE_BYTES};
use crate::session::archived;
use reef_engine::Engine;
use reef_engine::model::{NodeName, PostId};
use reef_engine::outbox::{Of, Wanted};
use reef_engine::store::rows;
use reef_stanza::mam::Query;
use reef_stanza::{Condition, StanzaError, ns};

/// §4 with XEP-0442 §2.
pub(super) fn query(ctx: &mut Ctx<'_>, query: Query) -> Result<Answer, StanzaError> {
    let (Target::Account(place) | Target::Service(place)) = &ctx.target else {
        return Err(StanzaError::new(Condition::ServiceUnavailable));
    };
    let node = query.node.clone().unwrap_or_default();
    let timeline = node == ns::TIMELINE;
    if timeline && !ctx.is_own() {
        return Err(StanzaError::new(Condition::Forbidden));
    }
    form::check_queryid(query.queryid.as_deref())?;
    let wanted = wanted(&query, form::most(&query.page, &ctx.hub.server.config.limits))?;
    let results = Results::new(place.as_str(), ctx.from.as_str(), query.queryid.as_deref());
    let (name, by) = (NodeName::new(place.as_str(), node), ctx.from.to_bare());
    Ok(Answer::read(move |engine| {
        let of = match timeline {
            true => rows::subscriber_id(engine.view(), by.as_str())
                .map_err(errors::unreadable)?
                .map(Of::Followed),
            false => Some(Of::Node(super::super::readable_node(engine, &name, by.as_str())?)),
        };
        match of {
            Some(of) => page(engine, of, &wanted, &results, query.flip),
            None => Err(StanzaError::new(Condition::ItemNotFound)),
        }
    }))
}

fn wanted(query: &Query, most: usize) -> Result<Wanted, StanzaError> {
    let filter = &query.filter;
    if query.page.index.is_some() {
        return Err(StanzaError::new(Condition::FeatureNotImplemented).with_text("pages have no index"));
    }
    let ids = filter.ids.as_ref();
    if ids.is_some_and(|ids| ids.len() > ARCHIVE_IDS) {
        let error = StanzaError::new(Condition::NotAcceptable);
        return Err(error.with_text(format!("at most {ARCHIVE_IDS} ids at a time")));
    }
    let id = |text: &String| PostId::parse(text).ok_or_else(|| StanzaError::new(Condition::ItemNotFound));
    let page_before = query.page.before.as_ref().and_then(Option::as_ref);
    let all = |ids: [Option<&String>; 2]| ids.into_iter().flatten().map(id).collect::<Result<Vec<_>, _>>();
    Ok(Wanted {
        with: filter.with.as_ref().map(|jid| jid.to_bare().to_string()),
        start: filter
            .start
            .as_deref()
            .map(|at| form::moment(at, Round::Up))
            .transpose()?,
        end: filter
            .end
            .as_deref()
            .map(|at| form::moment(at, Round::Down))
            .transpose()?,
        after: all([filter.after.as_ref(), query.page.after.as_ref()])?,
        before: all([filter.before.as_ref(), page_before])?,
        ids: ids.map(|ids| ids.iter().map(id).collect()).transpose()?,
        backwards: query.page.before.is_some(),
        most,
        most_bytes: ARCHIVE_PAGE_BYTES,
    })
}

fn page(engine: &Engine, of: Of, wanted: &Wanted, results: &Results, flip: bool) -> Result<Answer, StanzaError> {
    let found = engine.archive(of, wanted).map_err(errors::unreadable)?;
    let page = found.ok_or_else(|| StanzaError::new(Condition::ItemNotFound))?;
    let ids: Vec<String> = page.posts.iter().map(|post| post.id().to_text()).collect();
    let fin = Fin {
        complete: page.complete,
        first: ids.first().map(String::as_str),
        last: ids.last().map(String::as_str),
        count: None,
    };
    let posts = page.posts.iter().zip(&ids);
    let mut before: Vec<Vec<u8>> = posts
        .map(|(post, id)| results.one(id, post.at, &archived(post)))
        .collect();
    if flip {
        before.reverse();
    }
    Ok(Answer::Several {
        before,
        last: fin.to_bytes(),
    })
}
