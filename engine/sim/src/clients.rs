//! What devices do: they connect with a cursor, read, acknowledge, change their presence, and go, cleanly or not.
//!
//! Here the driver's part of cursors is done as a front end does it: a row when a device comes, when it stops following,
//! and the shards' checkpoints.

use crate::Violation;
use crate::device::{Connection, Device};
use crate::run::{NODE, jid};
use crate::world::World;
use reef_engine::log::Work;
use reef_engine::model::{Seq, VShard};
use reef_engine::outbox;
use reef_engine::shard::Parting;
use reef_engine::store::rows::{self, CursorRow};
use std::collections::{BTreeSet, VecDeque};

impl World {
    /// A client reads a little, and acknowledges a little.
    pub(crate) fn touch(&mut self, at: usize) -> Result<(), Violation> {
        let (reads, acks) = (self.plan.rng.below(30), self.plan.rng.below(30));
        self.read(at, reads)?;
        self.acknowledge(at, acks);
        Ok(())
    }

    /// A client receives what is on its wire; a full wire has room again.
    pub(crate) fn read(&mut self, at: usize, most: usize) -> Result<(), Violation> {
        for _ in 0..most {
            let Some(device) = self.devices.get_mut(at) else {
                return Ok(());
            };
            let Some(connection) = &mut device.connection else {
                return Ok(());
            };
            let Some(stanza) = connection.wire.pop_front() else {
                break;
            };
            let received = device.receiver.receives(&self.model, stanza.seq, stanza.notify);
            received.map_err(|e| format!("{} of {}: {e}", device.name, jid(device.user)))?;
            connection.unacked.push_back(stanza);
        }
        let connection = self.devices.get(at).and_then(|d| d.connection.as_ref());
        if connection.is_some_and(|c| c.full) {
            self.drain(at);
        }
        if connection_is_prompt(&self.devices, at) {
            self.acknowledge(at, usize::MAX);
        }
        Ok(())
    }

    /// A client acknowledges what it received, oldest first.
    pub(crate) fn acknowledge(&mut self, at: usize, most: usize) {
        let (Some(run), Some(device)) = (&mut self.run, self.devices.get_mut(at)) else {
            return;
        };
        let Some(connection) = &mut device.connection else {
            return;
        };
        let count = connection.unacked.len().min(most);
        let confirmed = connection
            .unacked
            .drain(..count)
            .filter(|s| s.counts)
            .map(|s| s.seq)
            .max();
        if let (Some(seq), Some(shard)) = (confirmed, run.shards.get_mut(connection.shard)) {
            shard.confirm(connection.key, Seq(seq));
            device.receiver.acknowledges(seq);
        }
    }

    /// A device connects, and says from where it goes on.
    pub(crate) fn connect(&mut self, at: usize) -> Result<(), Violation> {
        if self.devices.get(at).is_none_or(|d| d.connection.is_some()) {
            return Ok(());
        }
        // What an earlier connection left is written before the cursor is read.
        self.commit()?;
        let now = self.now();
        let (Some(run), Some(device)) = (&mut self.run, self.devices.get_mut(at)) else {
            return Ok(());
        };
        let name = jid(device.user);
        let Some(id) = rows::subscriber_id(&*self.disk, &name).map_err(|e| e.to_string())? else {
            return Ok(());
        };
        let known = outbox::cursors_of(&*self.disk, id, VShard::of(&name)).map_err(|e| e.to_string())?;
        let start = known.start(Some(&device.name));
        let own = known.0.iter().any(|row| *row.device == *device.name);
        let row = CursorRow::At { seq: start, at: now };
        let writes = outbox::device_writes(id, &device.name, row, &known, &self.plan.limits, now);
        self.queue.push(Work::Cursors(writes));
        let shard = run.shard_of(device.user);
        let (Some(born), Some(home)) = (run.applied.get(shard), run.shards.get_mut(shard)) else {
            return Ok(());
        };
        let key = home.attach(id, Some(&device.name));
        if device.interested {
            home.interest(key, BTreeSet::from([NODE.into()]));
        }
        // Presence by caps and a negative priority together repeat what was notified: not a promise that is checked.
        let follows = device.interested || !self.plan.rng.chance(100);
        home.available(key, follows.then_some(start));
        device.acknowledged.clear();
        device.floor = [0; 2];
        let connects = device.receiver.connects(&self.model, start.0, born.0, own);
        connects.map_err(|e| format!("{} of {name}: {e}", device.name))?;
        self.trace.note(100 + at as u64, start.0);
        device.connection = Some(Connection {
            shard,
            key,
            start: start.0,
            follows,
            present: true,
            room: self.plan.rng.between(1, 50),
            wire: VecDeque::new(),
            unacked: VecDeque::new(),
            full: false,
            prompt: self.plan.rng.chance(500),
        });
        Ok(())
    }

    /// A device goes: cleanly, with everything read and acknowledged, or not.
    pub(crate) fn disconnect(&mut self, at: usize) -> Result<(), Violation> {
        let clean = self.plan.rng.chance(500);
        let reads = if clean { usize::MAX } else { self.plan.rng.below(20) };
        if clean {
            while self
                .devices
                .get(at)
                .and_then(|d| d.connection.as_ref())
                .is_some_and(|c| !c.wire.is_empty())
            {
                self.read(at, reads)?;
            }
            self.acknowledge(at, usize::MAX);
        } else {
            self.read(at, reads)?;
        }
        let (Some(run), Some(device)) = (&mut self.run, self.devices.get_mut(at)) else {
            return Ok(());
        };
        let Some(connection) = device.connection.take() else {
            return Ok(());
        };
        device.receiver.disconnects();
        let parting = run
            .shards
            .get_mut(connection.shard)
            .and_then(|s| s.detach(connection.key));
        self.part(parting);
        Ok(())
    }

    /// Priority or presence changes while the connection stays.
    pub(crate) fn change_presence(&mut self, at: usize) {
        let (Some(run), Some(device)) = (&mut self.run, self.devices.get_mut(at)) else {
            return;
        };
        let Some(connection) = device.connection.as_mut().filter(|_| !device.interested) else {
            return;
        };
        let Some(shard) = run.shards.get_mut(connection.shard) else {
            return;
        };
        let parting = match (connection.follows, self.plan.rng.chance(500)) {
            (true, true) => {
                connection.present = false;
                shard.unavailable(connection.key)
            }
            (true, false) => shard.available(connection.key, None),
            (false, _) => {
                connection.present = true;
                shard.available(connection.key, Some(Seq(connection.start)))
            }
        };
        connection.follows = !connection.follows;
        self.part(parting);
    }

    /// Has written what a device had confirmed when it stopped following.
    fn part(&mut self, parting: Option<Parting>) {
        let Some(Parting {
            subscriber,
            device,
            seq,
        }) = parting
        else {
            return;
        };
        let now = self.now();
        let row = CursorRow::At { seq, at: now };
        let writes = outbox::device_writes(subscriber, &device, row, &Default::default(), &self.plan.limits, now);
        self.queue.push(Work::Cursors(writes));
    }

    /// A few calls of a shard's checkpoint.
    pub(crate) fn tick(&mut self, shard: usize) {
        for _ in 0..self.plan.rng.between(1, 6) {
            self.checkpoint(shard);
        }
    }

    /// A call of a shard's checkpoint; what it is to cover where it ends a pass. With rows for all, a pass covers what was
    /// acknowledged before the one before it began. Otherwise each pass goes on with those who found no row in the one
    /// before, and as many more pass as it takes until everyone had his turn.
    fn checkpoint(&mut self, shard: usize) {
        let now = self.now();
        let Some(home) = self.run.as_mut().and_then(|run| run.shards.get_mut(shard)) else {
            return;
        };
        let writes = home.checkpoint(now);
        let (watermark, ended) = (home.watermark().0, home.checkpointed());
        let here = |device: &Device| device.connection.as_ref().is_some_and(|c| c.shard == shard);
        let turns = self.devices.iter().filter(|d| here(d)).count() / self.plan.limits.checkpoint_rows;
        for device in self.devices.iter_mut().filter(|d| ended && here(d)) {
            device
                .acknowledged
                .push_front(device.receiver.confirmed().min(watermark));
            let before = if self.plan.short_passes { 2 + turns } else { 1 };
            device.floor[0] = device.acknowledged.get(before).copied().unwrap_or(0);
        }
        self.queue.push(Work::Cursors(writes));
    }
}

fn connection_is_prompt(devices: &[Device], at: usize) -> bool {
    devices
        .get(at)
        .and_then(|d| d.connection.as_ref())
        .is_some_and(|c| c.prompt)
}
