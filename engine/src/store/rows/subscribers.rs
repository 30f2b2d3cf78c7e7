//! How a subscriber is found and made: his id, his name, how many nodes he follows.
//!
//! Knows no record and no stage. The values are in `mod.rs`.

use super::{Usage, decode, encode, get, number};
use crate::error::StoreError;
use crate::limits;
use crate::model::{Event, NodeId, SubscriberId, VShard};
use crate::store::keys::{self, Family};
use crate::store::{Range, Tx, View};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// The subscriber of this bare JID.
///
/// # Errors
/// The store's failures.
pub fn subscriber_id(view: &dyn View, jid: &str) -> Result<Option<SubscriberId>, StoreError> {
    get(view, Family::SUBSCRIBER_NAME, jid.as_bytes())
}

/// A subscriber's bare JID.
///
/// # Errors
/// The store's failures.
pub fn subscriber_name(view: &dyn View, id: SubscriberId) -> Result<Option<Arc<str>>, StoreError> {
    get(view, Family::SUBSCRIBER, &keys::subscriber(id))
}

/// The bare JIDs of many subscribers, each another, in their order. Where their ids lie close together, as those of a large
/// node's followers do, one scan finds them: a row of it costs a tenth of one that is looked up.
///
/// # Errors
/// The store's failures.
pub fn subscriber_names(view: &dyn View, ids: &[SubscriberId]) -> Result<Vec<Option<Arc<str>>>, StoreError> {
    const CLOSE: u32 = 4;
    const MANY: usize = 16;
    let decoded = |bytes: &[u8]| decode(Family::SUBSCRIBER, bytes);
    let (least, most) = (ids.iter().min(), ids.iter().max());
    if let (Some(least), Some(end)) = (least, most.and_then(|most| most.0.checked_add(1)))
        && ids.len() >= MANY
        && ((end - least.0) / CLOSE) as usize <= ids.len()
    {
        let mut rows: Vec<Option<Result<Arc<str>, StoreError>>> = Vec::new();
        rows.resize_with((end - least.0) as usize, || None);
        let range = Range::between(keys::subscriber(*least), keys::subscriber(SubscriberId(end)));
        view.scan(Family::SUBSCRIBER, &range, &mut |key, value| {
            let place = keys::read_subscriber(key).map(|id| (id.0 - least.0) as usize);
            if let Some(row) = place.and_then(|place| rows.get_mut(place)) {
                *row = Some(decoded(value));
            }
            ControlFlow::Continue(())
        })?;
        let mut row = |id: &SubscriberId| rows.get_mut((id.0 - least.0) as usize)?.take();
        return ids.iter().map(|id| row(id).transpose()).collect();
    }
    let keys: Vec<[u8; 4]> = ids.iter().map(|id| keys::subscriber(*id)).collect();
    let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
    let rows = view.read_many(Family::SUBSCRIBER, &keys)?;
    rows.iter().map(|row| row.as_deref().map(decoded).transpose()).collect()
}

/// How many nodes a subscriber follows, or waits to. In rows of their own, which lie close together: one is read and written with each
/// follow, and between his edges it would cost a block of them.
///
/// # Errors
/// The store's failures.
pub fn follows(view: &dyn View, id: SubscriberId) -> Result<u32, StoreError> {
    Ok(get(view, Family::FOLLOWS, &keys::subscriber(id))?.unwrap_or(0))
}

/// Writes how many nodes a subscriber follows.
pub fn put_follows(tx: &mut Tx<'_>, id: SubscriberId, follows: u32) {
    tx.put(Family::FOLLOWS, keys::subscriber(id), encode(&follows));
}

/// What somebody follows and whose last item he gets when he comes online: at most `max`. Cost: one scan of so many rows;
/// what else he follows costs nothing.
///
/// # Errors
/// The store's failures.
pub fn coming(view: &dyn View, id: SubscriberId, max: usize) -> Result<Vec<NodeId>, StoreError> {
    let mut found = Vec::new();
    if max == 0 {
        return Ok(found);
    }
    view.scan(Family::COMING, &Range::prefix(&keys::subscriber(id)), &mut |key, _| {
        found.extend(keys::read_following(key).map(|(_, node)| node));
        match found.len() < max {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    })?;
    Ok(found)
}

/// What an account published and is still kept.
///
/// # Errors
/// The store's failures.
pub fn usage(view: &dyn View, jid: &str) -> Result<Usage, StoreError> {
    Ok(get(view, Family::USAGE, jid.as_bytes())?.unwrap_or_default())
}

/// The name under which is counted what all users of a domain elsewhere keep here: no bare JID.
pub fn domain_usage(domain: &str) -> String {
    format!("@{domain}")
}

/// Writes what somebody keeps.
pub fn put_usage(tx: &mut Tx<'_>, name: &str, has: &Usage) {
    match *has == Usage::default() {
        true => tx.delete(Family::USAGE, name.as_bytes()),
        false => tx.put(Family::USAGE, name.as_bytes(), encode(has)),
    }
}

/// Counts an entry that is kept from now on, for its publisher and for the domain elsewhere that he is of; what he then has, and
/// what that has.
///
/// # Errors
/// The store's failures.
pub fn count_kept(tx: &mut Tx<'_>, event: &Event, domain: Option<&str>) -> Result<(Usage, Usage), StoreError> {
    let Some((publisher, one)) = Usage::of(event) else {
        return Ok(<(Usage, Usage)>::default());
    };
    let mut count = |name: &str| -> Result<Usage, StoreError> {
        let had = usage(tx, name)?;
        let has = Usage {
            items: had.items + one.items,
            bytes: had.bytes + one.bytes,
            ..had
        };
        put_usage(tx, name, &has);
        Ok(has)
    };
    let of_domain = domain.map(|domain| count(&domain_usage(domain))).transpose()?;
    Ok((count(publisher)?, of_domain.unwrap_or_default()))
}

/// Counts an entry that is no longer kept.
///
/// # Errors
/// The store's failures.
pub fn count_gone(tx: &mut Tx<'_>, event: &Event, domain: Option<&str>) -> Result<(), StoreError> {
    let Some((publisher, one)) = Usage::of(event) else {
        return Ok(());
    };
    let name = domain.map(domain_usage);
    for name in [Some(&**publisher), name.as_deref()].into_iter().flatten() {
        let had = usage(tx, name)?;
        let has = Usage {
            items: had.items.saturating_sub(one.items),
            bytes: had.bytes.saturating_sub(one.bytes),
            ..had
        };
        put_usage(tx, name, &has);
    }
    Ok(())
}

/// The subscriber of this bare JID, made if need be: the next id of its virtual shard, in a block of that shard.
///
/// # Errors
/// The store's failures.
pub fn make_subscriber(tx: &mut Tx<'_>, jid: &str) -> Result<SubscriberId, StoreError> {
    if let Some(id) = subscriber_id(tx, jid)? {
        return Ok(id);
    }
    let mut new = NewSubscribers::default();
    let id = new.make(tx, jid, VShard::of(jid))?;
    new.finish(tx);
    Ok(id)
}

/// Subscribers that are made together: what their ids come from is read and written once for each virtual shard.
#[derive(Default)]
pub struct NewSubscribers(BTreeMap<VShard, u32>);

impl NewSubscribers {
    /// The subscriber of a bare JID that has none, as [`make_subscriber`] makes one.
    ///
    /// # Errors
    /// The store's failures.
    pub fn make(&mut self, tx: &mut Tx<'_>, jid: &str, vshard: VShard) -> Result<SubscriberId, StoreError> {
        let next = match self.0.get(&vshard) {
            Some(next) => Some(*next),
            None => number(tx, &keys::next_subscriber(vshard))?,
        };
        let id = match next.filter(|next| next % limits::BLOCK != 0) {
            Some(next) => next,
            None => {
                // Id 0 is never given, so that a table of ids may use 0 for nobody.
                let block = number(tx, keys::NEXT_BLOCK)?.unwrap_or(0);
                tx.put(Family::META, keys::NEXT_BLOCK, encode(&(block + 1)));
                tx.put(Family::META, keys::block(block), [vshard.0]);
                (block * limits::BLOCK).max(1)
            }
        };
        self.0.insert(vshard, id + 1);
        tx.put(Family::SUBSCRIBER_NAME, jid.as_bytes(), encode(&SubscriberId(id)));
        tx.put(Family::SUBSCRIBER, keys::subscriber(SubscriberId(id)), encode(&jid));
        Ok(SubscriberId(id))
    }

    /// Notes which ids come next. To be called when all are made.
    pub fn finish(self, tx: &mut Tx<'_>) {
        for (vshard, next) in self.0 {
            tx.put(Family::META, keys::next_subscriber(vshard), encode(&next));
        }
    }
}
