//! XEP-0277, Microblogging over XMPP: what the server adds to a post on an account's microblog, the links to itself.
//!
//! Clients cannot know the web address of a post, so the server SHOULD insert both its addresses (§2.4). They are put
//! behind what the author wrote, as bytes: the payload is serialised once. Knows no node's configuration: which of the
//! bytes are for an open node alone is said in the record. What an entry must be is `xep0472_social_feed`'s.

use super::{Draft, Module, Prepared};
use crate::uri;
use minidom::Element;
use reef_stanza::{escape_attr, ns, self_contained};

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0277",
    version: "0.6.5",
    title: "Microblogging over XMPP",
    note: "entries are checked; links to the post, by XMPP and by HTTP, are added",
    server: &[],
    account: &[ns::MICROBLOG],
    service: &[],
    routes: |_| {},
};

/// How an entry ends that was serialised here.
const END: &[u8] = b"</entry>";
/// How each of our links begins.
const LINK: &str = "<link rel='alternate' ";

/// The payload as it is kept, with the links that its author did not give.
pub(super) fn linked(draft: &Draft<'_>, payload: &Element) -> Prepared {
    let mut bytes = self_contained(payload, draft.lang);
    if !draft.is_microblog() || !payload.is("entry", ns::ATOM) || !bytes.ends_with(END) {
        return Prepared::whole(bytes);
    }
    bytes.truncate(bytes.len() - END.len());
    if !has_alternate(payload, &["xmpp:"]) {
        bytes.extend_from_slice(LINK.as_bytes());
        bytes.extend_from_slice(b"href='");
        escape_attr(&uri::post_uri(draft.service, draft.item), &mut bytes);
        bytes.extend_from_slice(b"'/>");
    }
    let begins = bytes.len();
    if let Some(web) = draft.web.filter(|_| !has_alternate(payload, &["http:", "https:"])) {
        bytes.extend_from_slice(LINK.as_bytes());
        bytes.extend_from_slice(b"type='text/html' href='");
        escape_attr(&uri::post_url(web, draft.service, draft.item), &mut bytes);
        bytes.extend_from_slice(b"'/>");
    }
    let part = (u32::try_from(begins), u32::try_from(bytes.len() - begins));
    bytes.extend_from_slice(END);
    Prepared {
        payload: bytes.into(),
        open_only: match part {
            (Ok(begins), Ok(length)) if length > 0 => Some((begins, length)),
            _ => None,
        },
    }
}

/// Whether `kept` is what `written` became here, whichever links were added then.
pub(crate) fn is_same_post(kept: &[u8], written: &[u8]) -> bool {
    let links = || {
        let links = kept.strip_prefix(written.strip_suffix(END)?)?.strip_suffix(END)?;
        std::str::from_utf8(links).ok()
    };
    kept == written
        || links().is_some_and(|links| {
            let tags: Vec<&str> = links.split_inclusive("/>").collect();
            tags.iter()
                .all(|tag| tag.starts_with(LINK) && tag.matches('<').count() == 1)
        })
}

/// A link without `rel` is an alternate (RFC 4287 §4.2.7.2).
fn has_alternate(entry: &Element, schemes: &[&str]) -> bool {
    let mut links = entry.children().filter(|child| child.is("link", ns::ATOM));
    links.any(|link| {
        let alternate = matches!(link.attr("rel"), None | Some("alternate"));
        let href = link.attr("href").unwrap_or_default().trim_start();
        let begins = |scheme: &&str| {
            href.get(..scheme.len())
                .is_some_and(|begins| begins.eq_ignore_ascii_case(scheme))
        };
        alternate && schemes.iter().any(begins)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: Option<&str> = Some("https://capulet.lit/x'y");
    const XMPP: &str = "<link rel='alternate' \
        href='xmpp:juliet@capulet.lit?;node=urn%3Axmpp%3Amicroblog%3A0;item=a%2Fb%20%C3%A4'/>";
    const HTTP: &str = "<link rel='alternate' type='text/html' \
        href='https://capulet.lit/x&apos;y/u/juliet/a%2Fb%20%C3%A4'/>";

    fn draft<'d>(node: &'d str, web: Option<&'d str>) -> Draft<'d> {
        Draft {
            service: "juliet@capulet.lit",
            node,
            item: "a/b ä",
            kind: None,
            lang: Some("it"),
            web,
        }
    }

    fn entry(children: &str) -> String {
        format!("<entry xmlns='http://www.w3.org/2005/Atom' xml:lang='it'>{children}</entry>")
    }

    #[track_caller]
    fn check(draft: &Draft<'_>, children: &str, links: &[&str]) {
        let written = entry(children);
        let prepared = linked(draft, &written.parse().unwrap());
        let payload = String::from_utf8(prepared.payload.to_vec()).unwrap();
        assert_eq!(payload, entry(&format!("{children}{}", links.concat())));
        let marked = prepared
            .open_only
            .map(|(begins, length)| &payload[begins as usize..][..length as usize]);
        assert_eq!(marked, links.contains(&HTTP).then_some(HTTP));
        assert!(is_same_post(&prepared.payload, written.as_bytes()));
    }

    #[test]
    fn a_post_gets_its_two_addresses_behind_what_its_author_wrote() {
        check(
            &draft(ns::MICROBLOG, WEB),
            "<title>t</title><x xmlns='urn:x'/>",
            &[XMPP, HTTP],
        );
        check(&draft(ns::MICROBLOG, None), "<title>t</title>", &[XMPP]);
    }

    #[test]
    fn what_the_author_gave_is_not_given_again() {
        let draft = draft(ns::MICROBLOG, WEB);
        check(&draft, "<link href='http://elsewhere.lit/'/>", &[XMPP]);
        check(
            &draft,
            "<link href='XMPP:x@y?;node=n;item=i' rel='alternate'/>",
            &[HTTP],
        );
        check(
            &draft,
            "<link href='xmpp:romeo@montague.lit' rel='via'/>",
            &[XMPP, HTTP],
        );
        check(&draft, "<link xmlns='urn:x' href='http://a'/>", &[XMPP, HTTP]);
    }

    #[test]
    fn elsewhere_nothing_is_added() {
        check(&draft("urn:x", WEB), "<title>t</title>", &[]);
        let service = Draft {
            service: "pubsub.capulet.lit",
            ..draft(ns::MICROBLOG, WEB)
        };
        check(&service, "<title>t</title>", &[]);
        let feed = "<feed xmlns='http://www.w3.org/2005/Atom'><title>t</title></feed>"
            .parse()
            .unwrap();
        assert_eq!(
            linked(&draft(ns::MICROBLOG, WEB), &feed).payload,
            self_contained(&feed, Some("it"))
        );
    }

    #[test]
    fn another_text_is_another_post() {
        let written = entry("<title>t</title>");
        for kept in [
            entry("<title>u</title>"),
            entry("<title>t</title><b/>"),
            entry("<title>t</title><link rel='alternate' href='a'/><b/>"),
            entry("<title>t</title><link rel='alternate' href='a'><b/></link>"),
        ] {
            assert!(!is_same_post(kept.as_bytes(), written.as_bytes()), "{kept}");
        }
    }
}
