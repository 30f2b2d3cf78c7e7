//! Queries of archives: the form that says what can be asked, and what was asked as a range of an archive's rows.
//!
//! Knows no store. Next: `mod.rs` has the rows read.

use crate::config::Limits;
use crate::limits::{ARCHIVE_IDS, ARCHIVE_PAGE_BYTES};
use crate::tables::{ArchiveId, Wanted};
use minidom::Element;
use reef_engine::model::Timestamp;
use reef_stanza::element::{Build, el};
use reef_stanza::form::{Field, FieldKind, Form, FormKind};
use reef_stanza::mam::{Filter, Query};
use reef_stanza::{Condition, StanzaError, ns, rsm};

/// Bytes of the name that a client gives its query.
const QUERYID_MAX: usize = 1023;

/// A query, understood.
pub(super) struct Asked {
    /// By which the client knows the results.
    pub(super) queryid: Option<String>,
    /// The messages.
    pub(super) wanted: Wanted,
    /// Newest first within the page.
    pub(super) flip: bool,
}

/// The form of §4.1.5. Ids are open: nobody is shown a list of all that there are.
pub(super) fn fields() -> Element {
    let texts = ["start", "end", "before-id", "after-id"];
    let form = Form::new(FormKind::Form, ns::MAM).with(Field::new(FieldKind::JidSingle, "with"));
    let form = texts
        .iter()
        .fold(form, |form, var| form.with(Field::new(FieldKind::TextSingle, var)));
    let open = el("validate", ns::XDATA_VALIDATE)
        .set("datatype", "xs:string")
        .child(el("open", ns::XDATA_VALIDATE));
    let ids = el("field", ns::XDATA).set("type", "list-multi").set("var", "ids");
    el("query", ns::MAM).child(form.to_element().child(ids.child(open)))
}

/// Understands a query within the limits.
pub(super) fn asked(query: Query, limits: &Limits, now: Timestamp) -> Result<Asked, StanzaError> {
    let Query {
        queryid,
        node: _,
        filter,
        page,
        flip,
    } = query;
    let Filter {
        with,
        start,
        end,
        before,
        after,
        ids,
    } = filter;
    let (page_after, page_before, backwards) = pages(&page)?;
    let one = |id: Option<String>| id.as_deref().map(name).transpose();
    if ids.as_ref().is_some_and(|ids| ids.len() > ARCHIVE_IDS) {
        let error = StanzaError::new(Condition::NotAcceptable);
        return Err(error.with_text(format!("at most {ARCHIVE_IDS} ids at a time")));
    }
    check_queryid(queryid.as_deref())?;
    let ids = ids.map(|ids| ids.iter().map(|id| name(id)).collect());
    // A page alone does not cut off a client that has not acknowledged it yet.
    let most = most(&page, limits);
    let wanted = Wanted {
        with: with.map(|jid| jid.to_string()),
        start: start.map(|time| moment(&time, Round::Up)).transpose()?,
        end: end.map(|time| moment(&time, Round::Down)).transpose()?,
        after: one(after)?,
        before: one(before)?,
        page_after,
        page_before,
        ids: ids.transpose()?,
        backwards,
        most,
        most_bytes: ARCHIVE_PAGE_BYTES,
        around: 0,
        days: limits.archive_days,
        now,
    };
    Ok(Asked { queryid, wanted, flip })
}

/// How many results a page has.
pub(super) fn most(page: &rsm::Request, limits: &Limits) -> usize {
    let bound = limits.archive_page_max.min(limits.sm_unacked);
    page.max.unwrap_or(limits.archive_page).min(bound) as usize
}

/// It comes back with each result, so that it has a bound.
pub(super) fn check_queryid(queryid: Option<&str>) -> Result<(), StanzaError> {
    match queryid.is_some_and(|queryid| queryid.len() > QUERYID_MAX) {
        true => Err(StanzaError::new(Condition::NotAcceptable).with_text("the queryid is too long")),
        false => Ok(()),
    }
}

/// Behind what, before what, and whether backwards (XEP-0059 §2.2 to §2.5). Positions are not known: they would have to be
/// counted (§2.6).
fn pages(page: &rsm::Request) -> Result<(Option<ArchiveId>, Option<ArchiveId>, bool), StanzaError> {
    if page.index.is_some() {
        return Err(StanzaError::new(Condition::FeatureNotImplemented).with_text("pages have no index"));
    }
    let after = page.after.as_deref().map(name).transpose()?;
    let before = page.before.as_ref().and_then(Option::as_deref).map(name).transpose()?;
    Ok((after, before, page.before.is_some()))
}

/// What is no id is not in the archive either.
fn name(id: &str) -> Result<ArchiveId, StanzaError> {
    ArchiveId::parse(id).ok_or_else(|| StanzaError::new(Condition::ItemNotFound))
}

/// Which way a time is rounded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Round {
    Up,
    Down,
}

/// A time as XEP-0082 writes it, to the millisecond on the side that lets no other message in.
pub(super) fn moment(text: &str, round: Round) -> Result<Timestamp, StanzaError> {
    let text = text.trim();
    let time: jiff::Timestamp = match text.parse() {
        Ok(time) => time,
        Err(_) if is_last_day(text) => jiff::Timestamp::MAX,
        Err(_) => {
            let error = StanzaError::new(Condition::BadRequest);
            return Err(error.with_text("start and end are times like 2010-06-07T00:00:00Z"));
        }
    };
    let floor = time.as_nanosecond().div_euclid(1_000_000);
    let rest = time.as_nanosecond().rem_euclid(1_000_000);
    let up = i128::from(round == Round::Up && rest > 0);
    Ok(Timestamp(u64::try_from(floor + up).unwrap_or(0)))
}

/// Whether it is a time in the year 9999, whose last day is for who means never, and beyond what is counted here.
fn is_last_day(text: &str) -> bool {
    let time = text.strip_suffix('Z').map(str::parse::<jiff::civil::DateTime>);
    time.is_some_and(|time| time.is_ok_and(|time| time.year() == 9999))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            archive_page: 20,
            archive_page_max: 30,
            ..Limits::default()
        }
    }

    fn ask(query: Query) -> Result<Wanted, Condition> {
        asked(query, &limits(), Timestamp(0))
            .map(|asked| asked.wanted)
            .map_err(|error| error.condition)
    }

    fn page(request: rsm::Request) -> Query {
        Query {
            page: request,
            ..Query::default()
        }
    }

    #[test]
    fn times_are_rounded_to_where_no_other_message_gets_in() {
        let check = |text: &str, up: u64, down: u64| {
            assert_eq!(moment(text, Round::Up), Ok(Timestamp(up)), "{text}");
            assert_eq!(moment(text, Round::Down), Ok(Timestamp(down)), "{text}");
        };
        check("1970-01-01T00:00:01Z", 1000, 1000);
        check("1970-01-01T00:00:01.0005Z", 1001, 1000);
        check("1970-01-01T01:00:01.5+01:00", 1500, 1500);
        check("1969-12-31T00:00:00Z", 0, 0);
        for wrong in ["", "now", "2010-06-07", "20100607T00:00:00"] {
            assert!(moment(wrong, Round::Up).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_page_is_as_long_as_it_was_asked_for_and_may_be() {
        for (max, expected) in [(None, 20), (Some(5), 5), (Some(0), 0), (Some(1000), 30)] {
            let request = rsm::Request {
                max,
                ..rsm::Request::default()
            };
            assert_eq!(ask(page(request)).unwrap().most, expected, "{max:?}");
        }
    }

    #[test]
    fn pages_go_on_behind_an_id_and_back_before_one() {
        let id = ArchiveId(7);
        let after = ask(page(rsm::Request {
            after: Some(id.to_text()),
            ..rsm::Request::default()
        }));
        let after = after.unwrap();
        assert_eq!((after.page_after, after.backwards), (Some(id), false));
        let before = |before: Option<String>| {
            ask(page(rsm::Request {
                before: Some(before),
                ..rsm::Request::default()
            }))
            .unwrap()
        };
        assert_eq!((before(None).page_before, before(None).backwards), (None, true));
        assert_eq!(before(Some(id.to_text())).page_before, Some(id));
    }

    #[test]
    fn what_cannot_be_asked_is_refused_as_the_xeps_say() {
        let other = rsm::Request {
            after: Some("28482-98726-73623".into()),
            ..rsm::Request::default()
        };
        assert_eq!(ask(page(other)), Err(Condition::ItemNotFound));
        let index = rsm::Request {
            index: Some(1),
            ..rsm::Request::default()
        };
        assert_eq!(ask(page(index)), Err(Condition::FeatureNotImplemented));
        let many = Query {
            filter: Filter {
                ids: Some(vec![ArchiveId(1).to_text(); ARCHIVE_IDS + 1]),
                ..Filter::default()
            },
            ..Query::default()
        };
        assert_eq!(ask(many), Err(Condition::NotAcceptable));
        let long = Query {
            queryid: Some("q".repeat(QUERYID_MAX + 1)),
            ..Query::default()
        };
        assert_eq!(ask(long), Err(Condition::NotAcceptable));
    }

    #[test]
    fn the_end_of_all_times_is_a_time() {
        let of = |text: &str| moment(text, Round::Down).map_err(|error| error.condition);
        assert!(of("9999-12-31T23:59:59Z").unwrap() > of("9999-01-01T00:00:00Z").unwrap());
        assert_eq!(of("9999-12-32T23:59:59Z"), Err(Condition::BadRequest));
        assert_eq!(of("tomorrow"), Err(Condition::BadRequest));
    }
}
