//! Golden bytes of the writer, and that what it writes reads back as the same element.

use minidom::Element;
use proptest::prelude::*;
use rxml::{Namespace, NcName};

use super::*;

#[track_caller]
fn check(xml: &str, expected: &str) {
    let element: Element = xml.parse().unwrap();
    let mut out = Vec::new();
    write_element(&element, StreamNamespace::Client, &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn the_streams_namespace_is_not_repeated() {
    check(
        "<message xmlns='jabber:client' to='a'><body>b</body><x xmlns='urn:x'><y/></x><thread/></message>",
        "<message to='a'><body>b</body><x xmlns='urn:x'><y/></x><thread/></message>",
    );
}

#[test]
fn elements_of_the_stream_itself_get_its_prefix() {
    check(
        "<s:features xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client'><bind xmlns='urn:b'/><a/></s:features>",
        "<stream:features><bind xmlns='urn:b'/><a/></stream:features>",
    );
}

#[test]
fn attributes_in_namespaces_keep_them() {
    check(
        "<a xmlns='jabber:client' xmlns:p='urn:p' xmlns:q='urn:q' q:z='1' p:x='2' p:y='3' b='4' xml:lang='de'/>",
        "<a b='4' xml:lang='de' xmlns:ns0='urn:p' ns0:x='2' ns0:y='3' xmlns:ns1='urn:q' ns1:z='1'/>",
    );
}

#[test]
fn a_child_without_namespace_says_so() {
    check(
        "<a xmlns='jabber:client'><b xmlns=''><c/></b></a>",
        "<a><b xmlns=''><c/></b></a>",
    );
}

#[test]
fn mixed_content_keeps_its_order_and_is_escaped() {
    check(
        "<a xmlns='jabber:client' t='&quot;&apos;&#10;&#9;&lt;'>1 &lt; 2<b/>]]&gt; &amp;&#13;</a>",
        "<a t='&quot;&apos;&#xA;&#x9;&lt;'>1 &lt; 2<b/>]]&gt; &amp;&#xD;</a>",
    );
}

#[test]
fn a_stanza_is_rescoped_to_a_server_stream_but_not_what_it_forwards() {
    let element: Element = "<message xmlns='jabber:client'><body/><forwarded xmlns='urn:xmpp:forward:0'>\
                            <message xmlns='jabber:client'><body/></message></forwarded></message>"
        .parse()
        .unwrap();
    let mut out = Vec::new();
    write_element(&element, StreamNamespace::Server, &mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "<message><body/><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body/></message>\
         </forwarded></message>"
    );
}

#[track_caller]
fn check_payload(xml: &str, lang: Option<&str>, expected: &str) {
    let element: Element = xml.parse().unwrap();
    assert_eq!(String::from_utf8(self_contained(&element, lang)).unwrap(), expected);
}

#[test]
fn a_payload_carries_its_namespace_and_language() {
    let entry = "<atom:entry xmlns:atom='http://www.w3.org/2005/Atom'><atom:title>t</atom:title></atom:entry>";
    check_payload(
        entry,
        None,
        "<entry xmlns='http://www.w3.org/2005/Atom'><title>t</title></entry>",
    );
    check_payload(
        entry,
        Some("de"),
        "<entry xmlns='http://www.w3.org/2005/Atom' xml:lang='de'><title>t</title></entry>",
    );
}

#[test]
fn a_payload_keeps_a_language_of_its_own_and_needs_no_prefix_from_outside() {
    check_payload(
        "<a xmlns='urn:a' xml:lang='fr'/>",
        Some("de"),
        "<a xmlns='urn:a' xml:lang='fr'/>",
    );
    check_payload("<a xmlns='' />", None, "<a xmlns=''/>");
    check_payload(
        "<s:a xmlns:s='http://etherx.jabber.org/streams'/>",
        None,
        "<a xmlns='http://etherx.jabber.org/streams'/>",
    );
}

#[test]
fn what_xml_cannot_carry_is_replaced() {
    let mut out = Vec::new();
    escape_text("a\u{0}b\u{1f}\u{ffff}\u{fffe}\u{fffd}\u{feff}\n\t", &mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "a\u{fffd}b\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{feff}\n\t"
    );
}

fn namespace() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        "jabber:client",
        "urn:a",
        "urn:b'&<",
        "http://etherx.jabber.org/streams",
    ])
}

fn text() -> impl Strategy<Value = String> {
    "[ -~\t\n\r\u{e4}\u{20ac}\u{1f41a}]{1,8}"
}

fn attribute() -> impl Strategy<Value = (&'static str, &'static str, String)> {
    let ns = prop::sample::select(vec!["", "urn:a", "urn:c", "http://www.w3.org/XML/1998/namespace"]);
    (ns, prop::sample::select(vec!["a", "b", "lang"]), text())
}

/// Adjacent text nodes would be read back as one, so that each is followed by an element.
fn element() -> impl Strategy<Value = Element> {
    let leaf = || {
        (
            prop::sample::select(vec!["a", "b-c", "\u{e4}"]),
            namespace(),
            prop::collection::vec(attribute(), 0..4),
        )
            .prop_map(|(name, ns, attributes)| {
                let mut element = Element::bare(name, ns);
                for (ns, name, value) in attributes {
                    element
                        .attrs_mut()
                        .insert(Namespace::from_str(ns), NcName::try_from(name).unwrap(), value);
                }
                element
            })
    };
    leaf().prop_recursive(4, 24, 4, move |inner| {
        (leaf(), prop::collection::vec((prop::option::of(text()), inner), 0..4)).prop_map(|(mut element, children)| {
            for (text, child) in children {
                element.append_text(text.unwrap_or_default());
                element.append_child(child);
            }
            element
        })
    })
}

/// The same without empty text nodes, which no bytes can show.
fn normal(element: &Element) -> Element {
    let mut out = Element::bare(element.name(), element.ns());
    *out.attrs_mut() = element.attrs().clone();
    for node in element.nodes() {
        match node {
            Node::Element(child) => out.append_node(Node::Element(normal(child))),
            Node::Text(text) if text.is_empty() => {}
            Node::Text(text) => out.append_text(text.clone()),
        }
    }
    out
}

proptest! {
    #[test]
    fn a_self_contained_payload_reads_back_the_same(element in element()) {
        let bytes = self_contained(&element, None);
        let read = Element::from_reader(bytes.as_slice()).unwrap();
        prop_assert_eq!(read, normal(&element));
    }

    #[test]
    fn a_stanza_reads_back_the_same_from_a_stream(element in element()) {
        let mut bytes = crate::stream_header(StreamNamespace::Client, "a", None, "", None);
        write_element(&element, StreamNamespace::Client, &mut bytes);
        let mut reader = crate::StreamReader::new(StreamNamespace::Client, crate::Budget::AFTER_AUTH);
        let mut input = bytes.as_slice();
        reader.read(&mut input).unwrap();
        let Ok(Some(crate::Frame::Element(read))) = reader.read(&mut input) else { panic!("{element:?}") };
        prop_assert_eq!(read, normal(&element));
    }
}
