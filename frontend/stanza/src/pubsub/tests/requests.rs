//! XML → `Request`.

use super::*;
use crate::form::FormKind;

#[track_caller]
fn check_get(xml: &str, expected: Request) {
    assert_eq!(Request::parse(&pubsub(xml), false), Ok(expected));
}

#[track_caller]
fn check_set(xml: &str, expected: Request) {
    assert_eq!(Request::parse(&pubsub(xml), true), Ok(expected));
}

const OPTIONS: &str = "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>t</value>\
                       </field><field var='pubsub#persist_items'><value>true</value></field></x>";

fn options() -> Form {
    Form::parse(&OPTIONS.parse().unwrap()).unwrap()
}

fn items(node: &str) -> (String, Option<u32>, Vec<String>) {
    (node.to_owned(), None, Vec::new())
}

#[test]
fn items_are_asked_for_all_some_or_by_id() {
    let (node, max, ids) = items("n");
    let all = Request::Items {
        node,
        max,
        ids,
        rsm: None,
        order: None,
        subid: None,
    };
    check_get("<items node='n'/>", all.clone());
    let Request::Items { node, rsm, subid, .. } = all else {
        unreachable!()
    };
    check_get(
        "<items node='n' max_items='2'/>",
        Request::Items {
            node: node.clone(),
            max: Some(2),
            ids: vec![],
            rsm: rsm.clone(),
            order: None,
            subid: subid.clone(),
        },
    );
    check_get(
        "<items node='n' subid='s'><item id='a'/><item id='b'/></items>",
        Request::Items {
            node,
            max: None,
            ids: vec!["a".into(), "b".into()],
            rsm,
            order: None,
            subid: Some("s".into()),
        },
    );
}

#[test]
fn a_page_may_be_named_before_or_after_items() {
    let set = "<set xmlns='http://jabber.org/protocol/rsm'><max>10</max><before/></set>";
    let rsm = rsm::Request {
        max: Some(10),
        before: Some(None),
        ..rsm::Request::default()
    };
    let (node, max, ids) = items("urn:xmpp:microblog:0");
    let expected = Request::Items {
        node,
        max,
        ids,
        rsm: Some(rsm.clone()),
        order: None,
        subid: None,
    };
    check_get(&format!("{set}<items node='urn:xmpp:microblog:0'/>"), expected.clone());
    check_get(&format!("<items node='urn:xmpp:microblog:0'/>{set}"), expected);
    assert_eq!(
        Request::parse(&owner(&format!("{set}<subscriptions node='n'/>")), false),
        Ok(Request::OwnerSubscriptions {
            node: "n".into(),
            rsm: Some(rsm)
        })
    );
}

#[test]
fn lists_of_ones_own_may_name_a_node() {
    check_get("<subscriptions/>", Request::Subscriptions { node: None, rsm: None });
    check_get(
        "<subscriptions node='n'/>",
        Request::Subscriptions {
            node: Some("n".into()),
            rsm: None,
        },
    );
    check_get("<affiliations/>", Request::Affiliations { node: None, rsm: None });
    check_get(
        "<affiliations node='n'/>",
        Request::Affiliations {
            node: Some("n".into()),
            rsm: None,
        },
    );
    check_get("<default/>", Request::DefaultSubscriptionOptions { node: None });
    check_get(
        "<default node='n'/>",
        Request::DefaultSubscriptionOptions { node: Some("n".into()) },
    );
}

#[test]
fn movim_publishes_with_options() {
    let entry = "<entry xmlns='http://www.w3.org/2005/Atom'><title>t</title></entry>";
    check_set(
        &format!(
            "<publish node='urn:xmpp:microblog:0'><item id='i'>{entry}</item></publish>\
             <publish-options>{OPTIONS}</publish-options>"
        ),
        Request::Publish {
            node: "urn:xmpp:microblog:0".into(),
            items: vec![PublishItem {
                id: Some("i".into()),
                payload: Some(entry.parse().unwrap()),
            }],
            options: Some(options()),
        },
    );
}

#[test]
fn an_item_may_lack_id_and_payload_and_there_may_be_none_or_several() {
    let publish = |items: Vec<PublishItem>| Request::Publish {
        node: "n".into(),
        items,
        options: None,
    };
    let item = PublishItem {
        id: None,
        payload: None,
    };
    check_set("<publish node='n'/>", publish(vec![]));
    check_set(
        "<publish node='n'>\n <item>\n </item>\n</publish>",
        publish(vec![item.clone()]),
    );
    check_set(
        "<publish node='n'><item/><item/></publish>",
        publish(vec![item.clone(), item]),
    );
}

#[test]
fn nodes_are_created_with_or_without_name_and_configuration() {
    check_set(
        "<create/>",
        Request::Create {
            node: None,
            config: None,
        },
    );
    check_set(
        "<create node='n'/><configure/>",
        Request::Create {
            node: Some("n".into()),
            config: None,
        },
    );
    check_set(
        &format!("<create node='n'/><configure>{OPTIONS}</configure>"),
        Request::Create {
            node: Some("n".into()),
            config: Some(options()),
        },
    );
}

#[test]
fn following_and_leaving() {
    let (node, jid) = ("n".to_owned(), "a@x".to_owned());
    check_set(
        "<subscribe node='n' jid='a@x'/>",
        Request::Subscribe {
            node: node.clone(),
            jid: jid.clone(),
            options: None,
            public: false,
        },
    );
    check_set(
        &format!("<subscribe node='n' jid='a@x'/><options>{OPTIONS}</options>"),
        Request::Subscribe {
            node: node.clone(),
            jid: jid.clone(),
            options: Some(options()),
            public: false,
        },
    );
    check_set(
        "<unsubscribe node='n' jid='a@x' subid='s'/>",
        Request::Unsubscribe {
            node: node.clone(),
            jid: jid.clone(),
            subid: Some("s".into()),
        },
    );
    check_get(
        "<options node='n' jid='a@x'/>",
        Request::Options {
            node: node.clone(),
            jid: jid.clone(),
            subid: None,
        },
    );
    check_set(
        &format!("<options node='n' jid='a@x'>{OPTIONS}</options>"),
        Request::SetOptions {
            node,
            jid,
            subid: None,
            form: options(),
        },
    );
}

#[test]
fn retracting_says_whether_to_notify() {
    let retract = |notify| Request::Retract {
        node: "n".into(),
        ids: vec!["i".into()],
        notify,
    };
    check_set("<retract node='n'><item id='i'/></retract>", retract(false));
    check_set(
        "<retract node='n' notify='true'><item id='i'/></retract>",
        retract(true),
    );
    check_set("<retract node='n' notify='1'><item id='i'/></retract>", retract(true));
}

#[test]
fn owners_ask_about_their_nodes() {
    let node = "n".to_owned();
    let cases = [
        ("<configure node='n'/>", Request::Configuration { node: node.clone() }),
        ("<default/>", Request::DefaultConfiguration),
        (
            "<subscriptions node='n'/>",
            Request::OwnerSubscriptions {
                node: node.clone(),
                rsm: None,
            },
        ),
        (
            "<affiliations node='n'/>",
            Request::OwnerAffiliations { node, rsm: None },
        ),
    ];
    for (xml, expected) in cases {
        assert_eq!(Request::parse(&owner(xml), false), Ok(expected));
    }
}

#[test]
fn owners_change_their_nodes() {
    let node = "n".to_owned();
    let cases = [
        (
            format!("<configure node='n'>{OPTIONS}</configure>"),
            Request::Configure {
                node: node.clone(),
                form: options(),
            },
        ),
        (
            "<delete node='n'/>".into(),
            Request::Delete {
                node: node.clone(),
                redirect: None,
            },
        ),
        (
            "<delete node='n'><redirect uri='xmpp:a@x?;node=b'/></delete>".into(),
            Request::Delete {
                node: node.clone(),
                redirect: Some("xmpp:a@x?;node=b".into()),
            },
        ),
        ("<purge node='n'/>".into(), Request::Purge { node: node.clone() }),
        (
            "<subscriptions node='n'><subscription jid='a@x' subscription='subscribed'/>\
             <subscription jid='b@x' subscription='none' subid='s'/></subscriptions>"
                .into(),
            Request::SetSubscriptions {
                node: node.clone(),
                changes: vec![
                    ("a@x".into(), SubscriptionState::Subscribed, None),
                    ("b@x".into(), SubscriptionState::None, Some("s".into())),
                ],
            },
        ),
        (
            "<affiliations node='n'><affiliation jid='a@x' affiliation='publish-only'/></affiliations>".into(),
            Request::SetAffiliations {
                node,
                changes: vec![("a@x".into(), Affiliation::PublishOnly)],
            },
        ),
    ];
    for (xml, expected) in cases {
        assert_eq!(Request::parse(&owner(&xml), true), Ok(expected), "{xml}");
    }
}

#[test]
fn a_configuration_may_be_called_off() {
    let el = owner("<configure node='n'><x xmlns='jabber:x:data' type='cancel'/></configure>");
    let Ok(Request::Configure { form, .. }) = Request::parse(&el, true) else {
        panic!("configure")
    };
    assert_eq!(form.kind, FormKind::Cancel);
}
