//! One run of Reef: the engine's parts put together over the simulated disk, as `Engine::over` does with threads.
//!
//! Rebuilt after each crash from what the disk has. Knows no user and no device. Next: `world.rs` drives it.

use crate::Violation;
use crate::disk::{Disk, SimClock};
use crate::model::Model;
use crate::plan::{Mutant, Plan};
use reef_engine::error::StoreError;
use reef_engine::fanout::{Batches, Fanout, Wake};
use reef_engine::index::Index;
use reef_engine::limits::Limits;
use reef_engine::load;
use reef_engine::log::apply::NoTables;
use reef_engine::log::record::Attachment;
use reef_engine::log::{Applier, NoBus};
use reef_engine::metrics::Metrics;
use reef_engine::model::{NodeId, NodeName, Seq, SubscriberId, Timestamp, VShard};
use reef_engine::outbox::{self, Page, PageRequest, Recent};
use reef_engine::shard::{Key, Shard};
use reef_engine::store::keys::{self, Family};
use reef_engine::store::{Range, Store, View, check_format, rows};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// The node that every author publishes on.
pub const NODE: &str = "urn:xmpp:microblog:0";

/// A page that was asked for, and what was read, once it was.
pub struct Asked {
    /// The shard.
    pub shard: usize,
    /// The session.
    pub key: Key,
    /// The request.
    pub request: PageRequest,
    /// What was read.
    pub page: Option<Page>,
}

/// A run.
pub struct Run {
    /// The applier.
    pub applier: Applier,
    /// The shards.
    pub shards: Vec<Shard>,
    /// What commits bring each of them.
    pub batches: Vec<Batches>,
    /// Up to where each of them has applied.
    pub applied: Vec<Seq>,
    /// Recent order and posts.
    pub recent: Arc<Recent>,
    /// Pages that are being read.
    pub asked: Vec<Asked>,
}

/// The bare JID of a user.
pub fn jid(user: usize) -> String {
    format!("u{user}@reef.test")
}

/// The node of a user.
pub fn node_name(user: usize) -> NodeName {
    NodeName::new(jid(user), NODE)
}

/// What is attached to an item of a user's node.
pub fn attachment(user: usize, item: u32) -> Attachment {
    let target = node_name(user);
    Attachment {
        node: NodeName::new(jid(user), format!("urn:xmpp:pubsub-attachments:1/{user}/{item}")),
        summary: target.summary(),
        item: item.to_string().into(),
        target,
    }
}

impl Run {
    /// Starts on what the disk has.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn start(
        disk: &Arc<Disk>,
        clock: &Arc<SimClock>,
        plan: &Plan,
        mutant: Option<Mutant>,
    ) -> Result<Run, StoreError> {
        let store: Arc<dyn Store> = disk.clone();
        check_format(&*store, &|_, _| None)?;
        let (limits, metrics) = (Arc::new(plan.limits.clone()), Arc::new(Metrics::default()));
        let epoch = outbox::start_epoch(&*store)?;
        let (last, mut recent) = load::recent(&*store)?;
        let mut indexes = load::indexes(&*store, plan.shards)?;
        match mutant {
            Some(Mutant::TailForgotten) => recent = Recent::new(Seq(0)),
            Some(Mutant::IndexForgotten) => indexes = (0..plan.shards).map(|_| Index::default()).collect(),
            _ => {}
        }
        let wake: Wake = Arc::new(|| {});
        let (fanout, batches) = Fanout::new(vec![wake; plan.shards]);
        let shards = indexes.into_iter().enumerate();
        let shards = shards.map(|(number, index)| {
            Shard::new(number, plan.shards, limits.clone(), metrics.clone(), epoch, index, last)
        });
        let recent = Arc::new(recent);
        Ok(Run {
            shards: shards.collect(),
            batches,
            applied: vec![last; plan.shards],
            recent: recent.clone(),
            asked: Vec::new(),
            applier: applier(store, clock.clone(), fanout, recent, limits, metrics, last),
        })
    }

    /// The shard where a user lives.
    pub fn shard_of(&self, user: usize) -> usize {
        VShard::of(&jid(user)).thread(self.shards.len())
    }
}

fn applier(
    store: Arc<dyn Store>,
    clock: Arc<SimClock>,
    fanout: Fanout,
    recent: Arc<Recent>,
    limits: Arc<Limits>,
    metrics: Arc<Metrics>,
    last: Seq,
) -> Applier {
    Applier {
        store,
        tables: Arc::new(NoTables),
        limits,
        clock,
        fanout,
        bus: Box::new(NoBus),
        recent,
        metrics,
        gauge: Arc::default(),
        peers: Arc::new(|| ()),
        committed: Arc::new(|| ()),
        last,
        swept: Timestamp(0),
        minute: 0,
        sync: true,
    }
}

/// Holds what is on the disk, and the index that would be rebuilt from it, against the model.
///
/// # Errors
/// What differs.
pub fn check_rows(disk: &Disk, model: &Model, shards: usize) -> Result<(), Violation> {
    let broken = |e: StoreError| format!("the disk cannot be read: {e}");
    let last = rows::get::<Seq>(disk, Family::META, keys::SEQ)
        .map_err(broken)?
        .unwrap_or(Seq(0));
    if last.0 != model.last {
        return Err(format!(
            "the store ends at {last:?}, acknowledged is up to {}",
            model.last
        ));
    }
    let indexes = load::indexes(disk, shards).map_err(broken)?;
    let journalled = load::journalled(disk, shards).map_err(broken)?;
    if !indexes
        .iter()
        .zip(&journalled)
        .all(|(rows, journal)| same(rows, journal))
    {
        return Err("the journal of edges leads elsewhere than their rows".to_owned());
    }
    let mut edges = 0;
    for (user, node) in model.nodes.iter().enumerate().filter(|(_, node)| node.made) {
        let id = rows::node_id(disk, &node_name(user)).map_err(broken)?;
        let id = id.ok_or_else(|| format!("node {user} is lost"))?;
        let state = rows::node_state(disk, id).map_err(broken)?;
        if (state.items, state.followers) != (node.items.len() as u64, node.followers.len() as u64) {
            return Err(format!("node {user} counts {state:?}, and has {node:?}"));
        }
        for (item, seq) in &node.items {
            let row: Option<rows::ItemRow> =
                rows::get(disk, Family::ITEM, &keys::item(id, &item.to_string())).map_err(broken)?;
            if row.map(|row| row.seq.0) != Some(*seq) {
                return Err(format!("item {item} of node {user} lies at {row:?} instead of {seq}"));
            }
        }
        for follower in node.followers.difference(&node.silent) {
            let subscriber = rows::subscriber_id(disk, &jid(*follower)).map_err(broken)?;
            let shard = VShard::of(&jid(*follower)).thread(shards);
            if !indexed(&indexes, shard, id, subscriber) {
                return Err(format!(
                    "user {follower} is no follower of node {user} on shard {shard}"
                ));
            }
            edges += 1;
        }
    }
    let indexed: u64 = indexes.iter().map(Index::edges).sum();
    if indexed != edges {
        return Err(format!("{indexed} edges are indexed, and there are {edges}"));
    }
    Ok(())
}

/// Holds what is attached to items, and what each account is said to keep, against the model and against what lies there.
///
/// # Errors
/// What differs.
pub fn check_kept(disk: &Disk, model: &Model) -> Result<(), Violation> {
    let broken = |e: StoreError| format!("the disk cannot be read: {e}");
    for (user, node) in model.nodes.iter().enumerate().filter(|(_, node)| node.made) {
        for item in node.items.keys() {
            let id = rows::node_id(disk, &attachment(user, *item).node).map_err(broken)?;
            let state = id.map(|id| rows::node_state(disk, id)).transpose().map_err(broken)?;
            let (has, likes) = (state.map_or(0, |state| state.items), node.likes.get(item));
            if has != likes.map_or(0, |likes| likes.len() as u64) {
                return Err(format!(
                    "item {item} of node {user} has {has} attached, and should have {likes:?}"
                ));
            }
        }
    }
    let (mut counted, mut lies) = (BTreeMap::new(), BTreeMap::new());
    disk.scan(Family::USAGE, &Range::all(), &mut |key, value| {
        counted.insert(key.to_vec(), rows::decode::<rows::Usage>(Family::USAGE, value).ok());
        ControlFlow::Continue(())
    })
    .map_err(broken)?;
    disk.scan(Family::LOG, &Range::all(), &mut |_, value| {
        let entry = rows::decode::<rows::Entry>(Family::LOG, value).ok();
        if let Some((who, one)) = entry.as_ref().and_then(|entry| rows::Usage::of(&entry.event)) {
            let has = lies
                .entry(who.as_bytes().to_vec())
                .or_insert(Some(rows::Usage::default()));
            if let Some(has) = has {
                (has.items, has.bytes) = (has.items + one.items, has.bytes + one.bytes);
            }
        }
        ControlFlow::Continue(())
    })
    .map_err(broken)?;
    match counted == lies {
        true => Ok(()),
        false => Err(format!("counted is {counted:?}, and there is {lies:?}")),
    }
}

/// Whether two indexes have the same edges.
fn same(one: &Index, other: &Index) -> bool {
    let of = |index: &Index, node| index.followers(node).map(|followers| followers.to_vec());
    one.nodes().eq(other.nodes()) && one.nodes().all(|node| of(one, node) == of(other, node))
}

fn indexed(indexes: &[Index], shard: usize, node: NodeId, subscriber: Option<SubscriberId>) -> bool {
    let index = indexes.get(shard);
    subscriber.is_some_and(|id| index.is_some_and(|index| index.follows(node, id)))
}
