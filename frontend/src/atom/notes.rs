//! Whom an entry concerns: whom it names, whose post it answers or repeats. Read once, when it is published.
//!
//! An account of ours is named by an `xmpp:` link, or by `@name` in the text. Knows no account: whether there is one, and
//! whether it may read the post, is found when the record is applied. And the other way: the entry that notes it.

use super::entry::Entry;
use crate::limits::NOTES;
use crate::tables::Gathering;
use crate::uri;
use jid::BareJid;
use minidom::Element;
use reef_engine::log::record::{Note, Noted};
use reef_engine::model::{NodeName, Timestamp};
use reef_stanza::element::{Build, el};
use reef_stanza::{ns, self_contained};
use std::sync::Arc;

/// Atom threading (RFC 4685).
const THREAD: &str = "http://purl.org/syndication/thread/1.0";
/// What a comment says that is a like (Movim).
const HEART: &str = "♥";
/// Names that are shown of those who were gathered.
const SHOWN: usize = 3;

/// Whom a post on this node concerns, among the accounts of `domain`; each once, at most [`NOTES`].
pub(crate) fn notes(entry: &Element, domain: &str, node: &str) -> Vec<Note> {
    let Some(parts) = Entry::of(entry) else {
        return Vec::new();
    };
    let mut notes: Vec<Note> = Vec::new();
    let mut add = |note: Note| {
        let known = notes.iter().any(|known| known.to == note.to);
        if !known && notes.len() < NOTES {
            notes.push(note);
        }
    };
    if let Some(item) = node.strip_prefix(ns::COMMENTS_PREFIX) {
        let liked = parts.title.as_deref().is_some_and(|title| title.starts_with(HEART));
        add(Note {
            kind: if liked { Noted::Liked } else { Noted::Replied },
            to: None,
            about: Some((NodeName::new("", ns::MICROBLOG), item.into())),
        });
    }
    let replies = entry.children().filter(|child| child.is("in-reply-to", THREAD));
    for uri in replies.filter_map(|reply| {
        reply
            .attr("href")
            .filter(|uri| uri.starts_with("xmpp:"))
            .or(reply.attr("ref"))
    }) {
        address(uri, domain, Noted::Replied).into_iter().for_each(&mut add);
    }
    for link in &parts.links {
        let kind = match &*link.rel {
            "via" => Noted::Repeated,
            // Links of the post to itself, its comments and its pictures name nobody.
            "alternate" | "replies" | "enclosure" | "self" | "edit" => continue,
            _ => Noted::Mentioned,
        };
        address(&link.href, domain, kind).into_iter().for_each(&mut add);
    }
    let mut hrefs = Vec::new();
    parts.rich.iter().for_each(|rich| anchors(rich, &mut hrefs));
    for href in hrefs {
        address(&href, domain, Noted::Mentioned).into_iter().for_each(&mut add);
    }
    for text in [&parts.title, &parts.text].into_iter().flatten() {
        named(text, domain).for_each(|jid| {
            add(Note {
                kind: Noted::Mentioned,
                to: Some(jid.as_str().into()),
                about: None,
            });
        });
    }
    notes
}

/// The account in an `xmpp:` URI, and the item that it may name.
fn address(uri: &str, domain: &str, kind: Noted) -> Option<Note> {
    let (jid, item) = reef_stanza::uri::parse(uri)?;
    let jid = BareJid::new(&jid)
        .ok()
        .filter(|jid| jid.node().is_some() && jid.domain().as_str() == domain)?;
    let about = item.map(|(node, item)| (NodeName::new(jid.as_str(), node), Arc::from(item)));
    // A link to a post of somebody's is about the post; who only shows it repeats it, or answers.
    let about = about.filter(|_| kind != Noted::Mentioned);
    Some(Note {
        kind,
        to: Some(jid.as_str().into()),
        about,
    })
}

fn anchors(element: &Element, hrefs: &mut Vec<String>) {
    for child in element.children() {
        if child.name() == "a" && hrefs.len() < NOTES {
            hrefs.extend(child.attr("href").map(str::to_owned));
        }
        anchors(child, hrefs);
    }
}

/// The accounts that a text names by `@name`, or by `@name@domain`.
fn named<'t>(text: &'t str, domain: &'t str) -> impl Iterator<Item = BareJid> + 't {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    text.char_indices().filter_map(move |(at, c)| {
        let before = text.get(..at)?.chars().next_back();
        if c != '@' || before.is_some_and(|before| part(before) || before == '@' || before == '/') {
            return None;
        }
        let rest = text.get(at + 1..)?;
        let end = rest.find(|c| !part(c)).unwrap_or(rest.len());
        let name = rest.get(..end)?.trim_end_matches(['.', '-']);
        let behind = rest.get(name.len()..)?;
        if let Some(other) = behind.strip_prefix('@') {
            let end = other.find(|c| !part(c)).unwrap_or(other.len());
            if other.get(..end)?.trim_end_matches('.') != domain {
                return None;
            }
        }
        BareJid::new(&format!("{name}@{domain}"))
            .ok()
            .filter(|_| !name.is_empty())
    })
}

/// The entry that shows what was gathered, as it is kept.
pub(crate) fn notification(user: &str, item: &str, gathering: &Gathering, at: Timestamp) -> Vec<u8> {
    let (word, text) = match gathering.kind {
        Noted::Followed => ("followed", "followed you"),
        Noted::Mentioned => ("mentioned", "mentioned you"),
        Noted::Replied => ("replied", "replied to you"),
        Noted::Liked => ("liked", "noticed your post"),
        Noted::Repeated => ("repeated", "repeated your post"),
    };
    let shown: Vec<&str> = gathering.names.iter().rev().take(SHOWN).map(|name| &**name).collect();
    let others = gathering.count.saturating_sub(shown.len() as u64);
    let more = match others {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    let time = crate::session::stamp(at.0);
    let atom = |name: &'static str, text: &str| el(name, ns::ATOM).with_text(text);
    let author = |jid: &&str| {
        el("author", ns::ATOM)
            .child(atom("name", jid))
            .child(atom("uri", &uri::xmpp_uri(jid)))
    };
    let post = |(node, item): &(NodeName, Arc<str>)| {
        // The post of a comment is its owner's.
        let service = if node.service.is_empty() { user } else { &node.service };
        uri::item_uri(service, &node.node, item)
    };
    let link = |rel: &str, href: String| el("link", ns::ATOM).set("rel", rel).set("href", &href);
    let noted = el("notification", ns::NOTIFICATIONS)
        .set("type", word)
        .set("count", &gathering.count.to_string());
    let entry = el("entry", ns::ATOM)
        .child(atom("title", &format!("{}{more} {text}", shown.join(", "))))
        .child(atom("id", &format!("{}/{item}", ns::NOTIFICATIONS)))
        .child(atom("updated", &time))
        .child(el("category", ns::ATOM).set("term", word))
        .children_from(shown.iter().map(author))
        .children_from(gathering.about.as_ref().map(|about| link("related", post(about))))
        .children_from(gathering.new.as_ref().map(|new| link("alternate", post(new))))
        .child(noted);
    self_contained(&entry, Some("en"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes_of(inner: &str, node: &str) -> Vec<(Noted, Option<String>, Option<String>)> {
        let xml = format!("<entry xmlns='http://www.w3.org/2005/Atom'>{inner}</entry>");
        let found = notes(&xml.parse().unwrap(), "capulet.lit", node).into_iter();
        found
            .map(|note| {
                (
                    note.kind,
                    note.to.map(|to| to.to_string()),
                    note.about.map(|(_, item)| item.to_string()),
                )
            })
            .collect()
    }

    #[test]
    fn a_post_names_people_by_link_and_by_name() {
        let to = |jid: &str| Some(jid.to_owned());
        let text = "<title>@nurse: dear @romeo@capulet.lit, not @paris@verona.lit nor me@tybalt; (@peter).</title>\
            <link rel='related' href='xmpp:juliet@capulet.lit'/><link rel='alternate' href='xmpp:x@capulet.lit?;node=n;item=i'/>";
        let expected = ["juliet", "nurse", "romeo", "peter"]
            .map(|name| (Noted::Mentioned, to(&format!("{name}@capulet.lit")), None));
        assert_eq!(notes_of(text, "n"), expected);
        let rich = "<content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><p><a href='xmpp:nurse@capulet.lit'>N</a></p></div></content>";
        assert_eq!(notes_of(rich, "n"), [(Noted::Mentioned, to("nurse@capulet.lit"), None)]);
    }

    #[test]
    fn a_post_answers_and_repeats_what_it_says_that_it_does() {
        let reply = "<in-reply-to xmlns='http://purl.org/syndication/thread/1.0' ref='xmpp:juliet@capulet.lit?;node=urn%3Axmpp%3Amicroblog%3A0;item=a'/>";
        let juliet = || Some("juliet@capulet.lit".to_owned());
        assert_eq!(notes_of(reply, "n"), [(Noted::Replied, juliet(), Some("a".into()))]);
        let repeat = "<link rel='via' href='xmpp:juliet@capulet.lit?;node=urn%3Axmpp%3Amicroblog%3A0;item=b'/>";
        assert_eq!(notes_of(repeat, "n"), [(Noted::Repeated, juliet(), Some("b".into()))]);
    }

    #[test]
    fn a_comment_is_for_the_author_of_the_post_and_a_heart_is_a_like() {
        let node = "urn:xmpp:microblog:0:comments/a";
        assert_eq!(
            notes_of("<title>well said</title>", node),
            [(Noted::Replied, None, Some("a".into()))]
        );
        assert_eq!(
            notes_of("<title>♥</title>", node),
            [(Noted::Liked, None, Some("a".into()))]
        );
        assert!(notes_of("<title>nothing</title>", "n").is_empty());
    }
}
