//! Message archives (XEP-0313) and their preferences (XEP-0441): what a client asks. Must not know what an archive holds or
//! how an id is made; next: the front end's module, which turns times and ids into a range of its rows.

use minidom::Element;
use xmpp_parsers::jid::Jid;

use crate::element::{Build, attr, el, same_ns};
use crate::form::{Form, FormKind};
use crate::payload::{IqPayload, bad_request};
use crate::rsm;
use crate::stanza_error::{Condition, StanzaError};
use crate::{form, ns};

/// iq get of `<query/>`: which fields a query may have (XEP-0313 §4.1.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// Another archive than that of messages (XEP-0442).
    pub node: Option<String>,
}

/// iq set of `<query/>`: which messages are wanted (XEP-0313 §4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// By which the client knows the results.
    pub queryid: Option<String>,
    /// Another archive than that of messages (XEP-0442).
    pub node: Option<String>,
    /// What they must be like.
    pub filter: Filter,
    /// Which page of them.
    pub page: rsm::Request,
    /// Newest first within the page (§4.3.4).
    pub flip: bool,
}

/// The fields of a query's form (XEP-0313 §4.1), as they were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Who has written or got them.
    pub with: Option<Jid>,
    /// Not before this time (XEP-0082).
    pub start: Option<String>,
    /// Not after this time.
    pub end: Option<String>,
    /// Before the message of this id.
    pub before: Option<String>,
    /// Behind the message of this id.
    pub after: Option<String>,
    /// These alone.
    pub ids: Option<Vec<String>>,
}

/// iq get of `<metadata/>`: the ends of the archive (XEP-0313 §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Another archive than that of messages (XEP-0442).
    pub node: Option<String>,
}

/// iq get of `<prefs/>` (XEP-0441 §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetPreferences;

/// What is archived, of messages that are worth it (XEP-0441).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preferences {
    /// Of whom neither list has.
    pub default: ArchiveDefault,
    /// Of these, whatever the default.
    pub always: Vec<Jid>,
    /// Not of these.
    pub never: Vec<Jid>,
}

form::words! {
    ArchiveDefault {
        /// Everybody.
        Always = "always",
        /// Nobody.
        Never = "never",
        /// Contacts.
        Roster = "roster",
    },
    "Whose messages are archived where no list has them (XEP-0441 §2.1.1)."
}

impl Filter {
    /// A field that is not known is refused (§4.1.5), so that nobody takes an unfiltered answer for a filtered one.
    fn parse(parent: &Element) -> Result<Filter, StanzaError> {
        let Some(form) = Form::find(parent)? else {
            return Ok(Filter::default());
        };
        if form.kind != FormKind::Submit || form.form_type.as_deref() != Some(ns::MAM) {
            return Err(bad_request("the form is not of urn:xmpp:mam:2"));
        }
        let mut filter = Filter::default();
        for field in form.fields {
            let value = field.values.first().filter(|value| !value.is_empty()).cloned();
            match field.var.as_str() {
                "with" => {
                    let jid = value.map(|value| Jid::new(&value)).transpose();
                    filter.with = jid.map_err(|_| bad_request("with is no JID"))?;
                }
                "start" => filter.start = value,
                "end" => filter.end = value,
                "before-id" => filter.before = value,
                "after-id" => filter.after = value,
                "ids" => filter.ids = Some(field.values),
                other => {
                    let error = StanzaError::new(Condition::FeatureNotImplemented);
                    return Err(error.with_text(format!("the field {other:?} is not known")));
                }
            }
        }
        Ok(filter)
    }
}

impl IqPayload for Fields {
    const NAME: &'static str = "query";
    const NS: &'static str = ns::MAM;

    fn parse(el: Element) -> Result<Self, StanzaError> {
        Ok(Fields {
            node: attr(&el, "node"),
        })
    }
}

impl IqPayload for Query {
    const NAME: &'static str = "query";
    const NS: &'static str = ns::MAM;

    fn parse(el: Element) -> Result<Self, StanzaError> {
        Ok(Query {
            queryid: el.attr("queryid").map(str::to_owned),
            node: attr(&el, "node"),
            filter: Filter::parse(&el)?,
            page: rsm::Request::find(&el)?.unwrap_or_default(),
            flip: el.get_child("flip-page", ns::MAM).is_some(),
        })
    }
}

impl IqPayload for Metadata {
    const NAME: &'static str = "metadata";
    const NS: &'static str = ns::MAM;

    fn parse(el: Element) -> Result<Self, StanzaError> {
        Ok(Metadata {
            node: attr(&el, "node"),
        })
    }
}

impl IqPayload for GetPreferences {
    const NAME: &'static str = "prefs";
    const NS: &'static str = ns::MAM;

    fn parse(_: Element) -> Result<Self, StanzaError> {
        Ok(GetPreferences)
    }
}

impl IqPayload for Preferences {
    const NAME: &'static str = "prefs";
    const NS: &'static str = ns::MAM;

    /// A list that is absent is empty (XEP-0441 §2.1.2).
    fn parse(el: Element) -> Result<Self, StanzaError> {
        let default = el.attr("default").and_then(ArchiveDefault::from_word);
        Ok(Preferences {
            default: default.ok_or_else(|| bad_request("default is always, never or roster"))?,
            always: jids(&el, "always")?,
            never: jids(&el, "never")?,
        })
    }
}

fn jids(prefs: &Element, list: &str) -> Result<Vec<Jid>, StanzaError> {
    let listed = prefs
        .children()
        .filter(|child| child.name() == list && same_ns(child, prefs))
        .flat_map(Element::children)
        .filter(|child| child.is("jid", ns::MAM));
    listed
        .map(|jid| Jid::new(jid.text().trim()).map_err(|_| bad_request("a JID in a list is none")))
        .collect()
}

impl Preferences {
    /// `<prefs xmlns='urn:xmpp:mam:2'/>`, with both lists even where they are empty.
    pub fn to_element(&self) -> Element {
        let list = |name: &str, jids: &[Jid]| {
            let jid = |jid: &Jid| el("jid", ns::MAM).with_text(jid.as_str());
            el(name, ns::MAM).children_from(jids.iter().map(jid))
        };
        el("prefs", ns::MAM)
            .set("default", self.default.as_str())
            .child(list("always", &self.always))
            .child(list("never", &self.never))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(xml: &str) -> Result<Query, StanzaError> {
        let el: Element = format!("<query xmlns='urn:xmpp:mam:2' queryid='f27'>{xml}</query>")
            .parse()
            .unwrap();
        Query::parse(el)
    }

    fn form(fields: &str) -> String {
        format!(
            "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value>\
             </field>{fields}</x>"
        )
    }

    #[test]
    fn a_query_has_each_field_of_the_form_and_its_page() {
        let fields = "<field var='with'><value>juliet@capulet.lit</value></field>\
            <field var='start'><value>2010-06-07T00:00:00Z</value></field><field var='end'><value>e</value></field>\
            <field var='before-id'><value>b</value></field><field var='after-id'><value>a</value></field>\
            <field var='ids'><value>1</value><value>2</value></field>";
        let page = "<set xmlns='http://jabber.org/protocol/rsm'><max>10</max><before/></set><flip-page/>";
        let text = |text: &str| Some(text.to_owned());
        let expected = Query {
            queryid: text("f27"),
            node: None,
            filter: Filter {
                with: Some(Jid::new("juliet@capulet.lit").unwrap()),
                start: text("2010-06-07T00:00:00Z"),
                end: text("e"),
                before: text("b"),
                after: text("a"),
                ids: Some(vec!["1".into(), "2".into()]),
            },
            page: rsm::Request {
                max: Some(10),
                before: Some(None),
                ..rsm::Request::default()
            },
            flip: true,
        };
        assert_eq!(query(&(form(fields) + page)), Ok(expected));
        assert_eq!(query("").unwrap().filter, Filter::default());
    }

    #[test]
    fn a_form_that_is_wrong_is_refused_as_it_is_wrong() {
        let check = |xml: &str, expected: Condition| assert_eq!(query(xml).unwrap_err().condition, expected, "{xml}");
        check(
            &form("<field var='include-groupchat'><value>true</value></field>"),
            Condition::FeatureNotImplemented,
        );
        check(
            &form("<field var='with'><value>@</value></field>"),
            Condition::BadRequest,
        );
        check("<x xmlns='jabber:x:data' type='submit'/>", Condition::BadRequest);
        check(&form("").replace("submit", "form"), Condition::BadRequest);
        check(
            "<set xmlns='http://jabber.org/protocol/rsm'><max>x</max></set>",
            Condition::BadRequest,
        );
    }

    #[test]
    fn preferences_read_back_and_a_list_that_is_absent_is_empty() {
        let el: Element =
            "<prefs xmlns='urn:xmpp:mam:2' default='roster'><always><jid>romeo@montague.lit</jid></always>\
                           <never/></prefs>"
                .parse()
                .unwrap();
        let preferences = Preferences::parse(el.clone()).unwrap();
        assert_eq!(preferences.always, [Jid::new("romeo@montague.lit").unwrap()]);
        assert_eq!(preferences.to_element(), el);
        let bare = "<prefs xmlns='urn:xmpp:mam:2' default='never'/>".parse().unwrap();
        assert!(Preferences::parse(bare).unwrap().never.is_empty());
        for wrong in [
            "<prefs xmlns='urn:xmpp:mam:2'/>",
            "<prefs xmlns='urn:xmpp:mam:2' default='x'/>",
            "<prefs xmlns='urn:xmpp:mam:2' default='never'><never><jid>@</jid></never></prefs>",
        ] {
            assert!(Preferences::parse(wrong.parse().unwrap()).is_err(), "{wrong}");
        }
    }
}
