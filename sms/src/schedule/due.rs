//! Numbers whose night, day's cap or burst is over: what came meanwhile goes out as one post, or as a digest with MORE.
//!
//! What came meanwhile is not kept for anybody: it lies in the publishers' logs above each pair's mark (`past.rs`). Next:
//! `plan.rs`.

use super::past::published;
use super::visit::{Reached, Visit, reach};
use super::{Context, render, ring};
use crate::limits::{ERASED_EDGES, HELD_MAX};
use crate::tables::rows::{Class, NumberId, RouteId, State};
use crate::tables::{Intent, Source};
use reef_engine::config::AccessModel;
use reef_engine::error::StoreError;
use reef_engine::model::{NodeId, NodeName, Seq, Timestamp};
use reef_engine::store::rows;
use std::sync::Arc;

/// What one publisher has for a number.
struct Missed {
    node: NodeId,
    name: NodeName,
    posts: Vec<(Seq, Arc<str>)>,
}

/// Looks at a number whose time has come.
///
/// # Errors
/// The store's failures.
pub(super) fn due(cx: &Context<'_>, route: RouteId, id: NumberId) -> Result<Visit, StoreError> {
    let Some(reached) = reach(cx, id)? else {
        return Ok(Visit::Passed);
    };
    if reached.number.state != State::Active || !reached.country.takes_posts() || reached.is_silent(cx) {
        return Ok(Visit::Passed);
    }
    let missed = missed(cx, route, id, &reached)?;
    let count: usize = missed.iter().map(|one| one.posts.len()).sum();
    if count == 0 {
        return Ok(Visit::Passed);
    }
    if let Some(until) = reached.closed(cx, id, 1) {
        return Ok(Visit::Later(until));
    }
    let newest = missed
        .iter()
        .flat_map(|one| one.posts.last().map(|(seq, item)| (*seq, one, item)))
        .max_by_key(|(seq, ..)| *seq);
    let Some((seq, one, item)) = newest else {
        return Ok(Visit::Passed);
    };
    let Some(content) = ring::content(cx, (one.node, &one.name), seq, item)? else {
        return Ok(Visit::Passed);
    };
    let author = cx.network.short(&one.name.service);
    if count > 1
        && let Some(until) = reached.digested(cx, id)
    {
        return Ok(Visit::Later(until));
    }
    let (text, segments, class, source) = if count == 1 {
        let post = render::Post {
            author: &author,
            said: &content.said,
            repeats: content.repeats.as_deref(),
            more: 0,
            link: content.link.as_deref(),
            links: reached.country.links,
            opt_out: &reached.country.opt_out,
        };
        let (text, segments) = render::post(&post, reached.segments(cx, cx.settings.segments), cx.form);
        let source = Source::Post {
            node: one.node,
            seq,
            others: Vec::new(),
        };
        (text, segments, Class::Post, source)
    } else {
        let words = digest(cx, &missed, count, &author, &content.said.text);
        let (text, segments) = render::words(&words, reached.segments(cx, cx.settings.segments), cx.form);
        let source = gathered(cx, &missed, &text, count);
        (text, segments, Class::Digest, source)
    };
    if let Some(until) = reached.closed(cx, id, segments) {
        return Ok(Visit::Later(until));
    }
    let expires = Timestamp(cx.now.0 + cx.settings.post_expiry.as_millis() as u64);
    let intent = Intent {
        expires,
        ..reached.intent(cx, id, class, segments, source)
    };
    let prepared = reached.prepared(cx, text);
    Ok(Visit::Send(Box::new((intent, prepared))))
}

/// "12 more: @x 8, @y 4. Latest @x: … Reply MORE".
fn digest(cx: &Context<'_>, missed: &[Missed], count: usize, author: &str, latest: &str) -> String {
    let mut by: Vec<(usize, String)> = missed
        .iter()
        .map(|one| (one.posts.len(), cx.network.short(&one.name.service)))
        .collect();
    by.sort_by(|a, b| b.cmp(a));
    let names: Vec<String> = by
        .iter()
        .take(5)
        .map(|(count, name)| format!("@{name} {count}"))
        .collect();
    let others = if by.len() > 5 { ", ..." } else { "" };
    format!(
        "{count} posts: {}{others}. Reply MORE. Latest @{author}: {latest}",
        names.join(", ")
    )
}

fn gathered(cx: &Context<'_>, missed: &[Missed], text: &str, count: usize) -> Source {
    let handled = missed
        .iter()
        .filter_map(|one| Some((one.node, one.posts.last()?.0)))
        .collect();
    let mut held: Vec<(NodeId, Seq)> = missed
        .iter()
        .flat_map(|one| one.posts.iter().map(|(seq, _)| (one.node, *seq)))
        .collect();
    held.sort_by_key(|(_, seq)| *seq);
    let over = held.len().saturating_sub(HELD_MAX);
    held.drain(..over);
    Source::Digest {
        text: text.into(),
        handled,
        more: u32::try_from(count - held.len()).unwrap_or(u32::MAX),
        held,
        most: cx.settings.digests_per_day,
    }
}

/// Posts above the marks of a number, of all whose posts it gets; the newest of each.
fn missed(cx: &Context<'_>, route: RouteId, id: NumberId, reached: &Reached<'_>) -> Result<Vec<Missed>, StoreError> {
    let mut all = Vec::new();
    for node in cx.rows.gets(id, ERASED_EDGES)? {
        let Some(edge) = cx.rows.edge(route, node, id)?.filter(|edge| edge.on) else {
            continue;
        };
        let Some(row) = rows::node_row(cx.rows.view, node)? else {
            continue;
        };
        if !reached.may_read(cx, node, row.config.access == AccessModel::Open)? {
            continue;
        }
        let above = edge.handled.max(reached.number.since);
        let posts = published(cx, node, above, HELD_MAX)?.into_iter();
        let posts: Vec<(Seq, Arc<str>)> = posts
            .filter(|post| !post.replies || reached.number.replies)
            .map(|post| (post.seq, post.item))
            .collect();
        if !posts.is_empty() {
            all.push(Missed {
                node,
                name: row.name,
                posts,
            });
        }
    }
    Ok(all)
}
