//! What two Reefs say to each other of who follows (`frontend/FANOUT.md` §4): elements to what is meant, and back.
//!
//! Pure. Knows no store. Next: `answers.rs` and `asks.rs`.

use crate::limits::{AGREE_JIDS, AGREE_NODES};
use jid::BareJid;
use minidom::Element;
use reef_engine::model::NodeName;
use reef_stanza::element::{Build, el};
use reef_stanza::ns;

/// Who follows a node, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) node: NodeName,
    pub(super) count: u64,
    pub(super) hash: u64,
}

/// A request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Whether the same is recorded here.
    Compare(Vec<Listed>),
    /// These follow, whatever was recorded.
    Followers(NodeName, Vec<BareJid>),
    /// Whether these follow.
    Check(NodeName, Vec<BareJid>),
}

impl Asked {
    /// What is asked; `None` where it is not said as it should be.
    pub(super) fn read(kind: &str, payload: &Element) -> Option<Asked> {
        match (kind, payload.name()) {
            ("set", "compare") => {
                let listed = children(payload, "node").map(listed).collect::<Option<Vec<_>>>()?;
                (listed.len() <= AGREE_NODES).then_some(Asked::Compare(listed))
            }
            ("set", "followers") => Some(Asked::Followers(node(payload)?, jids(payload)?)),
            ("get", "check") => Some(Asked::Check(node(payload)?, jids(payload)?)),
            _ => None,
        }
    }
}

/// A request to compare.
pub(super) fn compare(nodes: &[Listed]) -> Element {
    let nodes = nodes.iter().map(|listed| {
        named("node", &listed.node)
            .set("count", &listed.count.to_string())
            .set("hash", &format!("{:016x}", listed.hash))
    });
    el("compare", ns::FANOUT).children_from(nodes)
}

/// Its answer.
pub(super) fn differing(nodes: &[NodeName]) -> Element {
    el("compare", ns::FANOUT).children_from(nodes.iter().map(|node| named("node", node)))
}

/// The nodes that an answer names.
pub(super) fn nodes(answer: &Element) -> Vec<NodeName> {
    children(answer, "node").filter_map(node).collect()
}

/// `followers` or `check` of a node, with who is meant.
pub(super) fn about(what: &str, node: &NodeName, jids: impl IntoIterator<Item = impl AsRef<str>>) -> Element {
    named(what, node).children_from(jids.into_iter().map(jid))
}

/// Its answer.
pub(super) fn not_these(what: &str, jids: impl IntoIterator<Item = impl AsRef<str>>) -> Element {
    el(what, ns::FANOUT).children_from(jids.into_iter().map(jid))
}

/// Whom a request or an answer names; `None` where one is no bare JID, or they are too many.
pub(super) fn jids(payload: &Element) -> Option<Vec<BareJid>> {
    let jids = children(payload, "jid").map(|jid| BareJid::new(&jid.text()).ok());
    let jids = jids.take(AGREE_JIDS + 1).collect::<Option<Vec<_>>>()?;
    (jids.len() <= AGREE_JIDS).then_some(jids)
}

fn children<'a>(of: &'a Element, name: &'static str) -> impl Iterator<Item = &'a Element> {
    of.children().filter(move |child| child.is(name, ns::FANOUT))
}

fn listed(of: &Element) -> Option<Listed> {
    Some(Listed {
        node: node(of)?,
        count: of.attr("count")?.parse().ok()?,
        hash: u64::from_str_radix(of.attr("hash")?, 16).ok()?,
    })
}

fn node(of: &Element) -> Option<NodeName> {
    let service = BareJid::new(of.attr("service")?).ok()?;
    Some(NodeName::new(service.as_str(), of.attr("node")?))
}

fn named(name: &str, node: &NodeName) -> Element {
    el(name, ns::FANOUT)
        .set("service", &node.service)
        .set("node", &node.node)
}

fn jid(jid: impl AsRef<str>) -> Element {
    el("jid", ns::FANOUT).with_text(jid.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blog() -> NodeName {
        NodeName::new("juliet@capulet.example", "urn:xmpp:microblog:0")
    }

    #[test]
    fn what_is_said_is_read_as_it_was_meant() {
        let listed = vec![Listed {
            node: blog(),
            count: 2,
            hash: 0x9a_e16a_3b2f_9040,
        }];
        let said = compare(&listed);
        assert_eq!(
            said.children().next().and_then(|n| n.attr("hash")),
            Some("009ae16a3b2f9040")
        );
        assert_eq!(Asked::read("set", &said), Some(Asked::Compare(listed)));
        assert_eq!(nodes(&differing(&[blog()])), [blog()]);
        let romeo = BareJid::new("romeo@montague.example").unwrap();
        let said = about("followers", &blog(), [romeo.as_str()]);
        assert_eq!(
            Asked::read("set", &said),
            Some(Asked::Followers(blog(), vec![romeo.clone()]))
        );
        let said = about("check", &blog(), [romeo.as_str()]);
        assert_eq!(
            Asked::read("get", &said),
            Some(Asked::Check(blog(), vec![romeo.clone()]))
        );
        assert_eq!(jids(&not_these("check", [romeo.as_str()])), Some(vec![romeo]));
    }

    #[test]
    fn what_is_said_otherwise_is_not_read() {
        let wrong = [
            "<compare xmlns='urn:reef:fanout:0'><node service='a@b' node='n' count='1' hash='x'/></compare>",
            "<compare xmlns='urn:reef:fanout:0'><node service='a@b' count='1' hash='1'/></compare>",
            "<followers xmlns='urn:reef:fanout:0' node='n'><jid>a@b</jid></followers>",
            "<followers xmlns='urn:reef:fanout:0' service='a@b' node='n'><jid>a@b/c</jid></followers>",
            "<nothing xmlns='urn:reef:fanout:0' service='a@b' node='n'/>",
        ];
        for xml in wrong {
            assert_eq!(Asked::read("set", &xml.parse().unwrap()), None, "{xml}");
        }
        let many = about("check", &blog(), (0..=AGREE_JIDS).map(|n| format!("u{n}@b")));
        assert_eq!(Asked::read("get", &many), None);
        let listed = Listed {
            node: blog(),
            count: 1,
            hash: 1,
        };
        assert_eq!(Asked::read("set", &compare(&vec![listed; AGREE_NODES + 1])), None);
    }
}
