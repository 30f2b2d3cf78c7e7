//! Atom for the command line: a text as an entry, and the entries of a feed file, oldest first.
//!
//! Files come from elsewhere and may hold comments, processing instructions and CDATA, which XMPP forbids: they are read
//! leniently (quick-xml) and leave as clean elements. A DTD's entities are not expanded.

use crate::session::stamp;
use jid::BareJid;
use minidom::{Element, Node};
use quick_xml::NsReader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;
use reef_stanza::element::{Build, el};
use reef_stanza::ns;
use rxml_names::{Attribute, attribute};

mod rxml_names {
    //! Attributes with their namespaces, as minidom keeps them.
    use minidom::Element;
    use minidom::rxml::{Namespace, NcName};

    pub(super) struct Attribute {
        pub(super) namespace: String,
        pub(super) name: String,
        pub(super) value: String,
    }

    /// Sets an attribute, unless its name is none.
    pub(super) fn attribute(element: &mut Element, attribute: Attribute) {
        if let Ok(name) = NcName::try_from(attribute.name) {
            element
                .attrs_mut()
                .insert(Namespace::from(attribute.namespace), name, attribute.value);
        }
    }
}

/// Elements within each other, and entries of one file.
const DEPTH_MAX: usize = 64;
const ENTRIES_MAX: usize = 100_000;

/// Why a file is no feed.
#[derive(Debug, thiserror::Error)]
pub enum AtomError {
    /// It is no XML.
    #[error("line {line}: {why}")]
    Xml {
        /// Where.
        line: usize,
        /// Why.
        why: String,
    },
    /// It has no entry in the Atom namespace.
    #[error("no Atom entry is in it: a feed has <entry xmlns='http://www.w3.org/2005/Atom'>")]
    NoEntry,
}

/// A text as an entry (XEP-0277 §3).
pub fn text_entry(author: &BareJid, text: &str, milliseconds: u64) -> Element {
    let time = stamp(milliseconds);
    let child = |name: &str, text: &str| el(name, ns::ATOM).with_text(text);
    let who = el("author", ns::ATOM)
        .child(child("name", author.node().map_or("", |node| node.as_str())))
        .child(child("uri", &format!("xmpp:{author}")));
    let id = format!(
        "tag:{},{}:{milliseconds:x}",
        author.domain(),
        time.get(..10).unwrap_or_default()
    );
    el("entry", ns::ATOM)
        .child(child("id", &id))
        .child(child("title", text).set("type", "text"))
        .child(child("published", &time))
        .child(child("updated", &time))
        .child(who)
}

/// The entries of a feed, or of a file with one entry: item id and entry, oldest first as they say themselves.
///
/// # Errors
/// Where and why it cannot be read.
pub fn entries(xml: &str) -> Result<Vec<(String, Element)>, AtomError> {
    let root = parse(xml)?;
    let lang = root
        .attr_ns("http://www.w3.org/XML/1998/namespace", "lang")
        .map(str::to_owned);
    let found: Vec<&Element> = if root.is("entry", ns::ATOM) {
        vec![&root]
    } else {
        root.children()
            .filter(|child| child.is("entry", ns::ATOM))
            .take(ENTRIES_MAX)
            .collect()
    };
    if found.is_empty() {
        return Err(AtomError::NoEntry);
    }
    let mut entries: Vec<(String, String, Element)> = found
        .into_iter()
        .map(|entry| {
            let text = |name: &str| entry.get_child(name, ns::ATOM).map(Element::text).unwrap_or_default();
            let own = entry.attr_ns("http://www.w3.org/XML/1998/namespace", "lang").is_some();
            let entry_of = match (&lang, own) {
                (Some(lang), false) => entry.clone().lang(lang),
                _ => entry.clone(),
            };
            let when = Some(text("published"))
                .filter(|time| !time.is_empty())
                .unwrap_or_else(|| text("updated"));
            (when, item_id(&text("id")), complete(entry_of))
        })
        .collect();
    // Feeds list the newest first; those of one moment keep the order that this gives.
    entries.reverse();
    entries.sort_by_key(|entry| instant(&entry.0));
    Ok(entries.into_iter().map(|(_, id, entry)| (id, entry)).collect())
}

/// Feeds are less strict than publishing is: a post without a title gets an empty one, and one that says only when it was
/// published has not changed since.
fn complete(mut entry: Element) -> Element {
    if entry.get_child("title", ns::ATOM).is_none() {
        entry.append_child(el("title", ns::ATOM));
    }
    if entry.get_child("updated", ns::ATOM).is_none()
        && let Some(published) = entry.get_child("published", ns::ATOM).map(Element::text)
    {
        entry.append_child(el("updated", ns::ATOM).with_text(&published));
    }
    entry
}

fn instant(time: &str) -> Option<jiff::Timestamp> {
    time.trim().parse().ok()
}

/// An item's id from an entry's: itself where it fits, else a digest.
fn item_id(id: &str) -> String {
    let id = id.trim();
    if (1..=512).contains(&id.len()) {
        return id.to_owned();
    }
    format!("{:016x}", reef_engine::model::fnv1a(id.as_bytes()))
}

fn parse(xml: &str) -> Result<Element, AtomError> {
    let mut reader = NsReader::from_str(xml);
    let mut open: Vec<Element> = Vec::new();
    loop {
        let at = reader.buffer_position();
        let fail = |why: String| {
            let before = xml.get(..usize::try_from(at).unwrap_or(0)).unwrap_or(xml);
            AtomError::Xml {
                line: before.lines().count().max(1),
                why,
            }
        };
        let event = reader.read_event().map_err(|e| fail(e.to_string()))?;
        let text = match event {
            Event::Start(start) => {
                if open.len() >= DEPTH_MAX {
                    return Err(fail("elements are nested too deeply".into()));
                }
                open.push(element(&reader, &start).map_err(fail)?);
                continue;
            }
            Event::Empty(start) => {
                let element = element(&reader, &start).map_err(fail)?;
                match open.last_mut() {
                    Some(parent) => parent.append_node(Node::Element(element)),
                    None => return Ok(element),
                }
                continue;
            }
            Event::End(_) => {
                let Some(done) = open.pop() else {
                    return Err(fail("an element ends that never began".into()));
                };
                match open.last_mut() {
                    Some(parent) => parent.append_node(Node::Element(done)),
                    None => return Ok(done),
                }
                continue;
            }
            Event::Text(text) => text.decode().map_err(|e| fail(e.to_string()))?.into_owned(),
            Event::CData(text) => text.decode().map_err(|e| fail(e.to_string()))?.into_owned(),
            Event::GeneralRef(name) => reference(&name).map_err(fail)?,
            Event::Eof => return Err(fail("it ends before it is complete".into())),
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) | Event::DocType(_) => continue,
        };
        if let Some(parent) = open.last_mut() {
            parent.append_text(text);
        }
    }
}

/// What a reference stands for; of entities only those that XML itself has.
pub(crate) fn reference(name: &BytesRef<'_>) -> Result<String, String> {
    if let Some(character) = name.resolve_char_ref().map_err(|e| e.to_string())? {
        return Ok(character.to_string());
    }
    let name = name.decode().map_err(|e| e.to_string())?;
    let known = quick_xml::escape::resolve_predefined_entity(&name);
    known
        .map(str::to_owned)
        .ok_or_else(|| format!("the entity &{name}; is unknown"))
}

/// An element as it begins, with its attributes.
pub(crate) fn element<R>(reader: &NsReader<R>, start: &BytesStart<'_>) -> Result<Element, String> {
    let (namespace, local) = reader.resolve_element(start.name());
    let mut element = Element::bare(utf8(local.as_ref())?, bound(namespace)?);
    for attr in start.attributes() {
        let attr = attr.map_err(|e| e.to_string())?;
        if attr.key.as_namespace_binding().is_some() {
            continue;
        }
        let (namespace, local) = reader.resolve_attribute(attr.key);
        let value = attr.unescape_value().map_err(|e| e.to_string())?.into_owned();
        let (namespace, name) = (bound(namespace)?, utf8(local.as_ref())?);
        attribute(&mut element, Attribute { namespace, name, value });
    }
    Ok(element)
}

fn bound(namespace: ResolveResult<'_>) -> Result<String, String> {
    match namespace {
        ResolveResult::Bound(namespace) => utf8(namespace.as_ref()),
        ResolveResult::Unbound => Ok(String::new()),
        ResolveResult::Unknown(prefix) => Err(format!(
            "the prefix {} is not declared",
            String::from_utf8_lossy(&prefix)
        )),
    }
}

fn utf8(bytes: &[u8]) -> Result<String, String> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_with_all_that_xmpp_forbids_is_read_oldest_first() {
        let feed = "<?xml version='1.0'?><?xml-stylesheet href='x'?><!-- hello -->\
            <feed xmlns='http://www.w3.org/2005/Atom' xml:lang='de' xmlns:x='urn:x'>\
            <entry><id>b</id><title>B &amp; &#228;</title><updated>2024-01-02T00:00:00Z</updated></entry>\
            <entry xml:lang='en'><id>a</id><content type='html'><![CDATA[<p>1 < 2</p>]]></content>\
            <updated>2024-01-01T00:00:00+01:00</updated><x:y x:z='1'/><!-- c --></entry></feed>";
        let entries = entries(feed).unwrap();
        let ids: Vec<&str> = entries.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(ids, ["a", "b"]);
        let texts: Vec<String> = entries
            .iter()
            .map(|(_, e)| String::from_utf8(reef_stanza::self_contained(e, None)).unwrap())
            .collect();
        assert!(
            texts[0].contains("&lt;p&gt;1 &lt; 2&lt;/p&gt;") && texts[0].contains("xml:lang='en'"),
            "{}",
            texts[0]
        );
        assert!(
            texts[1].contains("B &amp; ä") && texts[1].contains("xml:lang='de'"),
            "{}",
            texts[1]
        );
        assert!(!texts[0].contains("<!--"));
    }

    #[test]
    fn an_entry_gets_the_title_and_the_time_that_publishing_needs() {
        let published = "<published>2024-01-01T00:00:00Z</published>";
        let feed = format!("<entry xmlns='http://www.w3.org/2005/Atom'><id>a</id>{published}</entry>");
        let (_, entry) = entries(&feed).unwrap().remove(0);
        assert_eq!(crate::atom::check_entry(&entry), Ok(()));
        let updated = entry.get_child("updated", ns::ATOM).unwrap();
        assert_eq!(updated.text(), "2024-01-01T00:00:00Z");
    }

    #[test]
    fn what_is_no_feed_says_why() {
        assert!(matches!(entries("<rss/>"), Err(AtomError::NoEntry)));
        assert!(matches!(entries("<feed"), Err(AtomError::Xml { .. })));
        assert!(matches!(
            entries("<feed><a>&nbsp;</a></feed>"),
            Err(AtomError::Xml { .. })
        ));
    }
}
