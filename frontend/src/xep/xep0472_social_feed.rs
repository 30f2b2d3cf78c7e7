//! XEP-0472, Pubsub Social Feed: what an item of a social feed must be, by the type of its node.
//!
//! The base profile's demands on a node's configuration are the engine's (`config_bounds`), since a configuration is
//! judged as a whole. Knows no node but by its type and name. Next: `xep0277_microblog`, which adds links.

use super::{Draft, Module};
use crate::atom;
use minidom::Element;
use reef_stanza::{Condition, PubsubCondition, StanzaError, ns};

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0472",
    version: "0.2.1",
    title: "Pubsub Social Feed",
    note: "base, microblog, gallery; stories on accounts; each item is checked by its node's type",
    server: &[],
    account: &[ns::SOCIAL_FEED, ns::SOCIAL_FEED_GALLERY, ns::SOCIAL_FEED_STORIES],
    service: &[ns::SOCIAL_FEED, ns::SOCIAL_FEED_GALLERY],
    routes: |_| {},
};

/// With what the types of social feeds begin, whatever their profile and version.
const SOCIAL_FEED: &str = "urn:xmpp:pubsub-social-feed:";
/// With what a gallery's type begins, in each version.
const GALLERY: &str = "urn:xmpp:pubsub-social-feed:gallery:";
/// The item that may hold a feed's metadata (XEP-0277 §5). Who counts his posts from 0 has one there.
const METADATA: &str = "0";

/// Whether nodes of this type are social feeds.
pub(crate) fn is_social_feed(kind: &str) -> bool {
    kind == ns::MICROBLOG || kind.starts_with(SOCIAL_FEED)
}

/// What is published is judged by its node's type, and by the name of an account's microblog or of a node for
/// comments.
///
/// # Errors
/// `invalid-payload`, with what is wrong.
pub(super) fn check(draft: &Draft<'_>, payload: &Element) -> Result<(), StanzaError> {
    let wrong = |wrong: String| {
        let error = StanzaError::new(Condition::BadRequest).pubsub(PubsubCondition::InvalidPayload);
        error.with_text(wrong)
    };
    // Clients write comments with less than Atom asks for.
    if draft.is_for_comments() && !payload.is("entry", ns::ATOM) {
        return Err(wrong("a comment is an Atom <entry/>".into()));
    }
    let named = draft.is_microblog().then_some(ns::MICROBLOG);
    let typed = draft.kind.filter(|kind| named != Some(*kind));
    named
        .into_iter()
        .chain(typed)
        .try_for_each(|kind| fits(kind, draft.item, payload).map_err(wrong))
}

/// Whether a payload may be that item of a node of this type; any may where the type is no social feed.
///
/// # Errors
/// What is wrong, in a line.
pub(crate) fn fits(kind: &str, item: &str, payload: &Element) -> Result<(), String> {
    if !is_social_feed(kind) {
        return Ok(());
    }
    if item == METADATA && payload.is("feed", ns::ATOM) {
        return atom::check_metadata(payload);
    }
    atom::check_entry(payload)?;
    if kind.starts_with(GALLERY) && !atom::has_enclosure(payload) {
        return Err("a gallery's entry has a picture: <link rel='enclosure' href='…'/>".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GALLERY_1: &str = "urn:xmpp:pubsub-social-feed:gallery:1";

    #[track_caller]
    fn check(kind: &str, item: &str, payload: &str, fits: bool) {
        let found = super::fits(kind, item, &payload.parse().unwrap());
        assert_eq!(found.is_ok(), fits, "{kind} {item} {payload}: {found:?}");
    }

    fn atom(root: &str, more: &str) -> String {
        format!(
            "<{root} xmlns='http://www.w3.org/2005/Atom'><title/><id>i</id><updated>2008-05-08T18:30:02Z</updated>\
             {more}</{root}>"
        )
    }

    #[test]
    fn a_social_feed_takes_entries_and_other_nodes_take_anything() {
        for kind in [ns::MICROBLOG, ns::SOCIAL_FEED, ns::SOCIAL_FEED_STORIES] {
            check(kind, "a", &atom("entry", ""), true);
            check(kind, "a", "<x xmlns='urn:x'/>", false);
        }
        check("urn:xmpp:avatar:metadata", "a", "<x xmlns='urn:x'/>", true);
        check("", "0", "<x xmlns='urn:x'/>", true);
    }

    #[test]
    fn item_0_alone_may_be_the_feed_itself() {
        check(ns::MICROBLOG, "0", &atom("feed", ""), true);
        check(ns::MICROBLOG, "0", &atom("entry", ""), true);
        check(ns::MICROBLOG, "0", "<x xmlns='urn:x'/>", false);
        check(ns::MICROBLOG, "1", &atom("feed", ""), false);
        check(GALLERY_1, "0", &atom("feed", ""), true);
    }

    #[test]
    fn a_gallery_wants_a_picture() {
        check(GALLERY_1, "a", &atom("entry", ""), false);
        let picture = "<link rel='enclosure' href='https://capulet.lit/upload/romeo.jpg' type='image/jpeg'/>";
        check(GALLERY_1, "a", &atom("entry", picture), true);
    }
}
