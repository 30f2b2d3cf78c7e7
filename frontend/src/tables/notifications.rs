//! Notifications: what an account is noted, gathered, as items of its node `urn:reef:notifications:0`.
//!
//! What belongs together (who follows, who likes one post) is one item, which is published again as it grows: the first few
//! at once, more of them every [`GATHER_MS`], so that a thousand new followers are a handful of publishes. After a day a
//! new item begins. A gathering that waits has a row that says when it is due. Knows no session: the item is a post like
//! any other.

use super::{NOTED, account, key};
use crate::atom::notification;
use reef_engine::config::{AccessModel, NodeConfig, SendLast};
use reef_engine::error::StoreError;
use reef_engine::log::apply::{Apply, ApplyError};
use reef_engine::log::record::{Change, Note, Noted, Record};
use reef_engine::model::{NodeName, Timestamp, fnv1a};
use reef_engine::store::{Range, Tx, View, rows};
use reef_stanza::ns;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Notes of one kind that go out as they come.
const AT_ONCE: u64 = 3;
/// Milliseconds for which further ones are gathered.
const GATHER_MS: u64 = 10_000;
/// Milliseconds after which a new item begins.
const ITEM_MS: u64 = 86_400_000;
/// Names that are remembered, so that one who comes and goes is told once; fewer are shown.
const NAMES: usize = 32;
/// Items that an account keeps.
const ITEMS: u32 = 1_000;

/// What belongs together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gathering {
    /// Why.
    pub(crate) kind: Noted,
    /// The post that it is about, of the account's or the new one.
    pub(crate) about: Option<(NodeName, Arc<str>)>,
    /// What says it: the last of them.
    pub(crate) new: Option<(NodeName, Arc<str>)>,
    /// Who, the last one last.
    pub(crate) names: Vec<Arc<str>>,
    /// How many.
    pub(crate) count: u64,
    item: Arc<str>,
    since: Timestamp,
    shown: Timestamp,
    waits: bool,
}

/// The node's configuration: its owner's alone.
pub(crate) fn config() -> NodeConfig {
    NodeConfig {
        access: AccessModel::Whitelist,
        max_items: ITEMS,
        send_last: SendLast::Never,
        notify_retract: true,
        kind: ns::NOTIFICATIONS.into(),
        ..NodeConfig::pep()
    }
}

fn gathering_key(user: &str, note: &Note, new: Option<(&NodeName, &str)>) -> Vec<u8> {
    let about = match (&note.about, new) {
        (Some((node, item)), _) => format!("{}\0{}\0{item}", node.service, node.node),
        (None, Some((node, item))) => format!("{}\0{}\0{item}", node.service, node.node),
        (None, None) => String::new(),
    };
    let group = fnv1a(about.as_bytes()).to_be_bytes();
    key(user, &[&[1, note.kind as u8][..], &group].concat())
}

fn due_key(at: Timestamp, gathering: &[u8]) -> Vec<u8> {
    [&[0][..], &at.0.to_be_bytes(), gathering].concat()
}

/// Notes something to an account here.
pub(super) fn note(apply: &mut Apply<'_, '_>, note: &Note, new: Option<(&NodeName, &str)>) -> Result<(), ApplyError> {
    let Some(user) = note.to.clone() else { return Ok(()) };
    if account(apply.tx, &user)?.is_none() {
        return Ok(());
    }
    let row_key = gathering_key(&user, note, new);
    let known: Option<Gathering> = rows::get(apply.tx, NOTED, &row_key)?;
    let mut gathering = match known.filter(|known| known.since.0 + ITEM_MS > apply.at.0) {
        Some(known) => known,
        None => begin(apply, note),
    };
    let by: Arc<str> = apply.by.into();
    let owned = |(node, item): (&NodeName, &str)| (node.clone(), Arc::from(item));
    gathering.new = new.map(owned).or(gathering.new);
    if gathering.names.contains(&by) {
        return Ok(());
    }
    gathering.count += 1;
    gathering.names.push(by);
    if gathering.names.len() > NAMES {
        gathering.names.remove(0);
    }
    let soon = gathering.count <= AT_ONCE || gathering.shown.0 + GATHER_MS <= apply.at.0;
    if soon && !gathering.waits {
        gathering.shown = apply.at;
        let shown = show(&user, &gathering, apply.at);
        apply.then_as(&user, shown);
    } else if !gathering.waits {
        gathering.waits = true;
        let due = Timestamp(gathering.shown.0 + GATHER_MS);
        apply.tx.put(NOTED, due_key(due, &row_key), user.as_bytes());
    }
    apply.tx.put(NOTED, row_key, rows::encode(&gathering));
    Ok(())
}

fn begin(apply: &Apply<'_, '_>, note: &Note) -> Gathering {
    let item = format!(
        "{:x}-{:x}-{}",
        apply.origin.slot.0, apply.origin.number, note.kind as u8
    );
    Gathering {
        kind: note.kind,
        about: note.about.clone(),
        new: None,
        names: Vec::new(),
        count: 0,
        item: item.into(),
        since: apply.at,
        shown: Timestamp(0),
        waits: false,
    }
}

fn show(user: &str, gathering: &Gathering, at: Timestamp) -> Change {
    Change::Publish {
        node: NodeName::new(user, ns::NOTIFICATIONS),
        item: gathering.item.clone(),
        payload: notification(user, &gathering.item, gathering, at).into(),
        open_only: None,
        notes: Vec::new(),
        options: Vec::new(),
        create: Some(config()),
    }
}

/// What has been gathered for long enough is shown.
pub(super) fn sweep(tx: &mut Tx<'_>, now: Timestamp, most: usize, next: &mut Vec<Record>) -> Result<(), StoreError> {
    let mut due = Vec::new();
    let range = Range::between(&[0][..], due_key(Timestamp(now.0 + 1), &[]));
    tx.scan(NOTED, &range, &mut |key, user| {
        due.push((key.to_vec(), user.to_vec()));
        if due.len() < most.min(256) {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    for (job, user) in due {
        let row_key = job.get(9..).unwrap_or_default().to_vec();
        tx.delete(NOTED, job);
        let Some(mut gathering) = rows::get::<Gathering>(tx, NOTED, &row_key)? else {
            continue;
        };
        gathering.waits = false;
        gathering.shown = now;
        let user = String::from_utf8_lossy(&user);
        next.push(Record {
            at: now,
            by: (&*user).into(),
            change: show(&user, &gathering, now),
        });
        tx.put(NOTED, row_key, rows::encode(&gathering));
    }
    Ok(())
}

/// Forgets what a removed account was noted; what is due finds nothing.
pub(super) fn forget(apply: &mut Apply<'_, '_>, user: &str) -> Result<(), ApplyError> {
    let mut keys = Vec::new();
    apply.tx.scan(NOTED, &Range::prefix(&key(user, &[1])), &mut |key, _| {
        keys.push(key.to_vec());
        ControlFlow::Continue(())
    })?;
    keys.into_iter().for_each(|key| apply.tx.delete(NOTED, key));
    Ok(())
}
