//! Atom (RFC 4287) as far as a server reads it: whether an entry is one, and its words for those who do not know Atom.
//!
//! Must not know XMPP's nodes nor HTTP. What was kept is read with care: it may be older than the check. Next: `xep/`, which
//! checks what is published; `session/writer.rs`, which adds a body; `http/pages/`, which shows posts.

mod check; // what an entry must have
mod entry; // an entry's parts
mod html; //  words of HTML
mod notes; // whom an entry concerns

pub(crate) use check::{entry as check_entry, has_enclosure, metadata as check_metadata};
pub(crate) use entry::Entry;
pub(crate) use notes::{notes, notification};

use crate::limits::{ATOM_DEPTH, BODY_BYTES};
use minidom::Element;
use reef_stanza::ns;

/// The element that bytes are; `None` where they are no XML, or nested too deeply to be walked.
pub(crate) fn parse(payload: &[u8]) -> Option<Element> {
    let text = std::str::from_utf8(payload).ok()?;
    shallow(text).then(|| text.parse().ok()).flatten()
}

/// The same of bytes whose surroundings have a namespace that they inherit.
pub(crate) fn parse_in(payload: &[u8], ns: &str) -> Option<Element> {
    let text = std::str::from_utf8(payload).ok()?;
    let parsed = || Element::from_reader_with_prefixes(payload, Some(ns.to_owned())).ok();
    shallow(text).then(parsed).flatten()
}

/// Whether elements lie within each other no deeper than any stanza's may. Tags are counted, not checked.
fn shallow(text: &str) -> bool {
    let mut depth = 0_usize;
    for tag in text.split('<').skip(1) {
        let end = tag.split('>').next().unwrap_or_default();
        match (tag.starts_with('/'), end.ends_with('/')) {
            (true, _) => depth = depth.saturating_sub(1),
            (false, true) => {}
            (false, false) => depth += 1,
        }
        if depth > ATOM_DEPTH {
            return false;
        }
    }
    true
}

/// What a message says of an entry, or of a feed's metadata, to clients that know no Atom: its title (XEP-0277 §7), else
/// its summary or content. `None` of everything else: nobody can tell what it means (XEP-0060 §12.14).
pub(crate) fn body(payload: &[u8]) -> Option<String> {
    let root = parse(payload)?;
    if !root.is("entry", ns::ATOM) && !root.is("feed", ns::ATOM) {
        return None;
    }
    let words = ["title", "summary", "content"];
    let text = words.iter().find_map(|name| entry::words(&root, name))?;
    Some(cut(text, BODY_BYTES))
}

/// The beginning of a text.
fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        let end = (0..=most).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(children: &str, expected: Option<&str>) {
        let entry = format!("<entry xmlns='http://www.w3.org/2005/Atom'>{children}</entry>");
        assert_eq!(body(entry.as_bytes()).as_deref(), expected);
    }

    #[test]
    fn a_body_is_the_title_or_what_else_has_words() {
        check("<title>a &lt; b</title><summary>s</summary>", Some("a < b"));
        check("<title> </title><summary>s</summary>", Some("s"));
        check(
            "<content type='html'>&lt;p>1 &amp;amp; 2&lt;/p></content>",
            Some("1 & 2"),
        );
        let rich = "<title type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><p>a <b>b</b></p></div></title>";
        check(rich, Some("a b"));
        check(&format!("{rich}<title>plain</title>"), Some("plain"));
        check("<id>i</id>", None);
    }

    #[test]
    fn what_is_no_atom_has_no_body() {
        for payload in ["<x xmlns='urn:x'>words</x>", "", "<entry", "words", "\u{0}"] {
            assert_eq!(body(payload.as_bytes()), None, "{payload}");
        }
        assert_eq!(body(&[0xff, 0xfe]), None);
    }

    #[test]
    fn a_body_is_cut_between_characters() {
        let text = cut("ä".repeat(BODY_BYTES), BODY_BYTES);
        assert_eq!(text.chars().count(), BODY_BYTES / 2 + 1);
        assert!(text.ends_with("ä…"));
    }

    #[test]
    fn what_is_nested_too_deeply_is_not_walked() {
        let nested = |depth: usize| {
            let (begins, ends) = ("<a xmlns='n'>".repeat(depth), "</a>".repeat(depth));
            parse(format!("{begins}{ends}").as_bytes())
        };
        assert!(nested(ATOM_DEPTH).is_some());
        assert!(nested(ATOM_DEPTH + 1).is_none() && nested(100_000).is_none());
    }
}
