//! Golden replies and events.

use super::*;
use crate::form::{Field, FieldKind, FormKind};
use crate::self_contained;

#[track_caller]
fn check(reply: &Element, expected: &str) {
    let expected = expected.replace("PUBSUB", "pubsub xmlns='http://jabber.org/protocol/pubsub");
    assert_eq!(String::from_utf8(self_contained(reply, None)).unwrap(), expected);
}

#[track_caller]
fn check_event(splice: &Splice, expected: &str) {
    let mut out = Vec::new();
    splice.write("o'neill@x/r", &mut out);
    let expected = expected
        .replace("HEAD", "message type='headline' from='a@x' to='o&apos;neill@x/r'")
        .replace("EVENT", "event xmlns='http://jabber.org/protocol/pubsub#event'");
    assert_eq!(String::from_utf8(out.clone()).unwrap(), expected);
    let within = format!("<stream xmlns='jabber:client'>{expected}</stream>");
    assert!(within.parse::<Element>().is_ok(), "well-formed");
}

fn form() -> Form {
    Form::new(FormKind::Form, "t").with(Field::new(FieldKind::Boolean, "b").value("1"))
}

const FORM: &str = "<x xmlns='jabber:x:data' type='form'><field type='hidden' var='FORM_TYPE'><value>t</value></field>\
                    <field type='boolean' var='b'><value>1</value></field></x>";

fn rsm() -> rsm::Reply {
    rsm::Reply {
        first: Some("a".into()),
        first_index: Some(0),
        last: Some("b".into()),
        count: Some(2),
    }
}

const RSM: &str = "<set xmlns='http://jabber.org/protocol/rsm'><first index='0'>a</first><last>b</last>\
                   <count>2</count></set>";

#[test]
fn publishing_and_creating_answer_with_names() {
    check(
        &publish_reply("n", &["i"]),
        "<PUBSUB'><publish node='n'><item id='i'/></publish></pubsub>",
    );
    check(&publish_reply("n", &[]), "<PUBSUB'><publish node='n'/></pubsub>");
    check(&create_reply("a/b:c"), "<PUBSUB'><create node='a/b:c'/></pubsub>");
}

#[test]
fn items_are_spliced_from_stored_bytes() {
    let items = [
        ItemOut {
            id: "a",
            publisher: Some("juliet@x"),
            payload: b"<entry xmlns='http://www.w3.org/2005/Atom'/>",
        },
        ItemOut {
            id: "b&",
            publisher: None,
            payload: b"",
        },
    ];
    let bytes = items_reply("n'", &items, Some(&rsm()));
    let expected = format!(
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='n&apos;'>\
         <item id='a' publisher='juliet@x'><entry xmlns='http://www.w3.org/2005/Atom'/></item><item id='b&amp;'/>\
         </items>{RSM}</pubsub>"
    );
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    assert!(expected.parse::<Element>().is_ok(), "well-formed");
    assert_eq!(
        String::from_utf8(items_reply("n", &[], None)).unwrap(),
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='n'></items></pubsub>"
    );
}

#[test]
fn subscriptions_and_affiliations_of_ones_own() {
    let subscribed = SubscriptionState::Subscribed;
    check(
        &subscription_reply("n", "a@x", subscribed, Some("s")),
        "<PUBSUB'><subscription jid='a@x' node='n' subid='s' subscription='subscribed'/></pubsub>",
    );
    let one = SubscriptionOut {
        node: "n",
        jid: "a@x",
        state: SubscriptionState::Pending,
        subid: None,
    };
    check(
        &subscriptions_reply(None, &[one], Some(&rsm())),
        &format!(
            "<PUBSUB'><subscriptions><subscription jid='a@x' node='n' subscription='pending'/></subscriptions>{RSM}\
             </pubsub>"
        ),
    );
    check(
        &affiliations_reply(Some("n"), &[("n", Affiliation::PublishOnly)], None),
        "<PUBSUB'><affiliations node='n'><affiliation affiliation='publish-only' node='n'/></affiliations></pubsub>",
    );
}

#[test]
fn options_and_configurations_are_forms() {
    check(
        &options_reply("n", "a@x", None, &form()),
        &format!("<PUBSUB'><options jid='a@x' node='n'>{FORM}</options></pubsub>"),
    );
    check(
        &default_options_reply(None, &form()),
        &format!("<PUBSUB'><default>{FORM}</default></pubsub>"),
    );
    check(
        &configuration("n", &form()),
        &format!("<PUBSUB#owner'><configure node='n'>{FORM}</configure></pubsub>"),
    );
    check(
        &default_configuration(&form()),
        &format!("<PUBSUB#owner'><default>{FORM}</default></pubsub>"),
    );
}

#[test]
fn owners_see_followers_and_affiliations() {
    check(
        &owner_subscriptions_reply("n", &[("a@x", SubscriptionState::Subscribed)], Some(&rsm())),
        &format!(
            "<PUBSUB#owner'><subscriptions node='n'><subscription jid='a@x' subscription='subscribed'/>\
             </subscriptions>{RSM}</pubsub>"
        ),
    );
    check(
        &owner_affiliations_reply("n", &[("a@x", Affiliation::Owner)], None),
        "<PUBSUB#owner'><affiliations node='n'><affiliation affiliation='owner' jid='a@x'/></affiliations></pubsub>",
    );
}

#[test]
fn a_post_is_notified_with_publisher_payload_and_delay() {
    check_event(
        &event_publish(
            "a@x",
            "n",
            "i",
            Some("a@x"),
            Some(b"<e xmlns='urn:e'/>"),
            Some(("a@x", "2026-11-22T00:00:00Z")),
        ),
        "<HEAD><EVENT><items node='n'><item id='i' publisher='a@x'><e xmlns='urn:e'/></item></items></event>\
         <delay xmlns='urn:xmpp:delay' from='a@x' stamp='2026-11-22T00:00:00Z'/></message>",
    );
    check_event(
        &event_publish("a@x", "n", "i", None, None, None),
        "<HEAD><EVENT><items node='n'><item id='i'/></items></event></message>",
    );
}

#[test]
fn a_body_stands_before_the_event() {
    let splice = event_publish("a@x", "n", "i", None, None, None).with_body("a < b");
    let mut bytes = Vec::new();
    splice.write("b@x", &mut bytes);
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        "<message type='headline' from='a@x' to='b@x'><body>a &lt; b</body>\
         <event xmlns='http://jabber.org/protocol/pubsub#event'><items node='n'><item id='i'/></items></event></message>"
    );
}

#[test]
fn changes_of_a_node_are_notified() {
    check_event(
        &event_retract("a@x", "n", "i<", None),
        "<HEAD><EVENT><items node='n'><retract id='i&lt;'/></items></event></message>",
    );
    check_event(
        &event_purge("a@x", "n", None),
        "<HEAD><EVENT><purge node='n'/></event></message>",
    );
    check_event(
        &event_delete("a@x", "n", None, None),
        "<HEAD><EVENT><delete node='n'/></event></message>",
    );
    check_event(
        &event_delete("a@x", "n", Some("xmpp:b@x?;node=m"), None),
        "<HEAD><EVENT><delete node='n'><redirect uri='xmpp:b@x?;node=m'/></delete></event></message>",
    );
    check_event(
        &event_configuration("a@x", "n", &[], None),
        "<HEAD><EVENT><configuration node='n'/></event></message>",
    );
    check_event(
        &event_configuration("a@x", "n", &self_contained(&form().to_element(), None), None),
        &format!("<HEAD><EVENT><configuration node='n'>{FORM}</configuration></event></message>"),
    );
}

#[test]
fn words_read_back() {
    for affiliation in ["owner", "publisher", "publish-only", "member", "none", "outcast"] {
        assert_eq!(
            Affiliation::from_word(affiliation).map(Affiliation::as_str),
            Some(affiliation)
        );
    }
    for state in ["none", "pending", "subscribed", "unconfigured"] {
        assert_eq!(
            SubscriptionState::from_word(state).map(SubscriptionState::as_str),
            Some(state)
        );
    }
}
