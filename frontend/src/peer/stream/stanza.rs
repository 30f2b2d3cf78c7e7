//! A peer's stanza, on its way in: whether it is addressed as it must be, what it may not claim, and its form for the rest
//! of the server, which speaks `jabber:client`.
//!
//! Must not know streams: which domains were proved is an argument.

use jid::Jid;
use minidom::{Element, Node};
use reef_stanza::element::Build;
use reef_stanza::ns;

/// Whether an element is a stanza between servers.
pub(super) fn is_stanza(element: &Element) -> bool {
    element.has_ns(ns::SERVER) && matches!(element.name(), "message" | "presence" | "iq")
}

/// Whether it is one of a component.
pub(super) fn is_of_component(element: &Element) -> bool {
    element.has_ns(ns::COMPONENT) && matches!(element.name(), "message" | "presence" | "iq")
}

/// 'from' and 'to', both of which a stanza between servers must have (RFC 6120 §8.1.1.2, §8.1.2.2).
pub(super) fn addresses(stanza: &Element) -> Option<(Jid, Jid)> {
    let address = |name| Jid::new(stanza.attr(name)?).ok();
    Some((address("from")?, address("to")?))
}

/// The stanza in `jabber:client`, with its addresses normalised.
pub(super) fn to_client(stanza: Element, from: &Jid, to: &Jid) -> Element {
    rescoped(stanza).set("from", from.as_str()).set("to", to.as_str())
}

/// The element itself and what inherits its namespace (RFC 6120 §4.8.3), as `write_element` does it on the way out. What is
/// inside something of another namespace stays what it is.
fn rescoped(mut stanza: Element) -> Element {
    let own = stanza.ns();
    let mut client = Element::bare(stanza.name().to_owned(), ns::CLIENT);
    for node in stanza.take_nodes() {
        client.append_node(match node {
            Node::Element(child) if child.has_ns(own.as_str()) => Node::Element(rescoped(child)),
            node => node,
        });
    }
    std::mem::swap(client.attrs_mut(), stanza.attrs_mut());
    client
}

/// Whether somewhere inside lies a forwarded stanza (XEP-0297) from a domain that is none of those that `known` names: the
/// peer could put words into the mouth of anybody.
pub(super) fn is_forgery(element: &Element, known: &impl Fn(&str) -> bool) -> bool {
    element.children().any(|child| {
        let forged = child.is("forwarded", ns::FORWARD) && child.children().any(|inner| claims_other(inner, known));
        forged || is_forgery(child, known)
    })
}

fn claims_other(stanza: &Element, known: &impl Fn(&str) -> bool) -> bool {
    let is_stanza = matches!(stanza.name(), "message" | "presence" | "iq");
    let from = stanza.attr("from").filter(|_| is_stanza);
    from.is_some_and(|from| Jid::new(from).map_or(true, |from| !known(from.domain().as_str())))
}

/// Takes out what only we may say: when one of ours had it (XEP-0203), and under which id one of ours keeps it (XEP-0359).
pub(super) fn strip_claims(stanza: &mut Element, ours: impl Fn(&str) -> bool) {
    let says = |who: Option<&str>| {
        let who = who.and_then(|who| Jid::new(who).ok());
        who.is_some_and(|who| ours(who.domain().as_str()))
    };
    let claims = |child: &Element| {
        child.is("delay", ns::DELAY) && says(child.attr("from"))
            || child.is("stanza-id", ns::SID) && says(child.attr("by"))
    };
    if stanza.children().any(claims) {
        for node in stanza.take_nodes() {
            if !matches!(&node, Node::Element(child) if claims(child)) {
                stanza.append_node(node);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(xml: &str) -> Element {
        xml.parse().unwrap()
    }

    #[test]
    fn what_inherits_the_namespace_goes_with_it_and_what_is_forwarded_stays() {
        let stanza = element(
            "<message xmlns='jabber:server' from='A@a.example' to='B.example' xml:lang='de'><body>x</body>\
             <error type='wait'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>\
             <forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:server'><body/></message></forwarded></message>",
        );
        let (from, to) = addresses(&stanza).unwrap();
        let client = to_client(stanza, &from, &to);
        assert!(client.is("message", ns::CLIENT) && client.attr("from") == Some("a@a.example"));
        assert_eq!(client.attr("to"), Some("b.example"));
        assert_eq!(client.attr_ns(ns::XML, "lang"), Some("de"));
        let children: Vec<_> = client
            .children()
            .map(|child| (child.name().to_owned(), child.ns()))
            .collect();
        let named = |name: &str, ns: &str| (name.to_owned(), ns.to_owned());
        assert_eq!(
            children,
            [
                named("body", ns::CLIENT),
                named("error", ns::CLIENT),
                named("forwarded", ns::FORWARD)
            ]
        );
        let forwarded = client.get_child("forwarded", ns::FORWARD).unwrap();
        let inner = forwarded.get_child("message", ns::SERVER).unwrap();
        assert!(inner.has_child("body", ns::SERVER));
    }

    #[test]
    fn a_forwarded_stanza_of_another_domain_is_found_however_deep_it_lies() {
        let forwarded = |from: &str| {
            format!("<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='{from}'/></forwarded>")
        };
        let check = |inside: &str, forged: bool| {
            let stanza = element(&format!("<message xmlns='jabber:server'>{inside}</message>"));
            assert_eq!(
                is_forgery(&stanza, &|domain| domain == "peer.example"),
                forged,
                "{inside}"
            );
        };
        check("<body>hi</body>", false);
        check(&forwarded("a@peer.example/x"), false);
        check(&forwarded("a@other.example"), true);
        check(&forwarded("@"), true);
        let deep = "<x xmlns='x'>".repeat(7) + &forwarded("other.example") + &"</x>".repeat(7);
        check(&deep, true);
        let nested = "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='peer.example'>"
            .to_owned()
            + &forwarded("other.example")
            + "</message></forwarded>";
        check(&nested, true);
        check("<message xmlns='jabber:client' from='a@other.example'/>", false);
    }

    #[test]
    fn claims_in_our_name_are_taken_out() {
        let mut stanza = element(
            "<message xmlns='jabber:client'><delay xmlns='urn:xmpp:delay' from='us.example'/><body>x</body>\
             <delay xmlns='urn:xmpp:delay' from='peer.example'/><stanza-id xmlns='urn:xmpp:sid:0' by='a@us.example' id='1'/>\
             <stanza-id xmlns='urn:xmpp:sid:0' by='peer.example' id='2'/></message>",
        );
        strip_claims(&mut stanza, |domain| domain == "us.example");
        let left: Vec<_> = stanza.children().map(Element::name).collect();
        assert_eq!(left, ["body", "delay", "stanza-id"]);
        assert_eq!(stanza.get_child("stanza-id", ns::SID).unwrap().attr("id"), Some("2"));
    }
}
