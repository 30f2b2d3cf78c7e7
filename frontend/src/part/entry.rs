//! Posts for accounts without a session: an entry of a text, one that repeats another, and what an entry says.
//!
//! As elements, before they are judged and linked as every post is. Knows no node. Next: `act.rs`.

use super::PostOptions;
use super::look::Said;
use crate::admin::text_entry;
use crate::atom::{self, Entry};
use crate::session::stamp;
use crate::uri;
use jid::BareJid;
use minidom::Element;
use reef_engine::model::NodeName;
use reef_stanza::element::{Build, el};
use reef_stanza::ns;

/// Atom threading (RFC 4685).
const THREAD: &str = "http://purl.org/syndication/thread/1.0";

/// A text as an entry, with what it answers and where it leads.
pub(super) fn post(author: &BareJid, text: &str, options: &PostOptions, milliseconds: u64) -> Element {
    let reply = options.in_reply_to.as_ref().map(|(node, item)| {
        let uri = uri::item_uri(&node.service, &node.node, item);
        el("in-reply-to", THREAD).set("ref", &uri).set("href", &uri)
    });
    let link = |(rel, href): &(String, String)| el("link", ns::ATOM).set("rel", rel).set("href", href);
    text_entry(author, text, milliseconds)
        .children_from(reply)
        .children_from(options.links.iter().map(link))
}

/// An entry that repeats an item (XEP-0277 §6): its words and its author, and where it is from. `None` where the item is no
/// entry.
pub(super) fn repeat(by: &BareJid, node: &NodeName, item: &str, payload: &[u8], milliseconds: u64) -> Option<Element> {
    let original = atom::parse(payload).filter(|original| original.is("entry", ns::ATOM))?;
    let blank = text_entry(by, "", milliseconds);
    let own = ["id", "published", "updated"];
    let own = own.iter().filter_map(|name| blank.get_child(name, ns::ATOM)).cloned();
    let kept = ["title", "summary", "content", "author", "category"];
    let words = original.children();
    let words = words.filter(|child| child.has_ns(ns::ATOM) && kept.contains(&child.name()));
    let enclosed = original.children();
    let enclosed = enclosed.filter(|child| child.is("link", ns::ATOM) && child.attr("rel") == Some("enclosure"));
    let author = original.get_child("author", ns::ATOM).is_none().then(|| {
        let uri = uri::xmpp_uri(&node.service);
        el("author", ns::ATOM).child(el("uri", ns::ATOM).with_text(&uri))
    });
    let from = uri::item_uri(&node.service, &node.node, item);
    let lang = original.attr_ns(ns::XML, "lang").map(str::to_owned);
    let entry = el("entry", ns::ATOM)
        .children_from(own)
        .children_from(words.cloned())
        .children_from(author)
        .children_from(enclosed.cloned())
        .child(el("link", ns::ATOM).set("rel", "via").set("href", &from));
    Some(match lang {
        Some(lang) => entry.lang(&lang),
        None => entry,
    })
}

/// What an entry says: its title, and its content where that says more. `None` of what is no entry.
pub(super) fn said(payload: &[u8]) -> Option<Said> {
    let root = atom::parse(payload)?;
    let entry = Entry::of(&root)?;
    let text = match (entry.title, entry.text) {
        (Some(title), Some(text)) if text.starts_with(title.trim_end_matches(['…', '.'])) => text,
        (Some(title), Some(text)) => format!("{title}\n{text}"),
        (title, text) => title.or(text)?,
    };
    let via = entry.links.iter().find(|link| link.rel == "via");
    let repeats = via.and_then(|via| reef_stanza::uri::parse(&via.href));
    Some(Said {
        text,
        repeats: repeats.map(|(jid, _)| jid),
        replies: root.has_child("in-reply-to", THREAD),
    })
}

/// `<attachments/>` that notice an item (XEP-0470 §4.4), with what its reader attached before; `None` where that does already.
pub(super) fn noticed(before: Option<&[u8]>, milliseconds: u64) -> Option<Element> {
    let before = before.and_then(atom::parse);
    let attached = before.unwrap_or_else(|| el("attachments", ns::ATTACHMENTS));
    if attached.children().any(|child| child.name() == "noticed") {
        return None;
    }
    let noticed = el("noticed", ns::ATTACHMENTS).set("timestamp", &stamp(milliseconds));
    Some(attached.child(noticed))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    fn jid(jid: &str) -> BareJid {
        BareJid::new(jid).unwrap()
    }

    fn said_of(inner: &str) -> Option<(String, Option<String>, bool)> {
        let entry = format!("<entry xmlns='http://www.w3.org/2005/Atom'>{inner}</entry>");
        said(entry.as_bytes()).map(|said| (said.text, said.repeats, said.replies))
    }

    #[test]
    fn an_entry_says_its_title_and_what_more_it_has() {
        let check = |inner: &str, text: &str| assert_eq!(said_of(inner).unwrap().0, text, "{inner}");
        check("<title>t</title>", "t");
        check("<content>c</content>", "c");
        check("<title>Off we…</title><content>Off we go</content>", "Off we go");
        check("<title>News</title><content>Off we go</content>", "News\nOff we go");
        assert_eq!(said_of("<id>i</id>"), None);
        assert_eq!(said(b"<x xmlns='urn:x'/>"), None);
    }

    #[test]
    fn a_reply_names_what_it_answers_and_a_repeat_where_it_is_from() {
        let node = NodeName::new("juliet@capulet.lit", ns::MICROBLOG);
        let options = PostOptions {
            in_reply_to: Some((node.clone(), "a/b".to_owned())),
            ..PostOptions::default()
        };
        let entry = post(&jid("romeo@capulet.lit"), "well said", &options, NOW);
        let notes = atom::notes(&entry, "capulet.lit", ns::MICROBLOG);
        assert_eq!(notes.len(), 1);
        assert_eq!(notes[0].about, Some((node.clone(), "a/b".into())));
        let bytes = reef_stanza::self_contained(&entry, None);
        assert!(said(&bytes).unwrap().replies);

        let again = repeat(&jid("nurse@capulet.lit"), &node, "c", &bytes, NOW + 1).unwrap();
        assert_eq!(atom::check_entry(&again), Ok(()));
        let again = reef_stanza::self_contained(&again, None);
        let said = said(&again).unwrap();
        assert_eq!(
            (&*said.text, said.repeats.as_deref()),
            ("well said", Some("juliet@capulet.lit"))
        );
        assert!(!said.replies);
        assert!(String::from_utf8(again).unwrap().contains("xmpp:romeo@capulet.lit"));
    }

    #[test]
    fn who_notices_keeps_what_he_attached() {
        let reacted = "<attachments xmlns='urn:xmpp:pubsub-attachments:1'><reactions><reaction>x</reaction></reactions></attachments>";
        let both = noticed(Some(reacted.as_bytes()), NOW).unwrap();
        let both = reef_stanza::self_contained(&both, None);
        assert_eq!(reef_stanza::attachments::marks(&both), ["noticed", "reaction:x"]);
        assert_eq!(noticed(Some(&both), NOW), None);
        assert!(noticed(None, NOW).is_some());
    }
}
