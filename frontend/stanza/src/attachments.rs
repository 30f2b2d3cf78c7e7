//! Attachments to items (XEP-0470): the names of their nodes, the marks in a payload, and how counts are written. Must not
//! know who may attach; next: the engine counts, by what is said here.

use minidom::Element;

use crate::element::{Build, el};
use crate::ns;
use crate::uri;
use crate::write::self_contained;

const SUMMARY: &str = "urn:xmpp:pubsub-attachments:summary:1";
/// The mark of `<noticed/>`; those of reactions begin with [`REACTION`].
const NOTICED: &str = "noticed";
const REACTION: &str = "reaction:";
/// Bytes of one reaction: the longest emoji are sequences of some code points.
const REACTION_BYTES: usize = 64;
/// Reactions of one reader that are counted.
const REACTIONS: usize = 32;

/// An item by its URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Bare JID of its service, as it is written.
    pub service: String,
    /// Its node.
    pub node: String,
    /// Its id.
    pub item: String,
}

/// The item in the name of an attachment node (§4.1.1): `None` where it is no such name.
pub fn target(node: &str) -> Option<Target> {
    let (service, item) = uri::parse(node.strip_prefix(ns::ATTACHMENTS)?.strip_prefix('/')?)?;
    let (node, item) = item?;
    let target = Target { service, node, item };
    (!target.node.is_empty() && !target.item.is_empty()).then_some(target)
}

/// Whether a payload is one that may be attached (§4.4): `<attachments/>`. COMPAT: the XEP's own examples leave out its
/// namespace, so that it has the surrounding one.
pub fn is_attachments(payload: &Element) -> bool {
    payload.name() == "attachments" && [ns::ATTACHMENTS, ns::PUBSUB].contains(&payload.ns().as_str())
}

/// The marks in a payload, each once (§4.7, §4.8).
pub fn marks(payload: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(payload).unwrap_or_default();
    let Ok(root) = text.parse::<Element>() else {
        return Vec::new();
    };
    let mut marks = Vec::new();
    if root.children().any(|child| child.name() == "noticed") {
        marks.push(NOTICED.to_owned());
    }
    let reactions = root.children().filter(|child| child.name() == "reactions");
    let reactions = reactions
        .flat_map(Element::children)
        .filter(|child| child.name() == "reaction");
    for reaction in reactions.map(Element::text) {
        let mark = format!("{REACTION}{}", reaction.trim());
        let wanted = mark.len() > REACTION.len() && mark.len() <= REACTION.len() + REACTION_BYTES;
        if wanted && marks.len() <= REACTIONS && !marks.contains(&mark) {
            marks.push(mark);
        }
    }
    marks
}

/// The payload of an item of the summary node (§4.6), as it is stored.
pub fn summary<'a>(marks: impl IntoIterator<Item = (&'a str, u64)>) -> Vec<u8> {
    let (mut noticed, mut reactions) = (None, Vec::new());
    for (mark, count) in marks {
        match mark.strip_prefix(REACTION) {
            Some(text) => {
                let several = (count > 1).then(|| count.to_string());
                let reaction = el("reaction", SUMMARY).set_opt("count", several.as_deref());
                reactions.push(reaction.with_text(text));
            }
            None => noticed = Some(el("noticed", SUMMARY).set("count", &count.to_string())),
        }
    }
    let reactions = (!reactions.is_empty()).then(|| el("reactions", SUMMARY).children_from(reactions));
    let summary = el("summary", SUMMARY).children_from(noticed).children_from(reactions);
    self_contained(&summary, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_item_is_in_the_name_of_its_node() {
        let name = "urn:xmpp:pubsub-attachments:1/xmpp:juliet@capulet.lit?;node=urn%3Axmpp%3Amicroblog%3A0;item=a%2Fb";
        let expected = Target {
            service: "juliet@capulet.lit".into(),
            node: "urn:xmpp:microblog:0".into(),
            item: "a/b".into(),
        };
        assert_eq!(target(name), Some(expected));
        for wrong in [
            "urn:xmpp:microblog:0",
            "urn:xmpp:pubsub-attachments:1/",
            "urn:xmpp:pubsub-attachments:1/xmpp:a@x?;node=n",
            "urn:xmpp:pubsub-attachments:1/xmpp:a@x?;node=n;item=",
            "urn:xmpp:pubsub-attachments:1/xmpp:a@x?;node=%ff;item=i",
        ] {
            assert_eq!(target(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn each_mark_of_a_reader_counts_once() {
        let payload = "<attachments xmlns='urn:xmpp:pubsub-attachments:1'><noticed/><noticed/><reactions><reaction>ö\
            </reaction><reaction>ö</reaction><reaction/></reactions><other xmlns='urn:x'/></attachments>";
        assert_eq!(marks(payload.as_bytes()), ["noticed", "reaction:ö"]);
        assert!(marks(b"<").is_empty());
    }

    #[test]
    fn a_summary_counts_what_is_there_more_than_once() {
        let counts = [("noticed", 5), ("reaction:a", 2), ("reaction:b", 1)];
        let expected = "<summary xmlns='urn:xmpp:pubsub-attachments:summary:1'><noticed count='5'/>\
            <reactions><reaction count='2'>a</reaction><reaction>b</reaction></reactions></summary>";
        assert_eq!(String::from_utf8(summary(counts)).unwrap(), expected);
    }
}
