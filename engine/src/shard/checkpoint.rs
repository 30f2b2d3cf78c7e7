//! What sessions have confirmed, and the rows by which that survives a crash.
//!
//! About once a second: "every live session without a row of its own has confirmed C", and rows for those who lag. Only
//! sessions that have something unconfirmed are looked at. The driver sends the rows through the applier, unsynced.

use super::Shard;
use super::session::{Key, Session, State};
use crate::limits::VSHARDS;
use crate::model::{Seq, SubscriberId, Timestamp, VShard};
use crate::outbox::CheckpointRow;
use crate::store::Write;
use crate::store::keys::{self, Family};
use crate::store::rows::{self, CursorRow};

/// What a session that stops following has confirmed: its device's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parting {
    /// Whose.
    pub subscriber: SubscriberId,
    /// The device.
    pub device: Box<str>,
    /// It has everything up to here.
    pub seq: Seq,
}

/// A look at all sessions that have something unconfirmed, over one call or several.
#[derive(Debug, Default)]
pub(super) struct Pass {
    /// How many have still to be looked at; those that came meanwhile stand behind them.
    left: usize,
    /// What all those looked at so far have confirmed, who have no row of their own.
    confirmed: Seq,
    /// The watermark when it began.
    watermark: Seq,
    /// The first that found no row: the next pass begins there, so that everyone has his turn.
    skipped: Option<Key>,
}

impl Shard {
    /// The client has confirmed all posts up to and with this one. What a session of negative priority was handed is not
    /// confirmed: it moves no cursor.
    pub fn confirm(&mut self, key: Key, seq: Seq) {
        if let Some(session) = self.sessions.get_mut(key) {
            session.confirmed = session.confirmed.max(seq.min(session.handed));
        }
    }

    /// Some sessions with something unconfirmed, in turn: the driver looks how far their sockets are.
    pub fn unconfirmed(&mut self, most: usize) -> Vec<Key> {
        let all = self.unsettled.len();
        let (start, count) = (self.looked % all.max(1), all.min(most));
        self.looked = start + count;
        // Not turned: a pass of `checkpoint` counts on their order.
        let turn = (start..start + count).filter_map(|at| self.unsettled.get(at % all));
        turn.copied().collect()
    }

    pub(super) fn mark_unsettled(&mut self, key: Key) {
        if let Some(session) = self.sessions.get_mut(key)
            && !std::mem::replace(&mut session.unsettled, true)
        {
            self.unsettled.push_back(key);
        }
    }

    /// What the session has confirmed, if it follows or followed: the caller has it written.
    pub(super) fn part(&mut self, key: Key) -> Option<Parting> {
        let session = self.sessions.get(key)?;
        if matches!(session.state, State::Quiet) && session.place.get().is_none() {
            return None;
        }
        let seq = self.position(session);
        let session = self.sessions.get_mut(key)?;
        session.listed = Some(seq).into();
        Some(Parting {
            subscriber: session.subscriber,
            device: session.device.clone()?,
            seq,
        })
    }

    /// Up to where a session that follows, or followed, has confirmed everything.
    pub fn confirmed(&self, key: Key) -> Option<Seq> {
        let session = self.sessions.get(key)?;
        let follows = !matches!(session.state, State::Quiet) || session.place.get().is_some();
        follows.then(|| self.position(session))
    }

    /// Everything up to here was confirmed.
    fn position(&self, session: &Session) -> Seq {
        if session.handed > session.confirmed {
            return session.confirmed;
        }
        self.reached(session)
    }

    /// Everything up to here was handed out.
    pub(super) fn reached(&self, session: &Session) -> Seq {
        match &session.state {
            State::Quiet => session.place.get().unwrap_or(session.confirmed),
            State::CatchingUp(catch_up) => catch_up.reached(),
            State::Live => {
                let first = session.ring.front().and_then(|e| self.posts.get(e.number));
                first.map_or(self.watermark().max(session.handed), |held| Seq(held.seq.0 - 1))
            }
        }
    }

    /// The rows to write now: a bounded number, of a bounded look at sessions. Where there are more, a checkpoint takes
    /// several calls, and stands for what the first of them saw; those who lag and find no row hold it back.
    pub fn checkpoint(&mut self, now: Timestamp) -> Vec<Write> {
        let watermark = self.watermark();
        if self.pass.left == 0 {
            self.begin_pass(watermark);
        }
        let mut confirmed = self.pass.confirmed;
        let mut writes = Vec::new();
        for _ in 0..self.pass.left.min(self.limits.checkpoint_look) {
            self.pass.left -= 1;
            let Some(key) = self.unsettled.pop_front() else { break };
            let full = writes.len() >= self.limits.checkpoint_rows;
            let Some(session) = self.sessions.get(key) else {
                continue;
            };
            let position = self.position(session);
            let live = matches!(session.state, State::Live);
            let settled = session.ring.is_empty() && session.handed <= session.confirmed;
            let listed = session.listed.get();
            let row = if full && listed.is_some() {
                // Its row says less than it has: what comes after a crash comes again.
                None
            } else if settled && live {
                listed.map(|_| CursorRow::Live {
                    epoch: self.epoch,
                    at: now,
                })
            } else if matches!(session.state, State::Quiet) && session.place.get().is_none() {
                None
            } else if !full && (listed.is_some() || !live || position < self.watermark_before) {
                let moved = listed != Some(position);
                moved.then_some(CursorRow::At { seq: position, at: now })
            } else {
                confirmed = confirmed.min(position);
                None
            };
            writes.extend(row.and_then(|row| device_row(session, &row)));
            let Some(session) = self.sessions.get_mut(key) else {
                continue;
            };
            match row {
                Some(CursorRow::Live { .. }) => session.listed = None.into(),
                Some(CursorRow::At { seq, .. }) => session.listed = Some(seq).into(),
                None => {}
            }
            let listed = session.listed.get().is_some();
            session.unsettled = !settled || matches!(session.state, State::CatchingUp(_)) || (full && listed);
            if session.unsettled {
                self.unsettled.push_back(key);
                if full {
                    self.pass.skipped.get_or_insert(key);
                }
            }
        }
        self.pass.confirmed = confirmed;
        if self.pass.left > 0 {
            return writes;
        }
        self.watermark_before = self.pass.watermark;
        if confirmed > self.checkpoint {
            self.checkpoint = confirmed;
            writes.extend(self.checkpoint_rows(confirmed));
        }
        writes
    }

    /// The rows of all sessions as they are now, for a shard that stops. What a pass that is under way saw is older: it
    /// begins anew.
    pub fn whole_checkpoint(&mut self, now: Timestamp) -> Vec<Write> {
        self.pass.left = 0;
        let mut writes = self.checkpoint(now);
        while !self.checkpointed() {
            writes.extend(self.checkpoint(now));
        }
        writes
    }

    fn begin_pass(&mut self, watermark: Seq) {
        let skipped = self.pass.skipped.take();
        if let Some(first) = skipped.and_then(|key| self.unsettled.iter().position(|other| *other == key)) {
            self.unsettled.rotate_left(first);
        }
        // Who becomes unsettled later has confirmed everything up to here.
        self.pass = Pass {
            left: self.unsettled.len(),
            confirmed: watermark,
            watermark,
            skipped: None,
        };
    }

    /// Whether the last call of [`Shard::checkpoint`] was the last of its pass.
    pub fn checkpointed(&self) -> bool {
        self.pass.left == 0
    }

    fn checkpoint_rows(&self, seq: Seq) -> impl Iterator<Item = Write> + '_ {
        let mine = (0..VSHARDS).map(|v| VShard(v as u8)).filter(|v| self.mine(*v));
        mine.map(move |vshard| {
            CheckpointRow {
                epoch: self.epoch,
                vshard,
                seq,
            }
            .write()
        })
    }
}

fn device_row(session: &Session, row: &CursorRow) -> Option<Write> {
    let key = keys::device(session.subscriber, session.device.as_deref()?);
    Some(Write {
        family: Family::CURSOR,
        key,
        value: Some(rows::encode(row)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Index;
    use crate::limits::Limits;
    use std::collections::BTreeSet;
    use std::sync::Arc;

    #[test]
    fn who_finds_no_row_in_one_pass_is_among_the_first_of_the_next() {
        let limits = Limits {
            checkpoint_rows: 2,
            ..Limits::default()
        };
        let mut shard = Shard::new(0, 1, Arc::new(limits), Arc::default(), 1, Index::default(), Seq(1000));
        let sessions: Vec<Key> = (1..=7)
            .map(|id| {
                let key = shard.attach(SubscriberId(id), Some("phone"));
                // They catch up, and so have a row each.
                shard.available(key, Some(Seq(1)));
                key
            })
            .collect();
        let mut written = BTreeSet::new();
        for pass in 1..=4 {
            for key in &sessions {
                let session = shard.sessions.get_mut(*key).expect("it is here");
                // Everyone has got a little further.
                (session.handed, session.confirmed) = (Seq(900), Seq(1 + pass));
            }
            let rows = shard.checkpoint(Timestamp(1));
            let devices = rows.into_iter().filter(|row| row.family == Family::CURSOR);
            written.extend(devices.map(|row| row.key));
            assert!(shard.checkpointed());
        }
        let phones: BTreeSet<Vec<u8>> = (1..=7).map(|id| keys::device(SubscriberId(id), "phone")).collect();
        assert!(written.is_superset(&phones), "{written:?}");
    }
    #[test]
    fn a_shard_that_stops_writes_all_that_is_confirmed_whatever_a_call_looks_at() {
        let limits = Limits {
            checkpoint_look: 2,
            ..Limits::default()
        };
        let mut shard = Shard::new(0, 1, Arc::new(limits), Arc::default(), 1, Index::default(), Seq(1000));
        let sessions: Vec<Key> = (1..=7)
            .map(|id| {
                let key = shard.attach(SubscriberId(id), Some("phone"));
                // They catch up, and so have a row each.
                shard.available(key, Some(Seq(1)));
                key
            })
            .collect();
        shard.checkpoint(Timestamp(1));
        assert!(!shard.checkpointed(), "a pass is under way");
        for key in &sessions {
            let session = shard.sessions.get_mut(*key).expect("it is here");
            (session.handed, session.confirmed) = (Seq(900), Seq(800));
        }
        let rows = shard.whole_checkpoint(Timestamp(1));
        let at = CursorRow::At {
            seq: Seq(800),
            at: Timestamp(1),
        };
        let written: BTreeSet<Vec<u8>> = rows
            .into_iter()
            .filter(|row| row.value.as_deref() == Some(&rows::encode(&at)[..]))
            .map(|row| row.key)
            .collect();
        let phones: BTreeSet<Vec<u8>> = (1..=7).map(|id| keys::device(SubscriberId(id), "phone")).collect();
        assert_eq!(written, phones);
    }
}
