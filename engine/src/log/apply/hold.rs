//! A node whose fan-out is paused by the operator: what is published there meanwhile is kept, acked, and published when it
//! is resumed, in order, with places in the log of that time.
//!
//! So it is as if it had been published then: whoever is away catches up on it, nobody misses it, nobody gets it twice.
//! Until then it is in no list of items. The background (`sweep.rs`) has the posts released, one record each.

use super::{Apply, ApplyError, Outcome};
use crate::config::Later;
use crate::error::{Reject, StoreError};
use crate::limits::HELD_MAX;
use crate::log::record::Note;
use crate::model::{Event, NodeId, NodeName, Seq, Timestamp};
use crate::store::keys::{self, Family};
use crate::store::rows::{self, Held, Hold};
use crate::store::{Range, View};
use std::ops::ControlFlow;
use std::sync::Arc;

impl Apply<'_, '_> {
    /// Pauses or resumes a node's fan-out; its owner's act, in whose name the operator asks.
    pub(super) fn pause(&mut self, name: &NodeName, paused: bool) -> Result<Outcome, ApplyError> {
        let (node, _) = self.owned(name)?;
        let hold = self.hold(node)?;
        match (hold, paused) {
            (Some(hold), _) => self.put_hold(node, Hold { paused, ..hold }),
            (None, true) => self.put_hold(node, Hold { paused, held: 0 }),
            (None, false) => {}
        }
        Ok(Outcome::Done)
    }

    /// Whether what is published is to be kept for later.
    pub(super) fn hold(&self, node: NodeId) -> Result<Option<Hold>, StoreError> {
        rows::get(self.tx, Family::SWEEP, &keys::sweep_held(node))
    }

    fn put_hold(&mut self, node: NodeId, hold: Hold) {
        self.tx.put(Family::SWEEP, keys::sweep_held(node), rows::encode(&hold));
    }

    /// Keeps a post for later.
    pub(super) fn keep_for_later(
        &mut self,
        node: NodeId,
        hold: Hold,
        item: &Arc<str>,
        (event, notes): (&Event, &[Note]),
    ) -> Result<Outcome, ApplyError> {
        if hold.held >= HELD_MAX {
            return Err(Reject::NotYet.into());
        }
        let held = Held {
            at: self.at,
            item: item.clone(),
            event: event.clone(),
            notes: Later(if notes.is_empty() {
                Vec::new()
            } else {
                rows::encode(&notes)
            }),
        };
        self.tx
            .put(Family::HELD, keys::log(node, self.seq), rows::encode(&held));
        let held = hold.held + 1;
        self.put_hold(node, Hold { held, ..hold });
        Ok(Outcome::Done)
    }

    /// Publishes the oldest post that a resumed node holds; once there is none, the node is as any other again.
    pub(super) fn release(&mut self, name: &NodeName) -> Result<Outcome, ApplyError> {
        let (node, row) = self.node(name)?;
        let Some(hold) = self.hold(node)?.filter(|hold| !hold.paused) else {
            return Err(Reject::NotYet.into());
        };
        // Followers who may no longer read are still being looked for: nothing new goes to them.
        if self.resettling(node)? {
            return Err(Reject::NotYet.into());
        }
        let Some((key, held)) = self.held(node, |_| true, 1)?.pop() else {
            self.tx.delete(Family::SWEEP, keys::sweep_held(node));
            return Ok(Outcome::Done);
        };
        self.tx.delete(Family::HELD, key);
        let left = hold.held.saturating_sub(1);
        if left == 0 {
            self.tx.delete(Family::SWEEP, keys::sweep_held(node));
        } else {
            self.put_hold(node, Hold { held: left, ..hold });
        }
        // It was published then, and takes its place now.
        let now: Timestamp = std::mem::replace(&mut self.at, held.at);
        if row.config.persist_items {
            self.keep(node, &row, &held.item, &held.event)?;
        }
        let publisher = match &held.event {
            Event::Publish { publisher, .. } => publisher.clone(),
            _ => "".into(),
        };
        self.notify(node, &row, &held.item, held.event)?;
        self.at = now;
        let notes: Vec<Note> = match held.notes.0.as_slice() {
            [] => Vec::new(),
            notes => rows::decode(Family::HELD, notes)?,
        };
        self.acting_as(&publisher).notes(name, &held.item, &notes)
    }

    /// Forgets held posts that `which` names; how many there were.
    pub(super) fn drop_held(&mut self, node: NodeId, which: impl Fn(&Held) -> bool) -> Result<u32, ApplyError> {
        let Some(hold) = self.hold(node)? else { return Ok(0) };
        let found = self.held(node, which, HELD_MAX as usize)?;
        for (key, _) in &found {
            self.tx.delete(Family::HELD, key.clone());
        }
        let dropped = found.len() as u32;
        self.put_hold(
            node,
            Hold {
                held: hold.held.saturating_sub(dropped),
                ..hold
            },
        );
        Ok(dropped)
    }

    fn held(
        &self,
        node: NodeId,
        which: impl Fn(&Held) -> bool,
        most: usize,
    ) -> Result<Vec<(Vec<u8>, Held)>, StoreError> {
        let (mut found, mut bad) = (Vec::new(), None);
        let range = Range::between(keys::log(node, Seq(0)), keys::log(node, Seq(u64::MAX)));
        self.tx.scan(Family::HELD, &range, &mut |key, value| {
            match rows::decode::<Held>(Family::HELD, value) {
                Ok(held) if which(&held) => found.push((key.to_vec(), held)),
                Ok(_) => {}
                Err(error) => bad = Some(error),
            }
            if bad.is_none() && found.len() < most {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        bad.map_or(Ok(found), Err)
    }
}
