//! The list of nodes, for operators: in the order of their keys, a page at a time.
//!
//! Those with what readers attach to an item, of which there may be one for each item, are in no list; `node show` knows them.

use super::perform::Performer;
use super::{Refused, Response};
use reef_engine::error::StoreError;
use reef_engine::limits::LIST_ROWS;
use reef_engine::model::NodeId;
use reef_engine::store::keys::{self, Family};
use reef_engine::store::{Range, View, rows};
use serde_json::json;
use std::ops::ControlFlow;

impl Performer {
    /// The nodes behind the one that a page ended with, of all places or of one.
    pub(super) fn node_list(&self, service: Option<String>, after: Option<String>) -> Result<Response, Refused> {
        let prefix = service.as_deref().map(keys::service).unwrap_or_default();
        let range = Range {
            start: after.map_or(prefix.clone(), |after| [after.as_bytes(), &[0]].concat()),
            end: keys::behind(&prefix),
            reverse: false,
        };
        let mut names = Vec::new();
        for range in without_attached(range) {
            names.extend(named(self.engine.view(), &range, LIST_ROWS - names.len())?);
        }
        let next = names.last().filter(|_| names.len() == LIST_ROWS);
        let next = next.map(|(name, _)| name.clone());
        let mut listed = Vec::new();
        for (name, id) in names {
            // Nodes of presence are edges, not nodes that anyone made.
            let Some((service, node)) = name.split_once('\u{0}').filter(|(_, node)| !node.is_empty()) else {
                continue;
            };
            let state = rows::node_state(self.engine.view(), id)?;
            listed
                .push(json!({ "service": service, "node": node, "items": state.items, "followers": state.followers }));
        }
        Ok(Response::Rows { rows: listed, next })
    }
}

/// What of a range lies before the nodes for attachments, which lie together, and what behind them.
fn without_attached(range: Range) -> [Range; 2] {
    let apart = Range::prefix(keys::ATTACHED_NAMES);
    let end = |other: Option<Vec<u8>>| [range.end.clone(), other].into_iter().flatten().min();
    let before = Range {
        start: range.start.clone(),
        end: end(Some(apart.start)),
        reverse: false,
    };
    let behind = Range {
        start: range.start.clone().max(apart.end.unwrap_or_default()),
        end: end(None),
        reverse: false,
    };
    [before, behind]
}

/// Nodes by their keys, at most `max`.
fn named(view: &dyn View, range: &Range, max: usize) -> Result<Vec<(String, NodeId)>, StoreError> {
    let mut names = Vec::new();
    if max == 0 || range.end.as_ref().is_some_and(|end| range.start >= *end) {
        return Ok(names);
    }
    let mut bad = Ok(());
    view.scan(Family::NODE_NAME, range, &mut |key, value| {
        match rows::decode(Family::NODE_NAME, value) {
            Ok(id) => names.push((String::from_utf8_lossy(key).into_owned(), id)),
            Err(error) => bad = Err(error),
        }
        if names.len() < max && bad.is_ok() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    bad.map(|()| names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_with_attachments_are_left_out_of_the_range_wherever_it_begins() {
        let check = |start: &str, end: Option<&str>, wanted: &[(&str, Option<&str>)]| {
            let range = Range {
                start: start.into(),
                end: end.map(Into::into),
                reverse: false,
            };
            let parts = without_attached(range).into_iter();
            let parts = parts.filter(|part| part.end.as_ref().is_none_or(|end| part.start < *end));
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let parts: Vec<(String, Option<String>)> = parts
                .map(|part| (text(&part.start), part.end.as_deref().map(text)))
                .collect();
            let wanted = wanted
                .iter()
                .map(|(from, to)| ((*from).to_owned(), to.map(str::to_owned)));
            assert_eq!(parts, wanted.collect::<Vec<_>>(), "{start}");
        };
        check("", None, &[("", Some("attachments:")), ("attachments;", None)]);
        check("b", None, &[("b", None)]);
        check("attachments:x", None, &[("attachments;", None)]);
        check("a", Some("ab"), &[("a", Some("ab"))]);
        check("x", Some("y"), &[("x", Some("y"))]);
    }
}
