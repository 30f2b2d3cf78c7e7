//! Golden error replies; the order of children is what clients depend on.

use super::*;
use crate::{StreamNamespace, write_element};

#[track_caller]
fn check(received: &str, err: StanzaError, expected: &str) {
    let received: Element = received.parse().unwrap();
    let mut out = Vec::new();
    write_element(&error_reply(&received, &err), StreamNamespace::Client, &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

const IQ: &str = "<iq xmlns='jabber:client' type='set' from='a@x/r' to='x' id='1'><q xmlns='q'/></iq>";

#[test]
fn a_reply_swaps_addresses_keeps_the_id_and_does_not_echo() {
    check(
        IQ,
        StanzaError::new(Condition::BadRequest).with_text("no <q>"),
        "<iq from='x' id='1' to='a@x/r' type='error'><error type='modify'>\
         <bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
         <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>no &lt;q&gt;</text></error></iq>",
    );
}

#[test]
fn the_defined_condition_comes_first() {
    check(
        IQ,
        StanzaError::new(Condition::Conflict).pubsub(PubsubCondition::PreconditionNotMet),
        "<iq from='x' id='1' to='a@x/r' type='error'><error type='cancel'>\
         <conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
         <precondition-not-met xmlns='http://jabber.org/protocol/pubsub#errors'/></error></iq>",
    );
}

#[test]
fn the_three_conditions_that_movim_dispatches_on_come_before_the_defined_one() {
    let first = [
        PubsubCondition::PresenceSubscriptionRequired,
        PubsubCondition::Unsupported("modify-affiliations"),
        PubsubCondition::PayloadTooBig,
    ];
    for condition in first {
        let error = StanzaError::new(Condition::NotAuthorized)
            .pubsub(condition)
            .to_element();
        let names: Vec<_> = error.children().map(Element::name).collect();
        assert_eq!(names, [condition.as_str(), "not-authorized"]);
    }
    check(
        IQ,
        StanzaError::new(Condition::FeatureNotImplemented).pubsub(PubsubCondition::Unsupported("leased-subscription")),
        "<iq from='x' id='1' to='a@x/r' type='error'><error type='cancel'>\
         <unsupported xmlns='http://jabber.org/protocol/pubsub#errors' feature='leased-subscription'/>\
         <feature-not-implemented xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
    );
}

#[test]
fn gone_contains_the_new_address() {
    check(
        "<presence xmlns='jabber:client' from='a@x/r'/>",
        StanzaError::new(Condition::Gone).with_address("xmpp:b@x"),
        "<presence to='a@x/r' type='error'><error type='cancel'>\
         <gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>xmpp:b@x</gone></error></presence>",
    );
}

#[test]
fn a_reply_on_a_server_stream_stays_in_its_namespace() {
    let received: Element = "<message xmlns='jabber:server' from='a@x' to='b@y'/>".parse().unwrap();
    let reply = error_reply(&received, &Condition::RemoteServerTimeout.into());
    assert!(reply.has_child("error", "jabber:server"));
}

#[test]
fn every_condition_has_a_name_and_a_type_of_its_own() {
    let mut names: Vec<_> = Condition::ALL.iter().map(|condition| condition.as_str()).collect();
    names.dedup();
    assert_eq!(names.len(), 22);
    let types = [
        (Condition::Forbidden, ErrorType::Auth),
        (Condition::ItemNotFound, ErrorType::Cancel),
        (Condition::JidMalformed, ErrorType::Modify),
        (Condition::ResourceConstraint, ErrorType::Wait),
    ];
    for (condition, kind) in types {
        assert_eq!(condition.default_type(), kind);
    }
}
