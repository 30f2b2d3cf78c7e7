//! Result set management (XEP-0059): which page is wanted, which was given. xmpp-parsers cannot tell "the last page" from
//! "before an item of empty name". Must not know what an item is; next: pubsub, MAM and disco.

use minidom::Element;

use crate::element::{Build, attr, child_text, el};
use crate::ns;
use crate::payload::bad_request;
use crate::stanza_error::StanzaError;

/// Which page is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// At most so many items; 0 asks for the count alone (XEP-0059 §2.7).
    pub max: Option<u32>,
    /// The page that follows this item.
    pub after: Option<String>,
    /// `Some(None)`: the last page (XEP-0059 §2.5); `Some(Some(id))`: the page that precedes this item.
    pub before: Option<Option<String>>,
    /// The page that begins at this position (XEP-0059 §2.6).
    pub index: Option<u32>,
}

impl Request {
    /// Parses `<set xmlns='http://jabber.org/protocol/rsm'/>`; a number that is none is a `bad-request`.
    pub fn parse(el: &Element) -> Result<Request, StanzaError> {
        let number = |name: &'static str| -> Result<Option<u32>, StanzaError> {
            let parse = |text: String| {
                let number: Result<u64, _> = text.trim().parse();
                // The schema has larger ones than anybody has items.
                number
                    .map(|number| u32::try_from(number).unwrap_or(u32::MAX))
                    .map_err(|_| bad_request(format!("{name} is no number")))
            };
            child_text(el, name).map(parse).transpose()
        };
        let not_empty = |text: String| Some(text).filter(|text| !text.is_empty());
        Ok(Request {
            max: number("max")?,
            after: child_text(el, "after").and_then(not_empty),
            before: child_text(el, "before").map(not_empty),
            index: number("index")?,
        })
    }

    /// The request among an element's children, if there is one.
    pub fn find(parent: &Element) -> Result<Option<Request>, StanzaError> {
        parent.get_child("set", ns::RSM).map(Request::parse).transpose()
    }

    /// `<set xmlns='http://jabber.org/protocol/rsm'/>`.
    pub fn to_element(&self) -> Element {
        let text = |name: &str, text: &str| el(name, ns::RSM).with_text(text);
        let children = [
            self.max.map(|max| text("max", &max.to_string())),
            self.after.as_deref().map(|after| text("after", after)),
            self.before
                .as_ref()
                .map(|before| text("before", before.as_deref().unwrap_or_default())),
            self.index.map(|index| text("index", &index.to_string())),
        ];
        el("set", ns::RSM).children_from(children.into_iter().flatten())
    }
}

/// Which page was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Its first item.
    pub first: Option<String>,
    /// The position of its first item in the whole set.
    pub first_index: Option<u32>,
    /// Its last item.
    pub last: Option<String>,
    /// How many items the whole set has.
    pub count: Option<u32>,
}

impl Reply {
    /// Parses `<set xmlns='http://jabber.org/protocol/rsm'/>`; numbers that are none are left out.
    pub fn parse(el: &Element) -> Reply {
        let first = el.get_child("first", ns::RSM);
        Reply {
            first: first.map(Element::text),
            first_index: first.and_then(|first| attr(first, "index")?.parse().ok()),
            last: child_text(el, "last"),
            count: child_text(el, "count").and_then(|count| count.trim().parse().ok()),
        }
    }

    /// `<set xmlns='http://jabber.org/protocol/rsm'/>`.
    pub fn to_element(&self) -> Element {
        let text = |name: &str, text: &str| el(name, ns::RSM).with_text(text);
        let index = self.first_index.map(|index| index.to_string());
        let children = [
            self.first
                .as_deref()
                .map(|first| text("first", first).set_opt("index", index.as_deref())),
            self.last.as_deref().map(|last| text("last", last)),
            self.count.map(|count| text("count", &count.to_string())),
        ];
        el("set", ns::RSM).children_from(children.into_iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(xml: &str, expected: Request) {
        let el: Element = format!("<set xmlns='http://jabber.org/protocol/rsm'>{xml}</set>")
            .parse()
            .unwrap();
        assert_eq!(Request::parse(&el), Ok(expected.clone()));
        assert_eq!(expected.to_element(), el);
    }

    #[test]
    fn each_way_to_ask_for_a_page_reads_back() {
        let request = Request {
            max: Some(10),
            ..Request::default()
        };
        check("<max>10</max>", request.clone());
        check(
            "<max>10</max><after>a</after>",
            Request {
                after: Some("a".into()),
                ..request.clone()
            },
        );
        check(
            "<max>10</max><before/>",
            Request {
                before: Some(None),
                ..request.clone()
            },
        );
        check(
            "<max>10</max><before>b</before>",
            Request {
                before: Some(Some("b".into())),
                ..request.clone()
            },
        );
        check(
            "<max>10</max><index>371</index>",
            Request {
                index: Some(371),
                ..request
            },
        );
    }

    #[test]
    fn a_number_that_is_none_is_a_bad_request() {
        let el: Element = "<set xmlns='http://jabber.org/protocol/rsm'><max>-1</max></set>"
            .parse()
            .unwrap();
        assert!(Request::parse(&el).is_err());
    }

    #[test]
    fn a_reply_has_first_last_and_count() {
        let reply = Reply {
            first: Some("a".into()),
            first_index: Some(0),
            last: Some("b".into()),
            count: Some(800),
        };
        let el: Element = "<set xmlns='http://jabber.org/protocol/rsm'><first index='0'>a</first><last>b</last>\
                           <count>800</count></set>"
            .parse()
            .unwrap();
        assert_eq!(reply.to_element(), el);
        assert_eq!(Reply::parse(&el), reply);
    }

    #[test]
    fn a_number_that_is_too_large_is_the_largest() {
        let max = |text: &str| {
            let set: Element = format!("<set xmlns='http://jabber.org/protocol/rsm'><max>{text}</max></set>")
                .parse()
                .unwrap();
            Request::parse(&set).map(|request| request.max)
        };
        assert_eq!(max("99999999999").unwrap(), Some(u32::MAX));
        assert!(max("-1").is_err());
    }
}
