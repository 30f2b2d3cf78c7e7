//! What may happen in a step, and how everything comes to rest.
//!
//! Everything is chance from the plan's generator and calls of the engine's own parts; checks are the receivers'.

use crate::Violation;
use crate::device::Connection;
use crate::world::World;

impl World {
    /// One step.
    pub(crate) fn step(&mut self) -> Result<(), Violation> {
        self.clock.pass(self.plan.rng.below(300) as u64);
        let shard = self.plan.rng.below(self.plan.shards);
        let device = self.device();
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
            880..905 => self.disconnect(device)?,
            905..940 => self.change_presence(device),
            940..984 => self.tick(shard),
            984..988 => {
                let power = self.plan.rng.chance(500);
                self.crash(power, &[])?;
            }
            988..992 => self.settle()?,
            _ => {}
        }
        Ok(())
    }

    /// A device, mostly one that is connected.
    fn device(&mut self) -> usize {
        let any = self.plan.rng.below(self.devices.len());
        let other = self.plan.rng.below(self.devices.len());
        let connected = |at: usize| self.devices.get(at).is_some_and(|d| d.connection.is_some());
        if connected(any) || !connected(other) {
            any
        } else {
            other
        }
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
