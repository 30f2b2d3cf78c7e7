//! Archives of posts: of a node (XEP-0442), and an account's home timeline, `urn:reef:timeline:0`: all that it follows,
//! merged from the logs. Nothing is written for them.
//!
//! Who may read a node may read its archive; a timeline is its owner's alone. Ids are those that pushed copies carry.

use super::super::{Answer, Ctx, Target, kept_node, readable_node};
use super::form::{self, Round};
use super::reply::{self, Ends, Fin, Results};
use crate::config::Limits;
use crate::errors;
use crate::limits::{ARCHIVE_IDS, ARCHIVE_PAGE_BYTES};
use crate::session::archived;
use jid::BareJid;
use reef_engine::Engine;
use reef_engine::error::StoreError;
use reef_engine::model::{NodeId, NodeName, PostId};
use reef_engine::outbox::{Archive, Of, Wanted};
use reef_engine::store::rows;
use reef_stanza::mam::{Filter, Query};
use reef_stanza::{Condition, ErrorType, StanzaError, ns};

/// Whose archive is asked for, and by whom.
struct Asked {
    name: NodeName,
    by: BareJid,
}

impl Asked {
    /// # Errors
    /// `forbidden` for another's timeline.
    fn of(ctx: &Ctx<'_>, node: &str) -> Result<Asked, StanzaError> {
        let (Target::Account(place) | Target::Service(place)) = &ctx.target else {
            return Err(StanzaError::new(Condition::ServiceUnavailable));
        };
        if node == ns::TIMELINE && !ctx.is_own() {
            return Err(StanzaError::new(Condition::Forbidden));
        }
        Ok(Asked {
            name: kept_node(place.as_str(), node),
            by: ctx.from.to_bare(),
        })
    }

    /// On a reader thread.
    fn archive(&self, engine: &Engine) -> Result<Of, StanzaError> {
        if *self.name.node != *ns::TIMELINE {
            return readable_node(engine, &self.name, self.by.as_str()).map(Of::Node);
        }
        let id = rows::subscriber_id(engine.view(), self.by.as_str()).map_err(errors::unreadable)?;
        id.map(Of::Followed)
            .ok_or_else(|| StanzaError::new(Condition::ItemNotFound))
    }
}

/// §4 with XEP-0442 §2.
pub(super) fn query(ctx: &mut Ctx<'_>, query: Query) -> Result<Answer, StanzaError> {
    let asked = Asked::of(ctx, query.node.as_deref().unwrap_or_default())?;
    form::check_queryid(query.queryid.as_deref())?;
    let wanted = wanted(&query, &ctx.hub.server.config.limits)?;
    let queryid = query.queryid.as_deref();
    let results = Results::new(&asked.name.service, ctx.from.as_str(), queryid);
    let whole = query.filter == Filter::default();
    Ok(Answer::read(move |engine| {
        let of = asked.archive(engine)?;
        let count = match of {
            Of::Node(node) if whole => Some(count(engine, node).map_err(errors::unreadable)?),
            _ => None,
        };
        page(engine, of, &wanted, count, &results, query.flip)
    }))
}

/// How many posts the archive of a node has: as many as the node has items.
fn count(engine: &Engine, node: NodeId) -> Result<u64, StoreError> {
    let row = rows::node_row(engine.view(), node)?;
    let keeps = row.is_some_and(|row| row.config.persist_items);
    Ok(rows::node_state(engine.view(), node)?.items * u64::from(keeps))
}

/// §5: the first post and the last.
pub(super) fn metadata(ctx: &mut Ctx<'_>, node: String) -> Result<Answer, StanzaError> {
    let asked = Asked::of(ctx, &node)?;
    let most_read = ctx.hub.server.config.limits.archive_scan as usize;
    Ok(Answer::read(move |engine| {
        let of = asked.archive(engine)?;
        let end = |backwards| -> Result<_, StanzaError> {
            let wanted = Wanted {
                backwards,
                most: 1,
                most_bytes: ARCHIVE_PAGE_BYTES,
                most_read,
                ..Wanted::default()
            };
            let post = find(engine, of, &wanted)?.posts.pop();
            Ok(post.map(|post| (post.id().to_text(), post.at)))
        };
        let ends = end(false)?.zip(end(true)?);
        let ends = ends.map(|(start, end)| Ends { start, end });
        Ok(Answer::Payload(reply::metadata(ends.as_ref())))
    }))
}

fn wanted(query: &Query, limits: &Limits) -> Result<Wanted, StanzaError> {
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
        most: form::most(&query.page, limits),
        most_bytes: ARCHIVE_PAGE_BYTES,
        most_read: limits.archive_scan as usize,
    })
}

/// A page, which has something, or is all that there is. Where neither is so within what one query looks at, an empty page
/// could not be gone on from (XEP-0059 §2.2): then it is an error that says how to ask.
fn find(engine: &Engine, of: Of, wanted: &Wanted) -> Result<Archive, StanzaError> {
    let found = engine.archive(of, wanted).map_err(errors::unreadable)?;
    let page = found.ok_or_else(|| StanzaError::new(Condition::ItemNotFound))?;
    if !page.posts.is_empty() || !page.spent {
        return Ok(page);
    }
    let (side, reached) = (if wanted.backwards { "before" } else { "after" }, page.reached);
    let error = StanzaError::new(Condition::ResourceConstraint).with_type(ErrorType::Wait);
    Err(error.with_text(match reached {
        Some(id) => format!(
            "nothing as far as one query looks: go on with {side}-id {}",
            id.to_text()
        ),
        None => "nothing as far as one query looks".to_owned(),
    }))
}

fn page(
    engine: &Engine,
    of: Of,
    wanted: &Wanted,
    count: Option<u64>,
    results: &Results,
    flip: bool,
) -> Result<Answer, StanzaError> {
    let page = find(engine, of, wanted)?;
    let ids: Vec<String> = page.posts.iter().map(|post| post.id().to_text()).collect();
    let fin = Fin {
        complete: page.complete,
        first: ids.first().map(String::as_str),
        last: ids.last().map(String::as_str),
        count,
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
