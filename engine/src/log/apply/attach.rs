//! Attachments (XEP-0470): what readers attach to an item, one item each, and the counts of it, kept with each change.
//!
//! An attachment costs the same whether it is the first of its item or the millionth: the older version of the same
//! reader's is read, the counts change by what differs, and one item of the summary is published. Attachment and summary
//! nodes go by the rights of their target node (`access.rs`), so that there is nothing to be kept in step; an attachment
//! node has no followers, the summary node may have. What marks are in a payload, and how counts are written, is said by
//! the other part's tables: this knows no XML.

use super::{Apply, ApplyError, access};
use crate::config::{Affiliation, ITEMS_MAX, ItemReply, NodeConfig, PublishModel, SendLast};
use crate::error::{Reject, StoreError};
use crate::limits::{ATTACHMENT_BYTES, TALLY_MARKS};
use crate::log::record::{Attachment, Change, Outcome, Record};
use crate::model::{Event, NodeId, NodeName, Seq};
use crate::store::keys::{self, Family, NodePart};
use crate::store::rows::{self, ItemRow, NodeRow, Tally};
use bytes::Bytes;
use std::sync::Arc;

impl Apply<'_, '_> {
    /// Attaches, in place of what the asker attached before.
    pub(super) fn attach(&mut self, to: &Attachment, payload: &Bytes) -> Result<Outcome, ApplyError> {
        let (target, row) = self.node(&to.target)?;
        // Rights first: who may not read a node does not learn which items it has.
        self.may_attach(target, &row)?;
        let lies = self.target_item(target, &to.item)?;
        if self.resettling(target)? {
            return Err(Reject::NotYet.into());
        }
        if payload.len() > ATTACHMENT_BYTES {
            return Err(Reject::PayloadTooBig.into());
        }
        let (node, own) = self.attachment_node(to, target, &row)?;
        let mut tally = self.tally(target, &to.item)?.unwrap_or(Tally {
            node,
            marks: Vec::new(),
        });
        let item: Arc<str> = self.by.into();
        let older = self.attached(node, &item)?;
        let marks = self.tables.marks(payload);
        let new = older.is_none() && !marks.is_empty();
        change(&mut tally, &older.unwrap_or_default(), -1);
        change(&mut tally, &marks, 1);
        let event = Event::Publish {
            payload: payload.clone(),
            publisher: self.by.into(),
        };
        self.keep(node, &own, &item, &event)?;
        self.put_tally(to, target, &row, &tally)?;
        if new {
            let author = self.publisher(target, lies.seq)?;
            self.note_attached((target, &row), author, &to.item, &to.node)?;
        }
        Ok(Outcome::Done)
    }

    /// Takes back what `item`, a bare JID, attached: he himself, or an owner of the target.
    pub(super) fn detach(&mut self, to: &Attachment, item: &Arc<str>) -> Result<Outcome, ApplyError> {
        let (target, row) = self.node(&to.target)?;
        access::may_read(self.tx, self.tables, target, &row, self.by)?;
        self.target_item(target, &to.item)?;
        let (node, _) = self.node(&to.node)?;
        let mut state = rows::node_state(self.tx, node)?;
        let lies = self.item(node, &state, item)?.ok_or(Reject::ItemNotFound)?;
        let owns = rows::affiliation(self.tx, target, &row, self.by)? == Affiliation::Owner;
        if **item != *self.by && !owns {
            return Err(Reject::Forbidden.into());
        }
        let entry = self.entry(node, lies.seq)?.ok_or(Reject::ItemNotFound)?;
        self.forget(node, lies.seq, &entry, &mut state)?;
        rows::put_state(self.tx, node, &state);
        if let Some(mut tally) = self.tally(target, &to.item)? {
            change(&mut tally, &self.marks(entry.event), -1);
            self.put_tally(to, target, &row, &tally)?;
        }
        Ok(Outcome::Done)
    }

    /// Publishes the counts of an item, or takes them away, for nobody but the engine itself.
    pub(super) fn summarize(
        &mut self,
        summary: &NodeName,
        item: &Arc<str>,
        payload: Option<&Bytes>,
    ) -> Result<Outcome, ApplyError> {
        if !self.by.is_empty() {
            return Err(Reject::Kept.into());
        }
        let (node, row) = self.node(summary)?;
        let Some(payload) = payload else {
            let mut state = rows::node_state(self.tx, node)?;
            let first = match self.item(node, &state, item)? {
                Some(lies) => {
                    let entry = self.entry(node, lies.seq)?.ok_or(Reject::ItemNotFound)?;
                    self.forget(node, lies.seq, &entry, &mut state)?;
                    lies.first
                }
                // On a list before it was a node: everybody may have read it.
                None if summary.is_public_list() => Seq(0),
                None => return Err(Reject::ItemNotFound.into()),
            };
            state.last = self.seq;
            let event = Event::Retract { first };
            self.append(node, item, event.clone());
            rows::put_state(self.tx, node, &state);
            self.notify(node, &row, item, event)?;
            return Ok(Outcome::Done);
        };
        // What is on a list of subscriptions is counted for nobody.
        let publisher = match summary.is_public_list() {
            true => "".into(),
            false => row.owner.clone(),
        };
        let event = Event::Publish {
            payload: payload.clone(),
            publisher,
        };
        self.keep(node, &row, item, &event)?;
        self.notify(node, &row, item, event)?;
        Ok(Outcome::Done)
    }

    fn target_item(&self, target: NodeId, item: &str) -> Result<ItemRow, ApplyError> {
        let state = rows::node_state(self.tx, target)?;
        Ok(self.item(target, &state, item)?.ok_or(Reject::ItemNotFound)?)
    }

    /// Who may read a feed may attach to its items; elsewhere it is for those who may publish (XEP-0470 §4.4).
    fn may_attach(&self, target: NodeId, row: &NodeRow) -> Result<(), ApplyError> {
        access::may_read(self.tx, self.tables, target, row, self.by)?;
        match is_feed(row) {
            true => Ok(()),
            false => access::may_publish(self.tx, self.tables, target, row, self.by),
        }
    }

    fn attachment_node(
        &mut self,
        to: &Attachment,
        target: NodeId,
        row: &NodeRow,
    ) -> Result<(NodeId, NodeRow), ApplyError> {
        match self.node(&to.node) {
            Err(ApplyError::Reject(Reject::NodeNotFound)) => self.kept_node(&to.node, target, row),
            // One for an item of a node that is gone, and whose name was taken again.
            Ok((node, _)) if access::target_id(self.tx, node)? != Some(target) => {
                self.drop_node(node, &to.node)?;
                self.kept_node(&to.node, target, row)
            }
            found => found,
        }
    }

    /// A node that the service keeps for a target.
    fn kept_node(&mut self, name: &NodeName, target: NodeId, of: &NodeRow) -> Result<(NodeId, NodeRow), ApplyError> {
        let config = NodeConfig {
            access: of.config.access,
            roster_groups: of.config.roster_groups.clone(),
            publish: if is_feed(of) {
                PublishModel::Open
            } else {
                of.config.publish
            },
            max_items: ITEMS_MAX,
            send_last: SendLast::Never,
            notify_retract: true,
            item_reply: ItemReply::Publisher,
            ..NodeConfig::pep()
        };
        let (node, row) = self.put_node(name, of.owner.clone(), &config)?;
        let key = keys::node(node, NodePart::Target);
        self.tx.put(Family::NODE, key, rows::encode(&target));
        Ok((node, row))
    }

    /// The marks that a reader attached, unless he attached nothing.
    fn attached(&self, node: NodeId, item: &str) -> Result<Option<Vec<Arc<str>>>, ApplyError> {
        let state = rows::node_state(self.tx, node)?;
        let Some(lies) = self.item(node, &state, item)? else {
            return Ok(None);
        };
        Ok(self.entry(node, lies.seq)?.map(|entry| self.marks(entry.event)))
    }

    fn marks(&self, event: Event) -> Vec<Arc<str>> {
        match event {
            Event::Publish { payload, .. } => self.tables.marks(&payload),
            _ => Vec::new(),
        }
    }

    fn tally(&self, target: NodeId, item: &str) -> Result<Option<Tally>, ApplyError> {
        Ok(rows::get(self.tx, Family::TALLY, &keys::item(target, item))?)
    }

    /// Writes the counts, and has them published.
    fn put_tally(&mut self, to: &Attachment, target: NodeId, row: &NodeRow, tally: &Tally) -> Result<(), ApplyError> {
        self.tx
            .put(Family::TALLY, keys::item(target, &to.item), rows::encode(tally));
        if rows::node_id(self.tx, &to.summary)?.is_none() {
            self.kept_node(&to.summary, target, row)?;
        }
        self.then(Change::Summarize {
            summary: to.summary.clone(),
            item: to.item.clone(),
            payload: (!tally.marks.is_empty()).then(|| self.tables.summary(&tally.marks)),
        });
        Ok(())
    }

    /// An item is gone: what was attached to it goes too, and its counts. Cost: one read where nothing was.
    pub(in crate::log) fn forget_attached(
        &mut self,
        node: NodeId,
        name: Option<&NodeName>,
        item: &Arc<str>,
    ) -> Result<(), StoreError> {
        let tally: Option<Tally> = rows::get(self.tx, Family::TALLY, &keys::item(node, item))?;
        let Some(tally) = tally else {
            return Ok(());
        };
        self.tx.delete(Family::TALLY, keys::item(node, item));
        if let Some(attached) = rows::node_row(self.tx, tally.node)? {
            self.drop_node(tally.node, &attached.name)?;
        }
        // Of a node that is gone the summary is gone, too.
        if let Some(name) = name {
            self.then(Change::Summarize {
                summary: name.summary(),
                item: item.clone(),
                payload: None,
            });
        }
        Ok(())
    }

    /// Has the engine itself apply a change right after this one, in the same commit.
    pub(super) fn then(&mut self, change: Change) {
        self.then_as("", change);
    }

    /// The same with somebody's rights.
    pub fn then_as(&mut self, by: &str, change: Change) {
        self.next.push(Record {
            at: self.at,
            by: by.into(),
            change,
        });
    }
}

/// Whether a node is one that people follow to read: what they attach is not for publishers alone.
fn is_feed(row: &NodeRow) -> bool {
    let kind = &*row.config.kind;
    kind.starts_with("urn:xmpp:microblog:") || kind.starts_with("urn:xmpp:pubsub-social-feed:")
}

/// Adds these marks to the counts, or takes them away. There are only so many different ones; what is beyond is not counted.
fn change(tally: &mut Tally, marks: &[Arc<str>], by: i64) {
    for mark in marks {
        let room = tally.marks.len() < TALLY_MARKS;
        match tally.marks.iter_mut().find(|(known, _)| known == mark) {
            Some((_, count)) => *count = count.saturating_add_signed(by),
            None if by > 0 && room => tally.marks.push((mark.clone(), 1)),
            None => {}
        }
    }
    tally.marks.retain(|(_, count)| *count > 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_follow_what_is_added_and_taken_away_and_have_a_bound() {
        let mut tally = Tally {
            node: NodeId(1),
            marks: Vec::new(),
        };
        let marks = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect::<Vec<Arc<str>>>();
        change(&mut tally, &marks(&["noticed", "x"]), 1);
        change(&mut tally, &marks(&["x"]), 1);
        change(&mut tally, &marks(&["noticed"]), -1);
        assert_eq!(tally.marks, [("x".into(), 2)]);
        for n in 0..TALLY_MARKS * 2 {
            change(&mut tally, &marks(&[&n.to_string()]), 1);
        }
        assert_eq!(tally.marks.len(), TALLY_MARKS);
    }
}
