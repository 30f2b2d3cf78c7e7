//! Subscriptions through one's own account (XEP-0376): what is asked of it, the list of them, and what devices are told.
//! Must not know where a service is; next: the front end's module.

use minidom::Element;

use crate::element::{Build, attr, el};
use crate::ns;
use crate::payload::{IqPayload, bad_request};
use crate::pubsub::{Request, SubscriptionOut, subscription};
use crate::rsm;
use crate::stanza_error::{Condition, StanzaError};

/// `<pam/>` in an iq of type set: a request of XEP-0060 that the account makes for its owner.
#[derive(Clone, Debug, PartialEq)]
pub struct Pam {
    /// The service, as it is written.
    pub service: String,
    /// `Subscribe` or `Unsubscribe`.
    pub request: Request,
}

/// `<subscriptions/>` in an iq of type get. Its `ver` is not looked at: every answer is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscriptions(pub Option<rsm::Request>);

impl IqPayload for Pam {
    const NAME: &'static str = "pam";
    const NS: &'static str = ns::PAM;

    /// COMPAT: XEP-0376 names the service's attribute `service` in its text and `jid` in its examples.
    fn parse(mut pam: Element) -> Result<Self, StanzaError> {
        let service = attr(&pam, "jid").or_else(|| attr(&pam, "service"));
        let service = service.ok_or_else(|| bad_request("of no service"))?;
        let mut request = el("pubsub", ns::PUBSUB);
        while let Some(child) = pam.unshift_child() {
            request.append_child(child);
        }
        match Request::parse(&request, true)? {
            request @ (Request::Subscribe { .. } | Request::Unsubscribe { .. }) => Ok(Pam { service, request }),
            _ => Err(StanzaError::new(Condition::FeatureNotImplemented)),
        }
    }
}

impl IqPayload for Subscriptions {
    const NAME: &'static str = "subscriptions";
    const NS: &'static str = ns::PAM;

    fn parse(el: Element) -> Result<Self, StanzaError> {
        rsm::Request::find(&el).map(Subscriptions)
    }
}

/// All that an account follows, as (service, subscription), or a page of it.
pub fn list(ver: &str, subscriptions: &[(&str, SubscriptionOut<'_>)], rsm: Option<&rsm::Reply>) -> Element {
    let one = |(service, out): &(&str, SubscriptionOut<'_>)| {
        el("subscription", ns::PAM)
            .set("service", service)
            .set("node", out.node)
            .set("jid", out.jid)
            .set("subscription", out.state.as_str())
    };
    el("subscriptions", ns::PAM)
        .set("ver", ver)
        .children_from(subscriptions.iter().map(one))
        .children_from(rsm.map(rsm::Reply::to_element))
}

/// `<message/>` that tells a device of a subscription's new state.
pub fn notify(ver: &str, service: &str, out: &SubscriptionOut<'_>) -> Element {
    let notify = el("notify", ns::PAM).set("ver", ver).set("service", service);
    el("message", ns::CLIENT).child(notify.child(subscription(out)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pubsub::SubscriptionState;

    fn pam(attributes: &str, inner: &str) -> Result<Pam, Condition> {
        let xml = format!("<pam xmlns='urn:xmpp:pam:0' {attributes}>{inner}</pam>");
        Pam::parse(xml.parse().unwrap()).map_err(|error| error.condition)
    }

    #[test]
    fn the_request_within_is_one_of_pubsub() {
        let subscribe = |public: &str| {
            format!("<subscribe xmlns='http://jabber.org/protocol/pubsub' node='n' jid='a@x'>{public}</subscribe>")
        };
        let expected = |public| Request::Subscribe {
            node: "n".into(),
            jid: "a@x".into(),
            options: None,
            public,
        };
        for attribute in ["jid='s@x'", "service='s@x'"] {
            let found = pam(attribute, &subscribe("")).unwrap();
            assert_eq!((found.service.as_str(), found.request), ("s@x", expected(false)));
        }
        let public = pam("jid='s@x'", &subscribe("<public xmlns='urn:xmpp:pps:0'/>")).unwrap();
        assert_eq!(public.request, expected(true));
    }

    #[test]
    fn what_names_no_service_or_is_no_subscription_is_refused() {
        let unsubscribe = "<unsubscribe xmlns='http://jabber.org/protocol/pubsub' node='n' jid='a@x'/>";
        assert!(pam("jid='s@x'", unsubscribe).is_ok());
        assert_eq!(pam("", unsubscribe), Err(Condition::BadRequest));
        let purge = "<create xmlns='http://jabber.org/protocol/pubsub' node='n'/>";
        assert_eq!(pam("jid='s@x'", purge), Err(Condition::FeatureNotImplemented));
        assert_eq!(pam("jid='s@x'", ""), Err(Condition::BadRequest));
    }

    #[test]
    fn the_list_and_the_notice_are_as_the_examples_show() {
        let out = SubscriptionOut {
            node: "n",
            jid: "a@x",
            state: SubscriptionState::Subscribed,
            subid: None,
        };
        let wanted: Element =
            "<subscriptions xmlns='urn:xmpp:pam:0' ver='v'><subscription service='s.x' node='n' jid='a@x' \
                               subscription='subscribed'/></subscriptions>"
                .parse()
                .unwrap();
        assert_eq!(list("v", &[("s.x", out)], None), wanted);
        let wanted: Element = "<message xmlns='jabber:client'><notify xmlns='urn:xmpp:pam:0' ver='v' service='s.x'>\
                               <subscription xmlns='http://jabber.org/protocol/pubsub' node='n' jid='a@x' \
                               subscription='subscribed'/></notify></message>"
            .parse()
            .unwrap();
        assert_eq!(notify("v", "s.x", &out), wanted);
    }
}
