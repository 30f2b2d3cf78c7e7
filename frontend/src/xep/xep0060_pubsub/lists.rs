//! Pages of lists that are walked over (XEP-0059): nodes, subscriptions, affiliations.
//!
//! Nothing here is counted: a list is walked from a name, in either direction, until a page is full of what the asker may
//! see. What lies between is passed over, up to a bound. Knows no list; each gives its steps.

use crate::errors;
use reef_engine::Engine;
use reef_engine::error::StoreError;
use reef_engine::limits::LIST_ROWS;
use reef_engine::model::{NodeId, NodeName};
use reef_engine::store::rows;
use reef_stanza::{Condition, ErrorType, StanzaError, rsm};
use std::sync::Arc;

/// Entries that are looked at for one page, after which it ends as it is.
const WALK: usize = 16 * LIST_ROWS;
/// The fewest entries of one step.
const STEP: usize = 16;

/// A page that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Behind this name, or before it.
    pub(super) from: Option<String>,
    pub(super) backwards: bool,
    /// At most so many entries.
    pub(super) max: usize,
    /// Whether a page was asked for at all.
    said: bool,
}

impl Wanted {
    /// What a request means, or the first [`LIST_ROWS`] without one. Positions are refused, as XEP-0059 §2.6 allows.
    pub(super) fn of(request: Option<rsm::Request>) -> Result<Wanted, StanzaError> {
        let said = request.is_some();
        let request = request.unwrap_or_default();
        if request.index.is_some() {
            let error = StanzaError::new(Condition::FeatureNotImplemented);
            return Err(error.with_text("this list has no positions"));
        }
        let backwards = request.before.is_some();
        Ok(Wanted {
            from: request.before.unwrap_or(request.after),
            backwards,
            max: request.max.map_or(LIST_ROWS, |max| LIST_ROWS.min(max as usize)),
            said,
        })
    }

    /// What is said of the page, where one was asked for, by the names of its entries.
    pub(super) fn describe<'n>(&self, mut names: impl DoubleEndedIterator<Item = &'n str>) -> Option<rsm::Reply> {
        let first = names.next().map(str::to_owned);
        let last = names.next_back().map(str::to_owned).or_else(|| first.clone());
        let from_first = !self.backwards && self.from.is_none() && first.is_some();
        self.said.then_some(rsm::Reply {
            first,
            first_index: from_first.then_some(0),
            last,
            count: None,
        })
    }
}

/// The page before or behind something that is not in the list.
pub(super) fn no_such_page() -> StanzaError {
    StanzaError::new(Condition::ItemNotFound).with_text("no such page")
}

/// Entries of a page in the list's order. `step` gives the entries behind a place, or, last first, before it, so many at
/// most; `see` what the asker sees of one, if anything.
///
/// # Errors
/// The store's; `item-not-found` where `from`, if there is one, is nothing that he sees; `resource-constraint` where he sees
/// nothing of many.
pub(super) fn walk<K: Clone, T>(
    wanted: &Wanted,
    from: Option<K>,
    step: impl Fn(Option<&K>, usize) -> Result<Vec<K>, StoreError>,
    see: impl Fn(&K) -> Result<Option<T>, StanzaError>,
) -> Result<Vec<T>, StanzaError> {
    let mut at = from;
    if let Some(from) = &at
        && see(from)?.is_none()
    {
        return Err(no_such_page());
    }
    let (mut found, mut looked_at) = (Vec::new(), 0);
    'page: while found.len() < wanted.max {
        let entries = step(at.as_ref(), (wanted.max - found.len()).max(STEP)).map_err(errors::unreadable)?;
        let Some(last) = entries.last() else { break };
        at = Some(last.clone());
        looked_at += entries.len();
        for entry in &entries {
            found.extend(see(entry)?);
            if found.len() == wanted.max {
                break 'page;
            }
        }
        if looked_at >= WALK && found.is_empty() {
            let error = StanzaError::new(Condition::ResourceConstraint).with_type(ErrorType::Wait);
            return Err(error.with_text("too much lies between"));
        }
        if looked_at >= WALK {
            break;
        }
    }
    if wanted.backwards {
        found.reverse();
    }
    Ok(found)
}

/// Nodes of a service or account, in the order of their names.
///
/// # Errors
/// As [`walk`].
pub(super) fn walk_nodes<T>(
    engine: &Engine,
    service: &str,
    wanted: &Wanted,
    see: impl Fn(&(Arc<str>, NodeId)) -> Result<Option<T>, StanzaError>,
) -> Result<Vec<T>, StanzaError> {
    let view = engine.view();
    let from = place(wanted, |node| {
        let name = NodeName::new(service, node);
        // Those of attachments are in no list.
        let id = rows::node_id(view, &name)?.filter(|_| !name.is_attachments());
        Ok(id.map(|id| (name.node, id)))
    })?;
    let step = |at: Option<&(Arc<str>, NodeId)>, most: usize| {
        rows::nodes_from(view, service, at.map(|(name, _)| &**name), wanted.backwards, most)
    };
    walk(wanted, from, step, see)
}

/// The place of what a page is asked from; `item-not-found` where it has none.
pub(super) fn place<K>(
    wanted: &Wanted,
    find: impl FnOnce(&str) -> Result<Option<K>, StoreError>,
) -> Result<Option<K>, StanzaError> {
    let Some(from) = &wanted.from else { return Ok(None) };
    match find(from).map_err(errors::unreadable)? {
        Some(place) => Ok(Some(place)),
        None => Err(no_such_page()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The even ones of 0 to `count` are seen.
    fn even(request: rsm::Request, count: u32) -> Result<(Vec<u32>, Option<rsm::Reply>), Condition> {
        let wanted = Wanted::of(Some(request)).map_err(|error| error.condition)?;
        let step = |at: Option<&u32>, most: usize| {
            Ok(match (wanted.backwards, at) {
                (false, at) => (at.map_or(0, |at| at + 1)..count).take(most).collect(),
                (true, at) => (0..*at.unwrap_or(&count)).rev().take(most).collect(),
            })
        };
        let see = |n: &u32| Ok(n.is_multiple_of(2).then_some(*n));
        let from = place(&wanted, |name| Ok(name.parse::<u32>().ok().filter(|n| *n < count)));
        let found = from.and_then(|from| walk(&wanted, from, step, see));
        let found = found.map_err(|error| error.condition)?;
        let names: Vec<String> = found.iter().map(u32::to_string).collect();
        let said = wanted.describe(names.iter().map(String::as_str));
        Ok((found, said))
    }

    fn page(max: u32, after: Option<&str>, before: Option<Option<&str>>) -> rsm::Request {
        rsm::Request {
            max: Some(max),
            after: after.map(str::to_owned),
            before: before.map(|before| before.map(str::to_owned)),
            index: None,
        }
    }

    #[test]
    fn pages_go_both_ways_and_hold_what_is_seen() {
        let (found, said) = even(page(3, None, None), 100).unwrap();
        let said = said.unwrap();
        assert_eq!((found, said.first_index), (vec![0, 2, 4], Some(0)));
        assert_eq!((said.first.as_deref(), said.last.as_deref()), (Some("0"), Some("4")));
        assert_eq!(even(page(3, Some("4"), None), 100).unwrap().0, [6, 8, 10]);
        let (found, said) = even(page(3, None, Some(None)), 100).unwrap();
        assert_eq!((found, said.unwrap().first_index), (vec![94, 96, 98], None));
        assert_eq!(even(page(3, None, Some(Some("4"))), 100).unwrap().0, [0, 2]);
        let (found, said) = even(page(0, None, None), 100).unwrap();
        assert_eq!((found.len(), said), (0, Some(rsm::Reply::default())));
        let (found, said) = even(page(1, None, None), 100).unwrap();
        assert_eq!((found.len(), said.unwrap().last.as_deref()), (1, Some("0")));
    }

    #[test]
    fn what_is_not_in_the_list_or_not_seen_begins_no_page() {
        assert_eq!(even(page(3, Some("x"), None), 100), Err(Condition::ItemNotFound));
        assert_eq!(even(page(3, Some("3"), None), 100), Err(Condition::ItemNotFound));
        assert_eq!(
            even(page(3, None, Some(Some("101"))), 100),
            Err(Condition::ItemNotFound)
        );
        let index = rsm::Request {
            index: Some(1),
            ..rsm::Request::default()
        };
        assert_eq!(even(index, 100), Err(Condition::FeatureNotImplemented));
        assert_eq!(Wanted::of(None).unwrap().describe(["a"].into_iter()), None);
    }

    #[test]
    fn who_sees_nothing_of_very_much_is_told_so() {
        let wanted = Wanted::of(None).unwrap();
        let endless = |at: Option<&u64>, most: usize| Ok((at.copied().unwrap_or(0)..).skip(1).take(most).collect());
        let none = walk(&wanted, None, endless, |_| Ok(None::<u64>)).map_err(|error| error.condition);
        assert_eq!(none, Err(Condition::ResourceConstraint));
        let few = walk(&wanted, None, endless, |n| Ok((*n == 7).then_some(7))).map_err(|error| error.condition);
        assert_eq!(few, Ok(vec![7]));
    }
}
