//! Where everything lies: the one layout of the gateway's keys, big-endian, told apart by their first byte.
//!
//! Knows no value. Next: `rows.rs`.

use super::rows::{Class, DeliveryId, NumberId, RouteId};
use crate::number::Hash;
use reef_engine::model::{NodeId, Seq, Timestamp};
use reef_engine::store::keys::Family;

/// The names of the families, in their order.
pub const FAMILIES: &[&str] = &["sms", "sms_edge", "sms_delivery", "sms_audit"];

/// Where the gateway's families begin.
#[derive(Clone, Copy, Debug)]
pub struct Families(pub u8);

impl Families {
    /// Numbers, rings, what waits, and what is small.
    pub fn main(self) -> Family {
        Family(self.0)
    }

    /// Who gets whose posts.
    pub fn edge(self) -> Family {
        Family(self.0 + 1)
    }

    /// What is being sent, and was.
    pub fn delivery(self) -> Family {
        Family(self.0 + 2)
    }

    /// Consent, STOP and whatever changes a number's state: only added to.
    pub fn audit(self) -> Family {
        Family(self.0 + 3)
    }
}

fn key(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = vec![tag];
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
}

/// The next free ids.
pub const NEXT_NUMBER: &[u8] = &[0, 0];
/// Up to where the log was looked at.
pub const TAIL: &[u8] = &[0, 1];
/// What the key of numbers makes of nothing: another key is another gateway.
pub const KEY_CHECK: &[u8] = &[0, 2];
/// The next route.
pub const NEXT_ROUTE: &[u8] = &[0, 3];

/// hash → number
pub fn by_hash(hash: &Hash) -> Vec<u8> {
    key(1, &[hash])
}

/// number → what is known of it
pub fn number(id: NumberId) -> Vec<u8> {
    key(2, &[&id.0.to_be_bytes()])
}

/// number → what it got today
pub fn usage(id: NumberId) -> Vec<u8> {
    key(3, &[&id.0.to_be_bytes()])
}

/// number → posts that it may ask for
pub fn held(id: NumberId) -> Vec<u8> {
    key(4, &[&id.0.to_be_bytes()])
}

/// account → its number
pub fn account(jid: &str) -> Vec<u8> {
    key(5, &[jid.as_bytes()])
}

/// hash → since when nothing may be sent
pub fn stopped(hash: &Hash) -> Vec<u8> {
    key(6, &[hash])
}

/// account → a code that proves a number
pub fn code(account: &str) -> Vec<u8> {
    key(7, &[account.as_bytes()])
}

/// number → what it is being asked
pub fn dialogue(id: NumberId) -> Vec<u8> {
    key(8, &[&id.0.to_be_bytes()])
}

/// name → route
pub fn route_name(name: &str) -> Vec<u8> {
    key(9, &[name.as_bytes()])
}

/// route → whether it is paused
pub fn route_state(route: RouteId) -> Vec<u8> {
    key(10, &[&route.0.to_be_bytes()])
}

/// route, node → its ring
pub fn ring(route: RouteId, node: NodeId) -> Vec<u8> {
    key(11, &[&route.0.to_be_bytes(), &node.0.to_be_bytes()])
}

/// All rings of all routes.
pub const RINGS: &[u8] = &[11];

/// node, route → nothing: on which routes a node has followers
pub fn node_route(node: NodeId, route: RouteId) -> Vec<u8> {
    key(12, &[&node.0.to_be_bytes(), &route.0.to_be_bytes()])
}

/// The routes of a node.
pub fn routes_of(node: NodeId) -> Vec<u8> {
    key(12, &[&node.0.to_be_bytes()])
}

/// route, node, post → how far it is
pub fn fanout(route: RouteId, node: NodeId, seq: Seq) -> Vec<u8> {
    key(
        13,
        &[&route.0.to_be_bytes(), &node.0.to_be_bytes(), &seq.0.to_be_bytes()],
    )
}

/// A node's posts under way on a route.
pub fn fanouts(route: RouteId, node: NodeId) -> Vec<u8> {
    key(13, &[&route.0.to_be_bytes(), &node.0.to_be_bytes()])
}

/// All posts under way.
pub const FANOUTS: &[u8] = &[13];

/// Route, node and post of such a key.
pub fn read_fanout(key: &[u8]) -> Option<(RouteId, NodeId, Seq)> {
    let rest = key.strip_prefix(FANOUTS)?;
    let (route, rest) = rest.split_first_chunk::<2>()?;
    let (node, seq) = rest.split_first_chunk::<4>()?;
    Some((
        RouteId(u16::from_be_bytes(*route)),
        NodeId(u32::from_be_bytes(*node)),
        Seq(u64::from_be_bytes(seq.try_into().ok()?)),
    ))
}

/// route, class, not before when, delivery → a text that waits
pub fn waiting(route: RouteId, class: Class, at: Timestamp, id: DeliveryId) -> Vec<u8> {
    let parts = [&[class as u8][..], &at.0.to_be_bytes(), &id.0.to_be_bytes()].concat();
    key(14, &[&route.0.to_be_bytes(), &parts])
}

/// Time and delivery of such a key.
pub fn read_waiting(key: &[u8]) -> Option<(Timestamp, DeliveryId)> {
    let (at, id) = key.get(4..)?.split_first_chunk::<8>()?;
    let id = u64::from_be_bytes(id.try_into().ok()?);
    Some((Timestamp(u64::from_be_bytes(*at)), DeliveryId(id)))
}

/// All texts that wait.
pub const WAITING: &[u8] = &[14];

/// Of a route and class.
pub fn waiting_of(route: RouteId, class: Class) -> Vec<u8> {
    key(14, &[&route.0.to_be_bytes(), &[class as u8]])
}

/// route, time, number → nothing: whose hours begin then
pub fn due(route: RouteId, at: Timestamp, id: NumberId) -> Vec<u8> {
    key(15, &[&route.0.to_be_bytes(), &at.0.to_be_bytes(), &id.0.to_be_bytes()])
}

/// Whose hours begin, of one route.
pub fn due_of(route: RouteId) -> Vec<u8> {
    key(15, &[&route.0.to_be_bytes()])
}

/// Time and number of such a key.
pub fn read_due(key: &[u8]) -> Option<(Timestamp, NumberId)> {
    let (at, number) = key.get(3..)?.split_first_chunk::<8>()?;
    let number = u32::from_be_bytes(number.try_into().ok()?);
    Some((Timestamp(u64::from_be_bytes(*at)), NumberId(number)))
}

/// day, of what → what it cost
pub fn spent(day: i32, of: &[u8]) -> Vec<u8> {
    key(16, &[&day.to_be_bytes(), of])
}

/// number of what was heard → it, until it is answered
pub fn heard_open(id: u64) -> Vec<u8> {
    key(17, &[&id.to_be_bytes()])
}

/// Which one such a key names.
pub fn read_heard(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(1..)?.try_into().ok()?))
}

/// What was heard and is not answered.
pub const HEARD_OPEN: &[u8] = &[17];

/// The same once it is.
pub fn heard(id: u64) -> Vec<u8> {
    key(18, &[&id.to_be_bytes()])
}

/// What was heard and answered, oldest first.
pub const HEARD: &[u8] = &[18];

/// hash of what was heard → when
pub fn heard_key(hash: &Hash) -> Vec<u8> {
    key(19, &[hash])
}

/// time, hash → nothing: to forget it
pub fn heard_age(at: Timestamp, hash: &Hash) -> Vec<u8> {
    key(20, &[&at.0.to_be_bytes(), hash])
}

/// What was heard by time.
pub const HEARD_AGES: &[u8] = &[20];

/// route, id there, number → a receipt that came before its answer
pub fn early(route: RouteId, id: &str, number: NumberId) -> Vec<u8> {
    key(21, &[&route.0.to_be_bytes(), &number.0.to_be_bytes(), id.as_bytes()])
}

/// All of those.
pub const EARLY: &[u8] = &[21];

/// time, number → nothing: of whom nothing is known yet, to be forgotten
pub fn fresh(at: Timestamp, id: NumberId) -> Vec<u8> {
    key(22, &[&at.0.to_be_bytes(), &id.0.to_be_bytes()])
}

/// Time and number of such a key.
pub fn read_fresh(key: &[u8]) -> Option<(Timestamp, NumberId)> {
    let (at, number) = key.get(1..)?.split_first_chunk::<8>()?;
    let number = u32::from_be_bytes(number.try_into().ok()?);
    Some((Timestamp(u64::from_be_bytes(*at)), NumberId(number)))
}

/// Those, oldest first.
pub const FRESH: &[u8] = &[22];

/// hour, prefix → how many new numbers
pub fn newcomers(hour: u64, prefix: &str) -> Vec<u8> {
    key(23, &[&hour.to_be_bytes(), prefix.as_bytes()])
}

/// Those of all hours.
pub const NEWCOMERS: &[u8] = &[23];

/// number → the account that was shown a code for it
pub fn code_of(id: NumberId) -> Vec<u8> {
    key(25, &[&id.0.to_be_bytes()])
}

/// time, name → a part of a text whose others are to come
pub fn part(at: Timestamp, name: &Hash) -> Vec<u8> {
    key(26, &[&at.0.to_be_bytes(), name])
}

/// Those, oldest first.
pub const PARTS: &[u8] = &[26];

/// delivery → posts that it says, and that were asked for
pub fn said(id: DeliveryId) -> Vec<u8> {
    key(27, &[&id.0.to_be_bytes()])
}

/// consent: number, time → what was shown and said, sealed
pub fn consent(hash: &Hash, at: Timestamp, nth: u64) -> Vec<u8> {
    key(24, &[hash, &at.0.to_be_bytes(), &nth.to_be_bytes()])
}

/// All consent of a number.
pub fn consents(hash: &Hash) -> Vec<u8> {
    key(24, &[hash])
}

/// time, number, nth → nothing: to forget that consent
pub fn consent_age(at: Timestamp, hash: &Hash, nth: u64) -> Vec<u8> {
    key(28, &[&at.0.to_be_bytes(), hash, &nth.to_be_bytes()])
}

/// Those, oldest first.
pub const CONSENT_AGES: &[u8] = &[28];

/// The time of such a key, and the key of the consent.
pub fn read_consent_age(key: &[u8]) -> Option<(Timestamp, Vec<u8>)> {
    let (at, rest) = key.get(1..)?.split_first_chunk::<8>()?;
    let (hash, nth) = rest.split_last_chunk::<8>()?;
    let at = Timestamp(u64::from_be_bytes(*at));
    Some((at, consent(hash.try_into().ok()?, at, u64::from_be_bytes(*nth))))
}

/// route, node, number → how far that pair is
pub fn edge(route: RouteId, node: NodeId, id: NumberId) -> Vec<u8> {
    key(0, &[&route.0.to_be_bytes(), &node.0.to_be_bytes(), &id.0.to_be_bytes()])
}

/// All of a ring.
pub fn edges(route: RouteId, node: NodeId) -> Vec<u8> {
    key(0, &[&route.0.to_be_bytes(), &node.0.to_be_bytes()])
}

/// The number of such a key.
pub fn read_edge(key: &[u8]) -> Option<NumberId> {
    let number = key.get(7..)?.try_into().ok()?;
    Some(NumberId(u32::from_be_bytes(number)))
}

/// number, node → route: whose posts it gets
pub fn gets(id: NumberId, node: NodeId) -> Vec<u8> {
    key(1, &[&id.0.to_be_bytes(), &node.0.to_be_bytes()])
}

/// All whose posts it gets.
pub fn all_gets(id: NumberId) -> Vec<u8> {
    key(1, &[&id.0.to_be_bytes()])
}

/// The node of such a key.
pub fn read_gets(key: &[u8]) -> Option<NodeId> {
    let node = key.get(5..)?.try_into().ok()?;
    Some(NodeId(u32::from_be_bytes(node)))
}

/// delivery → it, while it is under way
pub fn open(id: DeliveryId) -> Vec<u8> {
    key(0, &[&id.0.to_be_bytes()])
}

/// What is under way.
pub const OPEN: &[u8] = &[0];

/// The same once the route has answered.
pub fn closed(id: DeliveryId) -> Vec<u8> {
    key(1, &[&id.0.to_be_bytes()])
}

/// What was answered, oldest first.
pub const CLOSED: &[u8] = &[1];

/// route, number, id there → delivery and part
pub fn by_id(route: RouteId, number: NumberId, id: &str) -> Vec<u8> {
    key(2, &[&route.0.to_be_bytes(), &number.0.to_be_bytes(), id.as_bytes()])
}

/// The delivery of a key of one of both.
pub fn read_delivery(key: &[u8]) -> Option<DeliveryId> {
    let id = key.get(1..)?.try_into().ok()?;
    Some(DeliveryId(u64::from_be_bytes(id)))
}

/// seq, nth → what happened
pub fn audit(seq: Seq, nth: u32) -> Vec<u8> {
    [&seq.0.to_be_bytes()[..], &nth.to_be_bytes()].concat()
}
