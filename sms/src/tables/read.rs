//! What others read from the tables: rows by their keys, and pages in order.
//!
//! Works on the store and on a commit's own view. Knows no route's protocol. Next: `schedule/`, `inbound/`, `gateway/`.

use super::keys::{self, Families};
use super::rows::{
    Audit, Class, Code, Delivery, DeliveryId, Dialogue, Edge, Fanout, Heard, Held, Number, NumberId, Ring, RouteId,
    Spent, Usage, Waiting,
};
use crate::number::Hash;
use reef_engine::error::StoreError;
use reef_engine::model::{NodeId, Seq, Timestamp};
use reef_engine::store::keys::Family;
use reef_engine::store::rows::decode;
use reef_engine::store::{Range, View};
use serde::de::DeserializeOwned;
use std::ops::ControlFlow;

/// The tables, as they are now.
#[derive(Clone, Copy)]
pub struct Rows<'v> {
    /// Where they lie.
    pub view: &'v dyn View,
    /// In which families.
    pub families: Families,
}

type Read<T> = Result<T, StoreError>;

/// The keys of a prefix behind one of them.
fn behind(prefix: &[u8], after: Option<&[u8]>) -> Range {
    let all = Range::prefix(prefix);
    match after {
        // The least key above it.
        Some(after) => Range {
            start: [after, &[0]].concat(),
            ..all
        },
        None => all,
    }
}

impl Rows<'_> {
    fn get<T: DeserializeOwned>(&self, family: Family, key: &[u8]) -> Read<Option<T>> {
        let bytes = self.view.get(family, key)?;
        bytes.map(|bytes| decode(family, &bytes)).transpose()
    }

    /// What the key of numbers makes of nothing, once one was used.
    pub fn key_check(&self) -> Read<Option<Hash>> {
        self.main(keys::KEY_CHECK)
    }

    fn main<T: DeserializeOwned>(&self, key: &[u8]) -> Read<Option<T>> {
        self.get(self.families.main(), key)
    }

    /// Rows of a range, until `each` has enough.
    fn page<T: DeserializeOwned, R>(
        &self,
        family: Family,
        range: &Range,
        most: usize,
        mut each: impl FnMut(&[u8], T) -> Option<R>,
    ) -> Read<Vec<R>> {
        let (mut found, mut bad) = (Vec::new(), None);
        self.view.scan(family, range, &mut |key, value| {
            match decode::<T>(family, value) {
                Ok(row) => match each(key, row) {
                    Some(row) => found.push(row),
                    None => return ControlFlow::Break(()),
                },
                Err(error) => bad = Some(error),
            }
            match bad.is_none() && found.len() < most {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        bad.map_or(Ok(found), Err)
    }

    /// Keys of a range that have no value.
    fn keys<R>(
        &self,
        family: Family,
        range: &Range,
        most: usize,
        mut each: impl FnMut(&[u8]) -> Option<R>,
    ) -> Read<Vec<R>> {
        let mut found = Vec::new();
        self.view.scan(family, range, &mut |key, _| match each(key) {
            Some(row) => {
                found.push(row);
                match found.len() < most {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                }
            }
            None => ControlFlow::Break(()),
        })?;
        Ok(found)
    }

    /// The number with this hash.
    pub fn by_hash(&self, hash: &Hash) -> Read<Option<NumberId>> {
        self.main(&keys::by_hash(hash))
    }

    /// A number.
    pub fn number(&self, id: NumberId) -> Read<Option<Number>> {
        self.main(&keys::number(id))
    }

    /// What it got.
    pub fn usage(&self, id: NumberId) -> Read<Usage> {
        Ok(self.main(&keys::usage(id))?.unwrap_or_default())
    }

    /// What it may ask for.
    pub fn held(&self, id: NumberId) -> Read<Held> {
        Ok(self.main(&keys::held(id))?.unwrap_or_default())
    }

    /// The number of an account.
    pub fn of_account(&self, jid: &str) -> Read<Option<NumberId>> {
        self.main(&keys::account(jid))
    }

    /// Since when a number wants nothing.
    pub fn stopped(&self, hash: &Hash) -> Read<Option<Timestamp>> {
        self.main(&keys::stopped(hash))
    }

    /// What a number is being asked.
    pub fn dialogue(&self, id: NumberId) -> Read<Option<Dialogue>> {
        self.main(&keys::dialogue(id))
    }

    /// The code of an account.
    pub fn code(&self, account: &str) -> Read<Option<Code>> {
        self.main(&keys::code(account))
    }

    /// The account that was shown a code for a number.
    pub fn account_with_code(&self, id: NumberId) -> Read<Option<std::sync::Arc<str>>> {
        self.main(&keys::code_of(id))
    }

    /// Parts of texts whose others are to come, sealed, oldest first, behind a key.
    pub fn parts(&self, after: Option<&[u8]>, most: usize) -> Read<Vec<(Vec<u8>, Vec<u8>)>> {
        let range = behind(keys::PARTS, after);
        self.page(self.families.main(), &range, most, |key, sealed: Vec<u8>| {
            Some((key.to_vec(), sealed))
        })
    }

    /// Whether a route is paused.
    pub fn is_paused(&self, route: RouteId) -> Read<bool> {
        Ok(self.main(&keys::route_state(route))?.unwrap_or_default())
    }

    /// Up to where the log was looked at.
    pub fn tail(&self) -> Read<Seq> {
        Ok(self.main(keys::TAIL)?.unwrap_or_default())
    }

    /// A ring.
    pub fn ring(&self, route: RouteId, node: NodeId) -> Read<Ring> {
        Ok(self.main(&keys::ring(route, node))?.unwrap_or_default())
    }

    /// The routes on which somebody gets a node's posts.
    pub fn routes_of(&self, node: NodeId) -> Read<Vec<RouteId>> {
        let family = self.families.main();
        self.keys(family, &Range::prefix(&keys::routes_of(node)), usize::MAX, |key| {
            let route = key.get(5..)?.try_into().ok()?;
            Some(RouteId(u16::from_be_bytes(route)))
        })
    }

    /// Posts that go round, by route and node, behind one of them.
    pub fn fanouts(
        &self,
        after: Option<(RouteId, NodeId, Seq)>,
        most: usize,
    ) -> Read<Vec<((RouteId, NodeId, Seq), Fanout)>> {
        let after = after.map(|(route, node, seq)| keys::fanout(route, node, seq));
        let range = behind(keys::FANOUTS, after.as_deref());
        self.page(self.families.main(), &range, most, |key, fanout: Fanout| {
            Some((keys::read_fanout(key)?, fanout))
        })
    }

    /// A node's posts that go round a route, behind one of them.
    pub fn fanouts_of(&self, route: RouteId, node: NodeId, after: Seq) -> Read<Vec<(Seq, Fanout)>> {
        let all = Range::prefix(&keys::fanouts(route, node));
        let start = keys::fanout(route, node, after.next());
        let range = Range { start, ..all };
        self.page(self.families.main(), &range, usize::MAX, |key, fanout: Fanout| {
            Some((keys::read_fanout(key)?.2, fanout))
        })
    }

    /// A post that goes round.
    pub fn fanout(&self, route: RouteId, node: NodeId, seq: Seq) -> Read<Option<Fanout>> {
        self.main(&keys::fanout(route, node, seq))
    }

    /// The next of a ring behind a number.
    pub fn edges(&self, route: RouteId, node: NodeId, after: NumberId, most: usize) -> Read<Vec<(NumberId, Edge)>> {
        let all = Range::prefix(&keys::edges(route, node));
        let start = keys::edge(route, node, NumberId(after.0.saturating_add(1)));
        let range = Range { start, ..all };
        self.page(self.families.edge(), &range, most, |key, edge: Edge| {
            Some((keys::read_edge(key)?, edge))
        })
    }

    /// One of a ring.
    pub fn edge(&self, route: RouteId, node: NodeId, id: NumberId) -> Read<Option<Edge>> {
        self.get(self.families.edge(), &keys::edge(route, node, id))
    }

    /// Whose posts a number gets.
    pub fn gets(&self, id: NumberId, most: usize) -> Read<Vec<NodeId>> {
        self.keys(
            self.families.edge(),
            &Range::prefix(&keys::all_gets(id)),
            most,
            keys::read_gets,
        )
    }

    /// Texts that wait by a route, up to a time, oldest first.
    pub fn waiting(
        &self,
        route: RouteId,
        class: Class,
        now: Timestamp,
        most: usize,
    ) -> Read<Vec<(Timestamp, DeliveryId, Waiting)>> {
        let range = Range::prefix(&keys::waiting_of(route, class));
        self.page(self.families.main(), &range, most, |key, row: Waiting| {
            let (at, id) = keys::read_waiting(key)?;
            (at <= now).then_some((at, id, row))
        })
    }

    /// All of them, whenever they may be sent.
    pub fn waiting_all(
        &self,
        route: RouteId,
        class: Class,
        most: usize,
    ) -> Read<Vec<(Timestamp, DeliveryId, Waiting)>> {
        self.waiting(route, class, Timestamp(u64::MAX), most)
    }

    /// How many there are, up to so many, and the first that was made: ids are in the order in which they were.
    pub fn waiting_count(
        &self,
        route: RouteId,
        class: Class,
        most: usize,
    ) -> Read<(usize, Option<(Timestamp, DeliveryId)>)> {
        let range = Range::prefix(&keys::waiting_of(route, class));
        let (mut count, mut first) = (0, None);
        self.view.scan(self.families.main(), &range, &mut |key, _| {
            count += 1;
            let found = keys::read_waiting(key);
            first = match first {
                Some((_, id)) if found.is_none_or(|(_, other)| other >= id) => first,
                _ => found,
            };
            match count < most {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        Ok((count, first))
    }

    /// One of them.
    pub fn waiting_one(&self, route: RouteId, class: Class, at: Timestamp, id: DeliveryId) -> Read<Option<Waiting>> {
        self.main(&keys::waiting(route, class, at, id))
    }

    /// The number of a route with this name.
    pub fn route(&self, name: &str) -> Read<Option<RouteId>> {
        self.main(&keys::route_name(name))
    }

    /// What a number agreed to, sealed.
    pub fn consents(&self, hash: &Hash) -> Read<Vec<(Timestamp, Vec<u8>)>> {
        let range = Range::prefix(&keys::consents(hash));
        self.page(self.families.main(), &range, usize::MAX, |key, sealed: Vec<u8>| {
            let at = key.get(17..25)?.try_into().ok()?;
            Some((Timestamp(u64::from_be_bytes(at)), sealed))
        })
    }

    /// What happened to a number. Reads the whole audit: for operators.
    pub fn audits(&self, hash: &Hash) -> Read<Vec<Audit>> {
        let rows = self.page(self.families.audit(), &Range::all(), usize::MAX, |_, row: Audit| {
            Some(row)
        })?;
        Ok(rows.into_iter().filter(|row| row.hash == *hash).collect())
    }

    /// When the next of them may be sent.
    pub fn next_waiting(&self, route: RouteId, class: Class) -> Read<Option<Timestamp>> {
        let range = Range::prefix(&keys::waiting_of(route, class));
        let first = self.page(self.families.main(), &range, 1, |key, _: Waiting| {
            keys::read_waiting(key)
        })?;
        Ok(first.first().map(|(at, _)| *at))
    }

    /// Whose hours have begun.
    pub fn due(&self, route: RouteId, now: Timestamp, most: usize) -> Read<Vec<(Timestamp, NumberId)>> {
        let range = Range::prefix(&keys::due_of(route));
        self.keys(self.families.main(), &range, most, |key| {
            keys::read_due(key).filter(|(at, _)| *at <= now)
        })
    }

    /// When the next ones' begin.
    pub fn next_due(&self, route: RouteId) -> Read<Option<Timestamp>> {
        let range = Range::prefix(&keys::due_of(route));
        let first = self.keys(self.families.main(), &range, 1, keys::read_due)?;
        Ok(first.first().map(|(at, _)| *at))
    }

    /// What was spent.
    pub fn spent(&self, day: i32, of: &[u8]) -> Read<Spent> {
        Ok(self.main(&keys::spent(day, of))?.unwrap_or_default())
    }

    /// What was heard and is not answered, oldest first, behind one of them.
    pub fn unanswered(&self, after: Option<u64>, most: usize) -> Read<Vec<(u64, Heard)>> {
        let range = behind(keys::HEARD_OPEN, after.map(keys::heard_open).as_deref());
        self.page(self.families.main(), &range, most, |key, heard: Heard| {
            Some((keys::read_heard(key)?, heard))
        })
    }

    /// The newest of those.
    pub fn newest_unanswered(&self) -> Read<Option<u64>> {
        let range = Range::prefix(keys::HEARD_OPEN).reversed();
        let newest = self.keys(self.families.main(), &range, 1, keys::read_heard)?;
        Ok(newest.first().copied())
    }

    /// What is under way, oldest first, behind one of them.
    pub fn open(&self, after: Option<DeliveryId>, most: usize) -> Read<Vec<(DeliveryId, Delivery)>> {
        let range = behind(keys::OPEN, after.map(keys::open).as_deref());
        self.page(self.families.delivery(), &range, most, |key, row: Delivery| {
            Some((keys::read_delivery(key)?, row))
        })
    }

    /// What was answered, oldest first.
    pub fn closed(&self, most: usize) -> Read<Vec<(DeliveryId, Delivery)>> {
        let range = Range::prefix(keys::CLOSED);
        self.page(self.families.delivery(), &range, most, |key, row: Delivery| {
            Some((keys::read_delivery(key)?, row))
        })
    }

    /// A delivery, under way or answered.
    pub fn delivery(&self, id: DeliveryId) -> Read<Option<Delivery>> {
        let family = self.families.delivery();
        match self.get(family, &keys::open(id))? {
            Some(row) => Ok(Some(row)),
            None => self.get(family, &keys::closed(id)),
        }
    }
}
