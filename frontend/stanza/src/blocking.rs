//! Blocking (XEP-0191): lists of addresses. Must not know who blocks whom; next: the front end's module.

use minidom::Element;
use xmpp_parsers::jid::Jid;

use crate::element::{Build, el};
use crate::ns;
use crate::payload::{IqPayload, bad_request};
use crate::report::Report;
use crate::stanza_error::{Condition, StanzaError};

/// `<blocklist/>` in an iq of type get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockList;

/// `<block/>` in an iq of type set: at least one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Whom.
    pub jids: Vec<Jid>,
    /// What is reported of some of them (XEP-0377).
    pub reports: Vec<(Jid, Report)>,
}

/// `<unblock/>` in an iq of type set: these addresses, or all where none is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unblock(pub Vec<Jid>);

fn items(el: &Element) -> impl Iterator<Item = &Element> {
    el.children().filter(|child| child.is("item", ns::BLOCKING))
}

fn jid(item: &Element) -> Result<Jid, StanzaError> {
    let jid = item.attr("jid").ok_or_else(|| bad_request("an item without a jid"))?;
    Jid::new(jid).map_err(|_| StanzaError::new(Condition::JidMalformed))
}

impl IqPayload for BlockList {
    const NAME: &'static str = "blocklist";
    const NS: &'static str = ns::BLOCKING;

    fn parse(_: Element) -> Result<Self, StanzaError> {
        Ok(BlockList)
    }
}

impl IqPayload for Block {
    const NAME: &'static str = "block";
    const NS: &'static str = ns::BLOCKING;

    fn parse(el: Element) -> Result<Self, StanzaError> {
        let jids: Vec<Jid> = items(&el).map(jid).collect::<Result<_, _>>()?;
        if jids.is_empty() {
            return Err(bad_request("nobody is named"));
        }
        let reports = items(&el).zip(&jids);
        let reports = reports.filter_map(|(item, jid)| Some((jid.clone(), Report::find(item)?)));
        Ok(Block {
            reports: reports.collect(),
            jids,
        })
    }
}

impl IqPayload for Unblock {
    const NAME: &'static str = "unblock";
    const NS: &'static str = ns::BLOCKING;

    fn parse(el: Element) -> Result<Self, StanzaError> {
        items(&el).map(jid).collect::<Result<_, _>>().map(Unblock)
    }
}

/// `<blocklist/>`, `<block/>` or `<unblock/>` with these addresses.
pub fn list<'a>(name: &'static str, jids: impl IntoIterator<Item = &'a str>) -> Element {
    let item = |jid: &str| el("item", ns::BLOCKING).set("jid", jid);
    el(name, ns::BLOCKING).children_from(jids.into_iter().map(item))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<P: IqPayload>(xml: &str) -> Result<P, Condition> {
        P::parse(xml.parse().unwrap()).map_err(|error| error.condition)
    }

    #[test]
    fn to_block_nobody_is_a_mistake_and_to_unblock_nobody_is_to_unblock_all() {
        assert_eq!(
            parse::<Block>("<block xmlns='urn:xmpp:blocking'/>"),
            Err(Condition::BadRequest)
        );
        assert_eq!(parse("<unblock xmlns='urn:xmpp:blocking'/>"), Ok(Unblock(Vec::new())));
    }

    #[test]
    fn an_address_that_is_none_is_malformed() {
        let one = |jid: &str| parse::<Block>(&format!("<block xmlns='urn:xmpp:blocking'><item jid='{jid}'/></block>"));
        assert_eq!(one("@"), Err(Condition::JidMalformed));
        assert_eq!(one("a@X").map(|block| block.jids), Ok(vec![Jid::new("a@x").unwrap()]));
    }

    #[test]
    fn a_report_is_of_its_item_alone() {
        let block: Block = parse(
            "<block xmlns='urn:xmpp:blocking'><item jid='a@x'/><item jid='b@x'>\
             <report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:abuse'/></item></block>",
        )
        .unwrap();
        let of: Vec<&str> = block.reports.iter().map(|(jid, _)| jid.as_str()).collect();
        assert_eq!((block.jids.len(), of), (2, vec!["b@x"]));
    }
}
