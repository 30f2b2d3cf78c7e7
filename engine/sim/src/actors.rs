//! What may happen in a step: users act, shards take their turns, devices come, read, acknowledge and go, Reef crashes.
//!
//! Everything here is chance from the plan's generator and calls of the engine's own parts; checks are the receivers'.

use crate::Violation;
use crate::device::{Connection, OnWire};
use crate::model::Op;
use crate::plan::Mutant;
use crate::run::{Asked, NODE, jid, node_name};
use crate::world::World;
use reef_engine::config::{ITEMS_MAX, NodeConfig};
use reef_engine::log::Work;
use reef_engine::log::record::{Change, Record};
use reef_engine::model::{RecordId, Seq, VShard};
use reef_engine::outbox::{self, Page};
use reef_engine::shard::{Manner, Parting};
use reef_engine::store::rows::{self, CursorRow};
use std::collections::{BTreeSet, VecDeque};

impl World {
    /// One step.
    pub(crate) fn step(&mut self) -> Result<(), Violation> {
        self.clock.pass(self.plan.rng.below(300) as u64);
        let shard = self.plan.rng.below(self.plan.shards);
        let device = self.plan.rng.below(self.devices.len());
        match self.plan.rng.below(1000) {
            0..260 => self.act(),
            260..270 => {
                for _ in 0..self.plan.rng.between(20, 90) {
                    self.publish();
                }
            }
            270..400 => self.commit()?,
            400..600 => self.turn(shard)?,
            600..780 => self.touch(device)?,
            780..880 => self.connect(device)?,
            880..910 => self.disconnect(device)?,
            910..930 => self.change_presence(device),
            930..980 => self.tick(shard),
            980..986 => {
                let power = self.plan.rng.chance(500);
                self.crash(power, &[])?;
            }
            986..990 => self.settle()?,
            _ => {}
        }
        Ok(())
    }

    fn act(&mut self) {
        let author = self.author();
        let user = self.plan.rng.below(self.plan.users);
        let item = self.plan.rng.below(40) as u32;
        match self.plan.rng.below(100) {
            0..40 => self.publish(),
            40..52 => self.ask(Op::Retract { node: author, item }),
            52..53 => self.ask(Op::Purge { node: author }),
            53..88 => self.ask(Op::Follow { user, node: author }),
            _ => self.ask(Op::Unfollow { user, node: author }),
        }
    }

    /// Some authors have many more followers than others.
    fn author(&mut self) -> usize {
        let authors = self.plan.authors;
        self.plan.rng.below(authors).min(self.plan.rng.below(authors))
    }

    fn publish(&mut self) {
        let node = self.author();
        let item = if self.plan.rng.chance(300) {
            self.plan.rng.below(40)
        } else {
            100 + self.ops.len()
        };
        self.ask(Op::Publish {
            node,
            item: item as u32,
        });
    }

    /// Queues an operation, as admission does.
    fn ask(&mut self, op: Op) {
        let number = self.ops.len();
        self.ops.push(op);
        let (by, change) = self.change(op);
        let fates = self.fates.clone();
        let record = Record {
            at: self.now(),
            by: jid(by).into(),
            change,
        };
        self.queue.push(Work::Record {
            id: RecordId(u128::from(self.plan.rng.next())),
            queued: self.now(),
            record,
            ticket: Box::new(move |fate| {
                fates.lock().unwrap_or_else(|e| e.into_inner()).push((number, fate));
            }),
        });
    }

    fn change(&self, op: Op) -> (usize, Change) {
        match op {
            Op::Publish { node, item } => {
                let most = self.model.nodes.get(node).map_or(usize::MAX, |n| n.most);
                let max_items = u32::try_from(most).unwrap_or(ITEMS_MAX);
                let change = Change::Publish {
                    node: node_name(node),
                    item: item.to_string().into(),
                    payload: bytes::Bytes::from_static(b"<entry/>"),
                    options: Vec::new(),
                    create: Some(NodeConfig {
                        max_items,
                        ..NodeConfig::microblog(NODE)
                    }),
                };
                (node, change)
            }
            Op::Retract { node, item } => {
                let (name, item) = (node_name(node), item.to_string().into());
                (
                    node,
                    Change::Retract {
                        node: name,
                        item,
                        notify: false,
                    },
                )
            }
            Op::Purge { node } => (node, Change::Purge { node: node_name(node) }),
            Op::Follow { user, node } => {
                let (node, subscriber) = (node_name(node), jid(user).into());
                (user, Change::Follow { node, subscriber })
            }
            Op::Unfollow { user, node } => {
                let (node, subscriber) = (node_name(node), jid(user).into());
                (user, Change::Unfollow { node, subscriber })
            }
        }
    }

    /// A shard takes waiting batches while more than `above` wait.
    pub(crate) fn catch_batches(&mut self, shard: usize, above: usize) {
        let Some(run) = &mut self.run else { return };
        let (Some(shard_at), Some(batches), Some(applied)) = (
            run.shards.get_mut(shard),
            run.batches.get(shard),
            run.applied.get_mut(shard),
        ) else {
            return;
        };
        while batches.len() > above
            && let Ok(batch) = batches.try_recv()
        {
            shard_at.apply(&batch);
            *applied = batch.upto;
        }
    }

    /// A part of a turn of a shard's thread.
    fn turn(&mut self, shard: usize) -> Result<(), Violation> {
        let rng = &mut self.plan.rng;
        let (batches, steps, budget, flushes) = (rng.below(4), rng.below(6), rng.between(1, 4), rng.below(12));
        let waiting = self
            .run
            .as_ref()
            .and_then(|run| run.batches.get(shard))
            .map_or(0, |b| b.len());
        self.catch_batches(shard, waiting.saturating_sub(batches));
        if let Some(shard) = self.run.as_mut().and_then(|run| run.shards.get_mut(shard)) {
            for _ in 0..steps {
                shard.expand(budget);
            }
        }
        self.want(shard);
        self.answer(300, 100)?;
        self.flush(shard, flushes);
        Ok(())
    }

    /// Takes the pages that a shard asks for.
    fn want(&mut self, shard: usize) {
        let Some(run) = &mut self.run else { return };
        while let Some((key, request)) = run.shards.get_mut(shard).and_then(|s| s.wanted()) {
            run.asked.push(Asked {
                shard,
                key,
                request,
                page: None,
            });
        }
    }

    /// Reads or answers pages, in any order; some are late, and some are refused.
    fn answer(&mut self, later: usize, refused: usize) -> Result<(), Violation> {
        let now = self.now();
        for _ in 0..self.run.as_ref().map_or(0, |run| run.asked.len()) {
            let Some(run) = &mut self.run else { return Ok(()) };
            let mut asked = run.asked.swap_remove(self.plan.rng.below(run.asked.len()));
            if asked.page.is_none() {
                let page = outbox::page(&*self.disk, &run.recent, &asked.request, now);
                let page = page.map_err(|e| format!("a page cannot be read: {e}"))?;
                self.check_skip(&asked, &page)?;
                asked.page = Some(page);
            }
            let Some(run) = &mut self.run else { return Ok(()) };
            if self.plan.rng.chance(later) {
                run.asked.push(asked);
                continue;
            }
            if self.plan.rng.chance(refused) {
                asked.page = None;
            }
            self.answered(asked);
        }
        Ok(())
    }

    /// A first page may leave out what is more than was promised, and no more.
    fn check_skip(&mut self, asked: &Asked, page: &Page) -> Result<(), Violation> {
        let Asked {
            shard, key, request, ..
        } = asked;
        let holds = |c: &Connection| c.shard == *shard && c.key == *key && c.follows;
        let holder = self
            .devices
            .iter_mut()
            .find(|device| device.connection.as_ref().is_some_and(holds));
        if let (Some(device), None, Some(skip)) = (holder, request.run.skip, page.run.skip) {
            let (from, most) = (request.cursor.0, request.run.most.unwrap_or(usize::MAX));
            device
                .receiver
                .skipped(&self.model, from, skip.0, request.upto.0, most)?;
        }
        Ok(())
    }

    fn answered(&mut self, asked: Asked) {
        let Asked {
            shard, key, mut page, ..
        } = asked;
        if let (Some(page), Some(Mutant::LiveOffByOne)) = (&mut page, self.mutant) {
            page.next = page.next.next();
        }
        if let Some(shard) = self.run.as_mut().and_then(|run| run.shards.get_mut(shard)) {
            shard.page(key, page);
        }
    }

    /// Writes to sessions that have something.
    fn flush(&mut self, shard: usize, most: usize) {
        for _ in 0..most {
            let Some(run) = &mut self.run else { return };
            let Some(key) = run.shards.get_mut(shard).and_then(|s| s.next_dirty()) else {
                return;
            };
            let holds = |c: &Connection| c.shard == shard && c.key == key;
            let device = self
                .devices
                .iter()
                .position(|d| d.connection.as_ref().is_some_and(holds));
            if let Some(device) = device {
                self.drain(device);
            }
        }
    }

    /// Hands what is due to a device's wire.
    fn drain(&mut self, at: usize) {
        let (Some(run), Some(device)) = (&mut self.run, self.devices.get_mut(at)) else {
            return;
        };
        let Some(connection) = &mut device.connection else {
            return;
        };
        let Some(shard) = run.shards.get_mut(connection.shard) else {
            return;
        };
        let Connection {
            wire,
            room,
            key,
            follows,
            full,
            ..
        } = connection;
        let trace = &mut self.trace;
        *full = false;
        shard.drain(*key, |post, manner| {
            if wire.len() >= *room {
                *full = true;
                return false;
            }
            trace.note(3 + at as u64, post.seq.0);
            let notify = manner == Manner::Notify;
            wire.push_back(OnWire {
                seq: post.seq.0,
                notify,
                counts: *follows,
            });
            true
        });
        if let (Some(Mutant::CursorBeforeWrite), Some(last)) = (self.mutant, wire.back()) {
            shard.confirm(*key, Seq(last.seq));
        }
    }

    /// A client reads a little, and acknowledges a little.
    fn touch(&mut self, at: usize) -> Result<(), Violation> {
        let (reads, acks) = (self.plan.rng.below(30), self.plan.rng.below(30));
        self.read(at, reads)?;
        self.acknowledge(at, acks);
        Ok(())
    }

    fn read(&mut self, at: usize, most: usize) -> Result<(), Violation> {
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

    fn acknowledge(&mut self, at: usize, most: usize) {
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
    fn connect(&mut self, at: usize) -> Result<(), Violation> {
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
        let own = known.0.iter().any(|row| row.device == device.name);
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
        device.floor = [0; 3];
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
    fn disconnect(&mut self, at: usize) -> Result<(), Violation> {
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
    fn change_presence(&mut self, at: usize) {
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

    /// A shard's checkpoint.
    fn tick(&mut self, shard: usize) {
        let now = self.now();
        let Some(home) = self.run.as_mut().and_then(|run| run.shards.get_mut(shard)) else {
            return;
        };
        let (watermark, writes) = (home.watermark().0, home.checkpoint(now));
        for device in &mut self.devices {
            if device.connection.as_ref().is_some_and(|c| c.shard == shard) {
                device.floor[1] = device.floor[0];
                device.floor[0] = device.receiver.confirmed().min(watermark);
            }
        }
        self.queue.push(Work::Cursors(writes));
    }

    /// Everything goes on until nothing is left to do.
    fn settle(&mut self) -> Result<(), Violation> {
        for _ in 0..10_000 {
            self.commit()?;
            let before = self.trace;
            let mut idle = true;
            for shard in 0..self.plan.shards {
                self.catch_batches(shard, 0);
                while self
                    .run
                    .as_mut()
                    .and_then(|run| run.shards.get_mut(shard))
                    .is_some_and(|s| s.expand(1000))
                {}
                self.want(shard);
                idle &= self.run.as_ref().is_none_or(|run| run.asked.is_empty());
                self.answer(0, 0)?;
                self.flush(shard, 1000);
            }
            for device in 0..self.devices.len() {
                self.read(device, usize::MAX)?;
                self.acknowledge(device, usize::MAX);
            }
            if idle && self.trace == before && self.queue.is_empty() {
                return Ok(());
            }
        }
        Err("it does not settle".to_owned())
    }

    /// The end: everyone is there, follows and reads, and nothing fails any more.
    pub(crate) fn settle_all(&mut self) -> Result<(), Violation> {
        self.calm = true;
        for _ in 0..2 {
            for device in 0..self.devices.len() {
                self.connect(device)?;
                let away = |c: &Connection| !c.follows;
                if self
                    .devices
                    .get(device)
                    .and_then(|d| d.connection.as_ref())
                    .is_some_and(away)
                {
                    self.change_presence(device);
                }
            }
            self.settle()?;
        }
        Ok(())
    }
}

fn connection_is_prompt(devices: &[crate::device::Device], at: usize) -> bool {
    devices
        .get(at)
        .and_then(|d| d.connection.as_ref())
        .is_some_and(|c| c.prompt)
}
