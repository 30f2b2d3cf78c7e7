//! Digests (XEP-0060 §6.3, `pubsub#digest`): what was published to a node since a subscriber's last one.
//!
//! Pulled from the node's log when it is time and the subscriber is here; nothing is written when something is published.
//! Knows no session. Its cursor is a row like a device's, not synced: after a crash a digest may come twice.

use super::Recent;
use super::page::{Following, PageRequest, Run, page_of};
use crate::config::SubscriptionState;
use crate::error::StoreError;
use crate::limits::{DIGEST_POSTS, DIGEST_QUIET_MS};
use crate::model::{Event, NodeId, Post, Seq, SubscriberId, Timestamp};
use crate::store::keys::{self, Family};
use crate::store::{View, Write, rows};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A digest, or that it is too early for one.
#[derive(Clone, Debug)]
pub struct Digest {
    /// What is in it, oldest first: items in their latest version, and what is gone of those that came before.
    pub posts: Vec<Arc<Post>>,
    /// When to look again.
    pub due: Timestamp,
    row: DigestRow,
}

/// How far a subscriber is with the digests of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct DigestRow {
    /// The last one went up to here.
    seq: Seq,
    /// When that was.
    at: Timestamp,
}

impl Digest {
    /// The row to be written once it was sent.
    pub fn cursor(&self, id: SubscriberId, node: NodeId) -> Write {
        Write {
            family: Family::CURSOR,
            key: keys::digest(id, node).to_vec(),
            value: Some(rows::encode(&self.row)),
        }
    }
}

/// The next digest of a subscription, no sooner than `frequency_ms` after the one before. Cost: a read of what is new.
///
/// # Errors
/// The store's failures.
pub fn digest(
    view: &dyn View,
    recent: &Recent,
    id: SubscriberId,
    node: NodeId,
    frequency_ms: u64,
    now: Timestamp,
) -> Result<Digest, StoreError> {
    let later = |from: Timestamp, ms: u64| Timestamp(from.0.saturating_add(ms));
    let nothing = |row: DigestRow, due| Digest {
        posts: Vec::new(),
        due,
        row,
    };
    let subscription = rows::subscription(view, node, id)?.filter(|s| s.state == SubscriptionState::Silent);
    let Some(subscription) = subscription else {
        let row = DigestRow { seq: Seq(0), at: now };
        return Ok(nothing(row, later(now, frequency_ms)));
    };
    let row: Option<DigestRow> = rows::get(view, Family::CURSOR, &keys::digest(id, node))?;
    // A cursor older than the subscription is that of an earlier one.
    let Some(row) = row.filter(|row| row.seq >= subscription.since) else {
        let row = DigestRow {
            seq: subscription.since,
            at: now,
        };
        return Ok(nothing(row, later(now, frequency_ms)));
    };
    if later(row.at, frequency_ms) > now {
        return Ok(nothing(row, later(row.at, frequency_ms)));
    }
    let upto = rows::get(view, Family::META, keys::SEQ)?.unwrap_or(row.seq);
    let request = PageRequest {
        subscriber: id,
        cursor: row.seq,
        upto,
        run: Run {
            skip: Some(row.seq),
            // What was made since and is gone was in no digest.
            began: row.seq,
            ..Run::default()
        },
        following: None,
    };
    let following = Following::from([(node, subscription.since)]);
    let mut page = page_of(view, recent, Arc::new(following), &request, now)?;
    page.posts
        .retain(|post| matches!(post.event, Event::Publish { .. } | Event::Retract { .. } | Event::Purge));
    page.posts.truncate(DIGEST_POSTS);
    if page.posts.is_empty() {
        let row = DigestRow { seq: page.next, ..row };
        return Ok(nothing(row, later(now, frequency_ms.min(DIGEST_QUIET_MS))));
    }
    // What did not fit comes with the next one.
    let last = page.posts.last().map_or(page.next, |post| post.seq);
    let whole = page.posts.len() < DIGEST_POSTS && page.next >= upto;
    let row = DigestRow {
        seq: if whole { page.next.max(last) } else { last },
        at: now,
    };
    Ok(Digest {
        posts: page.posts,
        due: later(now, frequency_ms),
        row,
    })
}
