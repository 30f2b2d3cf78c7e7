//! Many follow a node at once: an operator brings followers from elsewhere.
//!
//! Access and limits are those of a follow that each had asked for, except that an operator stands in for the owner who
//! approves. What a thousand have in common is looked up once, and rows are read many at a time. Doing it again changes
//! nothing. Next: one effect for all of them, which each shard takes its own from.

use super::{Apply, ApplyError, Effect, access};
use crate::config::{AccessModel, Affiliation, SubscriptionState};
use crate::error::{Reject, StoreError};
use crate::limits::FOLLOWERS_PER_RECORD;
use crate::log::record::{Imported, Outcome};
use crate::model::{NodeId, NodeName, SubscriberId, VShard};
use crate::store::keys::{self, Family};
use crate::store::rows::{self, NewSubscribers, NodeRow, Subscription};
use crate::store::{Range, View};
use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

/// One of those who are to follow.
struct Asked<'r> {
    jid: &'r str,
    /// `None` for one who was never heard of: he has no row of any kind.
    id: Option<SubscriberId>,
    /// How many nodes he follows.
    follows: u32,
    /// Whether he waited for approval: then this subscription is counted.
    waited: bool,
}

impl Apply<'_, '_> {
    pub(super) fn import(&mut self, name: &NodeName, subscribers: &[Arc<str>]) -> Result<Outcome, ApplyError> {
        if !self.by.is_empty() {
            return Err(Reject::Forbidden.into());
        }
        if subscribers.len() > FOLLOWERS_PER_RECORD {
            return Err(Reject::NotAcceptable("too many followers for one record").into());
        }
        let (node, row) = self.node(name)?;
        let jids: BTreeSet<&str> = subscribers.iter().map(|jid| &**jid).collect();
        let mut done = Imported {
            // Who is named twice follows once.
            already: (subscribers.len() - jids.len()) as u64,
            ..Imported::default()
        };
        let asked = self.identify(jids)?;
        let asked = self.without_followers(node, asked, &mut done)?;
        let asked = self.allowed(node, &row, asked, &mut done)?;
        let asked = self.within_quota(asked, &mut done)?;
        done.imported = asked.len() as u64;
        self.put_edges(node, &row, asked)?;
        Ok(Outcome::Imported(done))
    }

    /// Who of them is known.
    fn identify<'r>(&self, jids: BTreeSet<&'r str>) -> Result<Vec<Asked<'r>>, StoreError> {
        let names: Vec<&[u8]> = jids.iter().map(|jid| jid.as_bytes()).collect();
        let found = self.tx.get_many(Family::SUBSCRIBER_NAME, &names)?;
        let asked = jids.into_iter().zip(found).map(|(jid, row)| {
            let id = row.map(|row| rows::decode(Family::SUBSCRIBER_NAME, &row)).transpose()?;
            let (follows, waited) = (0, false);
            Ok(Asked {
                jid,
                id,
                follows,
                waited,
            })
        });
        asked.collect()
    }

    /// Rows of those who are known, by a key made of their ids; `None` for all others.
    fn rows_of<const N: usize>(
        &self,
        family: Family,
        asked: &[Asked<'_>],
        key: impl Fn(SubscriberId) -> [u8; N],
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let keys: Vec<[u8; N]> = asked.iter().filter_map(|one| one.id).map(key).collect();
        let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
        let mut found = self.tx.get_many(family, &keys)?.into_iter();
        let known = asked.iter().map(|one| one.id.and_then(|_| found.next()).flatten());
        Ok(known.collect())
    }

    /// Leaves out those who follow already. Who waits for approval gets it.
    fn without_followers<'r>(
        &self,
        node: NodeId,
        asked: Vec<Asked<'r>>,
        done: &mut Imported,
    ) -> Result<Vec<Asked<'r>>, StoreError> {
        // Where they are about as many as the followers, walking those is cheaper than looking for each.
        let followers = rows::node_state(self.tx, node)?.followers;
        let found = if followers <= 4 * asked.len() as u64 {
            self.walked(node, &asked)?
        } else {
            self.rows_of(Family::FOLLOWER, &asked, |id| keys::follower(node, id))?
        };
        let before = asked.len();
        let new = asked.into_iter().zip(found);
        let follows = |row: &[u8]| rows::state_in(row).is_some_and(SubscriptionState::is_subscribed);
        let new = new.filter(|(_, row)| !row.as_deref().is_some_and(follows));
        let new = new.map(|(one, row)| Asked {
            waited: row.is_some(),
            ..one
        });
        let new: Vec<Asked<'r>> = new.collect();
        done.already += (before - new.len()) as u64;
        Ok(new)
    }

    /// Rows of `follower` of those who are known, found by walking all of the node's.
    fn walked(&self, node: NodeId, asked: &[Asked<'_>]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let mut rows = HashMap::new();
        let prefix = Range::prefix(&node.0.to_be_bytes());
        self.tx.scan(Family::FOLLOWER, &prefix, &mut |key, value| {
            rows.extend(keys::read_follower(key).map(|(_, id)| (id, value.to_vec())));
            ControlFlow::Continue(())
        })?;
        Ok(asked.iter().map(|one| rows.remove(&one.id?)).collect())
    }

    /// Leaves out those who may not read the node.
    fn allowed<'r>(
        &self,
        node: NodeId,
        row: &NodeRow,
        asked: Vec<Asked<'r>>,
        done: &mut Imported,
    ) -> Result<Vec<Asked<'r>>, ApplyError> {
        if row.config.access == AccessModel::Open && !self.has_affiliations(node)? {
            return Ok(asked);
        }
        let mut allowed = Vec::with_capacity(asked.len());
        for one in asked {
            let approved = row.config.access == AccessModel::Authorize
                && rows::affiliation(self.tx, node, row, one.jid)? == Affiliation::None;
            match access::may_read(self.tx, self.tables, node, row, one.jid) {
                Ok(()) => allowed.push(one),
                Err(ApplyError::Reject(_)) if approved => allowed.push(one),
                Err(ApplyError::Reject(_)) => done.refused += 1,
                Err(failed) => return Err(failed),
            }
        }
        Ok(allowed)
    }

    fn has_affiliations(&self, node: NodeId) -> Result<bool, StoreError> {
        let mut any = false;
        let range = Range::prefix(&node.0.to_be_bytes());
        self.tx.scan(Family::AFFILIATION, &range, &mut |_, _| {
            any = true;
            ControlFlow::Break(())
        })?;
        Ok(any)
    }

    /// Leaves out those who follow too many nodes, and notes how many the others do.
    fn within_quota<'r>(&self, asked: Vec<Asked<'r>>, done: &mut Imported) -> Result<Vec<Asked<'r>>, StoreError> {
        let found = self.rows_of(Family::FOLLOWS, &asked, keys::subscriber)?;
        let mut within = Vec::with_capacity(asked.len());
        for (mut one, row) in asked.into_iter().zip(found) {
            let row = row.map(|row| rows::decode(Family::FOLLOWS, &row)).transpose()?;
            one.follows = row.unwrap_or(0);
            if one.waited || one.follows < self.limits.subscriptions_per_account {
                within.push(one);
            } else {
                done.refused += 1;
            }
        }
        Ok(within)
    }

    fn put_edges(&mut self, node: NodeId, of: &NodeRow, asked: Vec<Asked<'_>>) -> Result<(), StoreError> {
        let state = SubscriptionState::Subscribed;
        let row = rows::encode(&Subscription { state, since: self.seq });
        let since = rows::encode(&self.seq);
        let mut new = NewSubscribers::default();
        let mut edges: Vec<(VShard, SubscriberId)> = Vec::with_capacity(asked.len());
        for one in asked {
            let vshard = VShard::of(one.jid);
            let id = match one.id {
                Some(id) => id,
                None => new.make(self.tx, one.jid, vshard)?,
            };
            self.tx.put(Family::FOLLOWER, keys::follower(node, id), row.clone());
            rows::put_follows(self.tx, id, one.follows + u32::from(!one.waited));
            self.tx.put(Family::FOLLOWING, keys::following(id, node), since.clone());
            if of.greets() {
                self.tx.put(Family::COMING, keys::following(id, node), []);
            }
            self.edge_at_peer(node, of, (id, one.jid), true)?;
            edges.push((vshard, id));
        }
        new.finish(self.tx);
        if edges.is_empty() {
            return Ok(());
        }
        let mut counters = rows::node_state(self.tx, node)?;
        counters.followers += edges.len() as u64;
        rows::put_state(self.tx, node, &counters);
        edges.sort_unstable_by_key(|(_, id)| *id);
        self.effects.push(Effect::Follows {
            node,
            subscribers: edges.into(),
        });
        Ok(())
    }
}
