//! The checker of one device: what it received, held against the model.
//!
//! Knows no engine: it is told when the device connects and from where, what reached it, and what it acknowledged.

use crate::Violation;
use crate::model::{Death, Model, Notice};
use std::collections::{BTreeMap, BTreeSet};

/// A device's connection, as the checker sees it.
#[derive(Clone, Debug, Default)]
struct Connection {
    /// It said that it had everything up to here.
    start: u64,
    /// What its shard had applied when it came.
    born: u64,
    /// The last that it received.
    last: u64,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    version: u64,
    /// It was received, but the cursor from which the device came back lies before the item: nobody can know that it has
    /// it, so that a retraction need not reach it.
    doubtful: bool,
}

/// One device.
#[derive(Clone, Debug, Default)]
pub struct Receiver {
    /// Whose.
    pub user: usize,
    /// Where its very first connection began: nothing before is due.
    origin: Option<u64>,
    got: BTreeSet<u64>,
    /// What it shows: (node, item) → version.
    view: BTreeMap<(usize, u32), Seen>,
    /// Left out since there was more than `catch_up_posts`: above the first, up to the second.
    waived: Vec<(u64, u64)>,
    /// What it acknowledged in this run of Reef.
    confirmed: u64,
    connection: Option<Connection>,
    /// Reef crashed since it last connected, and the row of its cursor may never have been written.
    unplugged: bool,
}

impl Receiver {
    /// A device of a user.
    pub fn of(user: usize) -> Receiver {
        Receiver {
            user,
            ..Receiver::default()
        }
    }

    /// It connects and catches up from `start`, its own cursor if it is `known`; its shard has applied everything up to
    /// `born`. After a crash it may be unknown, and then counts as new.
    ///
    /// # Errors
    /// The cursor lies before what it acknowledged in this run of Reef, or is lost.
    pub fn connects(&mut self, model: &Model, start: u64, born: u64, known: bool) -> Result<(), Violation> {
        if start < self.confirmed {
            return Err(format!("it starts at {start} and has acknowledged {}", self.confirmed));
        }
        if !known && self.origin.is_some_and(|origin| start > origin) {
            if !self.unplugged {
                return Err(format!("its cursor is lost, and it starts at {start}"));
            }
            self.origin = Some(start);
        }
        self.unplugged = false;
        self.origin.get_or_insert(start);
        for seen in self.view.values_mut() {
            let first = model.versions.get(&seen.version).map_or(0, |version| version.first);
            seen.doubtful |= first > start;
        }

        self.connection = Some(Connection {
            start,
            born,
            last: start,
        });
        Ok(())
    }

    /// It is gone.
    pub fn disconnects(&mut self) {
        self.connection = None;
    }

    /// Reef crashed, and with it what was not written, be it by the process or by the machine.
    pub fn crashed(&mut self) {
        self.unplugged = true;
        self.connection = None;
        self.confirmed = 0;
    }

    /// It acknowledged everything up to here.
    pub fn acknowledges(&mut self, seq: u64) {
        self.confirmed = self.confirmed.max(seq);
    }

    /// What it acknowledged in this run of Reef.
    pub fn confirmed(&self) -> u64 {
        self.confirmed
    }

    /// A page left out what lies above `from` up to `skip`, and reads up to `upto`.
    ///
    /// # Errors
    /// Fewer than `most` remain.
    pub fn skipped(&mut self, model: &Model, from: u64, skip: u64, upto: u64, most: usize) -> Result<(), Violation> {
        if skip <= from {
            return Ok(());
        }
        self.waived.push((from, skip));
        let left = model.due(self.user, skip, upto).len();
        if left < most {
            return Err(format!(
                "only {left} posts are left above {skip}, and {most} are promised"
            ));
        }
        Ok(())
    }

    /// Something reached it; `aside` where it came to its full JID for a node of its own.
    ///
    /// # Errors
    /// It should not have, or not now.
    pub fn receives(&mut self, model: &Model, seq: u64, aside: bool) -> Result<(), Violation> {
        let connection = self.connection.as_mut().ok_or("it is not connected")?;
        let version = model.versions.get(&seq);
        let notice = model.notices.get(&seq);
        let node = match (version, notice) {
            (Some(version), _) => version.node,
            (_, Some(Notice::Retract(node, _) | Notice::Purge(node))) => *node,
            _ => return Err(format!("{seq} was never acknowledged")),
        };
        let follows = model.followed(self.user, node, seq);
        let by_presence = aside && node == self.user;
        if !follows && !by_presence {
            return Err(format!("{seq} of node {node} came, which was not followed then"));
        }
        if seq <= connection.last {
            let Connection { start, last, .. } = connection;
            return Err(format!("{seq} came after {last} (began at {start})"));
        }
        connection.last = seq;
        match (version, notice) {
            (Some(version), _) => {
                if version.dead.is_some_and(|(at, _)| at <= connection.born) {
                    return Err(format!("{seq} came, and was gone before the device: {version:?}"));
                }
                self.got.insert(seq);
                let seen = Seen {
                    version: seq,
                    doubtful: false,
                };
                self.view.insert((version.node, version.item), seen);
            }
            (_, Some(Notice::Retract(node, item))) => drop(self.view.remove(&(*node, *item))),
            (_, Some(Notice::Purge(node))) => {
                self.view.retain(|(n, _), seen| n != node || seen.version > seq);
            }
            _ => {}
        }
        Ok(())
    }

    /// Everything has settled.
    ///
    /// # Errors
    /// Something that is due did not come, or it still shows what was retracted.
    pub fn settled(&self, model: &Model, notices_kept: bool) -> Result<(), Violation> {
        let Some(origin) = self.origin else { return Ok(()) };
        for seq in model.due(self.user, origin, model.last) {
            let waived = self.waived.iter().any(|(from, upto)| *from < seq && seq <= *upto);
            if !waived && !self.got.contains(&seq) {
                return Err(format!("{seq} never came: {:?}", model.versions.get(&seq)));
            }
        }
        for ((node, item), seen) in &self.view {
            let Some((at, Death::Retracted)) = latest(model, seen.version).and_then(|v| v.dead) else {
                continue;
            };
            let follows = model.follows_since(self.user, *node).is_some_and(|since| since < at);
            if notices_kept && follows && !seen.doubtful && at > origin {
                return Err(format!(
                    "it still shows item {item} of node {node}, {seen:?}, retracted at {at}"
                ));
            }
        }
        Ok(())
    }
}

/// The last version of the item whose version `seq` is, in the same life.
fn latest(model: &Model, seq: u64) -> Option<&crate::model::Version> {
    let mut version = model.versions.get(&seq)?;
    while let Some((next, Death::Replaced)) = version.dead {
        version = model.versions.get(&next)?;
    }
    Some(version)
}
