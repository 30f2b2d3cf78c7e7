//! Lists in service discovery (XEP-0030 §4): which page of them (XEP-0059), and which types of nodes (XEP-0462). Must not
//! know what is listed; next: the front end's module. xmpp-parsers refuses what it does not know in a request.

use minidom::Element;

use crate::element::attr;
use crate::form::Form;
use crate::ns;
use crate::payload::{IqPayload, bad_request};
use crate::rsm;
use crate::stanza_error::StanzaError;

/// `<query xmlns='http://jabber.org/protocol/disco#items'/>`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ItemsQuery {
    /// Of which node.
    pub node: Option<String>,
    /// Which page.
    pub rsm: Option<rsm::Request>,
    /// Which nodes.
    pub types: Types,
}

/// The types of nodes that are wanted; an empty one is that of nodes without a type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Types {
    /// All.
    #[default]
    All,
    /// These.
    These(Vec<String>),
    /// All but these.
    Others(Vec<String>),
}

impl Types {
    /// Whether nodes of this type are wanted.
    pub fn holds(&self, kind: &str) -> bool {
        let among = |types: &[String]| types.iter().any(|one| one == kind);
        match self {
            Types::All => true,
            Types::These(types) => among(types),
            Types::Others(types) => !among(types),
        }
    }

    /// XEP-0462 §3.2.
    fn parse(filter: &Element) -> Result<Types, StanzaError> {
        let form = Form::find(filter)?.ok_or_else(|| bad_request("a filter without a form"))?;
        let values = |name: &str| form.values(name).map(<[String]>::to_vec);
        match (values("included-types"), values("excluded-types")) {
            (Some(_), Some(_)) => Err(bad_request("types are included or excluded, not both")),
            (Some(types), None) => Ok(Types::These(types)),
            (None, Some(types)) => Ok(Types::Others(types)),
            (None, None) => Ok(Types::All),
        }
    }
}

impl IqPayload for ItemsQuery {
    const NAME: &'static str = "query";
    const NS: &'static str = ns::DISCO_ITEMS;

    fn parse(el: Element) -> Result<Self, StanzaError> {
        let filter = el.get_child("filter", ns::PUBSUB_FILTER);
        Ok(ItemsQuery {
            node: attr(&el, "node"),
            rsm: rsm::Request::find(&el)?,
            types: filter.map(Types::parse).transpose()?.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stanza_error::Condition;

    fn query(inner: &str) -> Result<ItemsQuery, Condition> {
        let xml = format!("<query xmlns='http://jabber.org/protocol/disco#items'>{inner}</query>");
        ItemsQuery::parse(xml.parse().unwrap()).map_err(|error| error.condition)
    }

    fn filter(fields: &str) -> String {
        format!(
            "<filter xmlns='urn:xmpp:pubsub-filter:0'><x xmlns='jabber:x:data' type='submit'>\
             <field var='FORM_TYPE' type='hidden'><value>urn:xmpp:pubsub-filter:0</value></field>{fields}</x></filter>"
        )
    }

    #[test]
    fn a_list_is_asked_for_whole_by_page_or_by_type() {
        assert_eq!(query(""), Ok(ItemsQuery::default()));
        let page = query("<set xmlns='http://jabber.org/protocol/rsm'><max>2</max></set>").unwrap();
        assert_eq!(page.rsm.and_then(|rsm| rsm.max), Some(2));
        let included = "<field var='included-types'><value>urn:x</value><value/></field>";
        let types = query(&filter(included)).unwrap().types;
        assert!(types.holds("urn:x") && types.holds("") && !types.holds("urn:y"));
        let excluded = "<field var='excluded-types'><value>urn:x</value></field>";
        let types = query(&filter(excluded)).unwrap().types;
        assert!(!types.holds("urn:x") && types.holds("") && types.holds("urn:y"));
    }

    #[test]
    fn a_filter_that_says_both_or_nothing_at_all_is_a_bad_request() {
        let both =
            "<field var='included-types'><value>a</value></field><field var='excluded-types'><value>b</value></field>";
        assert_eq!(query(&filter(both)), Err(Condition::BadRequest));
        let none = "<filter xmlns='urn:xmpp:pubsub-filter:0'/>";
        assert_eq!(query(none), Err(Condition::BadRequest));
    }
}
