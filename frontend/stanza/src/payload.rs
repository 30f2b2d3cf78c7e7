//! What the router finds a handler by: the type of an iq's payload. Must not know any handler; next: the front end's
//! table of routes, which erases the types once at start.

use minidom::Element;
use xmpp_parsers::{bind, disco, ping, roster, time, version};

use crate::ns;
use crate::pubsub;
use crate::register;
use crate::stanza_error::{Condition, StanzaError};

/// The payload of an `<iq/>` of type get or set. Name and namespace, with the iq's type, are its route.
pub trait IqPayload: Sized {
    /// Local name of the element.
    const NAME: &'static str;
    /// Its namespace.
    const NS: &'static str;

    /// Parses an element that has this name and namespace. An error is the answer to send: `bad-request` with a text,
    /// unless the payload's XEP has a better one.
    fn parse(el: Element) -> Result<Self, StanzaError>;
}

/// For the types of xmpp-parsers, which are parsed by `TryFrom<Element>`.
macro_rules! parsed_by_xmpp_parsers {
    ($($type:ty = $name:literal, $ns:expr;)*) => {$(
        impl IqPayload for $type {
            const NAME: &'static str = $name;
            const NS: &'static str = $ns;

            fn parse(el: Element) -> Result<Self, StanzaError> {
                Self::try_from(el).map_err(|error| bad_request(error.to_string()))
            }
        }
    )*};
}

parsed_by_xmpp_parsers! {
    disco::DiscoInfoQuery = "query", ns::DISCO_INFO;
    ping::Ping = "ping", ns::PING;
    roster::Roster = "query", ns::ROSTER;
    time::TimeQuery = "time", ns::TIME;
    version::VersionQuery = "query", ns::VERSION;
    bind::BindQuery = "bind", ns::BIND;
}

/// For our own types, whose meaning depends on the iq's type: one newtype for get, one for set.
macro_rules! parsed_here {
    ($($type:path = $name:literal, $ns:expr, $parse:path, set = $set:literal;)*) => {$(
        impl IqPayload for $type {
            const NAME: &'static str = $name;
            const NS: &'static str = $ns;

            fn parse(el: Element) -> Result<Self, StanzaError> {
                $parse(&el, $set).map($type)
            }
        }
    )*};
}

parsed_here! {
    pubsub::Get = "pubsub", ns::PUBSUB, pubsub::Request::parse, set = false;
    pubsub::Set = "pubsub", ns::PUBSUB, pubsub::Request::parse, set = true;
    pubsub::OwnerGet = "pubsub", ns::PUBSUB_OWNER, pubsub::Request::parse, set = false;
    pubsub::OwnerSet = "pubsub", ns::PUBSUB_OWNER, pubsub::Request::parse, set = true;
    register::Get = "query", ns::REGISTER, register::Query::parse, set = false;
    register::Set = "query", ns::REGISTER, register::Query::parse, set = true;
}

/// `bad-request` with a text.
pub(crate) fn bad_request(text: impl Into<std::borrow::Cow<'static, str>>) -> StanzaError {
    StanzaError::new(Condition::BadRequest).with_text(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<P: IqPayload>(xml: &str) -> Result<P, StanzaError> {
        let el: Element = xml.parse().unwrap();
        assert!(el.is(P::NAME, P::NS), "{xml}");
        P::parse(el)
    }

    #[test]
    fn the_types_of_xmpp_parsers_are_payloads() {
        let info: disco::DiscoInfoQuery =
            parse("<query xmlns='http://jabber.org/protocol/disco#info' node='n'/>").unwrap();
        assert_eq!(info.node.as_deref(), Some("n"));
        parse::<ping::Ping>("<ping xmlns='urn:xmpp:ping'/>").unwrap();
        let roster: roster::Roster =
            parse("<query xmlns='jabber:iq:roster' ver=''><item jid='a@x' subscription='remove'/></query>").unwrap();
        assert_eq!(roster.items.len(), 1);
        let bind: bind::BindQuery =
            parse("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>r</resource></bind>").unwrap();
        assert_eq!(bind.resource.as_deref(), Some("r"));
    }

    #[test]
    fn a_payload_that_cannot_be_parsed_is_a_bad_request_with_a_text() {
        let error = parse::<roster::Roster>("<query xmlns='jabber:iq:roster'><item jid='@'/></query>").unwrap_err();
        assert_eq!(error.condition, Condition::BadRequest);
        assert!(error.text.is_some());
    }

    #[test]
    fn the_type_of_the_iq_decides_what_a_pubsub_element_asks() {
        let xml = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><options node='n' jid='a@x'/></pubsub>";
        let pubsub::Get(get) = parse(xml).unwrap();
        assert!(matches!(get, pubsub::Request::Options { .. }));
        assert!(parse::<pubsub::Set>(xml).is_err());
        let register::Get(query) = parse("<query xmlns='jabber:iq:register'/>").unwrap();
        assert_eq!(query, register::Query::Form);
    }
}
