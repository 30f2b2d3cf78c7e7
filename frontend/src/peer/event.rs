//! What a message of a service elsewhere says of one of its nodes (XEP-0060 §7.1.2, §7.2.2, §8.4.2, §8.5.2, §8.8.4).
//!
//! Pure: elements to what the engine records. Knows no queue. Next: `mirror.rs`.

use super::name::{SERVICES, UPLOAD, domain_of};
use crate::atom;
use crate::limits::{EVENT_ITEMS, NAME_BYTES};
use bytes::Bytes;
use minidom::Element;
use reef_engine::config::SubscriptionState;
use reef_engine::log::record::Note;
use reef_stanza::{ns, self_contained};
use std::sync::Arc;

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// An item was published.
    Publish {
        /// Its id.
        item: Arc<str>,
        /// Its payload, self-contained.
        payload: Bytes,
        /// Bare JID of who published it, as far as the service may speak for him; else of the service.
        publisher: Arc<str>,
        /// Whom of ours it concerns.
        notes: Vec<Note>,
    },
    /// An item was retracted.
    Retract {
        /// Its id.
        item: Arc<str>,
    },
    /// All items were.
    Purge,
    /// The node was deleted.
    Delete,
    /// Somebody's subscription has another state.
    Subscription {
        /// Bare JID.
        subscriber: Arc<str>,
        /// The state.
        state: Option<SubscriptionState>,
    },
}

impl Said {
    /// Whether it may be said to several at once: what follows from it is the same for all.
    pub(super) fn is_for_many(&self) -> bool {
        !matches!(self, Said::Subscription { .. })
    }
}

/// The node that a message is about, and what it says of it, in order; `None` where that is nothing that is recorded.
pub(super) fn events(message: &Element, service: &str, to: &str, domain: &str) -> Option<(String, Vec<Said>)> {
    if message.attr("type") == Some("error") {
        return None;
    }
    let event = message.get_child("event", ns::PUBSUB_EVENT)?;
    let mut of = event.children().filter(|child| child.ns() == ns::PUBSUB_EVENT);
    let what = of.next().filter(|what| what.attr("node").is_some())?;
    let node = what.attr("node").filter(|node| node.len() <= NAME_BYTES)?.to_owned();
    if what.children().count() > EVENT_ITEMS {
        return None;
    }
    let lang = message.attr_ns("http://www.w3.org/XML/1998/namespace", "lang");
    let said = match what.name() {
        "items" => what
            .children()
            .map(|child| item(child, (service, &node, domain), lang))
            .collect::<Option<Vec<_>>>()?,
        "purge" => vec![Said::Purge],
        "delete" => vec![Said::Delete],
        "subscription" if what.attr("jid").is_none_or(|jid| jid == to) => vec![Said::Subscription {
            subscriber: to.into(),
            state: match what.attr("subscription") {
                Some("subscribed") => Some(SubscriptionState::Subscribed),
                Some("pending" | "unconfigured") => Some(SubscriptionState::Pending),
                _ => None,
            },
        }],
        _ => return None,
    };
    (!said.is_empty() && of.next().is_none()).then_some((node, said))
}

/// One item of an event; `None` where there is nothing to keep: without a payload it has to be asked for.
fn item(child: &Element, (service, node, domain): (&str, &str, &str), lang: Option<&str>) -> Option<Said> {
    let id: Arc<str> = child
        .attr("id")
        .filter(|id| !id.is_empty() && id.len() <= NAME_BYTES)?
        .into();
    match child.name() {
        "retract" => Some(Said::Retract { item: id }),
        "item" => {
            let payload = child.children().next()?;
            Some(Said::Publish {
                item: id,
                payload: self_contained(payload, lang).into(),
                publisher: publisher(child.attr("publisher"), service).into(),
                notes: atom::notes(payload, domain, node),
            })
        }
        _ => None,
    }
}

/// A service speaks for itself and for the users of its own domain; what is called as services are speaks for that of its server.
fn publisher<'a>(said: Option<&'a str>, service: &'a str) -> &'a str {
    let own = domain_of(service);
    let speaks = |jid: &str| {
        let domain = domain_of(jid);
        domain == own
            || own
                .split_once('.')
                .is_some_and(|(label, rest)| rest == domain && label != UPLOAD && SERVICES.contains(&label))
    };
    let bare = said.map(|jid| jid.split_once('/').map_or(jid, |(bare, _)| bare));
    bare.filter(|jid| speaks(jid)).unwrap_or(service)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(inner: &str) -> Option<(String, Vec<Said>)> {
        let xml = format!(
            "<message xmlns='jabber:client'><event xmlns='http://jabber.org/protocol/pubsub#event'>{inner}</event></message>"
        );
        events(&xml.parse().unwrap(), "a@b.example", "me@here", "here")
    }

    #[test]
    fn items_with_payloads_are_recorded_and_what_has_to_be_asked_for_is_not() {
        let (node, found) =
            said("<items node='n'><item id='1'><x xmlns='y'/></item><retract id='2'/></items>").unwrap();
        let payload = b"<x xmlns='y'/>".to_vec().into();
        let item: Arc<str> = "1".into();
        let publisher: Arc<str> = "a@b.example".into();
        assert_eq!(node, "n");
        assert_eq!(
            found,
            [
                Said::Publish {
                    item,
                    payload,
                    publisher,
                    notes: Vec::new(),
                },
                Said::Retract { item: "2".into() }
            ]
        );
        for nothing in [
            "<items node='n'><item id='1'/></items>",
            "<items node='n'/>",
            "<configuration node='n'/>",
        ] {
            assert_eq!(said(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_service_speaks_for_its_own_users_alone() {
        let check = |said, service, expected| assert_eq!(publisher(said, service), expected);
        check(Some("c@b.example/x"), "a@b.example", "c@b.example");
        check(Some("c@b.example"), "pubsub.b.example", "c@b.example");
        check(Some("me@here"), "a@b.example", "a@b.example");
        check(Some("c@ub.example"), "pubsub.b.example", "pubsub.b.example");
        check(Some("c@b.example"), "evil.b.example", "evil.b.example");
        check(None, "a@b.example", "a@b.example");
    }

    #[test]
    fn a_subscription_that_ended_is_ours_alone() {
        let (_, found) = said("<subscription node='n' jid='me@here' subscription='none'/>").unwrap();
        let ended = Said::Subscription {
            subscriber: "me@here".into(),
            state: None,
        };
        assert_eq!(found, [ended]);
        assert_eq!(
            said("<subscription node='n' jid='you@here' subscription='none'/>"),
            None
        );
    }
}
