//! Whose stanzas may pass on a stream: pairs of domains, each proved (XEP-0220 §1.3).
//!
//! Must not know how a pair was proved.

use std::collections::HashMap;

use super::rates::Member;

/// The pairs of one stream that the peer may use.
#[derive(Default)]
pub(super) struct Pairs {
    /// The peer's domains, with their share of what peers may cost, and for each those of ours to which it may send.
    peers: HashMap<String, (Member, Vec<String>)>,
    count: usize,
}

impl Pairs {
    /// Whether stanzas may pass from this domain of the peer's to that of ours.
    pub(super) fn may(&self, peer: &str, ours: &str) -> bool {
        let known = self.peers.get(peer);
        known.is_some_and(|(_, to)| to.iter().any(|to| to == ours))
    }

    /// Whether the peer has proved that it speaks for this domain.
    pub(super) fn knows(&self, peer: &str) -> bool {
        self.peers.contains_key(peer)
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// A pair is proved; `None` if the domain is new and `join` gives it no share.
    pub(super) fn add(&mut self, peer: &str, ours: &str, join: impl FnOnce() -> Option<Member>) -> Option<()> {
        if self.may(peer, ours) {
            return Some(());
        }
        if !self.knows(peer) {
            self.peers.insert(peer.to_owned(), (join()?, Vec::new()));
        }
        let (_, to) = self.peers.get_mut(peer)?;
        to.push(ours.to_owned());
        self.count += 1;
        Some(())
    }

    /// The share of a domain, or of any where it is not known.
    pub(super) fn member(&self, peer: &str) -> Option<&Member> {
        let known = self.peers.get(peer).or_else(|| self.peers.values().next())?;
        Some(&known.0)
    }

    /// All pairs: the peer's domain and ours.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.peers.iter();
        pairs.flat_map(|(peer, (_, to))| to.iter().map(|ours| (peer.as_str(), ours.as_str())))
    }
}
