//! The key layout: every key of the store is made and read here, and nowhere else. Golden tests hold it.
//!
//! Integers are big-endian, so that RocksDB's order is theirs. Knows no values: those are in `rows.rs`.

mod peers;
mod sweep;

pub use peers::*;
pub use sweep::*;

use crate::model::{NodeId, NodeName, Seq, Slot, SubscriberId, Timestamp, VShard};

/// A column family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Family(pub u8);

impl Family {
    /// format version, next ids, blocks, numbers of the slots
    pub const META: Family = Family(0);
    /// node|Seq → entry
    pub const LOG: Family = Family(1);
    /// node|item id → Seq
    pub const ITEM: Family = Family(2);
    /// node|subscriber → subscription
    pub const FOLLOWER: Family = Family(3);
    /// subscriber|node → since
    pub const FOLLOWING: Family = Family(4);
    /// node|part → configuration, counters
    pub const NODE: Family = Family(5);
    /// service NUL node → node
    pub const NODE_NAME: Family = Family(6);
    /// subscriber → bare JID
    pub const SUBSCRIBER: Family = Family(7);
    /// bare JID → subscriber
    pub const SUBSCRIBER_NAME: Family = Family(8);
    /// consumer → Seq
    pub const CURSOR: Family = Family(9);
    /// peer|Seq → what is due to followers there
    pub const PEER_OUTBOX: Family = Family(10);
    /// node|subscriber → affiliation
    pub const AFFILIATION: Family = Family(11);
    /// Seq → node: the order of this host, replayed at start
    pub const TAIL: Family = Family(12);
    /// what the background still has to remove
    pub const SWEEP: Family = Family(13);
    /// number → changes of edges: what a packed copy of the edges lacks
    pub const JOURNAL: Family = Family(14);
    /// subscriber → how many nodes he follows
    pub const FOLLOWS: Family = Family(15);
    /// node|Seq → a post that is published when its node is resumed
    pub const HELD: Family = Family(16);
    /// subscriber|node → options of a subscription, where they are not the usual ones
    pub const OPTIONS: Family = Family(17);
    /// node|item id → what is attached to the item, counted
    pub const TALLY: Family = Family(18);
    /// owner|node → nothing: what he owns on services; owner|0 → how many nodes of each kind
    pub const OWNED: Family = Family(19);
    /// node|Seq of an item's first version → its id, of items that were published again
    pub const CREATED: Family = Family(20);
    /// node|subscriber → nothing, of subscriptions that everybody may know
    pub const PUBLIC: Family = Family(21);
    /// bare JID → what he published and is still kept, counted
    pub const USAGE: Family = Family(22);
    /// subscriber|node → nothing: what he follows and whose last item is sent to who comes online
    pub const COMING: Family = Family(23);
    /// peers: their names, and how many follow what from there
    pub const PEER: Family = Family(24);
    /// node|peer|subscriber → since: who follows from another server
    pub const REMOTE: Family = Family(25);
    /// the first of those that other parts define
    pub const TABLES: u8 = 26;

    /// The names of the engine's own, by number.
    pub const NAMES: [&'static str; 26] = [
        "meta",
        "log",
        "item",
        "follower",
        "following",
        "node",
        "node_name",
        "subscriber",
        "subscriber_name",
        "cursor",
        "peer_outbox",
        "affiliation",
        "tail",
        "sweep",
        "journal",
        "follows",
        "held",
        "options",
        "tally",
        "owned",
        "created",
        "public",
        "usage",
        "coming",
        "peer",
        "remote",
    ];
}

/// The rows of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodePart {
    /// Name, owner, configuration: written seldom.
    Config = 0,
    /// Counters: written with each item and follower.
    State = 1,
    /// Owners beside the first: where there are some.
    Owners = 2,
    /// The node that it is kept for: of attachments and their counts.
    Target = 3,
}

/// `log`, `created` and other keys of (u32, u64).
pub fn log(node: NodeId, seq: Seq) -> [u8; 12] {
    let mut key = [0; 12];
    key[..4].copy_from_slice(&node.0.to_be_bytes());
    key[4..].copy_from_slice(&seq.0.to_be_bytes());
    key
}

/// Reads a key of `log` or `created`.
pub fn read_log(key: &[u8]) -> Option<(NodeId, Seq)> {
    let (node, seq) = key.split_at_checked(4)?;
    Some((
        NodeId(u32::from_be_bytes(node.try_into().ok()?)),
        Seq(u64::from_be_bytes(seq.try_into().ok()?)),
    ))
}

/// `item`
pub fn item(node: NodeId, id: &str) -> Vec<u8> {
    [&node.0.to_be_bytes()[..], id.as_bytes()].concat()
}

/// The item id within a key of `item`.
pub fn read_item(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.get(4..)?).ok()
}

fn pair(a: u32, b: u32) -> [u8; 8] {
    let mut key = [0; 8];
    key[..4].copy_from_slice(&a.to_be_bytes());
    key[4..].copy_from_slice(&b.to_be_bytes());
    key
}

fn read_pair(key: &[u8]) -> Option<(u32, u32)> {
    let (a, b) = key.split_at_checked(4)?;
    Some((
        u32::from_be_bytes(a.try_into().ok()?),
        u32::from_be_bytes(b.try_into().ok()?),
    ))
}

/// `follower`, `affiliation` and `public`
pub fn follower(node: NodeId, subscriber: SubscriberId) -> [u8; 8] {
    pair(node.0, subscriber.0)
}

/// Reads a key of `follower`, `affiliation` or `public`.
pub fn read_follower(key: &[u8]) -> Option<(NodeId, SubscriberId)> {
    read_pair(key).map(|(n, s)| (NodeId(n), SubscriberId(s)))
}

/// `following`, `options`, `owned` and `coming`
pub fn following(subscriber: SubscriberId, node: NodeId) -> [u8; 8] {
    pair(subscriber.0, node.0)
}

/// Reads a key of `following`, `options`, `owned` or `coming`.
pub fn read_following(key: &[u8]) -> Option<(SubscriberId, NodeId)> {
    read_pair(key).map(|(s, n)| (SubscriberId(s), NodeId(n)))
}

/// `node`
pub fn node(node: NodeId, part: NodePart) -> [u8; 5] {
    let [a, b, c, d] = node.0.to_be_bytes();
    [a, b, c, d, part as u8]
}

/// The node of a key that begins with one.
pub fn read_node(key: &[u8]) -> Option<NodeId> {
    Some(NodeId(u32::from_be_bytes(key.get(..4)?.try_into().ok()?)))
}

/// What the names of nodes with attachments begin with, in `node_name`.
pub const ATTACHED_NAMES: &[u8] = b"attachments:";

/// `node_name`. NUL cannot occur in XML, so it parts service and node without doubt.
pub fn node_name(name: &NodeName) -> Vec<u8> {
    if name.is_attachments() {
        // As many as a service has items: apart from the others, which are listed.
        return [ATTACHED_NAMES, name.service.as_bytes(), &[0], name.node.as_bytes()].concat();
    }
    [name.service.as_bytes(), &[0], name.node.as_bytes()].concat()
}

/// What the names of all nodes of a service begin with.
pub fn service(service: &str) -> Vec<u8> {
    [service.as_bytes(), &[0]].concat()
}

/// The node within a key of `node_name`.
pub fn read_node_of_service<'k>(key: &'k [u8], service: &str) -> Option<&'k str> {
    std::str::from_utf8(key.get(service.len() + 1..)?).ok()
}

/// `subscriber` and `follows`
pub fn subscriber(id: SubscriberId) -> [u8; 4] {
    id.0.to_be_bytes()
}

/// The subscriber in a key of `subscriber`.
pub fn read_subscriber(key: &[u8]) -> Option<SubscriberId> {
    Some(SubscriberId(u32::from_be_bytes(key.try_into().ok()?)))
}

/// `tail`
pub fn tail(seq: Seq) -> [u8; 8] {
    seq.0.to_be_bytes()
}

/// Reads a key of `tail`.
pub fn read_tail(key: &[u8]) -> Option<Seq> {
    Some(Seq(u64::from_be_bytes(key.try_into().ok()?)))
}

/// `journal`
pub fn journal(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

/// Reads a key of `journal`.
pub fn read_journal(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.try_into().ok()?))
}

/// `cursor` of a device: `d`, subscriber, device.
pub fn device(subscriber: SubscriberId, device: &str) -> Vec<u8> {
    [&b"d"[..], &subscriber.0.to_be_bytes(), device.as_bytes()].concat()
}

/// `cursor` of the digests of a subscription: `g`, subscriber, node.
pub fn digest(subscriber: SubscriberId, node: NodeId) -> [u8; 9] {
    let [a, b, c, d] = subscriber.0.to_be_bytes();
    let [e, f, g, h] = node.0.to_be_bytes();
    [b'g', a, b, c, d, e, f, g, h]
}

/// The device within such a key.
pub fn read_device(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.get(5..)?).ok()
}

/// `cursor` of a virtual shard: its checkpoint in one run of Reef.
pub fn checkpoint(epoch: u32, vshard: VShard) -> [u8; 6] {
    let [a, b, c, d] = epoch.to_be_bytes();
    [b'c', a, b, c, d, vshard.0]
}

/// The epoch of such a key.
pub fn read_checkpoint(key: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(key.strip_prefix(b"c")?.get(..4)?.try_into().ok()?))
}

/// `meta`: the number of this run.
pub const EPOCH: &[u8] = b"epoch";

/// `meta`: the format's version.
pub const FORMAT: &[u8] = b"format";
/// `meta`: the last `Seq`.
pub const SEQ: &[u8] = b"seq";
/// `meta`: the number of the last row of the journal.
pub const JOURNAL_LAST: &[u8] = b"journal";
/// `meta`: rows of the journal up to this number were removed.
pub const JOURNAL_TRIMMED: &[u8] = b"journal_trimmed";
/// `meta`: which packed copy of the edges is valid.
pub const PACKED: &[u8] = b"packed";
/// `meta`: the next node id.
pub const NEXT_NODE: &[u8] = b"next_node";
/// `meta`: the next block of subscriber ids.
pub const NEXT_BLOCK: &[u8] = b"next_block";

/// `meta`: the next subscriber id of a virtual shard.
pub fn next_subscriber(vshard: VShard) -> [u8; 2] {
    [b'v', vshard.0]
}

/// `meta`: the virtual shard that owns a block of subscriber ids.
pub fn block(block: u32) -> [u8; 5] {
    let [a, b, c, d] = block.to_be_bytes();
    [b'b', a, b, c, d]
}

/// The block within such a key.
pub fn read_block(key: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(key.strip_prefix(b"b")?.try_into().ok()?))
}

/// `meta`: the last `Seq` before a minute began, of those in which something was committed.
pub fn minute(at: Timestamp) -> [u8; 9] {
    let mut key = [b't'; 9];
    key[1..].copy_from_slice(&(at.0 / 60_000).to_be_bytes());
    key
}

/// `meta`: the number of a slot's last record.
pub fn slot(slot: Slot) -> [u8; 3] {
    let [high, low] = slot.0.to_be_bytes();
    [b's', high, low]
}

/// The first key behind all that begin with `prefix`; `None` where there is none.
pub fn behind(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PeerId;

    #[track_caller]
    fn check(key: &[u8], golden: &str) {
        let hex: String = key.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, golden);
    }

    #[test]
    fn the_layout_is_what_older_stores_hold() {
        check(&log(NodeId(1), Seq(258)), "000000010000000000000102");
        check(&item(NodeId(2), "ab"), "000000026162");
        check(&follower(NodeId(1), SubscriberId(4097)), "0000000100001001");
        check(&following(SubscriberId(4097), NodeId(1)), "0000100100000001");
        check(&node(NodeId(3), NodePart::Config), "0000000300");
        check(&node(NodeId(3), NodePart::State), "0000000301");
        check(&node_name(&NodeName::new("a@b", "n")), "614062006e");
        check(&node_name(&NodeName::presence("a@b")), "70726573656e63653a61406200");
        check(&subscriber(SubscriberId(5)), "00000005");
        check(&tail(Seq(1)), "0000000000000001");
        check(&journal(258), "0000000000000102");
        check(&device(SubscriberId(1), "tv"), "64000000017476");
        check(&minute(Timestamp(120_001)), "740000000000000002");
        check(&digest(SubscriberId(1), NodeId(2)), "670000000100000002");
        check(&checkpoint(1, VShard(7)), "630000000107");
        check(&next_subscriber(VShard(7)), "7607");
        check(&slot(Slot(4095)), "730fff");
        check(&block(258), "6200000102");
        check(&sweep_node(NodeId(1), Seq(2)), "6e000000010000000000000002");
        check(&sweep_subscriber(SubscriberId(1)), "7500000001");
        check(&sweep_config(NodeId(1)), "6300000001");
        check(&sweep_held(NodeId(1)), "6800000001");
        check(&sweep_times(NodeId(1)), "7400000001");
        check(&sweep_coming(NodeId(1)), "6c00000001");
        check(
            &sweep_expiry(Timestamp(1), NodeId(2), Seq(3)),
            "650000000000000001000000020000000000000003",
        );
        check(
            &sweep_subscription(Timestamp(1), NodeId(2), SubscriberId(3)),
            "7300000000000000010000000200000003",
        );
        check(&node(NodeId(3), NodePart::Owners), "0000000302");
        check(&peer_outbox(PeerId(1), Seq(258)), "000000010000000000000102");
        check(
            &remote(NodeId(1), PeerId(2), SubscriberId(3)),
            "000000010000000200000003",
        );
        check(&peer_name("x"), "6e78");
        check(&peer(PeerId(258)), "6900000102");
        check(&peer_followers(NodeId(1), PeerId(2)), "660000000100000002");
        check(&peer_total(PeerId(1)), "6300000001");
        check(&peer_node(PeerId(1), NodeId(2)), "740000000100000002");
        check(&peer_cursor(PeerId(1)), "7000000001");
        check(&sweep_remote(NodeId(1)), "7200000001");
        check(&sweep_peer(PeerId(1)), "7000000001");
        assert_eq!(behind(&[1, 255, 255]), Some(vec![2]));
        assert_eq!(behind(&[255]), None);
    }

    #[test]
    fn keys_read_back() {
        assert_eq!(read_log(&log(NodeId(9), Seq(8))), Some((NodeId(9), Seq(8))));
        assert_eq!(
            read_follower(&follower(NodeId(9), SubscriberId(8))),
            Some((NodeId(9), SubscriberId(8)))
        );
        assert_eq!(
            read_following(&following(SubscriberId(8), NodeId(9))),
            Some((SubscriberId(8), NodeId(9)))
        );
        assert_eq!(read_item(&item(NodeId(9), "ünï")), Some("ünï"));
        assert_eq!(read_tail(&tail(Seq(77))), Some(Seq(77)));
        assert_eq!(read_journal(&journal(77)), Some(77));
        assert_eq!(read_device(&device(SubscriberId(1), "phone")), Some("phone"));
        assert_eq!(read_log(b"x"), None);
        let remote_key = remote(NodeId(7), PeerId(8), SubscriberId(9));
        assert_eq!(read_remote(&remote_key), Some((NodeId(7), PeerId(8), SubscriberId(9))));
        assert_eq!(read_remote(b"x"), None);
        assert_eq!(
            read_peer_followers(&peer_followers(NodeId(7), PeerId(8))),
            Some((NodeId(7), PeerId(8)))
        );
        assert_eq!(
            read_peer_node(&peer_node(PeerId(8), NodeId(7))),
            Some((PeerId(8), NodeId(7)))
        );
    }
}
