//! XEP-0115, Entity Capabilities: the server's own in its stream features, and which nodes a client wants to hear of.
//!
//! What stands behind a hash is learned once for all clients that say it, if it is true; else it counts for the session
//! that told it alone. Knows no session: `session/presence.rs` asks and is answered.

use super::Module;
use crate::limits::CAPS_CACHE;
use dashmap::DashMap;
use jid::FullJid;
use minidom::Element;
use reef_stanza::element::{Build, el};
use reef_stanza::{StreamNamespace, caps, ns, write_element};
use std::collections::BTreeSet;
use std::sync::Arc;
use xmpp_parsers::disco::DiscoInfoResult;

pub(crate) const MODULE: Module = Module {
    spec: "XEP-0115",
    version: "1.6.0",
    title: "Entity Capabilities",
    note: "SHA-1, verified; in stream features and for `+notify`",
    server: &[ns::CAPS],
    account: &[],
    service: &[],
    routes: |_| {},
};

/// What the server is, as a URI.
const NODE: &str = "https://reef.example/";
/// Names of nodes that one client may want, and their bytes in all; what is beyond is not heard.
const WANTS_MAX: usize = 128;
const WANTS_BYTES: usize = 4096;
/// Among what a client wants: to be told of its account's subscriptions (XEP-0376). No node has such a name.
pub(crate) const SUBSCRIPTIONS: &str = "\0subscriptions";
/// Bytes of `node` and `ver` together; real ones have less than a hundred.
const SAID_BYTES: usize = 1024;

/// The names of the nodes of which a client wants to be told: its features that end in `+notify`.
pub(crate) type Wants = Arc<BTreeSet<Arc<str>>>;

/// What a presence says of its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CapsRef {
    /// The client, as a URI.
    pub(crate) node: String,
    /// The hash.
    pub(crate) ver: String,
    /// Of which kind; empty for clients of before version 1.4, whose `ver` is no hash.
    pub(crate) hash: String,
}

/// `<c/>` for the stream features (§6.3): the hash of the server's disco#info, forms included.
pub(crate) fn server_caps(info: &DiscoInfoResult) -> Vec<u8> {
    let ver = caps::hash(info);
    let c = el("c", ns::CAPS)
        .set("hash", "sha-1")
        .set("node", NODE)
        .set("ver", &ver);
    let mut bytes = Vec::new();
    write_element(&c, StreamNamespace::Client, &mut bytes);
    bytes
}

/// What a presence says of its client's capabilities; `None` where it says nothing that could be asked for.
pub(crate) fn seen(presence: &Element) -> Option<CapsRef> {
    let c = presence.get_child("c", ns::CAPS)?;
    let said = |name: &str| c.attr(name).filter(|value| !value.is_empty()).map(str::to_owned);
    let (node, ver, hash) = (said("node")?, said("ver")?, said("hash").unwrap_or_default());
    (node.len() + ver.len() + hash.len() <= SAID_BYTES).then_some(CapsRef { node, ver, hash })
}

/// The question what stands behind the hash (§6.2). `random` makes its id one that nobody can guess.
pub(crate) fn query(to: &FullJid, domain: &str, caps: &CapsRef, random: u64) -> Element {
    let node = format!("{}#{}", caps.node, caps.ver);
    el("iq", ns::CLIENT)
        .set("type", "get")
        .set("id", &format!("caps-{random:016x}"))
        .set("from", domain)
        .set("to", to.as_str())
        .child(el("query", ns::DISCO_INFO).set("node", &node))
}

/// What stands behind hashes, for all sessions; at most [`CAPS_CACHE`] of them. A lookup locks one of DashMap's shards
/// for as long as it takes to clone a pointer.
#[derive(Default)]
pub(crate) struct CapsCache(DashMap<Box<str>, Wants>);

impl CapsCache {
    /// What a client wants whose hash is known.
    pub(crate) fn get(&self, caps: &CapsRef) -> Option<Wants> {
        (caps.hash == "sha-1").then(|| self.0.get(caps.ver.as_str()).map(|wants| wants.clone()))?
    }

    /// Takes the `<query/>` that a client answered; gives what it wants. Remembered for others where the hash is true
    /// (§5.4).
    pub(crate) fn learn(&self, caps: &CapsRef, result: Element) -> Option<Wants> {
        if !result.is("query", ns::DISCO_INFO) {
            return None;
        }
        let (wants, whole) = wants(&result);
        let wants: Wants = Arc::new(wants);
        let honest = || DiscoInfoResult::try_from(result).is_ok_and(|info| caps::verify(&info, &caps.ver));
        if whole && caps.hash == "sha-1" && honest() {
            self.remember(&caps.ver, wants.clone());
        }
        Some(wants)
    }

    /// One that is forgotten is asked for again: any may go.
    fn remember(&self, ver: &str, wants: Wants) {
        if self.0.len() >= CAPS_CACHE {
            let any = self.0.iter().next().map(|entry| entry.key().clone());
            any.and_then(|any| self.0.remove(&any));
        }
        self.0.insert(ver.into(), wants);
    }
}

/// The nodes wanted, and whether these are all.
fn wants(result: &Element) -> (BTreeSet<Arc<str>>, bool) {
    let features = result.children().filter(|child| child.is("feature", ns::DISCO_INFO));
    let names = features.filter_map(|feature| feature.attr("var")?.strip_suffix("+notify"));
    let (mut wants, mut bytes) = (BTreeSet::new(), 0);
    for name in names {
        bytes += name.len();
        if wants.len() == WANTS_MAX || bytes > WANTS_BYTES {
            return (wants, false);
        }
        wants.insert(Arc::from(name));
    }
    let mut features = result.children().filter(|child| child.is("feature", ns::DISCO_INFO));
    if features.any(|feature| feature.attr("var") == Some(ns::PAM)) {
        wants.insert(SUBSCRIPTIONS.into());
    }
    (wants, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::xep::server_info;

    const INFO: &str = "<query xmlns='http://jabber.org/protocol/disco#info'>\
        <identity category='client' type='pc'/><feature var='urn:xmpp:avatar:metadata+notify'/>\
        <feature var='http://jabber.org/protocol/caps'/></query>";

    fn said(ver: &str, hash: &str) -> CapsRef {
        let presence: Element = format!(
            "<presence xmlns='jabber:client'><c xmlns='http://jabber.org/protocol/caps' node='n' ver='{ver}' \
             hash='{hash}'/></presence>"
        )
        .parse()
        .unwrap();
        seen(&presence).unwrap()
    }

    fn true_ver() -> String {
        caps::hash(&DiscoInfoResult::try_from(INFO.parse::<Element>().unwrap()).unwrap())
    }

    #[test]
    fn a_true_hash_is_learned_for_all() {
        let (cache, caps) = (CapsCache::default(), said(&true_ver(), "sha-1"));
        assert!(cache.get(&caps).is_none());
        let wants = cache.learn(&caps, INFO.parse().unwrap()).unwrap();
        assert_eq!(
            wants.iter().map(|name| &**name).collect::<Vec<_>>(),
            ["urn:xmpp:avatar:metadata"]
        );
        assert_eq!(cache.get(&caps), Some(wants));
    }

    #[test]
    fn a_client_that_manages_subscriptions_wants_to_be_told_of_them() {
        let result = INFO.replace("http://jabber.org/protocol/caps", "urn:xmpp:pam:0");
        let (wants, whole) = wants(&result.parse().unwrap());
        assert!(whole && wants.contains(SUBSCRIPTIONS) && wants.len() == 2);
    }

    #[test]
    fn a_false_or_foreign_hash_counts_for_who_said_it_alone() {
        let cache = CapsCache::default();
        for caps in [said("false", "sha-1"), said(&true_ver(), "md5"), said(&true_ver(), "")] {
            assert_eq!(cache.learn(&caps, INFO.parse().unwrap()).unwrap().len(), 1);
            assert!(cache.get(&caps).is_none());
        }
        assert!(cache.get(&said(&true_ver(), "sha-1")).is_none());
    }

    #[test]
    fn more_than_a_client_may_want_is_not_heard() {
        let features: String = (0..1000).map(|n| format!("<feature var='node{n}+notify'/>")).collect();
        let result = format!("<query xmlns='http://jabber.org/protocol/disco#info'>{features}</query>");
        let (wants, whole) = wants(&result.parse().unwrap());
        assert_eq!((wants.len(), whole), (WANTS_MAX, false));
    }

    #[test]
    fn the_servers_capabilities_are_one_element() {
        let mut config = Config::default();
        config.contact.abuse = vec!["mailto:abuse@localhost".to_owned()];
        let info = server_info(&config);
        let bytes = server_caps(&info);
        let c: Element = std::str::from_utf8(&bytes).unwrap().parse().unwrap();
        assert!(c.is("c", ns::CAPS));
        assert_eq!((c.attr("hash"), c.attr("node")), (Some("sha-1"), Some(NODE)));
        assert!(caps::verify(&info, c.attr("ver").unwrap()));
        // Contact addresses count.
        assert!(!caps::verify(&server_info(&Config::default()), c.attr("ver").unwrap()));
    }
}
