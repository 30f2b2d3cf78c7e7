//! What a shard's thread does in a turn: takes batches, expands a little, has pages read, writes to sessions.
//!
//! Pages are read and answered late, in any order, and some are refused. Next: `clients.rs` reads what was written.

use crate::Violation;
use crate::device::{Connection, OnWire};
use crate::plan::Mutant;
use crate::run::Asked;
use crate::world::World;
use reef_engine::model::Seq;
use reef_engine::outbox::{self, Page};
use reef_engine::shard::Manner;

impl World {
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
    pub(crate) fn turn(&mut self, shard: usize) -> Result<(), Violation> {
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
    pub(crate) fn want(&mut self, shard: usize) {
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
    pub(crate) fn answer(&mut self, later: usize, refused: usize) -> Result<(), Violation> {
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

    /// Gives a page, or a refusal, to the session that asked.
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
    pub(crate) fn flush(&mut self, shard: usize, most: usize) {
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
    pub(crate) fn drain(&mut self, at: usize) {
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
}
