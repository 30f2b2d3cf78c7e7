//! What is refused, with the errors of XEP-0060.

use super::*;

#[track_caller]
fn check_error(el: &Element, set: bool, expected: &[&str]) {
    assert_eq!(names(&Request::parse(el, set).unwrap_err()), expected);
}

#[test]
fn an_item_takes_one_payload() {
    let expected = ["bad-request", "invalid-payload"];
    check_error(
        &pubsub("<publish node='n'><item><a xmlns='a'/><b xmlns='b'/></item></publish>"),
        true,
        &expected,
    );
    check_error(
        &pubsub("<publish node='n'><item>text</item></publish>"),
        true,
        &expected,
    );
}

#[test]
fn a_missing_node_is_asked_for() {
    for xml in ["<items/>", "<options jid='a@x'/>", "<items node=''/>"] {
        check_error(&pubsub(xml), false, &["bad-request", "nodeid-required"]);
    }
    for xml in [
        "<publish/>",
        "<retract><item id='i'/></retract>",
        "<subscribe jid='a@x'/>",
        "<unsubscribe jid='a@x'/>",
    ] {
        check_error(&pubsub(xml), true, &["bad-request", "nodeid-required"]);
    }
    for xml in ["<configure/>", "<subscriptions/>", "<affiliations/>"] {
        check_error(&owner(xml), false, &["bad-request", "nodeid-required"]);
        check_error(&owner(xml), true, &["bad-request", "nodeid-required"]);
    }
    check_error(&owner("<delete/>"), true, &["bad-request", "nodeid-required"]);
    check_error(&owner("<purge/>"), true, &["bad-request", "nodeid-required"]);
}

#[test]
fn missing_jids_items_and_forms_are_asked_for() {
    check_error(&pubsub("<subscribe node='n'/>"), true, &["bad-request", "invalid-jid"]);
    check_error(
        &pubsub("<unsubscribe node='n'/>"),
        true,
        &["bad-request", "jid-required"],
    );
    check_error(&pubsub("<options node='n'/>"), false, &["bad-request", "jid-required"]);
    check_error(
        &pubsub("<options node='n' jid='a@x'/>"),
        true,
        &["bad-request", "invalid-options"],
    );
    check_error(&pubsub("<retract node='n'/>"), true, &["bad-request", "item-required"]);
    check_error(
        &pubsub("<retract node='n'><item/></retract>"),
        true,
        &["bad-request", "item-required"],
    );
    check_error(&owner("<configure node='n'/>"), true, &["bad-request", "text"]);
    check_error(
        &pubsub("<subscribe node='n' jid='a@x'/><options node='n'/>"),
        true,
        &["bad-request", "text"],
    );
    check_error(
        &owner("<affiliations node='n'><affiliation jid='a@x' affiliation='king'/></affiliations>"),
        true,
        &["bad-request", "text"],
    );
    check_error(
        &pubsub("<items node='n' max_items='many'/>"),
        false,
        &["bad-request", "text"],
    );
}

#[test]
fn one_thing_is_asked_at_a_time() {
    check_error(&pubsub(""), true, &["bad-request", "text"]);
    check_error(&pubsub("<x xmlns='urn:other'/>"), true, &["bad-request", "text"]);
    check_error(
        &pubsub("<create node='a'/><publish node='b'/>"),
        true,
        &["bad-request", "text"],
    );
    check_error(
        &pubsub("<items node='a'/><items node='b'/>"),
        false,
        &["bad-request", "text"],
    );
}

#[test]
fn what_is_unknown_is_not_implemented_and_no_feature_is_named() {
    let expected = ["feature-not-implemented", "text"];
    check_error(&pubsub("<lease node='n'/>"), true, &expected);
    check_error(&pubsub("<items node='n'/>"), true, &expected);
    check_error(&pubsub("<publish node='n'/>"), false, &expected);
    check_error(&pubsub("<publish-options/>"), true, &expected);
    check_error(&owner("<publish node='n'/>"), true, &expected);
}
