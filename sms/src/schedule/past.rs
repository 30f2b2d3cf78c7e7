//! What somebody published, as it lies in his log: for phones that did not get it as it came.
//!
//! Nothing of this is kept for a phone: what lies above its mark is what it may be told of. Knows no phone. Next: `ring.rs`,
//! `due.rs`.

use super::Context;
use super::ring::Live;
use crate::limits::{HELD_MAX, POSTS_PER_RING};
use reef_engine::error::StoreError;
use reef_engine::model::{Event, NodeId, Seq};
use reef_engine::store::Range;
use reef_engine::store::keys::{self, Family};
use reef_engine::store::rows::{self, Entry, ItemRow};
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

/// A post.
pub(super) struct Past {
    /// Its place, where it was first published.
    pub seq: Seq,
    /// The item.
    pub item: Arc<str>,
    /// Whether it answers another.
    pub replies: bool,
}

/// Posts of a ring that go round no more, and that some may not have got: above the lowest mark of which that was asked.
#[derive(Default)]
pub(super) struct Missed(Option<(Seq, Vec<Live>)>);

impl Missed {
    /// Those above a mark, older than the newest that goes round: what is newer than that has yet to begin.
    ///
    /// # Errors
    /// The store's failures.
    pub(super) fn above(
        &mut self,
        cx: &Context<'_>,
        node: NodeId,
        mark: Seq,
        live: &VecDeque<Live>,
    ) -> Result<impl Iterator<Item = Seq>, StoreError> {
        if self.0.as_ref().is_none_or(|(lowest, _)| mark < *lowest) {
            let newest = live.back().map_or(Seq(0), |post| post.seq);
            let mut posts = published(cx, node, mark, HELD_MAX + POSTS_PER_RING)?;
            posts.retain(|post| post.seq < newest && live.iter().all(|live| live.seq != post.seq));
            let posts = posts.into_iter().map(|post| Live::gone(post.seq, post.item));
            self.0 = Some((mark, posts.collect()));
        }
        let posts = self.0.iter().flat_map(|(_, posts)| posts);
        Ok(posts.map(|post| post.seq).filter(move |seq| *seq > mark))
    }

    /// One of them.
    pub(super) fn get(&mut self, seq: Seq) -> Option<&mut Live> {
        let (_, posts) = self.0.as_mut()?;
        posts.iter_mut().find(|post| post.seq == seq)
    }
}

/// Posts of a node above a place, the newest of them, oldest first; one that was edited stands where it first stood.
///
/// # Errors
/// The store's failures.
pub(super) fn published(cx: &Context<'_>, node: NodeId, above: Seq, most: usize) -> Result<Vec<Past>, StoreError> {
    let mut posts = Vec::new();
    for (seq, entry) in newest(cx, node, above, most)? {
        let Event::Publish { payload, .. } = &entry.event else {
            continue;
        };
        let row = rows::get::<ItemRow>(cx.rows.view, Family::ITEM, &keys::item(node, &entry.item))?;
        let seq = row.map_or(seq, |row| row.first);
        let Some(said) = cx.network.said(payload) else { continue };
        if seq > above {
            posts.push(Past {
                seq,
                item: entry.item,
                replies: said.replies,
            });
        }
    }
    posts.sort_by_key(|post| post.seq);
    Ok(posts)
}

/// The newest entries of a log that publish something.
fn newest(cx: &Context<'_>, node: NodeId, above: Seq, most: usize) -> Result<Vec<(Seq, Entry)>, StoreError> {
    let range = Range {
        start: keys::log(node, above.next()).to_vec(),
        ..Range::prefix(&node.0.to_be_bytes())
    };
    let (mut found, mut bad) = (Vec::new(), None);
    cx.rows.view.scan(Family::LOG, &range.reversed(), &mut |key, value| {
        match (keys::read_log(key), rows::decode::<Entry>(Family::LOG, value)) {
            (Some((_, seq)), Ok(entry)) => {
                if matches!(entry.event, Event::Publish { .. }) {
                    found.push((seq, entry));
                }
            }
            (_, Err(error)) => bad = Some(error),
            (None, Ok(_)) => bad = Some(StoreError::Corrupt("log")),
        }
        match bad.is_none() && found.len() < most {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    })?;
    bad.map_or(Ok(found), Err)
}
