//! Result set management (XEP-0059) over the items of a node: which page is asked for, and how it is described.
//!
//! The set is in order of publication, oldest first: so XEP-0060 shows it (§6.5.3, §6.5.4), and ejabberd does it.
//! `after` goes to newer items, `before` to older ones, each page in the set's order. Only `max_items` without a position
//! means the newest (§6.5.7), and gives them newest first, as other servers do.
//!
//! COMPAT: Movim begins with `max_items` and reads on with `before` what came as `<last/>`, on each further page too, where
//! XEP-0059 has `<first/>`. Identifiers are opaque, so a page that was reached by `before` is named by both its ends: its
//! one name leads to older items behind `before` and to newer ones behind `after`, for Movim and for everyone else.
//! Everywhere else an item's id is its identifier, and it is taken everywhere.

use reef_engine::limits::LIST_ROWS;
use reef_stanza::order::Order;
use reef_stanza::rsm;

/// A page that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) from: From,
    /// The order of the set (XEP-0413), where it is not that of publication. Then nothing is said as Movim needs it.
    pub(super) order: Option<Order>,
    /// At most so many items.
    pub(super) max: usize,
}

/// Where a page lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// From the first of the set on.
    First,
    /// The newest ones, newest first.
    Newest,
    /// The last page of the set.
    Last,
    /// What follows this.
    After(String),
    /// What precedes this.
    Before(String),
    /// From this position on.
    Index(u32),
}

impl Page {
    /// The page that `max_items` and the request for a page mean together.
    pub(super) fn of(max_items: Option<u32>, request: Option<rsm::Request>, order: Option<Order>) -> Page {
        let request = request.unwrap_or_default();
        let bounds = max_items.into_iter().chain(request.max).map(|max| max as usize);
        let from = match request {
            rsm::Request { before: Some(None), .. } => From::Last,
            rsm::Request {
                before: Some(Some(item)),
                ..
            } => From::Before(item),
            rsm::Request { after: Some(item), .. } => From::After(item),
            rsm::Request { index: Some(index), .. } => From::Index(index),
            // In an order that was asked for, as many as are wanted are its first ones.
            _ if max_items.is_some() && order.is_none() => From::Newest,
            _ => From::First,
        };
        Page {
            from,
            order,
            max: bounds.fold(LIST_ROWS, usize::min),
        }
    }

    /// What is said of the page that was found: the ids of its first and last item, in the order in which they are sent.
    pub(super) fn describe(&self, ids: &[&str], count: u64) -> rsm::Reply {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let ends = ids.first().zip(ids.last()).map(|(first, last)| match self.from {
            From::Before(_) if self.order.is_none() => (both_ends(first, last), both_ends(first, last)),
            _ => ((*first).to_owned(), (*last).to_owned()),
        });
        let first_index = match self.from {
            From::First => Some(0),
            From::Index(index) => Some(index),
            // Of what has expired and is not yet swept the counter still knows: an approximation, as §2.6 allows.
            From::Last => Some(count.saturating_sub(u32::try_from(ids.len()).unwrap_or(u32::MAX))),
            From::Newest | From::After(_) | From::Before(_) => None,
        };
        let (first, last) = ends.unzip();
        rsm::Reply {
            first_index: first_index.filter(|_| first.is_some()),
            first,
            last,
            count: Some(count),
        }
    }
}

/// The name of a page: the length of its first item's id in bytes, that id, and its last item's.
fn both_ends(first: &str, last: &str) -> String {
    if first == last {
        first.to_owned()
    } else {
        format!("{}/{first}/{last}", first.len())
    }
}

/// The ids in the name of a page, its first and its last item's.
pub(super) fn ends(name: &str) -> Option<(&str, &str)> {
    let (length, rest) = name.split_once('/')?;
    let (first, last) = rest.split_at_checked(length.parse().ok()?)?;
    Some((first, last.strip_prefix('/')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(max_items: Option<u32>, request: Option<rsm::Request>, from: From, max: usize) {
        let order = None;
        assert_eq!(Page::of(max_items, request, order), Page { from, order, max });
    }

    #[test]
    fn each_way_to_ask_finds_its_page() {
        let request = rsm::Request {
            max: Some(10),
            ..rsm::Request::default()
        };
        let text = |text: &str| Some(text.to_owned());
        check(None, None, From::First, LIST_ROWS);
        check(Some(2), None, From::Newest, 2);
        check(Some(2_000_000), None, From::Newest, LIST_ROWS);
        check(None, Some(request.clone()), From::First, 10);
        check(Some(5), Some(request.clone()), From::Newest, 5);
        check(
            None,
            Some(rsm::Request {
                before: Some(None),
                ..request.clone()
            }),
            From::Last,
            10,
        );
        check(
            None,
            Some(rsm::Request {
                after: text("a"),
                ..request.clone()
            }),
            From::After("a".into()),
            10,
        );
        check(
            None,
            Some(rsm::Request {
                before: Some(text("b")),
                ..request.clone()
            }),
            From::Before("b".into()),
            10,
        );
        check(
            None,
            Some(rsm::Request {
                index: Some(7),
                ..request
            }),
            From::Index(7),
            10,
        );
    }

    #[test]
    fn a_page_is_described_by_its_ends_and_the_counter() {
        let page = |from| Page {
            from,
            order: None,
            max: 2,
        };
        let said = page(From::First).describe(&["a", "b"], 9);
        assert_eq!(
            (said.first.as_deref(), said.first_index, said.last.as_deref()),
            (Some("a"), Some(0), Some("b"))
        );
        assert_eq!(page(From::Last).describe(&["h", "i"], 9).first_index, Some(7));
        assert_eq!(page(From::Newest).describe(&["i", "h"], 9).first_index, None);
        let none = page(From::First).describe(&[], 9);
        assert_eq!(
            none,
            rsm::Reply {
                count: Some(9),
                ..rsm::Reply::default()
            }
        );
    }

    #[test]
    fn a_page_reached_backwards_has_one_name_for_both_its_ends() {
        let page = Page {
            from: From::Before("x".into()),
            order: None,
            max: 2,
        };
        let said = page.describe(&["f/é", "9/g"], 9);
        assert_eq!(said.first, said.last);
        assert_eq!(said.last.as_deref().and_then(ends), Some(("f/é", "9/g")));
        assert_eq!(page.describe(&["one"], 9).last.as_deref(), Some("one"));
    }

    #[test]
    fn what_is_no_name_of_a_page_has_no_ends() {
        for name in ["", "a", "1/a", "9/a/b", "x/a/b", "1/é/b", "/a/b", "1/ab/c"] {
            assert_eq!(ends(name), None, "{name}");
        }
    }
}
